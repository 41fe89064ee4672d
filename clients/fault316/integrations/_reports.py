"""What an integration needs of a reporter."""

from typing import Protocol, Unpack

from fault316 import _process
from fault316._build import Details


class Reports(Protocol):
    """A `BackgroundReporter`, a `fault316.testing.MemoryReporter`, or the process's own, made by `fault316.init`."""

    def report(self, code: str, **details: Unpack[Details]) -> None:
        """Report one fault; never waits, never raises."""

    def report_exception(
        self, error: BaseException, code: str = "316-OP-FAIL", **details: Unpack[Details]
    ) -> None:
        """Report an exception; never waits, never raises."""

    def flush(self, timeout: float = ...) -> bool:
        """Wait until all that was reported before is sent."""


def or_process(reporter: Reports | None) -> Reports:
    """The reporter given, else whatever `fault316.init` has made by the time of the report."""
    return _process if reporter is None else reporter
