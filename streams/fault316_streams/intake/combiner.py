"""The hot path's one seam: a batch of records of one source partition in, what was refused out, the sums kept.

A native kernel may stand beside the one in Python (`combine.py`): `tests/contract/intake` holds both to the same suite.
A chunk is a pure function of its records: however they are cut into batches, and whenever snapshots are taken, the
contributions come out equal.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from fault316_streams.intake.reject import Rejected
from fault316_streams.partial import Contribution


class Record(Protocol):
    """What is needed of aiokafka's `ConsumerRecord`."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class Combiner(Protocol):
    """What the records `[start, upto)` of one source partition say, by code."""

    start: int
    upto: int
    log_ms: int
    """Broker's time of the newest record, epoch ms."""
    size: int
    """Bytes of the values."""
    late: int
    skewed: int

    @property
    def names(self) -> int:
        """Codes that it keeps apart."""
        ...

    def add(self, records: Sequence[Record]) -> list[tuple[Record, Rejected]]:
        """Count the next records, in offset order and none behind a border; return the refused ones."""
        ...

    def changed(self, limit: int | None = None) -> list[str]:
        """The codes that changed since they were last told; with a `limit` only so many, those with the most new events."""
        ...

    def told(self, codes: Iterable[str]) -> dict[str, Contribution]:
        """All that is known about these codes. The values are live: encode them before the next `add`."""
        ...

    def snapshot(self, limit: int | None = None) -> dict[str, Contribution]:
        """All that `changed`, `told`."""
        ...
