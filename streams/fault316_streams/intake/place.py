"""Placing an event in time: by its own clock, unless that clock cannot be right.

The broker's time of its record is the reference, so the answer is a function of the log:

       skewed        old             late            on time        skewed
    ───────────┬──────────────┬──────────────┬──────────┬───────┬─────────────▶ occurred_at
             −30 d          −24 h          −60 s        0     +5 min           minus broker's time
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Final

LATE_MS: Final = 60_000
"""Further behind is late. Clients batch for seconds and retry for some tens of seconds; more is worth a counter."""

FINE_MS: Final = 15 * 60_000
"""Further behind counts by ten seconds: detect judges seconds for 15 min. Or who sends a day again, all of it at once,
would make a statement of 86,400 seconds, and a table entry that Kafka does not take."""
COARSE_S: Final = 10

OLD_MS: Final = 24 * 3_600_000
"""Further behind has no pane any more: detect keeps panes for 24 h."""

BEHIND_MS_MAX: Final = 30 * 24 * 3_600_000
"""Further behind is a wrong clock and no delay: no client buffers for a month, but unset clocks start at 1970."""

AHEAD_MS_MAX: Final = 5 * 60_000
"""Further ahead is a wrong clock: more than any drift that NTP or Kerberos (5 min as well) puts up with."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Timing(Enum):
    """How an event's own time relates to the broker's."""

    ON_TIME = "on_time"
    LATE = "late"  # counted in its own second all the same
    OLD = "old"  # late too; counted in the total only
    SKEWED = "skewed"  # counted at the broker's time


ON_TIME: Final = Timing.ON_TIME
"""Looked up for each event, which an enum's members are slow at."""


def second_of(ms: int, broker_ms: int, timing: Timing) -> int | None:
    """In which epoch second an event counts that has its place at `ms`; None for one that is too old for any."""
    if timing is Timing.OLD:
        return None
    second = ms // 1_000
    return second if broker_ms - ms <= FINE_MS else second - second % COARSE_S


def place(occurred_at: datetime, broker_ms: int) -> tuple[int, Timing]:
    """Where an event counts (epoch ms), and why there. `broker_ms`: the broker's time of the record, epoch ms."""
    since = occurred_at - EPOCH
    ms = since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
    behind_ms = broker_ms - ms
    if -AHEAD_MS_MAX <= behind_ms <= LATE_MS:
        return ms, ON_TIME
    if behind_ms < 0 or behind_ms > BEHIND_MS_MAX:
        return broker_ms, Timing.SKEWED
    return ms, Timing.OLD if behind_ms > OLD_MS else Timing.LATE
