"""Tracebacks that nobody raised: of a running thread, and of callers that an exception has not come by yet."""

from types import FrameType, TracebackType
from typing import Unpack

from fault316._build import Details
from fault316.integrations._reports import Reports


def trace_of(frame: FrameType | None, inner: TracebackType | None = None) -> TracebackType | None:
    """The stack that ends in `frame`, as a traceback that goes on with `inner`."""
    trace = inner
    while frame is not None:
        line = frame.f_lineno or frame.f_code.co_firstlineno
        trace = TracebackType(trace, frame, frame.f_lasti, line)
        frame = frame.f_back
    return trace


def report_with_callers(
    reporter: Reports, error: BaseException, code: str, **details: Unpack[Details]
) -> None:
    """Report an exception where a library meets it, with the whole stack.

    So early its traceback holds the library's own frames only. The service's, which tell one fault from another, are
    those that still run around them.
    """
    own = error.__traceback__
    if own is not None:
        error.__traceback__ = trace_of(own.tb_frame.f_back, own)
    try:
        reporter.report_exception(error, code, **details)
    finally:
        error.__traceback__ = own
