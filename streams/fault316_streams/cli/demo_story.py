"""The case study that the demo plays: a promotion starts, and orders fail by the thousand.

An e-commerce site at its usual level of faults. The promotion begins; checkout holds its database connections too
long, the pool runs dry, orders fail: most for want of a connection, some because the cache behind it is flooded
with misses, a few because half-loaded carts do not validate. Then the pool is raised, and it is calm again.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

BEFORE_S: Final = 12.0
STORM_S: Final = 10.0
AFTER_S: Final = 12.0
"""Long enough for the window to drain, the hold time to pass and the end to be reported."""

BACKGROUND_PER_S: Final = 8.0
ORDERS_PER_S: Final = 380.0
POOL_PER_S: Final = 60.0

STORM_CODES: Final = ("316-ORDER-SUBMIT-ERR", "316-DB-POOL-EXHAUSTED")

BACKGROUND: Final = (
    # code, service, endpoint, message, share
    ("316-TIMEOUT-ERR", "search", "/search", "no answer from the index within 800 ms", 20),
    ("316-CONN-ERR", "shipping", "/quote", "carrier refused the connection", 12),
    ("316-VALIDATION-ERR", "checkout", "/cart", "field 'street' is empty", 22),
    ("316-RETRY-EXHAUSTED", "payment", "/capture", "gave up after 5 attempts", 6),
    ("316-CIRCUIT-OPEN", "shipping", "/quote", "breaker 'carrier' is open", 5),
    ("316-OP-FAIL", "catalog", "/product", "image variant missing", 15),
    ("316-DB-DEADLOCK", "inventory", "/reserve", "deadlock found when trying to get lock", 5),
    ("316-LOCK-TIMEOUT", "inventory", "/reserve", "stock row locked for 2 s", 6),
    ("316-MEM-HIGH", "catalog", "/product", "resident memory above 90 %", 3),
    ("316-ORDER-SUBMIT-ERR", "checkout", "/orders", "payment declined by the bank", 6),
)


class PoolTimeout(Exception):  # noqa: N818 - named as the libraries of the case study name theirs
    """The database pool had no connection to give."""


class CacheUnavailable(Exception):  # noqa: N818
    """The cache did not answer."""


class CartInvalid(Exception):  # noqa: N818
    """The cart was loaded by half."""


CAUSES: Final = (
    (PoolTimeout, "QueuePool limit of size 20 overflow 10 reached, connection timed out after 30 s", 70),
    (CacheUnavailable, "cart cache: too many misses, connection reset", 20),
    (CartInvalid, "cart has no total", 10),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One call of `Reporter.report`, `at_s` seconds into the story."""

    at_s: float
    service: str
    code: str
    details: dict[str, Any] = field(default_factory=dict)


def story(seed: int) -> list[Fault]:
    """All faults of the case study, in order; the same for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - a story, not a secret
    end_s = BEFORE_S + STORM_S + AFTER_S
    faults = [_background(rng, at_s) for at_s in _arrivals(rng, 0, end_s, BACKGROUND_PER_S)]
    storm_end_s = BEFORE_S + STORM_S
    faults += [_order(rng, at_s) for at_s in _arrivals(rng, BEFORE_S, storm_end_s, ORDERS_PER_S)]
    faults += [_pool(rng, at_s) for at_s in _arrivals(rng, BEFORE_S, storm_end_s, POOL_PER_S)]
    return sorted(faults, key=lambda fault: fault.at_s)


def services(faults: list[Fault]) -> list[str]:
    """Who reports."""
    return sorted({fault.service for fault in faults})


def _arrivals(rng: random.Random, begin_s: float, end_s: float, per_s: float) -> Iterator[float]:
    at_s = begin_s
    while (at_s := at_s + rng.expovariate(per_s)) < end_s:
        yield at_s


def _background(rng: random.Random, at_s: float) -> Fault:
    code, service, endpoint, message, _ = rng.choices(BACKGROUND, [row[-1] for row in BACKGROUND])[0]
    details = {"message": message, "endpoint": endpoint, "user_id": f"u{rng.randrange(50_000)}"}
    return Fault(at_s, service, code, details)


def _order(rng: random.Random, at_s: float) -> Fault:
    kind, text, _ = rng.choices(CAUSES, [row[-1] for row in CAUSES])[0]
    request = f"r-{rng.randrange(1 << 40):010x}"
    details = {
        "exception": kind(text),
        "message": text,
        "endpoint": "/orders",
        "user_id": f"u{rng.randrange(2_000)}",
        "request_id": request,
        # Some clients roll identical faults up.
        "count": rng.choices([1, 3], [95, 5])[0],
    }
    return Fault(at_s, "checkout", "316-ORDER-SUBMIT-ERR", details)


def _pool(rng: random.Random, at_s: float) -> Fault:
    kind, text, _ = CAUSES[0]
    details = {"exception": kind(text), "message": text, "user_id": f"u{rng.randrange(2_000)}"}
    return Fault(at_s, "checkout", "316-DB-POOL-EXHAUSTED", details)
