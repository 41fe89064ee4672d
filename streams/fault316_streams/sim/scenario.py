"""What happens when: everything that a seed decides, as data, so that a failing case can be made smaller."""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from fault316_streams.sim import faults
from fault316_streams.sim.events import Outbreak
from fault316_streams.sim.faults import LENGTH_S, Fault

CODES: Final = tuple(f"316-{name}-ERR" for name in ("A", "B", "C", "D", "E", "F", "G", "H"))
OVER_S: Final = 10.0
"""After the last event of a storm, it has ended."""
FOR_EVER_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """See the fields; sizes are small, so that what is rare in production happens all the time."""

    seed: int
    sources: int
    partials: int
    intakes: int
    detectors: int
    block_bits: int
    chunk_bits: int
    chunk_ms: int
    chunk_codes_max: int
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
    silence_s: float = 30.0
    """Unreported for so long, a source partition holds nothing back."""
    kept_s: float = FOR_EVER_S
    """A code without events for so long is forgotten, until the events end."""
    hot_codes: int = 64
    """So many codes of a source partition are published between ticks; the others wait for one."""

    @property
    def limited(self) -> bool:
        """Codes may have to be counted together, for want of a place."""
        return self.codes_max <= len(CODES) or self.chunk_codes_max <= len(CODES)

    @property
    def forgets(self) -> bool:
        """Codes may be forgotten."""
        return self.kept_s < FOR_EVER_S


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = Random(seed)  # noqa: S311 - a simulation, not a secret
    codes = CODES[: rng.choice((2, 3, 4, 8))]
    many = len(codes) > 4
    intakes, detectors = rng.choice((1, 2, 2)), rng.choice((1, 2, 2))
    bits = rng.choice((2, 3, 4, 5, 6))
    more = Random(f"{seed} chunks")  # noqa: S311
    outbreaks = tuple(_outbreaks(rng, codes))
    over_s = max((outbreak.begin_s + outbreak.lasts_s for outbreak in outbreaks), default=0.0) + OVER_S
    drawn = Scenario(
        seed=seed,
        sources=rng.choice((1, 2, 3)),
        partials=rng.choice((1, 2)),
        intakes=intakes,
        detectors=detectors,
        block_bits=bits,
        chunk_bits=bits + more.choice((0, 1, 2, 4)),
        chunk_ms=more.choice((300, 1_000, 4_000)),
        chunk_codes_max=rng.choice((3, 1_024)) if many else 1_024,
        hole=rng.choice((0, 0, 3 << bits)),
        codes=codes,
        codes_max=3 if many else 10_000,
        flush_ms=rng.choice((300, 600, 1_000)),
        checkpoint_s=rng.choice((0.5, 1.0, 3.0)),
        latency_s=rng.choice((0.01, 0.05, 0.3)),
        backlog_s=rng.choice((0.0, 0.0, 0.0, 15.0)),
        restart_all=rng.random() < 0.5,
        outbreaks=outbreaks,
        faults=_sorted(faults.draw(rng, intakes, detectors, over_s)),
        hot_codes=1 if seed % 3 == 0 else 64,
    )
    return _with_theme(rng, drawn, over_s)


def _with_theme(rng: Random, drawn: Scenario, over_s: float) -> Scenario:
    """What needs a scenario of its own, because it changes what must come out."""
    match rng.randrange(12):
        case 0:
            # Said must be all of the storms, or judging without the silent partition would rightly differ.
            spared = [fault for fault in drawn.faults if faults.spares_intakes(fault)]
            silent = Fault("silent", over_s - OVER_S + 1, "intake", rng.randrange(2))
            return replace(
                drawn,
                sources=rng.choice((2, 3)),
                intakes=2,
                silence_s=6.0,
                faults=_sorted([*spared, silent]),
            )
        case 1:
            lost = Fault(
                "retention", rng.uniform(4, LENGTH_S - 5), for_s=rng.choice((0.0, rng.uniform(1, 4)))
            )
            drawn = replace(drawn, codes_max=10_000, chunk_codes_max=1_024)  # or what is lost is hard to tell
            return replace(drawn, faults=_sorted([*drawn.faults, lost]))
        case 2:
            return replace(drawn, outbreaks=(), kept_s=rng.choice((4.0, 6.0)))
        case 3:
            # Partitions that come and go between two detectors, which are stopped in the middle of what they write.
            return replace(drawn, detectors=2, restart_all=True, faults=_sorted(faults.zombies(rng)))
        case 4:
            # Codes that find no place while those that have one are written for the first time.
            crashes = faults.early_crashes(rng, drawn.detectors)
            return replace(drawn, codes=CODES, codes_max=3, faults=_sorted([*drawn.faults, *crashes]))
    return drawn


def _sorted(drawn: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(drawn, key=lambda fault: fault.at_s))


def _outbreaks(rng: Random, codes: tuple[str, ...]) -> list[Outbreak]:
    return [
        Outbreak(code, rng.uniform(3, 14), rng.uniform(3, 5), rng.uniform(40, 60))
        for code in rng.sample(codes, rng.choice((0, 1, 1, 2)))
    ]
