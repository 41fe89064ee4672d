"""What the counters say: plain values, read from Redis."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from fault316_schemas import Severity, StormAlert

WINDOWS: Final = ("10s", "1m", "5m", "15m", "1h")
"""The windows that rates are measured over; the names of their fields."""


class State(StrEnum):
    """What the judge thinks of a code."""

    QUIET = "quiet"
    PENDING = "pending"
    STORM = "storm"


@dataclass(frozen=True, slots=True)
class Counter:
    """How often a code has been reported, ever. Exact; weighted by the events' `count`."""

    code: str
    total: int
    by_severity: Mapping[Severity, int]
    late: int
    """Of these, reported more than 60 s after they happened."""
    skewed: int
    """Of these, by a clock that cannot be right; counted at the broker's time."""
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a code is being reported now."""

    code: str
    per_s: Mapping[str, float]
    """Events per second by window: `per_s["1m"]`."""
    baseline: float
    """Events per second that are normal for this code."""
    state: State


@dataclass(frozen=True, slots=True)
class Update:
    """What `watch` saw change. The first one is all there is; adding up the others keeps the picture."""

    storms: tuple[StormAlert, ...]
    """The latest alert of each storm that opened, escalated or was resolved, the oldest storm first."""
    totals: Mapping[str, int]
    """Code → its new total."""


def parse_counter(code: str, fields: Mapping[str, str]) -> Counter | None:
    """Read a counter hash; None where there is none."""
    if not fields:
        return None
    return Counter(
        code=code,
        total=int(fields.get("total", 0)),
        by_severity={severity: int(fields.get(severity.value, 0)) for severity in Severity},
        late=int(fields.get("late", 0)),
        skewed=int(fields.get("skewed", 0)),
        first_seen=_instant(fields.get("first_seen")),
        last_seen=_instant(fields.get("last_seen")),
    )


def parse_rates(code: str, fields: Mapping[str, str]) -> Rates | None:
    """Read a rate hash; None where there is none."""
    if not fields:
        return None
    return Rates(
        code=code,
        per_s={window: float(fields.get(window, 0)) for window in WINDOWS},
        baseline=float(fields.get("baseline", 0)),
        state=State(fields.get("state", State.QUIET)),
    )


def _instant(epoch_s: str | None) -> datetime | None:
    """Epoch seconds as decimal text; empty or 0 stands for never."""
    seconds = float(epoch_s) if epoch_s else 0.0
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
