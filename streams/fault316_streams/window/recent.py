"""Who was hit lately: facets, severities, users and samples of the last minutes, bounded.

Two generations: what came in since the last turn, and what came before it. They turn every minute while a code
is quiet and stand still during a storm, so that an alert speaks of the storm and not of last week.
"""

from typing import Final

import msgspec
from datasketches import hll_sketch, hll_union

from fault316_streams.partial import USERS_LG_K, USERS_MINUTES_MAX, Contribution, Sample

VALUES_MAX: Final = 64
"""Distinct values kept of a facet in one generation; the others are counted under OTHER. 4 facets of 64
values of up to 128 characters: at most 40 kB a generation, usually some hundred bytes."""
SAMPLES_MAX: Final = 5
OTHER: Final = ""
TURN_S: Final = 60
USERS_MINUTES: Final = 10
"""Minutes behind the judge's whose users are kept apart. Those ahead of it are, too, which are many in a backlog
only: see `USERS_MINUTES_MAX`."""

FACETS: Final = ("services", "hosts", "endpoints", "exception_types")


class Generation(msgspec.Struct, array_like=True):
    """What came in during one turn."""

    severity: list[int] = msgspec.field(default_factory=lambda: [0, 0, 0, 0])
    services: dict[str, int] = {}
    hosts: dict[str, int] = {}
    endpoints: dict[str, int] = {}
    exception_types: dict[str, int] = {}
    samples: list[Sample] = []

    def add(self, new: Contribution, known: Contribution | None) -> None:
        """Count what `new` says beyond `known`, an earlier statement about the same range."""
        for i in range(4):
            self.severity[i] += new.severity[i] - (known.severity[i] if known else 0)
        for facet in FACETS:
            before = getattr(known, facet) if known else {}
            _add_values(getattr(self, facet), getattr(new, facet), before)
        ids = {sample.id for sample in self.samples}
        fresh = [sample for sample in new.samples if sample.id not in ids]
        self.samples = (fresh + self.samples)[:SAMPLES_MAX]


class Recent(msgspec.Struct, array_like=True):
    """The present and the last generation, and the users of the last minutes."""

    present: Generation = msgspec.field(default_factory=Generation)
    last: Generation = msgspec.field(default_factory=Generation)
    turned_s: int = 0
    user_sketches: dict[int, bytes] = {}
    """Epoch minute → a serialized HyperLogLog of user ids. Beyond `USERS_MINUTES_MAX` the first has those of earlier
    ones, too: a storm that is judged late has rather some users too many than too few."""

    def add(self, new: Contribution, known: Contribution | None) -> None:
        """Take in what `new` says beyond `known`, an earlier statement about the same range."""
        self.present.add(new, known)
        for minute, sketch in new.users.items():
            # A sketch cannot be subtracted, and needs not: a union counts nobody twice.
            if known is None or known.users.get(minute) != sketch:
                self._unite(minute, sketch)
        if len(self.user_sketches) > USERS_MINUTES_MAX:
            *beyond, first = sorted(self.user_sketches)[: 1 - USERS_MINUTES_MAX]
            for minute in beyond:
                self._unite(first, self.user_sketches.pop(minute))

    def turn(self, now_s: int) -> None:
        """In quiet times: begin a new generation if the present one is a minute old, forget old users."""
        if not self.turned_s:
            self.turned_s = now_s  # the first look: what is there has only just come
        if now_s - self.turned_s >= TURN_S:
            stale = now_s - self.turned_s >= 2 * TURN_S
            self.last = Generation() if stale else self.present
            self.present = Generation()
            self.turned_s = now_s
        for minute in self._old_minutes(now_s):
            del self.user_sketches[minute]

    def gather(self, started_s: int, now_s: int) -> None:
        """In a storm: nothing of it is forgotten, so its older minutes become one."""
        for minute in self._old_minutes(now_s):
            sketch = self.user_sketches.pop(minute)
            if minute >= started_s // 60:
                self._unite(started_s // 60, sketch)

    def start_over(self) -> None:
        """A storm is over: the next one's facets and samples are its own."""
        self.present, self.last = Generation(), Generation()

    def severity(self) -> list[int]:
        """Events as P0…P3."""
        return [a + b for a, b in zip(self.present.severity, self.last.severity, strict=True)]

    def facet(self, name: str) -> dict[str, int]:
        """Value → events of one of `FACETS`."""
        values: dict[str, int] = dict(getattr(self.last, name))
        for value, events in getattr(self.present, name).items():
            values[value] = values.get(value, 0) + events
        return values

    def users(self, since_s: int) -> int:
        """Distinct users since that minute, estimated."""
        sketch = b""
        for minute, users in self.user_sketches.items():
            if minute >= since_s // 60:
                sketch = union(sketch, users)
        return round(hll_sketch.deserialize(sketch).get_estimate()) if sketch else 0

    def samples(self) -> list[Sample]:
        """The newest samples first."""
        return (self.present.samples + self.last.samples)[:SAMPLES_MAX]

    def _unite(self, minute: int, sketch: bytes) -> None:
        self.user_sketches[minute] = union(self.user_sketches.get(minute, b""), sketch)

    def _old_minutes(self, now_s: int) -> list[int]:
        return [minute for minute in self.user_sketches if minute < now_s // 60 - USERS_MINUTES]


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
