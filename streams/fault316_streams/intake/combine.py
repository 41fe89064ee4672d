"""Events → contributions per code: one chunk of one source partition, in Python."""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Final

from fault316_schemas import Registry
from fault316_streams.intake.code_sum import SEVERITY_INDEX, CodeSum
from fault316_streams.intake.combiner import Combiner, Record
from fault316_streams.intake.event import judged, read
from fault316_streams.intake.place import ON_TIME, Timing, place, second_of
from fault316_streams.intake.reject import Rejected
from fault316_streams.partial import Contribution

CODES_PER_CHUNK_MAX: Final = 4_096
"""Distinct codes that one chunk keeps apart: more is a producer that puts ids into codes."""

OTHER_CODE: Final = "316-OTHER"
"""Counts the codes beyond the limit."""


class Chunk(Combiner):
    """The combiner in Python."""

    def __init__(self, start: int, registry: Registry) -> None:
        """`start`: where it begins; `registry`: default severities."""
        self.start = start
        self.upto = start
        self.log_ms = 0
        self.size = 0
        self.late = 0
        self.skewed = 0
        self._registry = registry
        self._sums: dict[str, CodeSum] = {}

    @property
    def names(self) -> int:
        """See `Combiner`."""
        return len(self._sums)

    def add(self, records: Sequence[Record]) -> list[tuple[Record, Rejected]]:
        """See `Combiner`."""
        assert records[0].offset >= self.upto, "records are read once and in order"
        rejected: list[tuple[Record, Rejected]] = []
        sums = self._sums
        size = 0
        for record in records:
            value = record.value
            if value is not None:
                size += len(value)
            event = read(value)
            known = None if event is None else sums.get(event.code)
            if event is None or known is None:  # not seen yet, or to be refused
                judgement = judged(event, value)
                if isinstance(judgement, Rejected):
                    rejected.append((record, judgement))
                    continue
                event, known = judgement, self._sum_of(judgement.code)
            ms, timing = place(event.occurred_at, record.timestamp)
            if timing is ON_TIME:
                known.add(event, ms, ms // 1_000)
            else:
                self._tally(known.said, timing, event.count)
                known.add(event, ms, second_of(ms, record.timestamp, timing))
            known.newest = record
        self.size += size
        self.upto = records[-1].offset + 1
        self.log_ms = records[-1].timestamp
        return rejected

    def snapshot(self, limit: int | None = None) -> dict[str, Contribution]:
        """See `Combiner`."""
        return self.told(self.changed(limit))

    def changed(self, limit: int | None = None) -> list[str]:
        """See `Combiner`."""
        changed = [code for code, known in self._sums.items() if known.fresh]
        if limit is not None and len(changed) > limit:
            changed = nlargest(limit, changed, key=lambda code: self._sums[code].fresh)
        return changed

    def told(self, codes: Iterable[str]) -> dict[str, Contribution]:
        """See `Combiner`."""
        said = {}
        for code in codes:
            self._sums[code].complete()
            said[code] = self._sums[code].said
        return said

    def _sum_of(self, code: str) -> CodeSum:
        """A code's sums; beyond the limit, where there are none yet, the ones of `OTHER_CODE`."""
        if code not in self._sums and len(self._sums) >= CODES_PER_CHUNK_MAX:
            code = OTHER_CODE
        if code not in self._sums:
            self._sums[code] = CodeSum(SEVERITY_INDEX[self._registry.get(code).severity])
        return self._sums[code]

    def _tally(self, said: Contribution, timing: Timing, count: int) -> None:
        """Count an event that is not on time."""
        if timing is Timing.SKEWED:
            said.skewed += count
            self.skewed += count
        else:
            said.late += count
            self.late += count
            said.old += count if timing is Timing.OLD else 0
