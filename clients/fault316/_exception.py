"""What an exception says about a fault, with a fingerprint that outlives releases."""

import hashlib
import itertools
import traceback
from collections.abc import Iterable, Iterator
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
        type=name(type_name(type(error))) or "Exception",
        message=text(message_of(error)),
        stacktrace=stacktrace("".join(lines)),
        fingerprint=fingerprint(error),
    )


def fingerprint(error: BaseException) -> str:
    """The same for the same cause: types and functions count; line numbers, paths and messages do not."""
    return digest((type_name(type(link)), frames_of(_places(link.__traceback__))) for link in chain(error))


def digest(links: Iterable[tuple[str, Iterable[str]]]) -> str:
    """The fingerprint of a chain of exceptions, each given by its type and its frames as `module:function`."""
    sha = hashlib.sha256()
    for kind, frames in links:
        sha.update(f"{kind}\n".encode("utf-8", "replace"))
        for frame in frames:
            sha.update(f"  {frame}\n".encode("utf-8", "replace"))
    return sha.hexdigest()[:FINGERPRINT_CHARS]


def type_name(kind: type[BaseException]) -> str:
    """`ValueError`, `psycopg.errors.QueryCanceled`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def message_of(error: BaseException) -> str:
    """What it says of itself."""
    try:
        return str(error)
    except Exception:  # a broken __str__ must not hide the fault that is being reported
        return "<the exception has no text: its __str__ failed>"


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, then what it came from, at most `CHAIN_MAX`."""
    link: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def frames_of(places: Iterable[str]) -> list[str]:
    """The innermost of these `module:function`, from the outside in; a recursion counts once, however deep it went."""
    return [place for place, _ in itertools.groupby(places)][-FRAMES_MAX:]


def _places(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        frame = trace.tb_frame
        yield f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
        trace = trace.tb_next
