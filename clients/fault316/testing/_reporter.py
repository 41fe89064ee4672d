"""A reporter that keeps what is reported."""

import threading
import time
from types import TracebackType
from typing import Any, Self, Unpack

from fault316._build import Details
from fault316._context import current
from fault316._guard import Guard
from fault316._identity import identity
from fault316._record import record
from fault316._reported import mark_reported
from fault316._tally import Tally
from fault316._writer import BeforeSend, Writer
from fault316_schemas import FaultEvent


class MemoryReporter:
    """Stands where a `BackgroundReporter` stands, and keeps the events, built and scrubbed as that one does.

        reporter = MemoryReporter("shop")
        submit(order, reporter)
        reporter.assert_reported("316-ORDER-SUBMIT-ERR", times=1, user_id="7")

    Unlike the real one it raises where a report is not as the contract says, so that a test finds it.

    Args:
        service, before_send, host, version, environment, component: as for `BackgroundReporter`; its other options
            change nothing here.
    """

    def __init__(
        self, service: str = "test", *, before_send: BeforeSend | None = None, **options: Any
    ) -> None:
        self.events: list[FaultEvent] = []
        """What would have been sent, in order."""
        self.dropped = 0
        self._lock = threading.Lock()
        self.become(service, before_send=before_send, **options)

    def become(self, service: str, *, before_send: BeforeSend | None = None, **options: Any) -> Self:
        """Report as this service from now on; what is kept stays."""
        known = ("host", "version", "environment", "component")
        who = identity(service, **{key: options[key] for key in known if key in options})
        self._writer = _Strict(who, Tally(), before_send, None)
        return self

    @property
    def sent(self) -> int:
        """Faults, by their `count`."""
        return sum(event.count for event in self.events)

    @property
    def filtered(self) -> int:
        """Faults that `before_send` held back."""
        return self._writer.filtered

    def report(self, code: str, **details: Unpack[Details]) -> None:
        """See `BackgroundReporter.report`. Raises what is wrong with it."""
        self._keep(code, dict(details))

    def report_exception(
        self, error: BaseException, code: str = "316-OP-FAIL", **details: Unpack[Details]
    ) -> None:
        """See `BackgroundReporter.report_exception`."""
        self._keep(code, {**details, "exception": error})

    def guard(self, code: str = "316-OP-FAIL", **details: Unpack[Details]) -> Guard:
        """See `BackgroundReporter.guard`."""
        return Guard(self.report_exception, code, dict(details))

    def flush(self, timeout: float = 0) -> bool:  # noqa: ARG002 - nothing is ever on its way
        """True."""
        return True

    def close(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        """True; it can be used further."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def clear(self) -> None:
        """Forget what was reported."""
        with self._lock:
            self.events.clear()

    def of(self, code: str, **fields: Any) -> list[FaultEvent]:
        """The events of a code whose fields have these values."""
        return [
            event
            for event in self.events
            if event.code == code and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def assert_reported(self, code: str, *, times: int | None = None, **fields: Any) -> FaultEvent:
        """The first such event.

        Args:
            times: how many events there should be, 1 or more; by default at least one.
            fields: what they should hold, such as `endpoint="/pay"`.

        Raises:
            AssertionError: there are none, or not so many; it says what there is.
        """
        found = self.of(code, **fields)
        if not found if times is None else len(found) != times:
            wanted = ", ".join([code, *(f"{name}={value!r}" for name, value in fields.items())])
            there = "".join(f"\n  {event.to_json().decode()}" for event in self.events) or " nothing"
            often = "" if times is None else f" {times} times"
            raise AssertionError(
                f"{wanted} should be reported{often}, is {len(found)} times; there is:{there}"
            )
        return found[0]

    def assert_nothing_reported(self) -> None:
        """Raises AssertionError with what there is."""
        if self.events:
            there = "".join(f"\n  {event.to_json().decode()}" for event in self.events)
            raise AssertionError(f"nothing should be reported, there is:{there}")

    def _keep(self, code: str, details: dict[str, Any]) -> None:
        if (thrown := details.get("exception")) is not None:
            mark_reported(thrown)
        event = self._writer.write(record(code, details, current(), time.time()))
        if event is not None:
            with self._lock:
                self.events.append(event)


class _Strict(Writer):
    """Raises what the real one counts."""

    def refuse(self, record: Any, why: Any, error: Exception) -> None:  # noqa: ARG002 - as of `Writer`
        raise error
