"""What goes wrong, as data: drawn from a seed, printed where a scenario fails, left out one by one to shrink it."""

from dataclasses import dataclass
from random import Random
from typing import Final

LENGTH_S: Final = 24.0
"""In which events are written and faults happen."""
ROLES: Final = ("intake", "detect")

AIMED: Final = ("crash-before", "crash-after", "error", "twice", "pause-before", "pause-after")
"""At a request of a process: it crashes or is stopped before or after it, is told of an error (whether it was done or
not), or has it done twice, because an acknowledgement was lost and the client tried again."""


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


def draw(rng: Random, intakes: int, detectors: int, over_s: float) -> list[Fault]:
    """Some faults, of all kinds but those that need a scenario of their own. `over_s`: then all storms are over."""
    faults: list[Fault] = []
    for _ in range(rng.choice((0, 1, 2, 4, 8))):
        role = rng.choice(ROLES)
        slot = rng.randrange(intakes if role == "intake" else detectors)
        at_s = rng.uniform(1, LENGTH_S)
        match rng.randrange(15):
            case 0:
                faults.append(Fault("crash", at_s, role, slot))
            case 1 | 2 | 3:
                faults.append(_aimed(rng, rng.choice(("crash-before", "crash-after")), role, slot))
            case 4:
                faults.append(_aimed(rng, rng.choice(("error", "twice")), role, slot))
            case 5:
                faults.append(Fault("pause", at_s, role, slot, rng.uniform(0.5, 8)))
            case 6 | 7:
                faults.append(_aimed(rng, rng.choice(("pause-before", "pause-after")), role, slot))
            case 8 | 9:
                faults.append(Fault("rebalance", at_s, role))
            case 10:
                faults.append(Fault("kafka-down", at_s, for_s=rng.uniform(0.5, rng.choice((6, 6, 15)))))
            case 11:
                faults.append(Fault("redis-down", at_s, for_s=rng.uniform(0.5, 8)))
            case 12:
                faults.append(Fault("redis-emptied", at_s))
            case 13:
                # A worker that starts while its view is away.
                faults.append(Fault("redis-down", at_s, for_s=rng.uniform(2, 8)))
                faults.append(Fault("crash", at_s + rng.uniform(0, 2), "detect", slot % detectors))
            case 14:
                faults.append(_clock_step(rng, at_s, role, slot, over_s))
    return faults


def spares_intakes(fault: Fault) -> bool:
    """Whether all intakes go on reporting."""
    return fault.role == "detect" or fault.kind.startswith("redis")


def zombies(rng: Random) -> list[Fault]:
    """Two detectors, stopped at a request while partitions move; late, so that nothing written afterwards heals it."""
    faults = [Fault("rebalance", rng.uniform(4, LENGTH_S - 1), "detect") for _ in range(rng.randrange(2, 6))]
    for _ in range(rng.randrange(2, 6)):
        kind = rng.choice(("pause-before", "pause-after"))
        slot, request = rng.randrange(2), rng.randrange(60, 260)
        faults.append(Fault(kind, role="detect", slot=slot, for_s=rng.uniform(3.5, 8), request=request))
    return faults


def early_crashes(rng: Random, detectors: int) -> list[Fault]:
    """Of detectors, among the first things that they write."""
    return [
        Fault(rng.choice(AIMED[:2]), role="detect", slot=slot, life=life, request=rng.randrange(5, 60))
        for slot in range(detectors)
        for life in range(2)
    ]


def _aimed(rng: Random, kind: str, role: str, slot: int) -> Fault:
    """At one request of one process: between any two steps. A pause is longer than a session lasts."""
    for_s = rng.uniform(3.5, 8) if kind.startswith("pause") else 0.0
    request = round(2 ** rng.uniform(1, 8))
    return Fault(kind, 0.0, role, slot, for_s, life=rng.choice((0, 0, 1)), request=request)


def _clock_step(rng: Random, at_s: float, role: str, slot: int, over_s: float) -> Fault:
    """Detect reads no clock, so its may jump by hours. An intake's that runs ahead by seconds moves the time of
    judgement (a known limit), so it does that only when the storms are over."""
    if role == "detect":
        step_s = rng.uniform(-7_200, 7_200)
    elif at_s > over_s:
        step_s = rng.uniform(-6, 6)
    else:
        step_s = rng.choice((rng.uniform(-0.4, 0.4), rng.uniform(-6, 0)))
    return Fault("clock-step", at_s, role, slot, step_s)
