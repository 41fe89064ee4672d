"""What an exception says about a fault, with a fingerprint that outlives releases."""

import hashlib
import traceback
from collections.abc import Iterator
from types import TracebackType

from fault316._text import name, stacktrace, text
from fault316_schemas import FaultException

FRAMES_MAX = 32
"""Innermost frames in the fingerprint. Deeper ones are the framework's, and differ between its releases."""
CHAIN_MAX = 8
"""Exceptions of a `raise … from …` chain in the fingerprint; a chain may even be a ring."""
FINGERPRINT_CHARS = 16
"""64 bits: among a million distinct causes a collision has a chance of 3 in 100 million."""


def describe(error: BaseException) -> FaultException:
    """Type, message, traceback and fingerprint of an exception, raised or not."""
    lines = traceback.format_exception(error)
    return FaultException(
        type=name(type_name(error)) or "Exception",
        message=text(_message(error)),
        stacktrace=stacktrace("".join(lines)),
        fingerprint=fingerprint(error),
    )


def fingerprint(error: BaseException) -> str:
    """The same for the same cause: types and functions count; line numbers, paths and messages do not."""
    digest = hashlib.sha256()
    for link in _chain(error):
        digest.update(f"{type_name(link)}\n".encode("utf-8", "replace"))
        for frame in _frames(link.__traceback__):
            digest.update(f"  {frame}\n".encode("utf-8", "replace"))
    return digest.hexdigest()[:FINGERPRINT_CHARS]


def type_name(error: BaseException) -> str:
    """`ValueError`, `psycopg.errors.QueryCanceled`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a broken __str__ must not hide the fault that is being reported
        return "<the exception has no text: its __str__ failed>"


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _frames(trace: TracebackType | None) -> list[str]:
    """`module:function` from the outside in; a recursion counts once, however deep it went."""
    names: list[str] = []
    while trace is not None:
        frame = trace.tb_frame
        here = f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
        if not names or names[-1] != here:
            names.append(here)
        trace = trace.tb_next
    return names[-FRAMES_MAX:]
