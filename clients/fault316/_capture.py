"""An exception as a light value: taken in the caller's thread, written out in another.

It holds code objects and line numbers, never frames: those would keep a request's objects alive, and might let go of
them in a thread that they do not belong to. And an exception that travels on changes: its traceback grows.
The caller waits for `capture`, so it takes plain tuples and lists, and leaves to the other thread what can wait.
"""

import traceback
from collections.abc import Iterator
from types import CodeType, TracebackType
from typing import NamedTuple

from fault316._exception import chain, digest, frames_of, message_of, type_name
from fault316._text import SLACK_CHARS, name, stacktrace, text
from fault316_schemas import FaultException
from fault316_schemas.event import TEXT_CHARS_MAX

LINES_MAX = 128
"""Innermost frames that are written out: about 100 characters each, a fifth of a stacktrace's limit."""
GROUP_MAX = 8
"""Members of an exception group that are written out."""
MESSAGE_CHARS_MAX = TEXT_CHARS_MAX + SLACK_CHARS

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"

Lines = list[tuple[CodeType, int]]
"""The innermost frames, from the outside in: code and line."""
Places = list[tuple[object, CodeType]]
"""The same for the fingerprint: module's name and code; a recursion stands once."""
Link = tuple[type[BaseException], str, Lines, Places, bool, list[str]]
"""One exception of a chain: its type and text, its frames twice, whether the next one is its cause (`raise … from …`)
or was being handled, its notes."""


class Captured(NamedTuple):
    """An exception with what it came from, the outermost first."""

    links: tuple[Link, ...]
    members: tuple[Link, ...]
    """Of an exception group."""

    def fingerprint(self) -> str:
        """The same as `_exception.fingerprint` of the exception itself."""
        return digest(
            (type_name(kind), frames_of(f"{module}:{code.co_qualname}" for module, code in places))
            for kind, _, _, places, _, _ in self.links
        )

    def describe(self) -> FaultException:
        """The same as `_exception.describe` of the exception itself, in a plainer print."""
        kind, message, *_ = self.links[0]
        return FaultException(
            type=name(type_name(kind)) or "Exception",
            message=text(message),
            stacktrace=stacktrace("".join(self._text())),
            fingerprint=self.fingerprint(),
        )

    def _text(self) -> Iterator[str]:
        for later, earlier in zip(reversed(self.links[:-1]), reversed(self.links[1:]), strict=True):
            yield _print(earlier)
            _, _, _, _, caused, _ = later
            yield _CAUSE if caused else _CONTEXT
        yield _print(self.links[0])
        for number, member in enumerate(self.members, 1):
            yield f"\nMember {number} of the group:\n\n{_print(member)}"


def capture(error: BaseException) -> Captured:
    """Take what `describe` needs; some microseconds for a traceback of ten frames."""
    members = error.exceptions[:GROUP_MAX] if isinstance(error, BaseExceptionGroup) else ()
    return Captured(tuple(map(_link, chain(error))), tuple(map(_link, members)))


def _link(error: BaseException) -> Link:
    lines: Lines = []
    places: Places = []
    last: CodeType | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        code = frame.f_code
        lines.append((code, trace.tb_lineno))
        if code is not last:
            places.append((frame.f_globals.get("__name__", "?"), code))
            last = code
        trace = trace.tb_next
    if len(lines) > LINES_MAX:
        del lines[:-LINES_MAX], places[:-LINES_MAX]
    given = getattr(error, "__notes__", None)
    notes = [str(note)[:MESSAGE_CHARS_MAX] for note in given[:GROUP_MAX]] if given else []
    message = message_of(error)[:MESSAGE_CHARS_MAX]
    return type(error), message, lines, places, error.__cause__ is not None, notes


def _print(link: Link) -> str:
    """As Python prints it, without the carets."""
    kind, message, lines, _, _, notes = link
    said = f"{type_name(kind)}: {message}\n" if message else f"{type_name(kind)}\n"
    said += "".join(f"{note}\n" for note in notes)
    if not lines:
        return said
    frames = [(code.co_filename, line, code.co_name, None) for code, line in lines]
    listed = traceback.StackSummary.from_list(frames).format()
    return "Traceback (most recent call last):\n" + "".join(listed) + said
