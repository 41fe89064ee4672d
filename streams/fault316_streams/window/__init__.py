"""Partials → panes → rates. Pure: time is an argument."""

from fault316_streams.window.counts import Counts
from fault316_streams.window.merge import (
    COUNTED,
    Merged,
    Open,
    Outcome,
    WindowState,
    handed_over,
    merge,
    merge_overflow,
)
from fault316_streams.window.panes import WINDOWS, Panes, Rates
from fault316_streams.window.recent import Recent
from fault316_streams.window.timeline import Timeline

__all__ = [
    "COUNTED",
    "WINDOWS",
    "Counts",
    "Merged",
    "Open",
    "Outcome",
    "Panes",
    "Rates",
    "Recent",
    "Timeline",
    "WindowState",
    "handed_over",
    "merge",
    "merge_overflow",
]
