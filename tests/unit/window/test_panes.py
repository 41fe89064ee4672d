"""Panes: counts by the event's own time, and the rates over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316_streams.window import Panes

NOW = 1_790_000_007


@given(
    st.dictionaries(st.integers(NOW - 900, NOW + 5), st.integers(1, 9), max_size=80),
    st.integers(1, 800),
    st.integers(0, 60),
)
def test_a_window_holds_exactly_its_seconds(counts: dict[int, int], window_s: int, back_s: int) -> None:
    """Minutes in the middle and seconds at the edges make the same sum as seconds alone."""
    panes = Panes()
    for second, events in counts.items():
        panes.add(second, events)
    upto = NOW - back_s
    window_s = min(window_s, 900 - back_s)
    assert panes.count(upto, window_s) == sum(
        events for second, events in counts.items() if upto - window_s < second <= upto
    )


def test_an_event_ten_minutes_late_lands_in_the_pane_of_its_own_time() -> None:
    """Panes stay open: lateness loses nothing."""
    panes = Panes()
    panes.add(NOW, 1)
    panes.let_go(NOW, NOW)
    panes.add(NOW - 600, 5)
    assert panes.seconds[NOW - 600] == 5
    assert panes.minutes[(NOW - 600) // 60] == 5


def test_beyond_the_second_panes_only_the_minute_counts() -> None:
    """An event an hour late is in its minute, and in no second that nobody keeps."""
    panes = Panes()
    panes.let_go(NOW, NOW)
    panes.add(NOW - 3_600, 5)
    assert panes.seconds == {}
    assert panes.minutes == {(NOW - 3_600) // 60: 5}


def test_panes_are_bounded() -> None:
    """After a day at an event a second no more is kept than the constants say."""
    panes = Panes()
    for second in range(NOW - 90_000, NOW):
        panes.add(second, 1)
        if second % 60 == 0:
            panes.let_go(second, second)
    assert len(panes.seconds) <= 900 + 60
    assert len(panes.minutes) <= 1_440 + 17


@pytest.mark.parametrize("name", ["10s", "1m", "5m", "15m", "1h"])
def test_a_steady_rate_is_the_rate_of_every_window(name: str) -> None:
    """Two events a second for over an hour are 2/s whichever way one looks."""
    panes = Panes()
    for second in range(NOW - 4_000, NOW + 1):
        panes.add(second, 2)
    panes.let_go(NOW, NOW)
    assert panes.rates(NOW).per_s[name] == 2.0
