"""A recording of fault events (JSON Lines): its lines judged, and the plan by which they happen once more. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Final

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from fault316_schemas import FaultEvent
from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_streams.errors import explain
from fault316_streams.intake.reject import shown

ERROR_CHARS_MAX: Final = 200

SPAN_MAX: Final = timedelta(days=366)
"""A time further than this from the recording's first is a wrong clock (1970, 2099), not a part of the story."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A good line."""

    number: int
    value: bytes
    at: datetime
    """`occurred_at`"""
    count: int


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no fault event, and why, in one printable line."""

    number: int
    error: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recording holds."""

    lines: int
    """Not counting blank ones."""
    bad: int
    first_at: datetime | None
    """The time of the first event in the file, which is not always the earliest. None: there is no event."""
    last_at: datetime | None
    """The latest time in the file that can be right."""

    @property
    def events(self) -> int:
        """Good lines."""
        return self.lines - self.bad

    @classmethod
    def of(cls, lines: Iterable[Recorded | BadLine]) -> "Survey":
        """Look at all lines, holding none."""
        seen = bad = 0
        first_at = last_at = None
        for line in lines:
            seen += 1
            if isinstance(line, BadLine):
                bad += 1
            else:
                first_at = first_at or line.at
                if line.at - first_at <= SPAN_MAX:
                    last_at = max(last_at or line.at, line.at)
        return cls(seen, bad, first_at, last_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """When a recorded event is sent, and the time that it is then given.

    Paced (speed > 0): the first event is now, each other one as far from it as it was, divided by `speed`.
    At once (speed 0): the latest event is now, each other one as long before it as it was.
    Not shifted: the same pace, but every event keeps its own time.
    An event whose clock cannot be right keeps it, and nobody waits for it.
    """

    began_at: datetime
    first_at: datetime
    last_at: datetime
    speed: float
    shifted: bool

    def due_s(self, at: datetime) -> float:
        """Seconds after the beginning; 0 or less: at once."""
        if not self.speed or not self._plausible(at):
            return 0.0
        return (at - self.first_at).total_seconds() / self.speed

    def placed(self, at: datetime) -> datetime:
        """The event's new time."""
        if not self.shifted or not self._plausible(at):
            return at
        if not self.speed:
            return self.began_at + (at - self.last_at)
        return self.began_at + (at - self.first_at) / self.speed

    def _plausible(self, at: datetime) -> bool:
        return abs(at - self.first_at) <= SPAN_MAX

    def value(self, recorded: Recorded) -> bytes:
        """What to send: the line as it is but for its time, also with fields that this version does not know."""
        if not self.shifted:
            return recorded.value
        moved = self.placed(recorded.at).isoformat()
        return to_json(from_json(recorded.value) | {"occurred_at": moved})


def read_lines(file: BinaryIO) -> Iterator[Recorded | BadLine]:
    """Judge every line that is not blank. Of one longer than an event may be, only the beginning is held."""
    number = 0
    while line := file.readline(EVENT_BYTES_MAX + 2):
        number += 1
        if len(line) > EVENT_BYTES_MAX + 1:
            while line and not line.endswith(b"\n"):
                line = file.readline(EVENT_BYTES_MAX)
            yield BadLine(number, f"longer than {EVENT_BYTES_MAX} bytes")
        elif value := line.strip():
            yield _judged(number, value)


def _judged(number: int, value: bytes) -> Recorded | BadLine:
    try:
        event = FaultEvent.from_json(value)
    except ValidationError as error:
        return BadLine(number, shown(explain(error, prefix=""), ERROR_CHARS_MAX))
    except ValueError as error:
        return BadLine(number, shown(f"not JSON: {error}", ERROR_CHARS_MAX))
    return Recorded(number, value, event.occurred_at, event.count)
