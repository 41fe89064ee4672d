"""What every view must do, whatever it is kept in."""

from contract.sinks.sink_subjects import CODE, T0, Subject, make_alert, make_view
from fault316_schemas import Transition

MINUTE = int(T0) // 60


async def test_counts_read_as_they_were_stated(subject: Subject) -> None:
    await subject.sink.write([make_view(version=7, late=2, skewed=1)], [], {0})
    assert await subject.held.counter(CODE) == {
        "total": "10",
        "P0": "1",
        "P1": "2",
        "P2": "3",
        "P3": "4",
        "late": "2",
        "skewed": "1",
        "first_seen": repr(T0),
        "last_seen": repr(T0 + 60),
        "version": "7",
    }
    assert await subject.held.codes() == {CODE: T0 + 60}


async def test_rates_read_as_they_were_stated(subject: Subject) -> None:
    await subject.sink.write([make_view(version=7, state="pending", baseline_per_s=1 / 3)], [], {0})
    assert await subject.held.rate(CODE) == {
        "10s": "1.0",
        "1m": "0.5",
        "5m": "0.1",
        "15m": "0.03",
        "1h": "0.01",
        "baseline": "0.333333",
        "state": "pending",
        "version": "7",
    }


async def test_an_older_statement_changes_nothing(subject: Subject) -> None:
    """A worker that lost the partition and does not know it yet cannot turn the counts back."""
    await subject.sink.write([make_view(version=9, total=90, series={MINUTE: 90})], [], {0})
    await subject.sink.write([make_view(version=8, total=80, series={MINUTE: 80}, state="storm")], [], {0})
    assert (await subject.held.counter(CODE))["total"] == "90"
    assert (await subject.held.rate(CODE))["state"] == "quiet"
    assert await subject.held.series(CODE, "2026010100") == {"0": "90"}


async def test_an_older_statement_tells_of_minutes_that_are_missing(subject: Subject) -> None:
    """Redis was emptied, the owner told of what had changed since, and crashed; the next one first states all it knows.

    That is older, and is not said again once it is not. Counts only grow, so the larger one is right.
    """
    await subject.sink.write([make_view(version=9, total=90, series={MINUTE: 90})], [], {0})
    older = {MINUTE: 80, MINUTE + 1: 5, MINUTE + 60: 7}
    await subject.sink.write([make_view(version=8, total=80, series=older)], [], {0})
    assert await subject.held.series(CODE, "2026010100") == {"0": "90", "1": "5"}
    assert await subject.held.series(CODE, "2026010101") == {"0": "7"}
    assert (await subject.held.counter(CODE))["total"] == "90"


async def test_versions_compare_as_numbers(subject: Subject) -> None:
    """10 is newer than 9, also far up; totals are not rounded. No offset reaches what a double cannot tell."""
    for version in (9, 10, 2**53 - 2, 2**53 - 1):
        await subject.sink.write([make_view(version=version, total=2**60 + version)], [], {0})
        assert (await subject.held.counter(CODE))["total"] == str(2**60 + version)


async def test_the_same_version_again_is_taken(subject: Subject) -> None:
    """Rates fall while no partial comes: the offset stays, the values don't."""
    await subject.sink.write([make_view(version=5, rates={"10s": 3.0})], [], {0})
    await subject.sink.write([make_view(version=5, rates={"10s": 0.0})], [], {0})
    assert (await subject.held.rate(CODE))["10s"] == "0.0"


async def test_first_seen_never_moves_on(subject: Subject) -> None:
    """A state that was lost doesn't know how long ago it began."""
    await subject.sink.write([make_view(version=1, first_seen_s=T0)], [], {0})
    await subject.sink.write([make_view(version=2, first_seen_s=T0 + 500)], [], {0})
    assert (await subject.held.counter(CODE))["first_seen"] == repr(T0)
    await subject.sink.write([make_view(version=3, first_seen_s=T0 - 500)], [], {0})
    assert (await subject.held.counter(CODE))["first_seen"] == repr(T0 - 500)


async def test_minutes_fall_into_their_hours_and_replace_what_was_there(subject: Subject) -> None:
    await subject.sink.write([make_view(version=1, series={MINUTE + 59: 4, MINUTE + 60: 5})], [], {0})
    await subject.sink.write([make_view(version=2, series={MINUTE + 60: 6, MINUTE + 61: 1})], [], {0})
    assert await subject.held.series(CODE, "2026010100") == {"59": "4"}
    assert await subject.held.series(CODE, "2026010101") == {"0": "6", "1": "1"}


async def test_a_storm_is_active_from_its_beginning_to_its_end(subject: Subject) -> None:
    await subject.sink.write([make_view(version=1, active_storm=("storm-1", T0))], [], {0})
    assert await subject.held.storms() == {"storm-1": T0}
    await subject.sink.write([make_view(version=2, ended_storms=("storm-1",))], [], {0})
    assert await subject.held.storms() == {}


async def test_a_storm_that_ended_cannot_come_back(subject: Subject) -> None:
    """Neither by a worker that was cut off nor by an alert sent again."""
    resolved = make_alert(Transition.RESOLVED, at_s=9)
    await subject.sink.write([], [make_alert(), resolved], {0})
    await subject.sink.write([make_view(version=1, active_storm=("storm-1", T0))], [make_alert()], {0})
    assert await subject.held.storms() == {}
    assert await subject.held.storm("storm-1") == resolved


async def test_one_write_may_end_a_storm_and_begin_the_next(subject: Subject) -> None:
    view = make_view(ended_storms=("storm-1",), active_storm=("storm-2", T0 + 5))
    await subject.sink.write([view], [], {0})
    assert await subject.held.storms() == {"storm-2": T0 + 5}


async def test_an_alert_is_in_the_stream_once_however_often_it_is_sent(subject: Subject) -> None:
    opened, escalated = make_alert(), make_alert(Transition.ESCALATED, at_s=2)
    await subject.sink.write([], [opened], {0})
    await subject.sink.write([], [opened, escalated], {0})
    await subject.sink.write([], [escalated, opened], {0})
    assert await subject.held.alerts() == [opened, escalated]


async def test_a_storm_shows_its_latest_alert(subject: Subject) -> None:
    """By the alerts' own time to the millisecond, and not by the order of writing."""
    early, late = make_alert(at_s=1.0), make_alert(Transition.ESCALATED, at_s=1.5)
    await subject.sink.write([], [late], {0})
    await subject.sink.write([], [early], {0})
    assert await subject.held.storm("storm-1") == late


async def test_a_partition_never_written_is_reported_once(subject: Subject) -> None:
    assert await subject.sink.write([], [], {0, 3}) == {0, 3}
    assert await subject.sink.write([], [], {0, 3, 4}) == {4}
    assert await subject.sink.write([], [], {0, 3, 4}) == set()


async def test_a_view_that_was_emptied_is_reported_and_can_be_stated_anew(subject: Subject) -> None:
    """The same versions and the same alerts are taken again: they are not there any more."""
    everything = [make_view(version=9, series={MINUTE: 1}, active_storm=("storm-1", T0))], [make_alert()]
    await subject.sink.write(*everything, {0})
    before = await subject.held.counter(CODE)
    await subject.held.lose()
    assert await subject.sink.write([], [], {0}) == {0}
    await subject.sink.write(*everything, {0})
    assert await subject.held.counter(CODE) == before
    assert await subject.held.series(CODE, "2026010100") == {"0": "1"}
    assert await subject.held.storms() == {"storm-1": T0}
    assert await subject.held.alerts() == [make_alert()]


async def test_more_codes_than_fit_one_pipeline_are_all_written(subject: Subject) -> None:
    views = [make_view(version=1, code=f"316-LOAD-{i}", total=i) for i in range(1_500)]
    await subject.sink.write(views, [], {0})
    assert len(await subject.held.codes()) == 1_500
    for i in (0, 127, 128, 999, 1_000, 1_499):
        assert (await subject.held.counter(f"316-LOAD-{i}"))["total"] == str(i)
