"""What `fault316 top` shows: read in a few round trips, rendered by pure functions."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fault316 import Counters, Rates, State, StormAlert
from fault316_schemas import Registry
from fault316_streams.cli._show import STATE_STYLE, ago, bar, plain, rate, severity, sparkline, state

SPARK_MINUTES = 10
BAR_CHARS = 5
CODES_MAX = 5_000
"""All that `Counters.top` looks at: the shares are of all codes, not of those shown."""
SHOWN_WINDOWS = ("10s", "1m", "5m")


@dataclass(frozen=True, slots=True)
class Row:
    """One code."""

    rates: Rates
    title: str
    share: float
    """Of all codes' rate over the window that the view is sorted by, 0 to 1."""
    minutes: list[int]
    """Events of the last `SPARK_MINUTES` minutes, the running one last."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at the counters."""

    at: datetime
    by: str
    rows: list[Row]
    codes: int
    """How many codes there are, shown or not."""
    storms: list[StormAlert]
    problem: str | None = None
    """Why this look is not current, for a person."""

    @classmethod
    def empty(cls, by: str, at: datetime) -> Self:
        """Before the first look."""
        return cls(at, by, rows=[], codes=0, storms=[])


def read(client: Counters, titles: Registry, n: int, by: str, now: datetime) -> View:
    """Look once: the `n` codes with the highest rates over the window `by`. Raises CountersUnavailable."""
    every = client.top(CODES_MAX, by)
    shown = every[:n]
    total = sum(item.per_s[by] for item in every)
    since = now - timedelta(minutes=SPARK_MINUTES - 1)
    series = client.series_many([item.code for item in shown], since, now)
    rows = [
        Row(
            rates=item,
            title=titles.get(item.code).title,
            share=item.per_s[by] / total if total else 0.0,
            minutes=[events for _, events in series[item.code]],
        )
        for item in shown
    ]
    return View(now, by, rows, len(every), client.active_storms())


def as_dict(view: View) -> dict[str, Any]:
    """For programs: each code flat."""
    codes = [
        asdict(row.rates) | {"title": row.title, "share": round(row.share, 4), "minutes": row.minutes}
        for row in view.rows
    ]
    return {"at": view.at, "by": view.by, "codes": codes, "storms": view.storms}


def render(view: View) -> RenderableType:
    """The whole screen; made for 80 columns, and better with more."""
    if view.problem is None:
        return Group(header(view), table(view), storms(view))
    problem = Panel(plain(view.problem), title="not current", title_align="left", border_style="red")
    # What was seen last stays; but that there was no storm then is no news now.
    return Group(header(view), problem, table(view), *([storms(view)] if view.storms else []))


def header(view: View) -> RenderableType:
    """One line: when, how many, how bad."""
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right", style="dim")
    left = Text.assemble(
        (" fault316 top ", "bold reverse"),
        f"  {view.at.astimezone():%H:%M:%S}   {view.codes} code{'s' * (view.codes != 1)}   ",
        _storm_count(view) if view.problem is None else ("not current", "bold red"),
    )
    line.add_row(left, "q ends ")
    return line


def table(view: View) -> RenderableType:
    """The codes, two lines each: numbers above, title beneath across the whole width."""
    if not view.rows:
        hint = "nothing counted yet" if view.problem is None else "nothing seen yet"
        return Text(f"\n {hint}\n", style="dim")
    names = [f"{window}▾" if window == view.by else window for window in SHOWN_WINDOWS]
    lines: list[RenderableType] = [
        _line("code", *names, "normal", "state", "share", f"{SPARK_MINUTES} min", style="dim")
    ]
    for row in view.rows:
        lines.append(_line(*_cells(row, view.by), style="dim" if view.problem else ""))
        title = plain(row.title, "dim")
        title.no_wrap, title.overflow = True, "ellipsis"
        lines.append(title)
    return Padding(Group(*lines), (1, 1))


def _line(*cells: RenderableType, style: str) -> Table:
    """One line of the table. All but the first column are fixed, so that lines stand under each other."""
    grid = Table.grid(padding=(0, 1, 0, 0), expand=True)
    grid.add_column(ratio=1, overflow="fold")
    for width in (*[5] * len(SHOWN_WINDOWS), 6):
        grid.add_column(width=width, justify="right", no_wrap=True)
    for width in (9, BAR_CHARS + 5, SPARK_MINUTES):
        grid.add_column(width=width, no_wrap=True)
    grid.add_row(*cells, style=style)
    return grid


def _cells(row: Row, by: str) -> list[RenderableType]:
    hue = "" if row.rates.state is State.QUIET else STATE_STYLE[row.rates.state]
    numbers = [
        Text(rate(row.rates.per_s[window]), style=(hue or "bold") if window == by else "")
        for window in SHOWN_WINDOWS
    ]
    return [
        plain(row.rates.code, hue or "bold"),
        *numbers,
        Text(rate(row.rates.baseline), style="dim"),
        state(row.rates.state),
        Text.assemble((bar(row.share, BAR_CHARS), hue or "cyan"), f" {row.share:4.0%}"),
        sparkline(row.minutes),
    ]


def storms(view: View) -> RenderableType:
    """The storms that are on, worst first, with their one-sentence summaries."""
    if not view.storms:
        return Panel(Text("no storm", style="dim"), border_style="dim", padding=(0, 1))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for alert in sorted(view.storms, key=lambda alert: (alert.severity, alert.started_at)):
        head = Text.assemble((alert.code, "bold"), (f"  since {ago(alert.started_at, view.at)[:-4]}", "dim"))
        grid.add_row(severity(alert.severity), head)
        grid.add_row("", plain(alert.summary))
    return Panel(grid, title=_storm_count(view), title_align="left", border_style="red", padding=(0, 1))


def _storm_count(view: View) -> Text:
    count = len(view.storms)
    return Text(f"{count} storm{'s' * (count != 1)}", style="bold red" if count else "green")
