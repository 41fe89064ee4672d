"""What is written to the events topic: background, outbreaks, and all that producers do to us."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Final

import orjson

from fault316_streams.partial import SEVERITIES
from fault316_streams.sim.network import EPOCH_MS

BAD: Final = (None, b"", b"{", b"[1]", b'{"code": "316-A"}', b"\xff\xfe", b'{"id": NaN}')
DAY_MS: Final = 86_400_000
TWICE: Final = 0.03
"""Share of the events that their producer writes twice, not having heard that the first has arrived."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record to be written `at_s` seconds into the scenario; no `code`: it is not an event at all."""

    at_s: float
    source: int
    value: bytes | None
    skip: int = 0
    """Offsets left out before it."""
    code: str = ""
    severity: str | None = None
    count: int = 1
    occurred_ms: int = 0


@dataclass(frozen=True, slots=True)
class Outbreak:
    """A storm that no judge could miss."""

    code: str
    begin_s: float
    lasts_s: float
    per_s: float


@dataclass(frozen=True, slots=True)
class _Producer:
    """With a clock of its own, and a buffer: events of several of them come out of order."""

    skew_ms: int
    buffer_s: float


def draw(
    rng: Random, codes: list[str], outbreaks: list[Outbreak], length_s: float, sources: int, hole: int
) -> list[Event]:
    """What is written, in order."""
    producers = [_Producer(rng.randrange(-400, 200), rng.choice((0, 0, 0.7))) for _ in range(3)]
    events = []
    for code in codes:
        per_s = rng.uniform(0.2, 0.5)
        at_s = rng.expovariate(per_s)
        while at_s < length_s:
            events.append(_event(rng, at_s, code, rng.choice(producers), plain=False))
            at_s += rng.expovariate(per_s)
    for outbreak in outbreaks:
        for i in range(round(outbreak.lasts_s * outbreak.per_s)):
            at_s = outbreak.begin_s + i / outbreak.per_s
            events.append(_event(rng, at_s, outbreak.code, rng.choice(producers), plain=True))
    events += [Event(rng.uniform(0, length_s), 0, rng.choice(BAD)) for _ in range(rng.randrange(6))]
    events += [
        replace(event, at_s=event.at_s + rng.uniform(0, 1)) for event in events if rng.random() < TWICE
    ]
    placed = [
        replace(event, source=rng.randrange(sources), skip=_hole(rng, hole) if event.code else 0)
        for event in events
        if event.at_s < length_s
    ]
    return sorted(placed, key=lambda event: event.at_s)


def _hole(rng: Random, most: int) -> int:
    return rng.randrange(1, most) if most and rng.random() < 0.02 else 0


def _event(rng: Random, at_s: float, code: str, producer: _Producer, plain: bool) -> Event:
    ago_ms = rng.randrange(100) - producer.skew_ms
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
        at_s=at_s + rng.uniform(0, producer.buffer_s),
        source=0,
        value=orjson.dumps(value),
        code=code,
        severity=severity,
        count=count,
        occurred_ms=occurred_ms,
    )
