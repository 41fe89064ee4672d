"""What a chunk says about one code so far.

The longest part of the hot path. Each facet is looked up by `in` first, because a name that is there already, as nearly
all are, is then counted without a call.
"""

from functools import lru_cache
from typing import Final

from datasketches import hll_sketch, tgt_hll_type

from fault316_streams.intake.combiner import Record
from fault316_streams.intake.event import HotEvent, decode, sample
from fault316_streams.intake.reject import Rejected, shown
from fault316_streams.partial import SEVERITIES, USERS_LG_K, USERS_MINUTES_MAX, Contribution

FACET_VALUES_MAX: Final = 16
"""Distinct values of a facet that one code keeps in one chunk; alerts show 5."""

FACET_CHARS_MAX: Final = 128
"""A facet's value is cut here: 4 facets × 17 values × 128 chars stay below 40 KB a code even in UTF-8."""

OTHER_VALUE: Final = ""
"""The facet value that stands for all values beyond the limit; no real one is empty."""

SEVERITY_INDEX: Final = {severity: index for index, severity in enumerate(SEVERITIES)}

_NO_MINUTE: Final = -1


class CodeSum:
    """Sums of the events of one code in one chunk."""

    __slots__ = ("_default_severity", "_minute", "_sketch", "_touched", "_users", "fresh", "newest", "said")

    def __init__(self, default_severity: int) -> None:
        """`default_severity`: index into `Contribution.severity`."""
        self.said = Contribution()
        self.fresh = 0
        """Events since the last snapshot that told of this code."""
        self.newest: Record | None = None
        self._default_severity = default_severity
        self._users: dict[int, hll_sketch] = {}
        """By epoch minute, the latest `USERS_MINUTES_MAX`."""
        self._touched: set[int] = set()
        """Minutes whose users grew since the last snapshot that told of this code."""
        self._minute = _NO_MINUTE
        """The one of the last event that had a user; its users are in `_sketch`, unless only later ones are kept."""
        self._sketch: hll_sketch | None = None

    def add(self, event: HotEvent, ms: int, second: int | None) -> None:
        """Count an event that has its place at `ms`, epoch ms, and in an epoch second, or in none."""
        said, count = self.said, event.count
        self.fresh += count
        if second is not None:
            seconds = said.seconds
            seconds[second] = seconds.get(second, 0) + count
        if ms > said.last_ms:
            said.last_ms = ms
        if ms < said.first_ms or not said.first_ms:
            said.first_ms = ms

        severity = event.severity
        index = self._default_severity if severity is None else SEVERITY_INDEX[severity]
        said.severity[index] += count

        facet, value = said.services, event.service
        if value in facet:
            facet[value] += count
        else:
            _tally(facet, value, count)
        facet, host = said.hosts, event.host
        if host in facet:
            facet[host] += count
        elif host is not None:
            _tally(facet, host, count)
        facet, endpoint = said.endpoints, event.endpoint
        if endpoint in facet:
            facet[endpoint] += count
        elif endpoint is not None:
            _tally(facet, endpoint, count)
        if (exception := event.exception) is not None:
            facet, value = said.exception_types, exception.type
            if value in facet:
                facet[value] += count
            else:
                _tally(facet, value, count)

        if (user := event.user_id) is not None:
            minute = ms // 60_000
            if minute != self._minute:
                self._turn_to(minute)
            if self._sketch is not None:
                self._sketch.update(user)

    def complete(self) -> None:
        """Make ready for a snapshot what is too dear to do for each event."""
        for minute in self._touched:
            self.said.users[minute] = bytes(self._users[minute].serialize_compact())
        self._touched.clear()
        self._minute = _NO_MINUTE
        assert self.newest is not None
        assert self.newest.value is not None
        event = decode(self.newest.value)
        assert not isinstance(event, Rejected)
        self.said.samples = [sample(event, self.newest.value)]
        self.fresh = 0

    def _turn_to(self, minute: int) -> None:
        """The next user belongs to this minute."""
        self._minute = minute
        self._sketch = self._users.get(minute) or self._begin(minute)
        if self._sketch is not None:
            self._touched.add(minute)

    def _begin(self, minute: int) -> hll_sketch | None:
        """A minute's users, of which there were none yet; None where only later minutes are kept.

        Minutes once let go never come back, so what is kept depends on the records alone, and each is kept whole.
        """
        if len(self._users) >= USERS_MINUTES_MAX:
            oldest = min(self._users)
            if minute < oldest:
                return None
            del self._users[oldest]
            self.said.users.pop(oldest, None)
            self._touched.discard(oldest)
        users = self._users[minute] = hll_sketch(USERS_LG_K, tgt_hll_type.HLL_4)
        return users


@lru_cache(maxsize=4_096)
def _facet_value(value: str) -> str:
    """Remembered, because the same few hundred hosts and endpoints come with every chunk. At most 4,096 × 1 KB."""
    return shown(value, FACET_CHARS_MAX)


def _tally(facet: dict[str, int], value: str, count: int) -> None:
    """Count a value that may not be in the facet under its own name."""
    # What is beyond the limit is not shown, so it needs no scrubbing: endpoints with ids in them stay cheap.
    full = len(facet) - (OTHER_VALUE in facet) >= FACET_VALUES_MAX
    name = OTHER_VALUE if full else _facet_value(value)
    facet[name] = facet.get(name, 0) + count
