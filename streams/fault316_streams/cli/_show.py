"""How numbers, times, states and alerts look on a terminal. Pure: values in, text out."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from fault316 import State
from fault316_schemas import Severity, StormAlert, Transition
from fault316_streams.intake.reject import escaped

STATE_STYLE = {State.QUIET: "green", State.PENDING: "yellow", State.STORM: "bold red"}
SEVERITY_STYLE = {
    Severity.P0: "bold white on red",
    Severity.P1: "bold red",
    Severity.P2: "yellow",
    Severity.P3: "cyan",
}
TRANSITION_STYLE = {
    Transition.OPENED: ("▲", "bold red"),
    Transition.ESCALATED: ("▲", "bold magenta"),
    Transition.RESOLVED: ("▼", "bold green"),
}
_RATES = (  # below this (where rounding would need one more digit) → unit, format
    (9.995, 1, "{:.2f}"),
    (99.95, 1, "{:.1f}"),
    (9_999.5, 1, "{:.0f}"),
    (99_950, 1e3, "{:.1f}k"),
    (999_500, 1e3, "{:.0f}k"),
    (float("inf"), 1e6, "{:.1f}M"),
)
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def rate(per_s: float) -> str:
    """Events per second in at most five characters, up to 100 million."""
    if per_s < 0.005:
        return "0"
    unit, form = next((unit, form) for below, unit, form in _RATES if per_s < below)
    return form.format(per_s / unit)


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago, in the one unit that matters."""
    if moment is None:
        return "never"
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def sparkline(values: Sequence[float]) -> Text:
    """One character a value, scaled to the largest; nothing at all is a dim dot."""
    peak = max(values, default=0)
    text = Text(no_wrap=True)
    for value in values:
        if value <= 0:
            text.append("·", style="dim")
        else:
            text.append(_LEVELS[min(len(_LEVELS) - 1, int(value / peak * len(_LEVELS)))], style="cyan")
    return text


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of `width` characters, to an eighth of one."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def state(value: State) -> Text:
    """The state in its colour."""
    return Text(f"● {value.value}", style=STATE_STYLE[value], no_wrap=True)


def severity(value: Severity) -> Text:
    """The severity as a badge."""
    return Text(f" {value.value} ", style=SEVERITY_STYLE[value], no_wrap=True)


def plain(text: str, style: str = "") -> Text:
    """Words of others: no markup in them counts, and no character moves the cursor."""
    return Text(escaped(text), style=style)


def alert_row(alert: StormAlert) -> Table:
    """One alert: local time, transition, severity, and its summary wrapped beside them."""
    mark, style = TRANSITION_STYLE[alert.transition]
    grid = Table.grid(padding=(0, 1))
    for _ in range(3):
        grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_row(
        Text(f"{alert.at.astimezone():%H:%M:%S}", style="dim"),
        Text(f"{mark} {alert.transition.value:<9}", style=style),
        severity(alert.severity),
        plain(alert.summary, style="dim" if alert.transition is Transition.RESOLVED else ""),
    )
    return grid
