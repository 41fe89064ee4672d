"""Plays the simulation's scenarios in parts, and keeps for the report what came of them.

SIMULATION_RUNS and SIMULATION_SEED say how many, and from which seed on.
"""

import os
from collections.abc import Callable
from typing import Final

from fault316_streams.sim import Failed, Summary, shrink, simulate

RUNS: Final = int(os.environ.get("SIMULATION_RUNS", "2000"))
SEED: Final = int(os.environ.get("SIMULATION_SEED", "1"))
PARTS: Final = 8
KINDS_MIN: Final = 12
"""Kinds of faults that a part must have injected; there are 17."""


def play_part(part: int, record_property: Callable[[str, object], None]) -> None:
    """One of `PARTS`. Raises Failed: with the seed, the command that replays it, and as few faults as it needs."""
    summary = Summary()
    for report in simulate(RUNS // PARTS, SEED + part * (RUNS // PARTS)):
        if report.wrong:
            raise Failed(shrink(report))
        summary.add(report)
    record_property("simulation", summary.facts())
    assert len(summary.injected) >= KINDS_MIN or RUNS < 1_000, f"too tame: {summary}"
