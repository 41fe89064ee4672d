"""The storms that a log holds when nothing fails: the core alone, second by second, without a network."""

from dataclasses import dataclass

from fault316_schemas import StormAlert, Transition
from fault316_streams.intake.messages import messages, partial_of
from fault316_streams.intake.source import Source
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import FORMAT_VERSION, Partial, Progress, Tick, decode
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim.adapters import BOOK
from fault316_streams.sim.kafka import Log, Record
from fault316_streams.sim.network import EPOCH_MS
from fault316_streams.sim.scenario import Scenario


@dataclass
class Storm:
    """One storm's life, in epoch seconds."""

    code: str
    started_s: float
    opened_s: float
    resolved_s: float = 0.0


def storms_of(alerts: list[StormAlert]) -> list[Storm]:
    """Storms by code and time; `alerts` in order, without repeats."""
    storms: dict[str, Storm] = {}
    for alert in alerts:
        if alert.transition is Transition.OPENED:
            storms[alert.storm_id] = Storm(alert.code, alert.started_at.timestamp(), alert.at.timestamp())
        elif alert.resolved_at and alert.storm_id in storms:
            storms[alert.storm_id].resolved_s = alert.resolved_at.timestamp()
    return sorted(storms.values(), key=lambda storm: (storm.code, storm.opened_s))


def reference(
    scenario: Scenario,
    logs: list[Log],
    lost: dict[int, set[int]],
    until_s: float,
    behind_s: int = 0,
    unread_ms: int = 0,
) -> list[Storm]:
    """Read the logs as they were written, but for what was `lost`: offsets by source partition.

    Whether an event of a storm's last moments is heard before its end is judged hangs on the flush; `behind_s` lets
    all that is told be of a time so long ago, `unread_ms` lets what is so young be read a second later.
    """
    kept = [[record for record in log.records if record.offset not in lost[p]] for p, log in enumerate(logs)]
    sources = [Source(p, _first(records), BOOK.registry, IntakeStats()) for p, records in enumerate(kept)]
    pipelines = [Pipeline(p, BOOK, codes_max=scenario.codes_max) for p in range(scenario.partials)]
    alerts: list[StormAlert] = []
    read = [0] * len(logs)
    offset = 0
    for second in range(round(until_s)):
        wall_ms = EPOCH_MS + (second + 1) * 1_000
        told_ms = wall_ms - behind_s * 1_000
        for p, records in enumerate(kept):
            begin = read[p]
            while read[p] < len(records) and records[read[p]].timestamp < wall_ms - unread_ms:
                read[p] += 1
            sources[p].take(records[begin : read[p]])
            for partition, partial in _said(sources[p], told_ms, scenario.partials):
                offset += 1
                alerts += pipelines[partition].feed(partial, offset).alerts
        progress = {s.partition: Progress(s.upto, s.log_ms, True) for s in sources}
        for pipeline in pipelines:
            offset += 1
            alerts += pipeline.feed(Tick(FORMAT_VERSION, told_ms, len(logs), progress), offset).alerts
    return storms_of(alerts)


def _first(records: list[Record]) -> int:
    return records[0].offset if records else 0


def _said(source: Source, wall_ms: int, partitions: int) -> list[tuple[int, Partial]]:
    chunks = [complete.chunk for complete in source.complete] + [source.chunk]
    source.complete.clear()
    said = []
    for chunk in chunks:
        if codes := chunk.snapshot():
            whole = partial_of(chunk, source.partition, codes, wall_ms, caught_up=True)
            for message in messages(whole, partitions):
                partial = decode(message.value)
                assert isinstance(partial, Partial)
                said.append((message.partition, partial))
    return said
