"""An exception as a light value: taken in the caller's thread, written out in another.

It holds code objects and line numbers, never frames: those would keep a request's objects alive, and might let go of
them in a thread that they do not belong to. And an exception that travels on changes: its traceback grows.
The caller waits for `capture`, so its parts are tuples: a frozen dataclass takes three times as long to make.
"""

import traceback
from collections import deque
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


class Link(NamedTuple):
    """One exception of a chain."""

    kind: str
    message: str
    lines: tuple[tuple[CodeType, int], ...]
    """The innermost frames, from the outside in: code and line."""
    names: tuple[tuple[object, CodeType], ...]
    """Module's name and code, for the fingerprint; a recursion stands once."""
    caused: bool
    """Whether the next link is a `raise … from …`, else what was being handled."""
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """As Python prints it, without the carets."""
        said = f"{self.kind}: {self.message}\n" if self.message else f"{self.kind}\n"
        said += "".join(f"{note}\n" for note in self.notes)
        if not self.lines:
            return said
        frames = [(code.co_filename, line, code.co_name, None) for code, line in self.lines]
        listed = traceback.StackSummary.from_list(frames).format()
        return "Traceback (most recent call last):\n" + "".join(listed) + said


class Captured(NamedTuple):
    """An exception with what it came from, the outermost first."""

    links: tuple[Link, ...]
    members: tuple[Link, ...] = ()
    """Of an exception group."""

    def fingerprint(self) -> str:
        """The same as `_exception.fingerprint` of the exception itself."""
        return digest(
            (link.kind, frames_of(f"{module}:{code.co_qualname}" for module, code in link.names))
            for link in self.links
        )

    def describe(self) -> FaultException:
        """The same as `_exception.describe` of the exception itself, in a plainer print."""
        first = self.links[0]
        return FaultException(
            type=name(first.kind) or "Exception",
            message=text(first.message),
            stacktrace=stacktrace("".join(self._text())),
            fingerprint=self.fingerprint(),
        )

    def _text(self) -> Iterator[str]:
        for later, earlier in zip(reversed(self.links[:-1]), reversed(self.links[1:]), strict=True):
            yield earlier.text()
            yield _CAUSE if later.caused else _CONTEXT
        yield self.links[0].text()
        for number, member in enumerate(self.members, 1):
            yield f"\nMember {number} of the group:\n\n{member.text()}"


def capture(error: BaseException) -> Captured:
    """Take what `describe` needs; some microseconds for a traceback of ten frames."""
    members = error.exceptions[:GROUP_MAX] if isinstance(error, BaseExceptionGroup) else ()
    return Captured(tuple(map(_link, chain(error))), tuple(map(_link, members)))


def _link(error: BaseException) -> Link:
    lines: deque[tuple[CodeType, int]] = deque(maxlen=LINES_MAX)
    names: deque[tuple[object, CodeType]] = deque(maxlen=LINES_MAX)
    last: CodeType | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        code = frame.f_code
        lines.append((code, trace.tb_lineno))
        if code is not last:
            names.append((frame.f_globals.get("__name__", "?"), code))
            last = code
        trace = trace.tb_next
    notes = getattr(error, "__notes__", None) or ()
    return Link(
        type_name(error),
        message_of(error)[:MESSAGE_CHARS_MAX],
        tuple(lines),
        tuple(names),
        error.__cause__ is not None,
        tuple(str(note)[:MESSAGE_CHARS_MAX] for note in notes[:GROUP_MAX]),
    )
