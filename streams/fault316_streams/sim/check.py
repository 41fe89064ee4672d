"""What must hold in the end, whatever happened on the way. Each part yields what it found wrong, in words."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from fault316_schemas import StormAlert, Transition
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim import check_counts
from fault316_streams.sim.faults import LENGTH_S
from fault316_streams.sim.reference import Storm, reference, storms_of
from fault316_streams.sim.world import CALM_S, World

TICKS_S: Final = 2.0
"""How far a storm's opening and end may be from those of a run without faults."""
HEARD_LATE: Final = ((0, 0), (1, 0), (2, 0), (0, 500))
"""Flush, tick and the rounding of a second: what is written in one second may be heard when so many have passed. And
what is younger than so many milliseconds may be unread, though reading is said to have caught up."""
STARTED_S: Final = 5.0
"""Its beginning is estimated when it opens, from what is known then, and reaches back over the long window."""


class Figures(NamedTuple):
    """What came of a scenario: told storms and alerts; counts and storms that are amiss."""

    storms: int = 0
    alerts: int = 0
    lost: int = 0
    doubled: int = 0
    missed: int = 0
    invented: int = 0


def check(world: World) -> tuple[list[str], Figures]:
    """What is wrong, in words (nothing, usually), and what came of the scenario, in numbers."""
    if world.stuck:
        return [f"stuck: waited in vain for {world.stuck}"], Figures()
    owned = _owned(world)
    alerts = [StormAlert.from_json(record.value or b"") for record in world.kafka.alerts.records]
    world.oracle.lose(world.kafka)
    told = _told_storms(world, alerts)
    true = _true_storms(world, told)
    found = [
        *_failures(world),
        *check_counts.lost_unreported(world),
        *check_counts.dead_letters(world),
        *check_counts.equation(world, owned),
        *check_counts.counts(world, owned),
        *_bounded(world, owned),
        *_transitions(alerts),
        *_apart(told, true),
        *_view(world, owned),
    ]
    lost, doubled = check_counts.amiss(world, owned)
    told_of, true_of = (Counter(storm.code for storm in storms) for storms in (told, true))
    figures = Figures(
        storms=len({alert.storm_id for alert in alerts}),
        alerts=len({alert.alert_id for alert in alerts}),
        lost=lost,
        doubled=doubled,
        missed=(true_of - told_of).total(),
        invented=(told_of - true_of).total(),
    )
    return found, figures


def _failures(world: World) -> Iterator[str]:
    for failure in world.failures:
        if not isinstance(failure, KafkaError):
            yield f"a worker ended with {type(failure).__name__}: {failure}"


def _owned(world: World) -> dict[int, Pipeline]:
    """The pipelines of those who own the partitions now."""
    owned = {}
    for runtime in world.runtimes.values():
        if runtime.host.alive:
            owned.update({p: runtime.detector.pipelines.get(p) for p in runtime.positions})
    return {partition: pipeline for partition, pipeline in owned.items() if pipeline}


def _bounded(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    for partition, pipeline in owned.items():
        if len(pipeline.codes) > world.scenario.codes_max + 1:
            yield f"partition {partition} keeps {len(pipeline.codes)} codes"
        for state in pipeline.codes.values():
            if len(state.window.open) > world.scenario.sources or len(state.alerts.pending) > 1:
                yield f"{state.code}: {len(state.window.open)} open ranges, {len(state.alerts.pending)} pending"


def _told(alert: StormAlert) -> tuple[object, ...]:
    return alert.storm_id, alert.transition, alert.reason, alert.severity, alert.started_at


def _transitions(alerts: list[StormAlert]) -> Iterator[str]:
    """Each under one id; a storm's first mentions in the order of its life.

    A repeat tells of the same transition. Its facets may differ: who was stopped while it told of an end, and lost
    the partition, had heard of an event more or less by then than the new owner has.
    """
    first: dict[str, StormAlert] = {}
    for alert in alerts:
        known = first.setdefault(alert.alert_id, alert)
        if _told(known) != _told(alert):
            yield f"{alert.alert_id} was sent with two contents: {_told(known)} and {_told(alert)}"
    by_storm: dict[str, list[StormAlert]] = {}
    for alert in first.values():
        by_storm.setdefault(alert.storm_id, []).append(alert)
    for storm_id, its in by_storm.items():
        kinds = [alert.transition for alert in its]
        ids = [int(alert.alert_id.rpartition("/")[2].partition("-")[0]) for alert in its]
        if ids != list(range(1, len(its) + 1)):
            yield f"{storm_id}: alerts out of order: {[alert.alert_id for alert in its]}"
        if (
            kinds[0] is not Transition.OPENED
            or kinds.count(Transition.OPENED) != 1
            or kinds.count(Transition.RESOLVED) > 1
            or Transition.RESOLVED in kinds[:-1]
        ):
            yield f"{storm_id}: {[str(kind) for kind in kinds]}"
        if any(later.at < one.at for one, later in pairwise(its)):
            yield f"{storm_id}: told in another order than it happened: {[str(alert.at) for alert in its]}"


def _told_storms(world: World, alerts: list[StormAlert]) -> list[Storm]:
    """The storms that were told and can be judged.

    Codes that share a place for want of one have no storms of their own; one whose events were lost in part may be
    a storm that a judge can miss.
    """
    if world.scenario.limited:
        return []
    first: dict[str, StormAlert] = {}
    for alert in alerts:
        first.setdefault(alert.alert_id, alert)
    return [storm for storm in storms_of(list(first.values())) if storm.code not in world.oracle.lost_codes]


def _true_storms(world: World, told: list[Storm]) -> list[Storm]:
    """Those of a run without faults; of several that hear as late as one may, the one that fits."""
    if world.scenario.limited:
        return []
    runs = []
    for late in HEARD_LATE:
        storms = reference(world.scenario, world.kafka.events, world.oracle.lost, LENGTH_S + CALM_S, *late)
        runs.append([storm for storm in storms if storm.code not in world.oracle.lost_codes])
        if not list(_apart(told, runs[-1])):
            return runs[-1]
    return runs[0]


def _apart(told: list[Storm], true: list[Storm]) -> Iterator[str]:
    if [storm.code for storm in told] != [storm.code for storm in true]:
        yield f"storms {told}, without faults {true}"
        return
    for one, other in zip(told, true, strict=True):
        apart_s = max(abs(one.opened_s - other.opened_s), abs(one.resolved_s - other.resolved_s))
        if apart_s > TICKS_S or abs(one.started_s - other.started_s) > STARTED_S:
            yield f"{one}, without faults {other}"


def _view(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    """What people see is what is counted."""
    view = world.redis.view
    active = set()
    for pipeline in owned.values():
        for state in pipeline.codes.values():
            shown, window = view.codes.get(state.code), state.window
            if shown is None:
                yield f"the view does not show {state.code}"
                continue
            told = (shown.total, list(shown.severity), shown.late, shown.skewed, shown.state, shown.version)
            true = (
                window.total,
                window.severity,
                window.late,
                window.skewed,
                state.judge.phase,
                state.offset,
            )
            if told != true:
                yield f"the view shows {told} of {state.code}, counted are {true}"
            series = shown.series
            if world.scenario.forgets:  # the view keeps for a while what the code was before
                series = {minute: series.get(minute, 0) for minute in window.panes.minutes}
            if series != window.panes.minutes:
                yield f"the view shows {shown.series} of {state.code}, counted are {window.panes.minutes}"
            if state.alerts.storm_id:
                active.add(state.alerts.storm_id)
    if set(view.storms) != active:
        yield f"the view shows {sorted(view.storms)} as active, there are {sorted(active)}"
