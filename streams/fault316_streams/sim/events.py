"""What is written to the events topic, and the oracle, which just counts it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

import orjson

from fault316_schemas import Registry
from fault316_streams.partial import SEVERITIES
from fault316_streams.sim.kafka import Record
from fault316_streams.sim.network import EPOCH_MS

BAD: Final = (None, b"", b"{", b"[1]", b'{"code": "316-A"}', b"\xff\xfe", b'{"id": NaN}')
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Event:
    """One record to be written `at_s` seconds into the scenario; no `code`: it is not an event at all."""

    at_s: float
    source: int
    value: bytes | None
    skip: int = 0
    """Offsets left out before it."""
    code: str = ""
    severity: str = ""
    count: int = 1
    occurred_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outbreak:
    """A storm that no judge could miss."""

    code: str
    begin_s: float
    lasts_s: float
    per_s: float


@dataclass
class Counts:
    """What the log says of one code."""

    seconds: Counter[int] = field(default_factory=Counter)
    minutes: Counter[int] = field(default_factory=Counter)
    severity: Counter[str] = field(default_factory=Counter)
    late: int = 0
    skewed: int = 0
    old: int = 0
    first_ms: int = 0
    last_ms: int = 0

    def add(self, event: Event, broker_ms: int) -> None:
        """Count one event; the rules of placing are written down here a second time, on purpose."""
        at_ms, behind_ms = event.occurred_ms, broker_ms - event.occurred_ms
        self.severity[event.severity] += event.count
        if behind_ms > 30 * DAY_MS or behind_ms < -300_000:
            at_ms = broker_ms
            self.skewed += event.count
        elif behind_ms > 60_000:
            self.late += event.count
        if broker_ms - at_ms > DAY_MS:
            self.old += event.count
        else:
            self.seconds[at_ms // 1_000] += event.count
            self.minutes[at_ms // 60_000] += event.count
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)


class Oracle:
    """Sees every record as it is written."""

    def __init__(self) -> None:
        self.codes: dict[str, Counts] = {}
        self.refused: set[bytes] = set()
        """Keys of the dead letters that there must be."""

    def see(self, event: Event, record: Record, topic: str) -> None:
        """A record was appended."""
        if event.code:
            self.codes.setdefault(event.code, Counts()).add(event, record.timestamp)
        else:
            self.refused.add(f"{topic}:{event.source}:{record.offset}".encode())


def draw(
    rng: Random, codes: list[str], outbreaks: list[Outbreak], length_s: float, sources: int, hole: int
) -> list[Event]:
    """Background, outbreaks, and what producers do to us: bad, late, old, skewed and rolled up events."""
    events = []
    for code in codes:
        per_s = rng.uniform(0.2, 0.5)
        at_s = rng.expovariate(per_s)
        while at_s < length_s:
            events.append(_event(rng, at_s, code, rng.randrange(sources), hole, plain=False))
            at_s += rng.expovariate(per_s)
    for outbreak in outbreaks:
        for i in range(round(outbreak.lasts_s * outbreak.per_s)):
            at_s = outbreak.begin_s + i / outbreak.per_s
            events.append(_event(rng, at_s, outbreak.code, rng.randrange(sources), hole, plain=True))
    events += [
        Event(rng.uniform(0, length_s), rng.randrange(sources), rng.choice(BAD))
        for _ in range(rng.randrange(6))
    ]
    return sorted(events, key=lambda event: event.at_s)


def _event(rng: Random, at_s: float, code: str, source: int, hole: int, plain: bool) -> Event:
    ago_ms = rng.randrange(100)
    if not plain:
        kind = rng.random()
        if kind < 0.03:
            ago_ms = rng.randrange(61_000, 400_000)  # late
        elif kind < 0.04:
            ago_ms = rng.randrange(DAY_MS + 1_000, 3 * DAY_MS)  # older than panes reach
        elif kind < 0.05:
            ago_ms = 40 * DAY_MS
        elif kind < 0.06:
            ago_ms = -600_000
    occurred_ms = EPOCH_MS + int(at_s * 1_000) - ago_ms
    severity = rng.choice((None, *SEVERITIES))
    count = 1 if plain else rng.choice((1, 1, 1, 2))
    value = {
        "id": f"e{rng.getrandbits(40):x}",
        "code": code,
        "service": rng.choice(("shop", "search")),
        "occurred_at": datetime.fromtimestamp(occurred_ms // 1_000, UTC)
        .replace(microsecond=occurred_ms % 1_000 * 1_000)
        .isoformat(),
        "count": count,
        "user_id": f"u{rng.randrange(50)}",
    }
    if severity:
        value["severity"] = severity
    return Event(
        at_s=at_s,
        source=source,
        value=orjson.dumps(value),
        skip=rng.randrange(1, hole) if hole and rng.random() < 0.02 else 0,
        code=code,
        severity=severity or _registry.get(code).severity,
        count=count,
        occurred_ms=occurred_ms,
    )


_registry = Registry()
