"""One source partition as an intake sees it: where reading is, the open chunk, and what waits to be published."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from fault316_schemas import Registry
from fault316_streams.intake.border import BLOCK_BITS, apart, begins_block, block_of
from fault316_streams.intake.combine import Chunk
from fault316_streams.intake.combiner import Combiner, Record
from fault316_streams.intake.reject import Rejected
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import Progress


class Letter(NamedTuple):
    """A refused record, on its way to the dead letters."""

    partition: int
    offset: int
    value: bytes | None
    rejected: Rejected


class Complete(NamedTuple):
    """A chunk that grows no more; once it is published, reading may resume at `resume_at`, or only where it might
    before.
    """

    chunk: Combiner
    resume_at: int | None


class Source:
    """Cuts what is read into chunks (see `border`), in order. Where it starts:

    - nothing committed yet: at the log's start, which is committed at once (if it is `resumable`);
    - else at the committed offset;
    - if retention has deleted that offset: at the log's start (see `skip_to`).

    A committed offset that begins a block begins a chunk, because no other such offset is committed. Anywhere else
    reading may start inside of a chunk, of which somebody may have told before, up to anywhere. There each record up
    to the first border is a chunk of its own. So the ranges that are spoken of are whole chunks from their beginning
    on, or single records: no two of them ever overlap in part, whatever retention deletes while one is open.
    """

    def __init__(
        self, partition: int, start: int, registry: Registry, stats: IntakeStats, committed: bool = True
    ) -> None:
        """`start`: the offset that is read first, and whether it was `committed`."""
        self.partition = partition
        self.chunk: Combiner = Chunk(start, registry)
        self.complete: deque[Complete] = deque()
        self.letters: list[Letter] = []
        self.letter_bytes = 0
        self.log_ms = 0
        """Broker's time of the newest record read, epoch ms; 0 before the first."""
        self.said = Progress(start, 0, False)
        """What has been published and acknowledged, and at which time of the intake's clock."""
        self.said_ms = 0
        self.committed = start
        """Where this or another intake resumes."""
        self.resume_at = start
        """What may be committed: all chunks before it are published."""
        self._inside = start != 0 and not (committed and begins_block(start))
        """Each record is a chunk of its own."""
        self._block_ms: int | None = None
        """Broker's time of the first record in the block that is read, if that is known."""
        self._registry = registry
        self._stats = stats

    @property
    def upto(self) -> int:
        """The offset that is read next."""
        return self.chunk.upto

    @property
    def resumable(self) -> bool:
        """Whether where it starts may be committed: whoever resumes there will take it for what it is."""
        return self._resumable(self.resume_at)

    def take(self, records: Sequence[Record]) -> None:
        """Count the next records."""
        while records:
            first = records[0]
            self._turn(first)
            end = first.offset + 1 if self._inside else block_of(first.offset) + (1 << BLOCK_BITS)
            cut = bisect_left(records, end, key=_offset)
            self._add(records[:cut])
            records = records[cut:]

    def skip_to(self, offset: int) -> None:
        """Go on at `offset`, because what is before it cannot be read any more. What was read stays counted."""
        self._inside = offset != 0
        self._begin(offset, offset if self._resumable(offset) else None)

    def next_complete(self, most: int) -> list[Complete]:
        """The first complete chunk, or as many as follow each other that are single records, up to `most`."""
        first = islice(self.complete, most)
        return list(takewhile(lambda each: each.chunk.upto - each.chunk.start == 1, first)) or [
            self.complete[0]
        ]

    def take_letters(self) -> list[Letter]:
        """The refused records since the last call."""
        letters, self.letters, self.letter_bytes = self.letters, [], 0
        return letters

    def _turn(self, first: Record) -> None:
        """Begin a chunk before this record, if one begins there."""
        block, last = block_of(first.offset), self.chunk.upto - 1
        if self.chunk.upto == self.chunk.start:  # nothing is read yet, so it may be inside of its block
            self._block_ms = first.timestamp if self.chunk.start <= block else None
        elif last < block:
            border = apart(last, self._block_ms, first.offset, first.timestamp)
            self._block_ms = first.timestamp
            if border:
                self._inside = False
                self._begin(block, resume_at=block)
                return
        if self._inside:
            # Whoever begins anew begins where we did, or he would find another first border.
            self._begin(first.offset, resume_at=None)

    def _begin(self, start: int, resume_at: int | None) -> None:
        """Open the chunk at `start`; the one before is complete."""
        if self.chunk.upto > self.chunk.start:
            self.complete.append(Complete(self.chunk, resume_at))
        self.chunk = Chunk(start, self._registry)

    def _resumable(self, offset: int) -> bool:
        return not (self._inside and begins_block(offset))

    def _add(self, records: Sequence[Record]) -> None:
        chunk, stats = self.chunk, self._stats
        size, late, skewed = chunk.size, chunk.late, chunk.skewed
        rejected = chunk.add(records)
        self.log_ms = chunk.log_ms
        stats.events += len(records) - len(rejected)
        stats.bytes += chunk.size - size
        stats.late += chunk.late - late
        stats.skewed += chunk.skewed - skewed
        for record, why in rejected:
            stats.rejected[why.reason] += 1
            self.letters.append(Letter(self.partition, record.offset, record.value, why))
            self.letter_bytes += len(record.value or b"")


def _offset(record: Record) -> int:
    return record.offset
