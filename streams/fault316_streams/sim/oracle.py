"""The oracle just counts the log. The rules of counting are written down here a second time, on purpose."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fault316_schemas import Registry
from fault316_streams.sim.events import DAY_MS, Event
from fault316_streams.sim.kafka import Kafka, Record
from fault316_streams.sim.scenario import Scenario
from fault316_streams.sim.statements import Statements, statements

OTHER_CODE: Final = "316-OTHER"


class Seen(NamedTuple):
    """One event as it is in the log, under the name by which it counts."""

    event: Event
    source: int
    offset: int
    broker_ms: int
    name: str


@dataclass
class Counts:
    """What the log says of one code, or of several together."""

    seconds: Counter[int] = field(default_factory=Counter)
    minutes: Counter[int] = field(default_factory=Counter)
    severity: Counter[str] = field(default_factory=Counter)
    late: int = 0
    skewed: int = 0
    old: int = 0
    first_ms: int = 0
    last_ms: int = 0

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> "Counts":
        """Count them."""
        counts = cls()
        for each in seen:
            counts._add(each)
        return counts

    def _add(self, seen: Seen) -> None:
        event = seen.event
        at_ms, behind_ms = event.occurred_ms, seen.broker_ms - event.occurred_ms
        self.severity[event.severity or _registry.get(seen.name).severity] += event.count
        if behind_ms > 30 * DAY_MS or behind_ms < -300_000:
            at_ms = seen.broker_ms
            self.skewed += event.count
        elif behind_ms > 60_000:
            self.late += event.count
        if seen.broker_ms - at_ms > DAY_MS:
            self.old += event.count
        else:
            coarse = behind_ms > 900_000 and at_ms == event.occurred_ms
            self.seconds[at_ms // 10_000 * 10 if coarse else at_ms // 1_000] += event.count
            self.minutes[at_ms // 60_000] += event.count
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)


class Oracle:
    """Sees every record as it is written."""

    def __init__(self, scenario: Scenario, topic: str) -> None:
        self.events: list[Seen] = []
        self.refused: dict[tuple[int, int], bytes] = {}
        """Source and offset → key of the dead letter that there must be."""
        self.lost: dict[int, set[int]] = {}
        """By source partition, the offsets that retention deleted before they were said; see `lose`."""
        self.lost_codes: set[str] = set()
        self._scenario = scenario
        self._topic = topic
        self._single: dict[int, bool] = {}
        """By source partition, whether its first whole chunk is still to come."""
        self._start: dict[int, int] = {}
        self._last: dict[int, int] = {}
        """By source partition, the block that was written to last."""
        self._began: dict[int, int] = {}
        """By source partition, when its first record came, if that is still there."""
        self._named: dict[int, set[str]] = {}
        """By source partition, the codes that its newest chunk keeps apart."""

    def see(self, event: Event, record: Record) -> None:
        """A record was appended."""
        self._turn(event.source, record)
        if event.code:
            name = self._name(event)
            self.events.append(Seen(event, event.source, record.offset, record.timestamp, name))
        else:
            key = f"{self._topic}:{event.source}:{record.offset}".encode()
            self.refused[event.source, record.offset] = key

    def lose(self, kafka: Kafka) -> None:
        """Forget what retention deleted before it was said."""
        starts = {source: log.start for source, log in enumerate(kafka.events)}
        said = statements(kafka)
        letters = {record.key for record in kafka.dead_letters.records}
        lost = self.lost = {source: set() for source in starts}
        for seen in self.events:
            if seen.offset < starts[seen.source] and not _covers(said, seen):
                lost[seen.source].add(seen.offset)
                self.lost_codes.add(seen.event.code)
        for (source, offset), key in self.refused.items():
            if offset < starts[source] and key not in letters:
                lost[source].add(offset)
        self.events = [seen for seen in self.events if seen.offset not in lost[seen.source]]
        self.refused = {at: key for at, key in self.refused.items() if at[1] not in lost[at[0]]}

    def begin(self, source: int, offset: int) -> None:
        """A log begins there. If it is not its first record, then maybe inside of a chunk: up to the next border each
        record is a chunk of its own.
        """
        self._start[source] = offset
        self._single[source] = offset != 0

    def _turn(self, source: int, record: Record) -> None:
        """Notes where a new block begins, and with it maybe a chunk."""
        size, chunk, slot = (
            1 << self._scenario.block_bits,
            1 << self._scenario.chunk_bits,
            self._scenario.chunk_ms,
        )
        block, last = record.offset // size, self._last.get(source, -1)
        self._last[source] = block
        if block == last:
            return
        began = self._began.pop(source, None)
        if last >= 0 or self._start[source] <= block * size:
            self._began[source] = record.timestamp
        far = last >= 0 and last * size // chunk != block * size // chunk
        if far or (began is not None and began // slot != record.timestamp // slot):
            self._single[source] = False
            self._named[source] = set()

    def _name(self, event: Event) -> str:
        if self._single[event.source]:
            return event.code
        named = self._named.setdefault(event.source, set())
        if event.code not in named and len(named) >= self._scenario.chunk_codes_max:
            return OTHER_CODE
        named.add(event.code)
        return event.code


def _covers(said: Statements, seen: Seen) -> bool:
    return any(each.start <= seen.offset < each.upto for each in said.get((seen.source, seen.name), ()))


_registry = Registry()
