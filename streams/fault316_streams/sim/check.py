"""What must hold in the end, whatever happened on the way. Each check yields what it found wrong, in words."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from aiokafka.errors import KafkaError

from fault316_schemas import StormAlert, Transition
from fault316_streams.partial import SEVERITIES, partition_of
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim.events import Counts
from fault316_streams.sim.reference import reference, storms_of
from fault316_streams.sim.scenario import CODES, LENGTH_S
from fault316_streams.sim.world import CALM_S, World
from fault316_streams.state import CodeState

TICKS_S: Final = 2.0
"""How far a storm's opening and end may be from those of a run without faults."""
STARTED_S: Final = 5.0
"""Its beginning is estimated when it opens, from what is known then, and reaches back over the long window."""


def wrong(world: World) -> Iterator[str]:
    """Everything."""
    if world.stuck:
        yield f"stuck: waited in vain for {world.stuck}"
        return
    for failure in world.failures:
        if not isinstance(failure, KafkaError):
            yield f"a worker ended with {type(failure).__name__}: {failure}"
    owned = _owned(world)
    yield from _dead_letters(world)
    yield from _counts(world, owned)
    yield from _bounded(world, owned)
    alerts = [StormAlert.from_json(record.value or b"") for record in world.kafka.alerts.records]
    yield from _transitions(alerts)
    yield from _storms(world, alerts)
    yield from _view(world, owned)


def _owned(world: World) -> dict[int, Pipeline]:
    """The pipelines of those who own the partitions now."""
    owned = {}
    for runtime in world.runtimes.values():
        if runtime.host.alive:
            owned.update({p: runtime.detector.pipelines.get(p) for p in runtime.positions})
    return {partition: pipeline for partition, pipeline in owned.items() if pipeline}


def _dead_letters(world: World) -> Iterator[str]:
    keys = {record.key for record in world.kafka.dead_letters.records}
    if keys != world.oracle.refused:
        yield f"dead letters {sorted(map(str, keys))}, refused {sorted(map(str, world.oracle.refused))}"


def _counts(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    """Per code where each has its place; per partition where the codes beyond the limit are counted together."""
    partitions = world.scenario.partials
    expected: dict[tuple[int, str], list[Counts]] = {}
    for code, counts in world.oracle.codes.items():
        partition = partition_of(code, partitions)
        known = owned.get(partition)
        name = code if known and code in known.codes and world.scenario.codes_max > len(CODES) else "*"
        expected.setdefault((partition, name), []).append(counts)
    for (partition, name), theirs in expected.items():
        pipeline = owned.get(partition)
        states = list(pipeline.codes.values()) if pipeline else []
        if name != "*":
            states = [state for state in states if state.code == name]
        yield from _compare(f"{name} in partition {partition}", states, theirs)


def _compare(what: str, states: list[CodeState], counts: list[Counts]) -> Iterator[str]:
    windows = [state.window for state in states]
    told: dict[str, object] = {
        "seconds": dict(sum((Counter(w.panes.seconds) for w in windows), Counter())),
        "minutes": dict(sum((Counter(w.panes.minutes) for w in windows), Counter())),
        "severity": [sum(w.severity[i] for w in windows) for i in range(4)],
        "late": sum(w.late for w in windows),
        "skewed": sum(w.skewed for w in windows),
        "old": sum(w.old for w in windows),
        "first": min((w.first_ms for w in windows), default=0),
        "last": max((w.last_ms for w in windows), default=0),
    }
    severity: Counter[str] = sum((c.severity for c in counts), Counter())
    true: dict[str, object] = {
        "seconds": dict(sum((c.seconds for c in counts), Counter())),
        "minutes": dict(sum((c.minutes for c in counts), Counter())),
        "severity": [severity[name] for name in SEVERITIES],
        "late": sum(c.late for c in counts),
        "skewed": sum(c.skewed for c in counts),
        "old": sum(c.old for c in counts),
        "first": min(c.first_ms for c in counts),
        "last": max(c.last_ms for c in counts),
    }
    for name, value in true.items():
        if told[name] != value:
            yield f"{what}: {name} is {told[name]}, the log has {value}"


def _bounded(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    for partition, pipeline in owned.items():
        if len(pipeline.codes) > world.scenario.codes_max + 1:
            yield f"partition {partition} keeps {len(pipeline.codes)} codes"
        for state in pipeline.codes.values():
            if len(state.window.open) > world.scenario.sources or len(state.alerts.pending) > 1:
                yield f"{state.code}: {len(state.window.open)} open ranges, {len(state.alerts.pending)} pending"


def _transitions(alerts: list[StormAlert]) -> Iterator[str]:
    """Each under one id, repeats identical; a storm's first mentions in the order of its life."""
    first: dict[str, StormAlert] = {}
    for alert in alerts:
        if first.setdefault(alert.alert_id, alert) != alert:
            yield f"{alert.alert_id} was sent with two contents"
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


def _storms(world: World, alerts: list[StormAlert]) -> Iterator[str]:
    """The same as without faults. Codes that share a place for want of one have no storms of their own."""
    if world.scenario.codes_max <= len(CODES):
        return
    first: dict[str, StormAlert] = {}
    for alert in alerts:
        first.setdefault(alert.alert_id, alert)
    told = storms_of(list(first.values()))
    true = reference(world.scenario, world.kafka.events, LENGTH_S + CALM_S)
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
            if shown.series != window.panes.minutes:
                yield f"the view shows {shown.series} of {state.code}, counted are {window.panes.minutes}"
            if state.alerts.storm_id:
                active.add(state.alerts.storm_id)
    if set(view.storms) != active:
        yield f"the view shows {sorted(view.storms)} as active, there are {sorted(active)}"
