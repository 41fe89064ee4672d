"""What happens when: everything that a seed decides, as data, so that a failing case can be made smaller."""

from dataclasses import dataclass
from random import Random
from typing import Final

from fault316_streams.sim.events import Outbreak

LENGTH_S: Final = 24.0
"""In which events are written and faults happen."""
CODES: Final = tuple(f"316-{name}-ERR" for name in ("A", "B", "C", "D", "E", "F", "G", "H"))
ROLES: Final = ("intake", "detect")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    kind: str
    at_s: float = 0.0
    role: str = ""
    slot: int = 0
    for_s: float = 0.0
    life: int = 0
    """With `request`: which process in this slot, counted from its start."""
    request: int = 0

    def __str__(self) -> str:
        where = f" {self.role} {self.slot}" if self.role else ""
        when = (
            f" at its request {self.request} in life {self.life}"
            if self.request
            else f" at {self.at_s:.2f} s"
        )
        return f"{self.kind}{where}{when}{f' for {self.for_s:.2f} s' if self.for_s else ''}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """See the fields; sizes are small, so that what is rare in production happens all the time."""

    seed: int
    sources: int
    partials: int
    intakes: int
    detectors: int
    chunk_bits: int
    hole: int
    """Offsets that a hole in the log may have; 0: none."""
    codes: tuple[str, ...]
    codes_max: int
    flush_ms: int
    checkpoint_s: float
    latency_s: float
    backlog_s: float
    """The first workers start so late."""
    restart_all: bool
    """In the end all detectors are killed, and what new ones restore is judged."""
    outbreaks: tuple[Outbreak, ...]
    faults: tuple[Fault, ...]


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = Random(seed)  # noqa: S311 - a simulation, not a secret
    codes = CODES[: rng.choice((2, 3, 4, 8))]
    intakes, detectors = rng.choice((1, 2, 2)), rng.choice((1, 2, 2))
    bits = rng.choice((2, 3, 4, 5, 6))
    faults = sorted(_faults(rng, intakes, detectors), key=lambda fault: fault.at_s)
    return Scenario(
        seed=seed,
        sources=rng.choice((1, 2, 3)),
        partials=rng.choice((1, 2)),
        intakes=intakes,
        detectors=detectors,
        chunk_bits=bits,
        hole=rng.choice((0, 0, 3 << bits)),
        codes=codes,
        codes_max=3 if len(codes) > 4 else 10_000,
        flush_ms=rng.choice((300, 600, 1_000)),
        checkpoint_s=rng.choice((0.5, 1.0, 3.0)),
        latency_s=rng.choice((0.01, 0.05, 0.3)),
        backlog_s=rng.choice((0.0, 0.0, 0.0, 15.0)),
        restart_all=rng.random() < 0.5,
        outbreaks=tuple(_outbreaks(rng, codes)),
        faults=tuple(faults),
    )


def _outbreaks(rng: Random, codes: tuple[str, ...]) -> list[Outbreak]:
    return [
        Outbreak(code, rng.uniform(3, 14), rng.uniform(3, 5), rng.uniform(40, 60))
        for code in rng.sample(codes, rng.choice((0, 1, 1, 2)))
    ]


def _faults(rng: Random, intakes: int, detectors: int) -> list[Fault]:
    faults = []
    for _ in range(rng.choice((0, 1, 2, 4, 8))):
        role = rng.choice(ROLES)
        slot = rng.randrange(intakes if role == "intake" else detectors)
        at_s = rng.uniform(1, LENGTH_S)
        match rng.randrange(12):
            case 0:
                faults.append(Fault("crash", at_s, role, slot))
            case 1 | 2 | 3:
                kind = rng.choice(("crash-before", "crash-after"))
                faults.append(_aimed(rng, kind, role, slot))
            case 4:
                faults.append(_aimed(rng, "error", role, slot))
            case 5 | 6:
                faults.append(Fault("pause", at_s, role, slot, rng.uniform(0.5, 8)))
            case 7:
                faults.append(Fault("rebalance", at_s, role))
            case 8:
                faults.append(Fault("kafka-down", at_s, for_s=rng.uniform(0.5, 6)))
            case 9:
                faults.append(Fault("redis-down", at_s, for_s=rng.uniform(0.5, 8)))
            case 10:
                faults.append(Fault("redis-emptied", at_s))
            case 11:
                faults.append(Fault("clock-step", at_s, "intake", slot % intakes, rng.uniform(-0.4, 0.4)))
    return faults


def _aimed(rng: Random, kind: str, role: str, slot: int) -> Fault:
    """At one request of one process: between any two steps."""
    return Fault(kind, 0.0, role, slot, life=rng.choice((0, 0, 1)), request=round(2 ** rng.uniform(1, 8)))
