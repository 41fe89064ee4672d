"""Pictures of what was measured, as PNG or SVG by the file's name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from fault316_streams.bench.latency import Latency
from fault316_streams.bench.scale import Point
from fault316_streams.bench.throughput import Progress

INK: Final = "#1b4965"
SECOND: Final = "#c8553d"

mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3}


def scale(points: Sequence[Point], file: Path) -> None:
    """Cost per event, one panel for each thing that grows."""
    series = list(dict.fromkeys(point.vary for point in points))
    figure = Figure(figsize=(3 * len(series), 3), layout="constrained")
    panels: Any = figure.subplots(1, len(series), sharey=True, squeeze=False)
    for panel, vary in zip(panels[0], series, strict=True):
        its = [point for point in points if point.vary == vary]
        panel.bar(
            [f"{point.value:g}" for point in its], [point.cpu_us for point in its], color=INK, width=0.6
        )
        panel.set_xlabel(vary)
    panels[0][0].set_ylabel("CPU µs per event")
    figure.savefig(file)


def latency(results: Sequence[Latency], file: Path) -> None:
    """Percentiles by rate: event to alert, and to counter."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    panels: Any = figure.subplots(1, 2, sharey=True)
    rates = [f"{result.per_s:,}" for result in results]
    told = (("alert on the topic", "to_alert_ms"), ("counter in Redis", "to_counter_ms"))
    for panel, (title, name) in zip(panels, told, strict=True):
        for percentile, colour, style in (("p50", INK, "-"), ("p99", SECOND, "-"), ("max", SECOND, ":")):
            values = [getattr(getattr(result, name), percentile) for result in results]
            panel.plot(rates, values, style, color=colour, marker="o", label=percentile)
        panel.set_title(f"event → {title}")
        panel.set_xlabel("events/s")
        panel.set_ylim(bottom=0)
    panels[0].set_ylabel("ms")
    panels[0].legend(frameon=False)
    figure.savefig(file)


def backlog(progress: Sequence[Progress], file: Path) -> None:
    """Events counted, and memory, over time."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    counted: Any = figure.subplots()
    memory = counted.twinx()
    seconds = [point.at_s for point in progress]
    counted.plot(seconds, [point.counted / 1e6 for point in progress], color=INK)
    memory.plot(seconds, [point.memory_mb for point in progress], color=SECOND)
    counted.set_xlabel("s since start")
    counted.set_ylabel("million events counted", color=INK)
    memory.set_ylabel("worker's memory, MiB", color=SECOND)
    memory.set_ylim(bottom=0)
    memory.grid(visible=False)
    figure.savefig(file)
