"""Who was hit lately: facets, severities, users and samples of the last minutes, bounded.

Two generations: what came in since the last turn, and what came before it. They turn every minute while a code
is quiet and stand still during a storm, so that an alert speaks of the storm and not of last week.
"""

from typing import Final

import msgspec
from datasketches import hll_sketch, hll_union

from fault316_streams.partial import Contribution, Sample

VALUES_MAX: Final = 64
"""Distinct values kept of a facet in one generation; the others are counted under OTHER. 4 facets of 64
values of up to 128 characters: at most 40 kB a generation, usually some hundred bytes."""
SAMPLES_MAX: Final = 5
OTHER: Final = ""
TURN_S: Final = 60
USERS_LG_K: Final = 10
"""1,024 registers: 1 kB, standard error about 3 %."""

FACETS: Final = ("services", "hosts", "endpoints", "exception_types")


class Generation(msgspec.Struct, array_like=True):
    """What came in during one turn."""

    severity: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0, 0])
    services: dict[str, int] = {}
    hosts: dict[str, int] = {}
    endpoints: dict[str, int] = {}
    exception_types: dict[str, int] = {}
    users: bytes = b""
    samples: list[Sample] = []

    def add(self, new: Contribution, known: Contribution | None) -> None:
        """Count what `new` says beyond `known`, an earlier statement about the same range."""
        for i in range(4):
            self.severity[i] += new.severity[i] - (known.severity[i] if known else 0)
        for facet in FACETS:
            before = getattr(known, facet) if known else {}
            _add_values(getattr(self, facet), getattr(new, facet), before)
        # A sketch cannot be subtracted, and needs not: a union counts nobody twice.
        if new.users and not (known and known.users == new.users):
            self.users = union(self.users, new.users)
        ids = {sample.id for sample in self.samples}
        fresh = [sample for sample in new.samples if sample.id not in ids]
        self.samples = (fresh + self.samples)[:SAMPLES_MAX]


class Recent(msgspec.Struct, array_like=True):
    """The present and the last generation."""

    present: Generation = msgspec.field(default_factory=Generation)
    last: Generation = msgspec.field(default_factory=Generation)
    turned_s: int = 0

    def turn(self, now_s: int) -> None:
        """Begin a new generation if the present one is a minute old."""
        if now_s - self.turned_s >= TURN_S:
            stale = now_s - self.turned_s >= 2 * TURN_S
            self.last = Generation() if stale else self.present
            self.present = Generation()
            self.turned_s = now_s

    def severity(self) -> list[int]:
        """Events as P0…P3."""
        return [a + b for a, b in zip(self.present.severity, self.last.severity, strict=True)]

    def facet(self, name: str) -> dict[str, int]:
        """Value → events of one of `FACETS`."""
        values: dict[str, int] = dict(getattr(self.last, name))
        for value, events in getattr(self.present, name).items():
            values[value] = values.get(value, 0) + events
        return values

    def users(self) -> int:
        """Distinct users, estimated."""
        sketch = union(self.last.users, self.present.users)
        return round(hll_sketch.deserialize(sketch).get_estimate()) if sketch else 0

    def samples(self) -> list[Sample]:
        """The newest samples first."""
        return (self.present.samples + self.last.samples)[:SAMPLES_MAX]


def union(one: bytes, other: bytes) -> bytes:
    """Union of two serialized user sketches; empty bytes are the empty set."""
    if not (one and other):
        return one or other
    merged = hll_union(USERS_LG_K)
    merged.update(hll_sketch.deserialize(one))
    merged.update(hll_sketch.deserialize(other))
    return bytes(merged.get_result().serialize_compact())


def _add_values(values: dict[str, int], new: dict[str, int], before: dict[str, int]) -> None:
    for value, events in new.items():
        more = events - before.get(value, 0)
        if more > 0:
            key = value if value in values or len(values) < VALUES_MAX else OTHER
            values[key] = values.get(key, 0) + more
