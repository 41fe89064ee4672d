"""Events → contributions per code: one chunk of one source partition, in Python."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import nlargest
from typing import Final

from datasketches import hll_sketch, tgt_hll_type

from fault316_schemas import Registry
from fault316_streams.intake.combiner import Combiner, Record
from fault316_streams.intake.event import decode, sample
from fault316_streams.intake.place import Timing, place, second_of
from fault316_streams.intake.reject import Rejected, shown
from fault316_streams.partial import SEVERITIES, USERS_LG_K, USERS_MINUTES_MAX, Contribution

FACET_VALUES_MAX: Final = 16
"""Distinct values of a facet that one code keeps in one chunk; alerts show 5."""

FACET_CHARS_MAX: Final = 128
"""A facet's value is cut here: 4 facets × 17 values × 128 chars stay below 40 KB a code even in UTF-8."""

OTHER_VALUE: Final = ""
"""The facet value that stands for all values beyond the limit; no real one is empty."""

CODES_PER_CHUNK_MAX: Final = 4_096
"""Distinct codes that one chunk keeps apart: more is a producer that puts ids into codes."""

OTHER_CODE: Final = "316-OTHER"
"""Counts the codes beyond the limit."""

_SEVERITY_INDEX = {severity: index for index, severity in enumerate(SEVERITIES)}


class _Sum:
    """What a chunk says about one code so far."""

    __slots__ = ("default_severity", "fresh", "newest", "said", "touched", "users")

    def __init__(self, default_severity: int) -> None:
        """`default_severity`: index into `Contribution.severity`."""
        self.said = Contribution()
        self.default_severity = default_severity
        self.users: dict[int, hll_sketch] = {}
        """By epoch minute, the latest `USERS_MINUTES_MAX`."""
        self.touched: set[int] = set()
        """Minutes whose users grew since the last snapshot that told of this code."""
        self.newest: Record | None = None
        self.fresh = 0
        """Events since the last snapshot that told of this code."""

    def users_of(self, minute: int) -> hll_sketch | None:
        """A minute's users, of which there were none yet; None where only later minutes are kept.

        Minutes once let go never come back, so what is kept depends on the records alone, and each is kept whole.
        """
        if len(self.users) >= USERS_MINUTES_MAX:
            oldest = min(self.users)
            if minute < oldest:
                return None
            del self.users[oldest]
            self.said.users.pop(oldest, None)
            self.touched.discard(oldest)
        users = self.users[minute] = hll_sketch(USERS_LG_K, tgt_hll_type.HLL_4)
        return users

    def complete(self) -> None:
        """Make ready for a snapshot what is too dear to do for each event."""
        for minute in self.touched:
            self.said.users[minute] = bytes(self.users[minute].serialize_compact())
        self.touched.clear()
        assert self.newest is not None
        assert self.newest.value is not None
        event = decode(self.newest.value)
        assert not isinstance(event, Rejected)
        self.said.samples = [sample(event, self.newest.value)]
        self.fresh = 0


class Chunk(Combiner):
    """The combiner in Python."""

    def __init__(self, start: int, registry: Registry) -> None:
        """`start`: where it begins; `registry`: default severities."""
        self.start = start
        self.upto = start
        self.log_ms = 0
        self.late = 0
        self.skewed = 0
        self._registry = registry
        self._sums: dict[str, _Sum] = {}

    @property
    def names(self) -> int:
        """See `Combiner`."""
        return len(self._sums)

    def add(self, records: Sequence[Record]) -> list[tuple[Record, Rejected]]:
        """See `Combiner`."""
        assert records[0].offset >= self.upto, "records are read once and in order"
        rejected: list[tuple[Record, Rejected]] = []
        sums = self._sums
        for record in records:
            event = decode(record.value)
            if isinstance(event, Rejected):
                rejected.append((record, event))
                continue
            ms, timing = place(event.occurred_at, record.timestamp)
            known = sums.get(event.code) or self._sum_of(event.code)
            said = known.said
            count = event.count
            known.fresh += count

            if timing is not Timing.OLD:
                seconds = said.seconds
                second = ms // 1_000 if timing is not Timing.LATE else second_of(ms, record.timestamp)
                seconds[second] = seconds.get(second, 0) + count
            if timing is not Timing.ON_TIME:
                self._tally_timing(said, timing, count)
            if ms > said.last_ms:
                said.last_ms = ms
            if ms < said.first_ms or not said.first_ms:
                said.first_ms = ms

            severity = event.severity
            index = known.default_severity if severity is None else _SEVERITY_INDEX[severity]
            said.severity[index] += count
            _tally(said.services, event.service, count)
            if event.host is not None:
                _tally(said.hosts, event.host, count)
            if event.endpoint is not None:
                _tally(said.endpoints, event.endpoint, count)
            if event.exception is not None:
                _tally(said.exception_types, event.exception.type, count)
            if event.user_id is not None:
                minute = ms // 60_000
                users = known.users.get(minute) or known.users_of(minute)
                if users is not None:
                    users.update(event.user_id)
                    known.touched.add(minute)
            known.newest = record
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

    def _sum_of(self, code: str) -> _Sum:
        """A code's sums, which there are none of yet; beyond the limit the one of `OTHER_CODE`."""
        if len(self._sums) >= CODES_PER_CHUNK_MAX:
            code = OTHER_CODE
        if code not in self._sums:
            self._sums[code] = _Sum(_SEVERITY_INDEX[self._registry.get(code).severity])
        return self._sums[code]

    def _tally_timing(self, said: Contribution, timing: Timing, count: int) -> None:
        if timing is Timing.SKEWED:
            said.skewed += count
            self.skewed += count
        else:
            said.late += count
            self.late += count
            said.old += count if timing is Timing.OLD else 0


@lru_cache(maxsize=4_096)
def _facet_value(value: str) -> str:
    """Remembered, because the same few hundred hosts and endpoints come with every chunk. At most 4,096 × 1 KB."""
    return shown(value, FACET_CHARS_MAX)


def _tally(facet: dict[str, int], value: str, count: int) -> None:
    known = facet.get(value)
    if known is None:
        # What is beyond the limit is not shown, so it needs no scrubbing: endpoints with ids in them stay cheap.
        full = len(facet) - (OTHER_VALUE in facet) >= FACET_VALUES_MAX
        value = OTHER_VALUE if full else _facet_value(value)
        known = facet.get(value, 0)
    facet[value] = known + count
