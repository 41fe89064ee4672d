"""Where an event counts in time, at each border.

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
    FINE_MS,
    LATE_MS,
    OLD_MS,
    Timing,
    place,
    second_of,
)

BROKER_MS = 1_767_225_600_500


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
    occurred_at = EPOCH + timedelta(milliseconds=BROKER_MS - behind_ms)
    placed_ms = BROKER_MS if timing is Timing.SKEWED else BROKER_MS - behind_ms
    assert place(occurred_at, BROKER_MS) == (placed_ms, timing)


@pytest.mark.parametrize("year", [1, 1970, 2099, 9999])
def test_a_clock_that_cannot_be_right_is_replaced_by_the_brokers(year: int) -> None:
    assert place(datetime(year, 1, 1, tzinfo=UTC), BROKER_MS) == (BROKER_MS, Timing.SKEWED)


def test_offsets_are_taken_into_account() -> None:
    there = datetime(2026, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert place(there, BROKER_MS) == (BROKER_MS - 500, Timing.ON_TIME)


@pytest.mark.parametrize(
    ("behind_ms", "second"), [(LATE_MS + 1, 7), (FINE_MS, 7), (FINE_MS + 1, 0), (OLD_MS, 0)]
)
def test_the_second_is_a_full_ten_where_nobody_judges_it(behind_ms: int, second: int) -> None:
    """So that its minute is right all the same, and any ten seconds hold the events of ten."""
    full_ten = BROKER_MS // 10_000 * 10
    ms = full_ten * 1_000 + 7_999
    assert second_of(ms, ms + behind_ms, Timing.LATE) == full_ten + second


def test_an_event_that_is_too_old_for_panes_counts_in_no_second() -> None:
    assert second_of(BROKER_MS - OLD_MS - 1, BROKER_MS, Timing.OLD) is None


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)), st.integers(0, 2**42))
def test_any_instant_has_a_place(occurred_at: datetime, broker_ms: int) -> None:
    """A millisecond is cut, never rounded into the next second."""
    ms, timing = place(occurred_at, broker_ms)
    own_ms = (occurred_at - EPOCH) // timedelta(milliseconds=1)
    assert ms == (broker_ms if timing is Timing.SKEWED else own_ms)
    assert -AHEAD_MS_MAX <= broker_ms - ms <= BEHIND_MS_MAX
