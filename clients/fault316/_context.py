"""What is true of every fault that happens in a piece of work: whose request it is, and where in a trace."""

import contextlib
import sys
from collections.abc import Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

_NOTHING: Mapping[str, Any] = {}
_MARK = "__fault316_context__"
_current: ContextVar[Mapping[str, Any]] = ContextVar("fault316_context", default=_NOTHING)


class context:  # noqa: N801 - read as a verb: `with fault316.context(…)`
    """Put these fields into every fault reported inside of the block, unless a report gives its own.

        with fault316.context(request_id=request.id, user_id=user.id, endpoint="/orders/{id}"):
            handle(request)

    Blocks nest; what is None is left as it is outside. An exception that leaves a block takes the fields along, to
    wherever it is reported. `endpoint` may be any object: its text is taken when a fault is reported, because a web
    framework knows the route only after the request has begun. Held in a context variable: tasks, `asyncio.to_thread`
    and callbacks that are started inside see it, other requests never do. A thread that you start yourself begins
    without.
    """

    __slots__ = ("_fields", "_token")

    def __init__(
        self,
        *,
        request_id: str | None = None,
        user_id: str | int | None = None,
        endpoint: object = None,
        component: str | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        given = {
            "request_id": request_id,
            "user_id": user_id,
            "endpoint": endpoint,
            "component": component,
            "trace_id": trace_id,
            "span_id": span_id,
        }
        self._fields = {key: value for key, value in given.items() if value is not None}
        self._token: Token[Mapping[str, Any]] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set({**_current.get(), **self._fields})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is None:
            return
        if isinstance(error, Exception) and not fields_of(error):  # else an inner block, which knew more
            BaseException.__setattr__(error, _MARK, _current.get())  # its class may be frozen
        with contextlib.suppress(ValueError):  # a generator that a framework ends in another context
            _current.reset(self._token)
        self._token = None


def current() -> Mapping[str, Any]:
    """The fields of the blocks around, and the span's ids where OpenTelemetry is in use."""
    fields = _current.get()
    if "opentelemetry.trace" not in sys.modules:  # what nobody has imported has no spans
        return fields
    return {**_span(), **fields}


def fields_of(error: BaseException) -> Mapping[str, Any]:
    """The fields of the innermost block that this exception has left."""
    fields = getattr(error, _MARK, None)
    return fields if fields is not None and isinstance(fields, Mapping) else _NOTHING


def _span() -> dict[str, str]:
    try:
        telemetry = sys.modules["opentelemetry.trace"]
        span = telemetry.get_current_span().get_span_context()
        if not span.is_valid:
            return {}
        return {"trace_id": format(span.trace_id, "032x"), "span_id": format(span.span_id, "016x")}
    except Exception:  # half imported, or another library's: a fault is worth more than its trace
        return {}
