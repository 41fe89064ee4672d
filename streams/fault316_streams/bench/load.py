"""Realistic events by the million, from a seed: about 700 bytes of JSON each, one code hotter than the others."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson

TEMPLATES: Final = 4_096
"""Distinct events but for id and time; what repeats then is what repeats in life: services, hosts, users."""
SERVICES: Final = ("checkout", "payment", "inventory", "search", "shipping", "catalog")
ENDPOINTS: Final = ("/orders", "/cart", "/capture", "/reserve", "/search", "/quote", "/product")
EXCEPTIONS: Final = ("PoolTimeout", "ConnectionError", "TimeoutError", "ValueError", "DeadlockDetected")
USERS: Final = 50_000
_ID, _AT = "00000000-0000-0000-0000-000000000000", "2026-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Load:
    """What the events are like; equal loads are equal to the byte but for their times."""

    codes: int = 10
    hot_share: float = 0.64
    """Of the events, those of the first code; the others share the rest evenly."""
    seed: int = 316

    def events(self, number: int) -> Iterator["Made"]:
        """So many of them, each with an id of its own."""
        rng = random.Random(self.seed)  # noqa: S311 - a load, not a secret
        names = [code_name(n) for n in range(self.codes)]
        # The codes' shares are exact in each round of the templates, also where there are thousands of codes.
        size = max(TEMPLATES, 4 * self.codes)
        hot = round(size * self.hot_share) if self.codes > 1 else size
        order = [names[0]] * hot + [names[1 + n % (self.codes - 1)] for n in range(size - hot)]
        rng.shuffle(order)
        templates = [_template(rng, code) for code in order]
        for number_ in range(number):
            yield Made(number_, *templates[number_ % size])


@dataclass(frozen=True, slots=True)
class Made:
    """An event, all but its time."""

    number: int
    code: str
    before_id: bytes
    before_at: bytes
    after_at: bytes

    def at(self, stamp: bytes) -> bytes:
        """Its JSON with `occurred_at`; see `stamp_of`."""
        return b"%b%036x%b%b%b" % (self.before_id, self.number, self.before_at, stamp, self.after_at)


def code_name(number: int) -> str:
    """The name of a code; the first is the hot one."""
    return f"316-BENCH-{number:05d}-ERR"


def stamp_of(epoch_s: float) -> bytes:
    """A time as it is written in events."""
    at = datetime.fromtimestamp(epoch_s, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()


def _template(rng: random.Random, code: str) -> tuple[str, bytes, bytes, bytes]:
    """A code, and the three pieces around id and time."""
    service, exception = rng.choice(SERVICES), rng.choice(EXCEPTIONS)
    event = {
        "id": _ID,
        "code": code,
        "service": service,
        "severity": rng.choice(("P0", "P1", "P1", "P2", "P2", "P3")),
        "occurred_at": _AT,
        "host": f"{service}-{rng.randrange(12)}.prod.internal",
        "endpoint": rng.choice(ENDPOINTS),
        "user_id": f"u{rng.randrange(USERS)}",
        "request_id": rng.randbytes(12).hex(),
        "trace_id": rng.randbytes(16).hex(),
        "version": f"2026.11.{rng.randrange(4)}",
        "message": f"no connection within 30 s: QueuePool limit of size 20 overflow {rng.randrange(9)} reached",
        "exception": {
            "type": exception,
            "message": f"{exception}: connection timed out, timeout 30.00",
            "fingerprint": rng.randbytes(8).hex(),
        },
        "resources": {"cpu_percent": rng.randrange(100), "memory_percent": rng.randrange(100), "threads": 48},
        "attributes": {
            "region": rng.choice(("eu-1", "us-1")),
            "tenant": f"t{rng.randrange(300)}",
            "canary": False,
        },
    }
    before_id, rest = orjson.dumps(event).split(_ID.encode())
    before_at, after_at = rest.split(_AT.encode())
    return code, before_id, before_at, after_at
