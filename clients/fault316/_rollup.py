"""Identical faults that come too fast, as one: a storm must not melt the service that reports it.

In each second (of the faults' own time) the first `free` of a kind pass as they are; those beyond it become one
record with their `count`, when the second is over. So counts by the second stay exact, which is what storms are
judged by, and a kind of fault costs at most `free + 1` events a second, however fast it comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fault316._record import Record
from fault316_schemas.event import COUNT_MAX

FREE_PER_S = 20
"""Enough that a storm's users, hosts and request ids are seen; 20 events of 1 kB are nothing."""
KINDS_MAX = 4_096
"""Kinds held at a time: about 1 MB, and one second each. Others pass as they are."""
SETTLE_S = 0.1
"""After the end of a second, what was reported in it may still be in the queue."""

Kind = tuple[Any, ...]


@dataclass(slots=True)
class _Second:
    """What there was of one kind in one second."""

    passed: int = 0
    held: Record | None = None


class RollUp:
    """For one thread. `free` = 0 rolls up all that is identical, None nothing."""

    def __init__(self, free: int | None = FREE_PER_S) -> None:
        self._free = free
        self._kinds: dict[Kind, _Second] = {}

    def add(self, record: Record) -> Record | None:
        """The record that is to be sent now, if any.

        Raises:
            TypeError: the record's code, or another part of its kind, is not hashable.
        """
        if self._free is None:
            return record
        kind = _kind(record)
        second = self._kinds.get(kind)
        if second is None:
            if len(self._kinds) >= KINDS_MAX:
                return record
            second = self._kinds[kind] = _Second()
        if second.passed < self._free:
            second.passed += 1
            return record
        if second.held is None:
            second.held = replace(record)
            return None
        if second.held.count + record.count > COUNT_MAX:
            full, second.held = second.held, replace(record)
            return full
        second.held.count += record.count
        return None

    def over(self, now_s: float) -> Iterator[Record]:
        """What is held of seconds that have ended."""
        ended = [kind for kind in self._kinds if kind[0] + 1 + SETTLE_S <= now_s or kind[0] > now_s + 1]
        for kind in ended:
            second = self._kinds.pop(kind)
            if second.held is not None:
                yield second.held

    def all(self) -> Iterator[Record]:
        """What is held, of this second too; the second's free ones stay used up."""
        for second in self._kinds.values():
            if second.held is not None:
                held, second.held = second.held, None
                yield held

    def __bool__(self) -> bool:
        """Whether there is anything that time will change."""
        return bool(self._kinds)


def _kind(record: Record) -> Kind:
    """Identical: whatever workers count by is the same, and the cause. First the second."""
    details = record.details
    given = details.get("occurred_at")
    return (
        int(given.timestamp() if isinstance(given, datetime) else record.at_s),
        record.code,
        details.get("severity"),
        details.get("layer"),
        details.get("endpoint"),
        details.get("component"),
        record.captured.fingerprint() if record.captured else None,
    )
