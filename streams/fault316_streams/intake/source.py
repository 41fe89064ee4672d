"""One source partition as an intake sees it: where reading is, the open chunk, and what waits to be published."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from fault316_schemas import Registry
from fault316_streams.intake.combine import Chunk, Record
from fault316_streams.intake.reject import Rejected
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import CHUNK_BITS, Progress


class Letter(NamedTuple):
    """A refused record, on its way to the dead letters."""

    partition: int
    offset: int
    value: bytes | None
    rejected: Rejected


class Complete(NamedTuple):
    """A chunk that grows no more; once it is published, reading may resume at `resume_at`."""

    chunk: Chunk
    resume_at: int


class Source:
    """Cuts what is read into chunks, in order. Where it starts:

    - nothing committed yet: at the log's start, which is committed at once;
    - else at the committed offset, which is a chunk's start;
    - if retention has deleted that offset: at the log's start (see `skip_to`).

    Where the log starts between two borders, each record up to the next border is a chunk of its own. So the ranges
    that are spoken of are whole chunks from their border on, or single records: no two of them ever overlap in part,
    whatever retention deletes while one is open.
    """

    def __init__(self, partition: int, start: int, registry: Registry, stats: IntakeStats) -> None:
        """`start`: the offset that is read first."""
        self.partition = partition
        self.chunk = Chunk(start, registry)
        self.complete: deque[Complete] = deque()
        self.letters: list[Letter] = []
        self.letter_bytes = 0
        self.log_ms = 0
        """Broker's time of the newest record read, epoch ms; 0 before the first."""
        self.said = Progress(start, 0, False)
        """What has been published and acknowledged."""
        self.committed = start
        """Where this or another intake resumes."""
        self.resume_at = start
        """What may be committed: all chunks before it are published."""
        self._registry = registry
        self._stats = stats

    @property
    def upto(self) -> int:
        """The offset that is read next."""
        return self.chunk.upto

    def take(self, records: Sequence[Record]) -> None:
        """Count the next records."""
        while records:
            if records[0].offset >= self.chunk.end:
                # Transaction markers and compaction leave holes, even over a whole chunk.
                border = records[0].offset >> CHUNK_BITS << CHUNK_BITS
                self._begin(border if border >= self.chunk.end else records[0].offset)
            border = bisect_left(records, self.chunk.end, key=_offset)
            self._add(records[:border])
            records = records[border:]
            if self.chunk.upto == self.chunk.end:
                self._begin(self.chunk.end)

    def skip_to(self, offset: int) -> None:
        """Go on at `offset`, because what is before it cannot be read any more. What was read stays counted."""
        self._begin(offset)

    def take_letters(self) -> list[Letter]:
        """The refused records since the last call."""
        letters, self.letters, self.letter_bytes = self.letters, [], 0
        return letters

    def _begin(self, start: int) -> None:
        """Open the chunk at `start`; the one before is complete."""
        if self.chunk.upto > self.chunk.start:
            self.complete.append(Complete(self.chunk, start))
        self.chunk = Chunk(start, self._registry)

    def _add(self, records: Sequence[Record]) -> None:
        chunk, stats = self.chunk, self._stats
        late, skewed = chunk.late, chunk.skewed
        rejected = chunk.add(records)
        self.log_ms = chunk.log_ms
        stats.events += len(records) - len(rejected)
        stats.bytes += sum(len(record.value or b"") for record in records)
        stats.late += chunk.late - late
        stats.skewed += chunk.skewed - skewed
        for record, why in rejected:
            stats.rejected[why.reason] += 1
            self.letters.append(Letter(self.partition, record.offset, record.value, why))
            self.letter_bytes += len(record.value or b"")


def _offset(record: Record) -> int:
    return record.offset
