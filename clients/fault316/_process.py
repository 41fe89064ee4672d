"""The reporter of the whole process: `fault316.init` once, then `fault316.report` anywhere."""

import logging
import os
import threading
from typing import TYPE_CHECKING, TypedDict, Unpack

from fault316._guard import Guard

if TYPE_CHECKING:
    from fault316._build import Details
    from fault316._compression import Compression
    from fault316._writer import BeforeSend
    from fault316.background import BackgroundReporter
    from fault316_schemas import Connection

logger = logging.getLogger("fault316")

FLUSH_TIMEOUT_S = 5.0

_lock = threading.RLock()
_reporter: "BackgroundReporter | None" = None
_said = False


class Options(TypedDict, total=False):
    """What `init` takes beside the service; `BackgroundReporter` says what each is, and its default."""

    connection: "Connection | None"
    host: str | None
    version: str | None
    environment: str | None
    component: str | None
    before_send: "BeforeSend | None"
    sample_rate: float
    free_per_s: int | None
    queue_max: int
    resources: bool
    compression: "Compression | None"
    close_timeout_s: float
    spool_dir: str | os.PathLike[str] | None
    spool_bytes_max: int


def init(service: str, **options: Unpack[Options]) -> "BackgroundReporter":
    """Make the process's reporter; one that was there is closed.

    Args:
        service: who reports; required in every event.
        options: see `BackgroundReporter`.

    Raises:
        pydantic.ValidationError, ValueError, TypeError: as `BackgroundReporter` does, once, when a program starts.
    """
    from fault316.background import BackgroundReporter

    global _reporter
    made = BackgroundReporter(service, **options)
    with _lock:
        before, _reporter = _reporter, made
    if before is not None:
        before.close()
    return made


def report(code: str, **details: "Unpack[Details]") -> None:
    """Report one fault, now. Never waits, never raises; without `init` it does nothing. See `BackgroundReporter`."""
    if _reporter is None:
        return _say_once()
    return _reporter.report(code, **details)


def report_exception(error: BaseException, code: str = "316-OP-FAIL", **details: "Unpack[Details]") -> None:
    """Report an exception with its traceback and fingerprint. Never waits, never raises."""
    if _reporter is None:
        return _say_once()
    return _reporter.report_exception(error, code, **details)


def guard(code: str = "316-OP-FAIL", **details: "Unpack[Details]") -> Guard:
    """Report what is raised inside and let it go on: `@fault316.guard(…)` or `with fault316.guard(…):`.

    May stand above a function before `init` is called.
    """
    return Guard(report_exception, code, dict(details))


def flush(timeout: float = FLUSH_TIMEOUT_S) -> bool:
    """Wait until all that was reported before is with Kafka; False if `timeout` seconds were not enough. Blocks."""
    return _reporter is None or _reporter.flush(timeout)


def close(timeout: float | None = None) -> bool:
    """Flush, and end the process's reporter; `report` does nothing then, until another `init`."""
    global _reporter
    with _lock:
        before, _reporter = _reporter, None
    return before is None or before.close(timeout)


def _say_once() -> None:
    global _said
    if not _said:
        _said = True
        logger.warning("a fault is not reported: call fault316.init(service=…) when the program starts")
