"""Placing an event in time, twice: where it is judged, and where it is shown.

It is **judged** by the broker's time of its record. A storm is what happens now, whatever the clocks of services say:
judged by those it would be seen late, by halves, or never. The one exception is an event that says how long it waited
where it came from (`sent_at` − `occurred_at`, which is one clock's word and so does not hang on that clock's being
right): its delay is taken off. So what a service held back while Kafka was away is no storm of the moment in which it is
delivered.

It is **shown** (counters, series) at its own time, unless that clock cannot be right:

       skewed        old             late            on time        skewed
    ───────────┬──────────────┬──────────────┬──────────┬───────┬─────────────▶ occurred_at
             −30 d          −24 h          −60 s        0     +5 min           minus broker's time

Both are functions of the log.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Final

LATE_MS: Final = 60_000
"""Further behind is late. Clients batch for seconds and retry for some tens of seconds; more is worth a counter. And a
`sent_at` that is further from the broker's time tells of a wrong clock, not of the way."""

JUDGED_MS_MAX: Final = 15 * 60_000
"""An event that waited for longer is not judged: the judge keeps seconds for so long. Or who sends a day again, all of
it at once, would make a statement of 86,400 seconds, and a table entry that Kafka does not take."""

OLD_MS: Final = 24 * 3_600_000
"""Further behind has no place in the series any more: detect keeps it for 24 h."""

BEHIND_MS_MAX: Final = 30 * 24 * 3_600_000
"""Further behind is a wrong clock and no delay: no client buffers for a month, but unset clocks start at 1970."""

AHEAD_MS_MAX: Final = 5 * 60_000
"""Further ahead is a wrong clock: more than any drift that NTP or Kerberos (5 min as well) puts up with."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Timing(Enum):
    """How an event's own time relates to the broker's."""

    ON_TIME = "on_time"
    LATE = "late"  # shown at its own time all the same
    OLD = "old"  # late too; counted in the total only
    SKEWED = "skewed"  # shown at the broker's time, less its delay where that is known


ON_TIME: Final = Timing.ON_TIME
"""Looked up for each event, which an enum's members are slow at."""

Place = tuple[int, Timing, int | None, int]
"""Where an event is shown (epoch ms), and why there; where it is judged (epoch ms; None: it waited for too long); and
how far its clock is ahead of the broker's (ms), if it is the clock. A plain tuple: made for each event."""


def place(occurred_at: datetime, broker_ms: int, sent_at: datetime | None = None) -> Place:
    """Place an event. `broker_ms`: the broker's time of its record, epoch ms."""
    ms = _epoch_ms(occurred_at)
    if sent_at is not None:
        return _place_stamped(ms, broker_ms, _epoch_ms(sent_at))
    ahead_ms = ms - broker_ms
    if -LATE_MS <= ahead_ms <= AHEAD_MS_MAX:
        return ms, ON_TIME, broker_ms, ahead_ms
    if ahead_ms > 0 or ahead_ms < -BEHIND_MS_MAX:
        return broker_ms, Timing.SKEWED, broker_ms, ahead_ms
    return ms, Timing.OLD if ahead_ms < -OLD_MS else Timing.LATE, broker_ms, ahead_ms


def _place_stamped(ms: int, broker_ms: int, sent_ms: int) -> Place:
    """The same for an event that says when it was sent.

    As Sentry corrects clock drift by an envelope's `sent_at` (docs.sentry.io, "Envelopes"), only that the difference
    that passes for the way is a minute here.
    """
    delay_ms, ahead_ms = sent_ms - ms, sent_ms - broker_ms
    if not -AHEAD_MS_MAX <= delay_ms <= BEHIND_MS_MAX:  # the clock was set in between, or it is two clocks
        return broker_ms, Timing.SKEWED, broker_ms, ms - broker_ms
    judged_ms = broker_ms - max(0, delay_ms)
    skewed = not -LATE_MS <= ahead_ms <= LATE_MS
    if skewed:
        ms = judged_ms
    behind_ms = broker_ms - ms
    if behind_ms > OLD_MS:
        timing = Timing.OLD
    elif skewed:
        timing = Timing.SKEWED
    else:
        timing = Timing.LATE if behind_ms > LATE_MS else ON_TIME
    return ms, timing, judged_ms if delay_ms <= JUDGED_MS_MAX else None, ahead_ms


def _epoch_ms(at: datetime) -> int:
    since = at - EPOCH
    return since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000
