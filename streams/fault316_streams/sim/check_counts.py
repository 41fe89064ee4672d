"""The counts must be the log's: per code and pane, and in sum."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Final

from fault316_streams.partial import SEVERITIES, partition_of
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim.faults import LENGTH_S
from fault316_streams.sim.network import EPOCH_MS
from fault316_streams.sim.oracle import Counts, Seen
from fault316_streams.sim.scenario import CODES
from fault316_streams.sim.statements import statements
from fault316_streams.sim.world import World
from fault316_streams.state import CodeState

HEARD_S: Final = 3.0
"""What is heard of may be so far behind what was written, or ahead of it."""

Summary = dict[str, object]


def lost_unreported(world: World) -> Iterator[str]:
    """What retention took before it was said, an operator is told, and of nothing that still exists.

    He is told of more only where a crash came after it was said and before that was committed.
    """
    told = world.kafka.told_lost
    for source, offsets in world.oracle.lost.items():
        if untold := {o for o in offsets if not any(s == source and at <= o < upto for s, at, upto in told)}:
            yield f"source {source} lost {sorted(untold)}, told was {told}"
    for source, at, upto in told:
        if not at < upto <= world.deleted.get(source, 0):
            yield f"told as lost: {at} to {upto} of source {source}, deleted was up to {world.deleted}"


def dead_letters(world: World) -> Iterator[str]:
    """One key for each refused record, however often it was sent."""
    told = {record.key for record in world.kafka.dead_letters.records}
    true = set(world.oracle.refused.values())
    # Those that retention deleted later are no longer in the log, but letters all the same.
    if told != true:
        yield f"dead letters {sorted(map(str, told))}, refused {sorted(map(str, true))}"


def equation(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    """accepted + late + dead-lettered + over-limit = events in the log, by intake's numbers and by detect's.

    Intake's are each chunk's last statements. What is lost to retention is not in the log that this speaks of.
    """
    said = [(code, each.said) for (_, code), its in statements(world.kafka).items() for each in its]
    letters = len({record.key for record in world.kafka.dead_letters.records})
    late = sum(each.late + each.skewed for _, each in said)
    over = sum(each.total - each.late - each.skewed for code, each in said if code not in CODES)
    accepted = sum(each.total for _, each in said) - late - over
    true = sum(seen.event.count for seen in world.oracle.events) + len(world.oracle.refused)
    if accepted + late + letters + over != true:
        yield f"{accepted} accepted + {late} late + {letters} refused + {over} over limit, {true} in the log"
    if world.scenario.forgets:
        return  # detect has let go of some
    states = [state for pipeline in owned.values() for state in pipeline.codes.values()]
    late = sum(state.window.late + state.window.skewed for state in states)
    named = sum(state.window.total for state in states if state.code in CODES)
    rest = sum(state.window.total for state in states if state.code not in CODES)
    if named + rest + letters != true:
        yield f"{named} counted, {rest} over limit, of these {late} late, + {letters} refused, {true} in the log"


def counts(world: World, owned: dict[int, Pipeline]) -> Iterator[str]:
    """Per code where each has its place; per partition where the codes beyond the limit are counted together."""
    for what, states, theirs in _places(world, owned):
        told = _told(states)
        if world.scenario.forgets:
            yield from _between(what, told, theirs, world.scenario.kept_s)
        else:
            yield from _differences(what, told, _true(theirs))


def amiss(world: World, owned: dict[int, Pipeline]) -> tuple[int, int]:
    """How many events are not counted, and how many once too often."""
    lost = doubled = 0
    for _, states, theirs in _places(world, owned):
        told = sum(state.window.total for state in states)
        kept = _since_silences(theirs, world.scenario.kept_s) if world.scenario.forgets else theirs
        lost += max(0, sum(seen.event.count for seen in kept) - told)
        doubled += max(0, told - sum(seen.event.count for seen in theirs))
    return lost, doubled


def _places(world: World, owned: dict[int, Pipeline]) -> Iterator[tuple[str, list[CodeState], list[Seen]]]:
    """The states to compare, with the events that they should have counted."""
    expected: dict[tuple[int, str], list[Seen]] = {}
    for seen in world.oracle.events:
        partition = partition_of(seen.name, world.scenario.partials)
        name = seen.name if world.scenario.codes_max > len(CODES) else "*"
        expected.setdefault((partition, name), []).append(seen)
    for (partition, name), theirs in expected.items():
        pipeline = owned.get(partition)
        states = list(pipeline.codes.values()) if pipeline else []
        if name != "*":
            states = [state for state in states if state.code == name]
        yield f"{name} in partition {partition}", states, theirs


def _differences(what: str, told: Summary, true: Summary) -> Iterator[str]:
    for name, value in true.items():
        if told[name] != value:
            yield f"{what}: {name} is {told[name]}, the log has {value}"


def _between(what: str, told: Summary, theirs: list[Seen], kept_s: float) -> Iterator[str]:
    """Of codes that may have been forgotten: all since their last silence, and nothing twice of what was before."""
    awake = _since_silences(theirs, kept_s)
    least, most = _true(awake), _true(theirs)
    for name in ("seconds", "minutes", "severity", "late", "skewed", "old"):
        if not (_within(least[name], told[name]) and _within(told[name], most[name])):
            yield f"{what}: {name} is {told[name]}, the log has {most[name]}, since its silence {least[name]}"


def _since_silences(theirs: list[Seen], kept_s: float) -> list[Seen]:
    by_name: dict[str, list[Seen]] = {}
    for seen in theirs:
        by_name.setdefault(seen.name, []).append(seen)
    return list(chain.from_iterable(_since_silence(its, kept_s) for its in by_name.values()))


def _since_silence(seen: list[Seen], kept_s: float) -> list[Seen]:
    silent_ms = (kept_s - HEARD_S) * 1_000
    times = [*(each.broker_ms for each in seen), EPOCH_MS + LENGTH_S * 1_000]
    awake = max(
        (i + 1 for i, (one, other) in enumerate(pairwise(times)) if other - one > silent_ms), default=0
    )
    return seen[awake:]


def _within(less: object, more: object) -> bool:
    match less, more:
        case dict(), dict():
            return all(more.get(key, 0) >= value for key, value in less.items())
        case list(), list():
            return all(one <= other for one, other in zip(less, more, strict=True))
        case int(), int():
            return less <= more
    raise TypeError(less, more)


def _told(states: list[CodeState]) -> Summary:
    windows = [state.window for state in states]
    return {
        "seconds": dict(sum((Counter(w.panes.seconds) for w in windows), Counter())),
        "minutes": dict(sum((Counter(w.panes.minutes) for w in windows), Counter())),
        "severity": [sum(w.severity[i] for w in windows) for i in range(4)],
        "late": sum(w.late for w in windows),
        "skewed": sum(w.skewed for w in windows),
        "old": sum(w.old for w in windows),
        "first": min((w.first_ms for w in windows), default=0),
        "last": max((w.last_ms for w in windows), default=0),
    }


def _true(seen: Iterable[Seen]) -> Summary:
    true = Counts.of(seen)
    return {
        "seconds": dict(true.seconds),
        "minutes": dict(true.minutes),
        "severity": [true.severity[name] for name in SEVERITIES],
        "late": true.late,
        "skewed": true.skewed,
        "old": true.old,
        "first": true.first_ms,
        "last": true.last_ms,
    }
