"""What came late once comes late for a while."""

from fault316_streams.window import Lateness

NOW = 1_790_000_000


def test_without_counts_that_come_late_nothing_is_waited_for() -> None:
    assert Lateness().settled_s(NOW) == NOW


def test_settling_waits_where_a_count_came_and_goes_on_as_time_passes() -> None:
    """Half of the wait is over after half a minute, all of it after one."""
    lateness = Lateness()
    lateness.note(NOW - 600, NOW)
    assert [lateness.settled_s(NOW + s) - NOW - s for s in (0, 30, 60, 90)] == [-600, -300, 0, 0]


def test_a_steady_delay_is_waited_for_all_the_time() -> None:
    """No second is settled before its counts have come."""
    lateness = Lateness()
    for second in range(NOW, NOW + 300):
        lateness.note(second - 30, second)
        assert lateness.settled_s(second) <= second - 30
    assert lateness.settled_s(NOW + 329) == NOW + 329


def test_a_backlog_is_never_settled_ahead_of_its_delivery() -> None:
    """Ten minutes, delivered within twenty seconds."""
    lateness = Lateness()
    for n in range(20):
        second, now = NOW - 600 + 30 * n, NOW + n
        lateness.note(second, now)
        assert lateness.settled_s(now) <= second


def test_one_on_time_does_not_end_the_wait_for_another() -> None:
    """Two services of one code, one of which is late."""
    lateness = Lateness()
    lateness.note(NOW - 30, NOW)
    lateness.note(NOW, NOW)
    assert lateness.settled_s(NOW) == NOW - 30
