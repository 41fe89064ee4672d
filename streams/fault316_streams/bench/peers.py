"""fault316 beside others that do the same job: on the same events and servers, each pinned to the same core.

fault316 runs its whole pipeline, as the first and as the last one, so that a machine whose speed drifts shows.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean
from typing import Final

from confluent_kafka import KafkaException

from fault316_streams.bench.lab import WORKER_CORE, Lab
from fault316_streams.bench.load import Load
from fault316_streams.bench.peer import Peer, set_up
from fault316_streams.bench.peer_output import create_topic, total_of
from fault316_streams.bench.peer_run import paces, run
from fault316_streams.bench.throughput import Filled, Progress, fill, measure
from fault316_streams.errors import Failure

FAULT316: Final = "fault316"
WINDOW_S: Final = 10

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One run, or why there is none."""

    name: str
    title: str
    problem: str = ""
    events: int = 0
    counted: int = 0
    """Of these events, in the results: what was dropped as late is missing."""
    seconds: float = 0.0
    events_per_s: float = 0.0
    cpu_us: float | None = None
    """Microseconds per event, user and system."""
    warm_events_per_s: float | None = None
    """In the second half of the run."""
    warm_cpu_us: float | None = None
    peak_mb: float = 0.0
    ratio: float | None = None
    """How many times as many events a second fault316 takes on this core, in the mean of its runs."""
    warm_ratio: float | None = None


def race(
    lab: Lab, peers: Sequence[Peer], load: Load, events: int, partitions: int, say: Say
) -> Iterator[Row]:
    """All of them, one after the other. Who can't be set up, or fails, has a row that says so."""
    refusals: dict[str, str] = {}
    for peer in peers:
        say(f"{peer.title}: setting up")
        try:
            set_up(peer)
        except Failure as error:
            refusals[peer.name] = str(error)
    course = _Course(lab, load, partitions, say)
    yield _tried(FAULT316, FAULT316, partial(course.fault316, events))
    for peer in peers:
        if refusal := refusals.get(peer.name):
            yield Row(peer.name, peer.title, refusal)
        else:
            yield _tried(peer.name, peer.title, partial(course.peer, peer, events))
    yield _tried(FAULT316, FAULT316, partial(course.fault316, events))


def compared(rows: Sequence[Row]) -> list[Row]:
    """With the ratios to fault316; without any where it failed."""
    ours = [row for row in rows if row.name == FAULT316 and not row.problem]
    if not ours:
        return list(rows)
    whole = mean(row.events_per_s for row in ours)
    warm = mean(row.warm_events_per_s or row.events_per_s for row in ours)
    return [
        replace(row, ratio=_ratio(whole, row.events_per_s), warm_ratio=_ratio(warm, row.warm_events_per_s))
        for row in rows
    ]


class _Course:
    """Topics with events, and a run on them."""

    def __init__(self, lab: Lab, load: Load, partitions: int, say: Say) -> None:
        self._lab = lab
        self._load = load
        self._partitions = partitions
        self._say = say
        self._filled: dict[int, Filled] = {}

    def fault316(self, events: int) -> Row:
        """On a topic of its own, because it goes on where it was; afterwards it is the peers'."""
        filled = self._filled[events] = self._fill(events)
        progress: list[Progress] = []
        result = measure(self._lab, filled, self._told(FAULT316), progress=progress)
        half = next((each for each in progress if each.counted >= events / 2), None)
        if not result.exact:
            raise Failure("its counters are not what was written")
        return Row(
            FAULT316,
            FAULT316,
            events=events,
            counted=events,
            seconds=result.seconds,
            events_per_s=result.events_per_s,
            cpu_us=sum(result.cpu_us),
            warm_events_per_s=round((events - half.counted) / (result.seconds - half.at_s)) if half else None,
            peak_mb=sum(result.peak_mb),
        )

    def peer(self, peer: Peer, events: int) -> Row:
        """On the events that fault316 had; who takes too long, on fewer."""
        events = min(events, peer.facts.events_max or events)
        if events not in self._filled:
            self._filled[events] = self._fill(events)
        settings = self._filled[events].settings
        output = f"{settings.topic_prefix}{peer.name}.counts"
        create_topic(settings.bootstrap_servers, output)
        say = self._told(peer.title)
        with tempfile.TemporaryDirectory(prefix="fault316-peer-", ignore_cleanup_errors=True) as state:
            task = {
                "PEER_BOOTSTRAP": settings.bootstrap_servers,
                "PEER_TOPIC": settings.topics.events,
                "PEER_PARTITIONS": str(self._partitions),
                "PEER_EVENTS": str(events),
                "PEER_OUTPUT_TOPIC": output,
                "PEER_GROUP": f"{settings.topic_prefix}{peer.name}",
                "PEER_WINDOW_S": str(WINDOW_S),
                "PEER_STATE_DIR": state,
            }
            say("starting")
            core = WORKER_CORE if self._lab.pin else None
            points = run(peer, task, events, core, lambda read: say(f"{read:,} of {events:,} events"))
        whole, warm = paces(points)
        return Row(
            peer.name,
            peer.title,
            events=events,
            counted=round(total_of(settings.bootstrap_servers, output) / peer.facts.windows_per_event),
            seconds=whole.seconds,
            events_per_s=whole.events_per_s,
            cpu_us=whole.cpu_us,
            warm_events_per_s=warm.events_per_s if warm else None,
            warm_cpu_us=warm.cpu_us if warm else None,
            peak_mb=round(max(point.sample.peak_mb for point in points), 1),
        )

    def _fill(self, events: int) -> Filled:
        return fill(self._lab, self._load, events, self._say, self._partitions)

    def _told(self, who: str) -> Say:
        return lambda what: self._say(f"{who}: {what}")


def _tried(name: str, title: str, attempt: Callable[[], Row]) -> Row:
    try:
        return attempt()
    except (Failure, KafkaException) as error:
        return Row(name, title, str(error))


def _ratio(ours: float, theirs: float | None) -> float | None:
    return round(ours / theirs, 2) if theirs else None
