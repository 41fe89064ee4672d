"""`fault316 counters`: what has been counted, of all codes or of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fault316 import Counter, Counters, Rates, Severity, StormAlert
from fault316_schemas import CodeInfo
from fault316_streams.cli._edge import one_line_errors, registry, write_json
from fault316_streams.cli._show import SEVERITY_STYLE, ago, alert_row, plain, rate, sparkline, state
from fault316_streams.cli.up import Json
from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings

SERIES_MINUTES = 60
COLUMNS = ("total", *(severity.value for severity in Severity), "late", "skewed")


@dataclass(frozen=True, slots=True)
class Detail:
    """All there is to say about one code."""

    counter: Counter
    rates: Rates | None
    series: list[tuple[datetime, int]]
    """Events by minute, the last hour."""
    storm: StormAlert | None


def counters(
    code: Annotated[str | None, typer.Argument(help="One code in detail. Default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Show the exact counts, from Redis."""
    settings = WorkerSettings()
    now = datetime.now(UTC)
    console = Console(highlight=False)
    with one_line_errors(), Counters(settings) as client:
        if code is None:
            found = client.get_many()
            write_json(found) if as_json else console.print(table(found, now))
        else:
            detail = read_detail(client, code, now)
            info = registry(settings).get(code)
            write_json(detail) if as_json else console.print(panel(detail, info, now))


def read_detail(client: Counters, code: str, now: datetime) -> Detail:
    """Ask for one code. Raises Failure where it is not known."""
    counter = client.get(code)
    if counter is None:
        raise Failure(f"{code} has not been counted: `fault316 counters` lists the codes that have")
    return Detail(
        counter=counter,
        rates=client.rates(code),
        series=client.series(code, now - timedelta(minutes=SERIES_MINUTES - 1), now),
        storm=next((storm for storm in client.active_storms() if storm.code == code), None),
    )


def table(found: Sequence[Counter], now: datetime) -> RenderableType:
    """All codes, the largest first, with a line of sums; columns without any event are left out."""
    if not found:
        return Text("Nothing counted yet. Try: fault316 emit 316-TIMEOUT-ERR", style="dim")
    rows = [
        (counter, [counter.total, *counter.by_severity.values(), counter.late, counter.skewed])
        for counter in sorted(found, key=lambda counter: (-counter.total, counter.code))
    ]
    sums = [sum(column) for column in zip(*(cells for _, cells in rows), strict=True)]
    grid = Table(box=None, padding=(0, 1), show_footer=True, header_style="dim", footer_style="bold")
    grid.add_column("code", "all", overflow="fold", style="bold")
    for name, total in zip(COLUMNS, sums, strict=True):
        if total:
            grid.add_column(name, f"{total:,}", justify="right", no_wrap=True)
    grid.add_column("last seen", justify="right", no_wrap=True, style="dim")
    for counter, cells in rows:
        shown = [_number(cell) for cell, total in zip(cells, sums, strict=True) if total]
        grid.add_row(plain(counter.code), *shown, ago(counter.last_seen, now))
    return grid


def panel(detail: Detail, info: CodeInfo, now: datetime) -> RenderableType:
    """One code in detail."""
    c = detail.counter
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(ratio=1)
    rows.add_row("total", Text(f"{c.total:,}", style="bold"))
    rows.add_row("severity", _severities(c))
    rows.add_row("late, skewed", f"{c.late:,}, {c.skewed:,}")
    rows.add_row("first seen", _moment(c.first_seen, now))
    rows.add_row("last seen", _moment(c.last_seen, now))
    if detail.rates is not None:
        rows.add_row("per second", "   ".join(f"{w} {rate(v)}" for w, v in detail.rates.per_s.items()))
        rows.add_row("normal", f"{rate(detail.rates.baseline)} per second")
        rows.add_row("state", state(detail.rates.state))
    events = [events for _, events in detail.series]
    rows.add_row("last hour", sparkline(events))
    rows.add_row(
        "", Text(f"{sum(events):,} events, at most {max(events, default=0):,} a minute", style="dim")
    )
    rows.add_row("runbook", plain(info.runbook))
    body = Group(rows) if detail.storm is None else Group(rows, "", alert_row(detail.storm))
    return Panel(
        body,
        title=Text.assemble(plain(c.code, "bold"), "  ", plain(info.title)),
        title_align="left",
        border_style="red" if detail.storm else "dim",
        padding=(1, 2),
        width=None,
    )


def _number(value: int) -> Text:
    return Text(f"{value:,}") if value else Text("·", style="dim")


def _severities(counter: Counter) -> Text:
    text = Text()
    for severity, events in counter.by_severity.items():
        text.append(f"{severity.value} ", style="dim" if not events else SEVERITY_STYLE[severity])
        text.append(f"{events:,}   ", style="dim" if not events else "")
    return text


def _moment(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}  ({ago(moment, now)})"
