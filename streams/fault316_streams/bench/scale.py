"""How the cost of an event moves as one thing grows: codes, partitions, the hot code's share, workers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from fault316_streams.bench.lab import Lab
from fault316_streams.bench.load import Load
from fault316_streams.bench.throughput import Throughput, fill, measure
from fault316_streams.settings import Stages

CODES: Final = (10, 100, 1_000, 10_000)
PARTITIONS: Final = (4, 16, 64)
HOT_SHARES: Final = (0.0, 0.5, 0.9, 0.99)
WORKERS: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a series."""

    vary: str
    """What grows: codes, partitions, hot share, workers."""
    value: float
    result: Throughput

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per event, of all workers."""
        return round(sum(self.result.cpu_us), 2)


def points(
    lab: Lab, events: int, say: Callable[[str], None], usual: Load, compression: str
) -> Iterator[Point]:
    """All series, one run after the other. What does not grow is as in `usual`, with 8 partitions and a worker."""
    runs: list[tuple[str, float, dict[str, Any]]] = [
        *(("codes", n, {"load": replace(usual, codes=n)}) for n in CODES),
        *(("partitions", n, {"partitions": n}) for n in PARTITIONS),
        *(("hot share", share, {"load": replace(usual, hot_share=share)}) for share in HOT_SHARES),
        *(("workers", n, {"workers": n}) for n in WORKERS),
    ]
    for number, (vary, value, chosen) in enumerate(runs):

        def told(what: str, where: str = f"{vary} {value} ({number + 1} of {len(runs)}): ") -> None:
            say(where + what)

        load, partitions = chosen.get("load", usual), chosen.get("partitions", 8)
        filled = fill(lab, load, events, told, partitions, compression)
        yield Point(vary, value, measure(lab, filled, told, [Stages.ALL] * chosen.get("workers", 1)))
