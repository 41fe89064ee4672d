"""What the queries ask and how they read the replies, without a server."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from fault316 import _queries
from fault316.views import State, parse_counter, parse_rates
from fault316_schemas import Keys, Severity

T = TypeVar("T")
Sent = tuple[Any, ...]
"""A command's name and arguments."""

KEYS = Keys("t:")
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Recorder:
    """Stands in for a pipeline: notes the commands instead of sending them."""

    def __init__(self) -> None:
        self.commands: list[Sent] = []

    def __getattr__(self, command: str) -> Callable[..., None]:
        return lambda *args, **_options: self.commands.append((command, *args))


def run(query: _queries.Query[T], *replies: list[Any]) -> tuple[T, list[list[Sent]]]:
    """Drive a query with canned replies; gives (result, commands of each round trip)."""
    trips: list[list[Sent]] = []
    commands = next(query)
    try:
        for reply in replies:
            recorder = Recorder()
            for command in commands:
                command(recorder)
            trips.append(recorder.commands)
            commands = query.send(reply)
    except StopIteration as end:
        return end.value, trips
    raise AssertionError("the query wants more replies")


def test_a_counter_reads_as_documented() -> None:
    fields = {"total": "12", "P0": "2", "P1": "10", "P2": "0", "P3": "0", "late": "3", "skewed": "1"}
    counter = parse_counter(
        "316-A", fields | {"first_seen": "1772366400.25", "last_seen": "1772366460", "version": "9"}
    )
    assert counter is not None
    assert (counter.code, counter.total, counter.late, counter.skewed) == ("316-A", 12, 3, 1)
    assert counter.by_severity == {Severity.P0: 2, Severity.P1: 10, Severity.P2: 0, Severity.P3: 0}
    assert counter.first_seen == NOON + timedelta(milliseconds=250)
    assert counter.last_seen == NOON + timedelta(minutes=1)


def test_an_unknown_code_has_no_counter_and_no_rates() -> None:
    assert parse_counter("316-A", {}) is None
    assert parse_rates("316-A", {}) is None


def test_rates_read_as_documented() -> None:
    rates = parse_rates(
        "316-A", {"10s": "5.5", "1m": "2", "baseline": "0.25", "state": "storm", "version": "3"}
    )
    assert rates is not None
    assert rates.per_s == {"10s": 5.5, "1m": 2.0, "5m": 0.0, "15m": 0.0, "1h": 0.0}
    assert (rates.baseline, rates.state) == (0.25, State.STORM)


def test_all_counters_take_two_round_trips_however_many_codes_there_are() -> None:
    names = [f"316-C{n}" for n in range(200)]
    result, trips = run(_queries.counters(KEYS, None), [names], [{"total": "1"}] * 199 + [{}])
    assert len(trips) == 2
    assert [counter.code for counter in result] == names[:199]


def test_top_orders_by_the_window_that_was_asked_for() -> None:
    replies = [{"10s": "1", "1m": "3"}, {"10s": "2", "1m": "1"}, {"10s": "9", "1m": "2"}]
    result, _ = run(_queries.top(KEYS, 2, "1m"), [["316-A", "316-B", "316-C"]], replies)
    assert [item.code for item in result] == ["316-A", "316-C"]


def test_top_refuses_a_window_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="10s, 1m, 5m, 15m, 1h"):
        next(_queries.top(KEYS, 2, "2m"))


def test_a_series_has_every_minute_across_the_hour() -> None:
    since, until = NOON - timedelta(minutes=2, seconds=30), NOON + timedelta(minutes=1, seconds=59)
    result, [commands] = run(
        _queries.series(KEYS, ["316-A"], since, until), [{"57": "4", "59": "6", "3": "99"}, {"1": "7"}]
    )
    assert commands == [
        ("hgetall", "t:series:{316-A}:2026030111"),
        ("hgetall", "t:series:{316-A}:2026030112"),
    ]
    assert result["316-A"] == [
        (NOON - timedelta(minutes=3), 4),
        (NOON - timedelta(minutes=2), 0),
        (NOON - timedelta(minutes=1), 6),
        (NOON, 0),
        (NOON + timedelta(minutes=1), 7),
    ]


def test_a_series_is_asked_in_utc_whatever_the_zone() -> None:
    from zoneinfo import ZoneInfo

    since = datetime(2026, 3, 1, 21, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    _, [commands] = run(_queries.series(KEYS, ["316-A"], since, since), [{}])
    assert commands == [("hgetall", "t:series:{316-A}:2026030112")]


@pytest.mark.parametrize(
    ("since", "until", "problem"),
    [
        (datetime(2026, 3, 1), NOON, "since has no time zone"),  # noqa: DTZ001 - naive on purpose
        (NOON, NOON - timedelta(hours=1), "lies before since"),
        (NOON - timedelta(days=365), NOON, "hours are more than"),
    ],
)
def test_a_series_refuses_a_span_that_cannot_be(since: datetime, until: datetime, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        next(_queries.series(KEYS, ["316-A"], since, until))


def look(seen: _queries.Seen, scored: list[tuple[str, float]], *replies: Any) -> Any:
    """One look of `watch`; gives (update, codes and storms that it asked for)."""
    update, [_, asked] = run(_queries.look(KEYS, seen), [scored, []], list(replies))
    return update, [key for _, key in asked]


def test_watch_asks_for_what_has_a_new_last_event_and_a_tenth_of_the_rest() -> None:
    seen = _queries.Seen()
    scored = [(f"316-C{n}", 1.0) for n in range(20)]
    first, asked = look(seen, scored, *[{"total": "1"}] * 20)
    assert len(asked) == len(first.totals) == 20
    scored[0] = ("316-C0", 2.0)
    second, asked = look(seen, scored, {"total": "5"}, {"total": "1"}, {"total": "1"})
    assert asked == [KEYS.counter("316-C0"), KEYS.counter("316-C1"), KEYS.counter("316-C11")]
    assert second.totals == {"316-C0": 5}


def test_watch_has_asked_for_every_code_after_ten_looks() -> None:
    seen = _queries.Seen()
    scored = [(f"316-C{n}", 1.0) for n in range(20)]
    look(seen, scored, *[{"total": "1"}] * 20)
    asked = {key for _ in range(_queries.TURNS) for key in look(seen, scored, *[{"total": "1"}] * 2)[1]}
    assert len(asked) == 20


def test_watch_says_nothing_where_nothing_has_changed() -> None:
    seen = _queries.Seen()
    first, _ = look(seen, [("316-A", 1.0)], {"total": "1"})
    assert first.totals == {"316-A": 1}
    again, _ = look(seen, [("316-A", 2.0)], {"total": "1"})
    assert again is None


def test_a_series_is_of_the_last_minutes_or_of_a_span() -> None:
    minute = timedelta(minutes=1)
    assert _queries.span(None, None, 60, NOON) == (NOON - 59 * minute, NOON)
    assert _queries.span(None, NOON - minute, 1, NOON) == (NOON - minute, NOON - minute)
    assert _queries.span(NOON - minute, None, 60, NOON) == (NOON - minute, NOON)
    with pytest.raises(ValueError, match="minutes is 0"):
        _queries.span(None, None, 0, NOON)
