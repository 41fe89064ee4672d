"""Faults from what a program logs: a handler for the standard library's logging, a processor for structlog."""

import logging
import math
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from fault316._loop import THREAD_NAME
from fault316._reported import is_reported
from fault316.integrations._reports import Reports, or_process
from fault316_schemas.event import ATTRIBUTES_MAX

_logger = logging.getLogger("fault316")

FIELDS = ("request_id", "user_id", "endpoint", "trace_id", "span_id")
"""Values of a record under these names become the event's own."""

_OWN = ("fault316", "aiokafka")
"""What reporting itself logs: reported, it would feed on itself."""
_NOT_ATTRIBUTES = {
    *FIELDS,
    "event",
    "exc_info",
    "exception",
    "stack_info",
    "fault_code",
    "timestamp",
    "level",
    "logger",
}


class FaultHandler(logging.Handler):
    """Reports log records, with the exception of their `exc_info`.

        logging.getLogger().addHandler(FaultHandler())
        logger.error("no stock for %s", sku, extra={"fault_code": "316-STOCK-EMPTY"})

    Beside `fault_code`, `extra` may hold `request_id`, `user_id`, `endpoint`, `trace_id` and `span_id`. An exception
    that was reported before, by a guard say, is not reported again. Records of the loggers `fault316` and `aiokafka`
    are left out.

    Args:
        level: records from this level on.
        code: of those that say none.
        reporter: by default what `fault316.init` has made.
    """

    def __init__(
        self, level: int | str = logging.ERROR, *, code: str = "316-OP-FAIL", reporter: Reports | None = None
    ) -> None:
        super().__init__(level)
        self._telling = _Telling(code, reporter)

    def emit(self, record: logging.LogRecord) -> None:
        """Report one record. What fails here goes to `handleError`, as in every handler, never to the caller."""
        try:
            name = str(record.name)
            if _is_own(name) or record.threadName == THREAD_NAME:
                return
            self._telling.tell(
                lambda: _message(record),
                vars(record),
                {"logger": name, "level": record.levelname, "function": record.funcName or "?"},
                datetime.fromtimestamp(record.created, UTC),
            )
        except Exception:
            self.handleError(record)


class FaultProcessor:
    """Reports structlog's events, and passes each on as it is.

        structlog.configure(processors=[structlog.contextvars.merge_contextvars, FaultProcessor(), …])
        log.error("no stock", sku=sku, fault_code="316-STOCK-EMPTY")

    It stands before what formats: `exc_info` is taken as it was given. Names as for `FaultHandler`; other values that
    are scalars become attributes. Where structlog writes through the standard library, use this or `FaultHandler`,
    not both.

    Args:
        level: events from this level on.
        code: of those that say none.
        reporter: by default what `fault316.init` has made.
    """

    def __init__(
        self, level: int = logging.ERROR, *, code: str = "316-OP-FAIL", reporter: Reports | None = None
    ) -> None:
        self._level = level
        self._telling = _Telling(code, reporter)

    def __call__(
        self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """See structlog's processors. Never raises."""
        try:
            name = _name(getattr(logger, "name", None)) or _name(event_dict.get("logger")) or "?"
            if _level(method_name) >= self._level and not _is_own(name) and not _is_own_thread():
                attributes = {"logger": name, "level": method_name} | _scalars(event_dict)
                self._telling.tell(lambda: event_dict.get("event"), event_dict, attributes)
        except Exception:
            _logger.exception("a log event is not reported")
        return event_dict


class _Telling:
    """What both have in common."""

    def __init__(self, code: str, reporter: Reports | None) -> None:
        self._code = code
        self._reporter = or_process(reporter)
        self._here = threading.local()

    def tell(
        self,
        message: Callable[[], Any],
        given: Mapping[str, Any],
        attributes: Mapping[str, Any],
        at: datetime | None = None,
    ) -> None:
        """Report it, unless it comes from within: an argument's `__str__` may log, too."""
        if getattr(self._here, "busy", False):
            return
        self._here.busy = True
        try:
            error = _exception(given.get("exc_info"))
            if error is not None and is_reported(error):
                return
            details: Any = {name: given[name] for name in FIELDS if given.get(name) is not None}
            details |= {"message": message(), "attributes": attributes, "occurred_at": at}
            code = given.get("fault_code") or self._code
            if error is None:
                self._reporter.report(code, **details)
            else:
                self._reporter.report_exception(error, code, **details)
        finally:
            self._here.busy = False


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # its arguments do not fit; the fault is one nevertheless
        return str(record.msg)


def _exception(exc_info: Any) -> BaseException | None:
    """Of all that both libraries take for `exc_info`."""
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1] if exc_info else None
    return found if isinstance(found, BaseException) else None


def _scalars(event: Mapping[str, Any]) -> dict[str, str | int | float]:
    """What there is beside the names that we know; as many as an event may have beside the logger and the level."""
    scalars = (
        (name, str(value) if isinstance(value, float) and not math.isfinite(value) else value)
        for name, value in event.items()
        if name not in _NOT_ATTRIBUTES and isinstance(value, str | int | float)
    )
    return dict(islice(scalars, ATTRIBUTES_MAX - 2))


def _name(given: Any) -> str:
    return given if isinstance(given, str) else ""


def _is_own(logger: str) -> bool:
    return logger.partition(".")[0] in _OWN


def _is_own_thread() -> bool:
    return threading.current_thread().name == THREAD_NAME


def _level(method_name: str) -> int:
    if method_name == "exception":
        return logging.ERROR
    return logging.getLevelNamesMapping().get(method_name.upper(), logging.NOTSET)
