"""Where an event is shown and judged, at each border.

   skewed        old             late            on time        skewed
───────────┬──────────────┬──────────────┬──────────┬───────┬─────────────▶
         −30 d          −24 h          −60 s        0     +5 min
"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316_streams.intake.place import (
    AHEAD_MS_MAX,
    BEHIND_MS_MAX,
    EPOCH,
    JUDGED_MS_MAX,
    LATE_MS,
    OLD_MS,
    Timing,
    place,
)

BROKER_MS = 1_767_225_600_500
HOUR_MS = 3_600_000


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


@pytest.mark.parametrize(
    ("behind_ms", "timing"),
    [
        (-AHEAD_MS_MAX - 1, Timing.SKEWED),
        (-AHEAD_MS_MAX, Timing.ON_TIME),
        (0, Timing.ON_TIME),
        (LATE_MS, Timing.ON_TIME),
        (LATE_MS + 1, Timing.LATE),
        (OLD_MS, Timing.LATE),
        (OLD_MS + 1, Timing.OLD),
        (BEHIND_MS_MAX, Timing.OLD),
        (BEHIND_MS_MAX + 1, Timing.SKEWED),
    ],
)
def test_a_border_belongs_to_the_milder_side(behind_ms: int, timing: Timing) -> None:
    """And whatever its clock says, it is judged now."""
    placed_ms = BROKER_MS if timing is Timing.SKEWED else BROKER_MS - behind_ms
    assert place(at(BROKER_MS - behind_ms), BROKER_MS) == (placed_ms, timing, BROKER_MS, -behind_ms)


@pytest.mark.parametrize(
    ("waited_ms", "timing", "judged"),
    [
        (-AHEAD_MS_MAX, Timing.ON_TIME, True),
        (0, Timing.ON_TIME, True),
        (LATE_MS, Timing.ON_TIME, True),
        (LATE_MS + 1, Timing.LATE, True),
        (JUDGED_MS_MAX, Timing.LATE, True),
        (JUDGED_MS_MAX + 1, Timing.LATE, False),
        (OLD_MS + 1, Timing.OLD, False),
        (BEHIND_MS_MAX, Timing.OLD, False),
    ],
)
def test_what_waited_is_shown_and_judged_when_it_happened(
    waited_ms: int, timing: Timing, judged: bool
) -> None:
    """If it is not too long ago for the judge."""
    judged_ms = BROKER_MS - max(0, waited_ms) if judged else None
    placed = place(at(BROKER_MS - waited_ms), BROKER_MS, at(BROKER_MS))
    assert placed == (BROKER_MS - waited_ms, timing, judged_ms, 0)


@pytest.mark.parametrize(
    "ahead_ms", [LATE_MS + 1, -LATE_MS - 1, 8 * HOUR_MS, -27 * HOUR_MS, -50 * 365 * 24 * HOUR_MS]
)
@pytest.mark.parametrize("waited_ms", [0, 30_000, 600_000])
def test_a_wrong_clock_is_set_right_by_when_it_sent(ahead_ms: int, waited_ms: int) -> None:
    """Shown and judged when it happened, by the broker's clock."""
    sent_ms = BROKER_MS + ahead_ms
    right_ms = BROKER_MS - waited_ms
    placed = place(at(sent_ms - waited_ms), BROKER_MS, at(sent_ms))
    assert placed == (right_ms, Timing.SKEWED, right_ms, ahead_ms)


@pytest.mark.parametrize("ahead_ms", [LATE_MS, -LATE_MS])
def test_what_may_be_the_way_is_not_taken_for_a_wrong_clock(ahead_ms: int) -> None:
    """A client tries again for some tens of seconds, and says nothing of it."""
    sent_ms = BROKER_MS + ahead_ms
    assert place(at(sent_ms), BROKER_MS, at(sent_ms)) == (sent_ms, Timing.ON_TIME, BROKER_MS, ahead_ms)


@pytest.mark.parametrize("waited_ms", [-AHEAD_MS_MAX - 1, BEHIND_MS_MAX + 1])
def test_a_clock_that_was_set_in_between_says_nothing_of_waiting(waited_ms: int) -> None:
    """Started in 1970, and sent when NTP had been asked."""
    placed = place(at(BROKER_MS - waited_ms), BROKER_MS, at(BROKER_MS))
    assert placed == (BROKER_MS, Timing.SKEWED, BROKER_MS, -waited_ms)


@pytest.mark.parametrize("year", [1, 1970, 2099, 9999])
def test_a_clock_that_cannot_be_right_is_replaced_by_the_brokers(year: int) -> None:
    ms, timing, judged_ms, _ = place(datetime(year, 1, 1, tzinfo=UTC), BROKER_MS)
    assert (ms, timing, judged_ms) == (BROKER_MS, Timing.SKEWED, BROKER_MS)


def test_offsets_are_taken_into_account() -> None:
    there = datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert place(there, BROKER_MS)[:2] == (BROKER_MS - 500, Timing.ON_TIME)


instants = st.datetimes(timezones=st.timezones() | st.just(UTC))


@given(instants, st.none() | instants, st.integers(0, 2**42))
def test_any_instant_has_a_place(occurred_at: datetime, sent_at: datetime | None, broker_ms: int) -> None:
    """A millisecond is cut, never rounded into the next second; nobody is judged in the future, or long ago."""
    ms, timing, judged_ms, _ = place(occurred_at, broker_ms, sent_at)
    own_ms = (occurred_at - EPOCH) // timedelta(milliseconds=1)
    assert timing is Timing.SKEWED or ms == own_ms or timing is Timing.OLD
    assert -AHEAD_MS_MAX - LATE_MS <= broker_ms - ms <= BEHIND_MS_MAX + LATE_MS
    assert judged_ms is None or 0 <= broker_ms - judged_ms <= JUDGED_MS_MAX
    assert sent_at is not None or judged_ms == broker_ms
