"""`fault316 bench`: what it takes, how fast it is, how it scales; every figure of the documentation comes from here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import orjson
import typer
from rich.console import Console
from rich.table import Table

from fault316._compression import Compression
from fault316_streams.errors import Misuse

if TYPE_CHECKING:
    from fault316_streams.bench.lab import Lab

THROUGHPUT: Final = (
    "workers", "codes", "hot_share", "partitions", "events", "events_per_s", "cpu_us", "peak_mb", "alerts", "exact",
)  # fmt: skip
CLIENT: Final = ("client", "call", "kafka", "cpu_us", "burst_us", "process_us")
PEERS: Final = (
    "title", "events", "counted", "events_per_s", "ratio", "cpu_us", "warm_events_per_s", "warm_ratio", "warm_cpu_us", "peak_mb",
)  # fmt: skip
LATENCY: Final = ("per_s", "probes", "to_alert_ms", "to_counter_ms")

FILE_WIDTH: Final = 160

EXTRA: Final = ("confluent_kafka", "hdrh", "matplotlib", "sentry_sdk")
"""What the extra `bench` brings; that it is missing is said before servers are started."""

app = typer.Typer(no_args_is_help=True, help="Measure: throughput, latency, scale, backlog, clients, peers.")

Events = Annotated[int, typer.Option("--events", "-n", min=1_000, help="Events to write beforehand.")]
Codes = Annotated[int, typer.Option(min=1, max=100_000, help="Distinct codes.")]
HotShare = Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of the first code.")]
Partitions = Annotated[int, typer.Option(min=1, max=256, help="Of the events topic.")]
Compress = Annotated[Literal["none", Compression], typer.Option(help="Of the events' batches.")]
Pin = Annotated[bool, typer.Option(help="The servers on the last core, the worker on the first.")]
Plot = Annotated[Path | None, typer.Option(help="A picture of it: a .png or .svg file.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.command()
def throughput(
    events: Events = 2_000_000,
    codes: Codes = 10,
    hot_share: HotShare = 0.64,
    partitions: Partitions = 8,
    compression: Compress = "none",
    by_stage: Annotated[bool, typer.Option(help="Each stage in a process of its own.")] = False,
    pin: Pin = True,
    as_json: AsJson = False,
) -> None:
    """The whole pipeline (intake, detect, alerts, Redis) on one core: events a second, CPU per event, memory."""
    from fault316_streams.settings import Stages

    with _lab(pin) as (lab, say):
        from fault316_streams.bench.load import Load
        from fault316_streams.bench.throughput import fill, measure

        filled = fill(lab, Load(codes=codes, hot_share=hot_share), events, say, partitions, compression)
        stages = (Stages.INTAKE, Stages.DETECT) if by_stage else (Stages.ALL,)
        result = measure(lab, filled, say, stages)
    _show([asdict(result)], as_json, THROUGHPUT)


@app.command()
def latency(
    rates: Annotated[
        list[int] | None, typer.Option("--rate", min=1, help="Events a second beside the probes; several.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, help="For each rate.")] = 60.0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """From an event to its alert, and to its counter in Redis, under load; all on the cores there are."""
    with _lab(False) as (lab, say):
        from fault316_streams.bench.latency import measure
        from fault316_streams.bench.load import Load

        results = [measure(lab, per_s, seconds, Load(), say) for per_s in rates or (1_000, 5_000, 20_000)]
    _draw("latency", results, plot)
    _show([asdict(result) for result in results], as_json, LATENCY)


@app.command()
def scale(
    events: Events = 500_000,
    compression: Compress = "none",
    pin: Pin = True,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """How the cost of an event moves with codes, partitions, the hot code's share and workers."""
    with _lab(pin) as (lab, say):
        from fault316_streams.bench.load import Load
        from fault316_streams.bench.scale import points

        measured = list(points(lab, events, say, Load(), compression))
    _draw("scale", measured, plot)
    rows = [{"vary": point.vary, "value": point.value, **asdict(point.result)} for point in measured]
    _show(rows, as_json, ["vary", "value", *THROUGHPUT])


@app.command()
def backlog(
    events: Events = 12_000_000,
    codes: Codes = 10,
    partitions: Partitions = 8,
    pin: Pin = True,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """An outage of ten minutes at 20,000 events/s, worked off: how long it takes, and the memory meanwhile."""
    with _lab(pin) as (lab, say):
        from fault316_streams.bench.load import Load
        from fault316_streams.bench.throughput import Progress, fill, measure

        progress: list[Progress] = []
        filled = fill(lab, Load(codes=codes), events, say, partitions)
        result = measure(lab, filled, say, progress=progress)
    _draw("backlog", progress, plot)
    _show([asdict(result)], as_json, THROUGHPUT)


@app.command()
def client(
    calls: Annotated[int, typer.Option("--calls", "-n", min=100, max=2_500, help="Of each kind.")] = 2_000,
    as_json: AsJson = False,
) -> None:
    """What a report costs its caller, with Kafka up, down and mute, beside sentry-sdk: µs of CPU, p50 / p95 / p99."""
    with _lab(False) as (lab, say):
        from fault316_streams.bench.client import measure

        costs = measure(lab, calls, say)
    _show([asdict(cost) for cost in costs], as_json, CLIENT)


@app.command()
def peers(
    folder: Annotated[
        Path, typer.Argument(help="Where they are, one in each folder; see its README.md.")
    ] = Path("bench/peers"),
    only: Annotated[list[str] | None, typer.Option(help="Only this one; several.")] = None,
    events: Events = 2_000_000,
    codes: Codes = 10,
    hot_share: HotShare = 0.64,
    partitions: Partitions = 8,
    pin: Pin = True,
    as_json: AsJson = False,
) -> None:
    """Beside others that do the same job: on the same events, one after the other on the same core."""
    from fault316_streams.bench.peer import find

    found = find(folder, only or ())
    with _lab(pin) as (lab, say):
        from fault316_streams.bench.load import Load
        from fault316_streams.bench.peers import compared, race

        rows = []
        for row in race(lab, found, Load(codes=codes, hot_share=hot_share), events, partitions, say):
            typer.echo(f"{row.title}: {row.problem or f'{row.events_per_s:,.0f} events/s'}", err=True)
            rows.append(row)
    shown = [asdict(row) for row in compared(rows)]
    if not as_json:  # the problem itself was told when it came
        none = dict.fromkeys(PEERS)
        shown = [{**none, "title": f"{row['title']} FAILED"} if row["problem"] else row for row in shown]
    _show(shown, as_json, PEERS)


@contextmanager
def _lab(pin: bool) -> Iterator[tuple["Lab", Callable[[str], None]]]:
    """Servers, and where to say what is going on."""
    for name in EXTRA:
        if find_spec(name) is None:
            raise Misuse(f"{name} is not installed: pip install 'fault316[streams,bench]'")
    from fault316_streams.bench.lab import Lab

    console = Console(stderr=True)
    with console.status("starting Kafka and Redis") as status, Lab(status.update, pin=pin) as lab:
        yield lab, status.update


def _draw(name: str, measured: Any, file: Path | None) -> None:
    if file is not None:
        from fault316_streams.bench import plot

        getattr(plot, name)(measured, file)


def _show(rows: list[dict[str, Any]], as_json: bool, columns: Sequence[str]) -> None:
    """As a table only the named columns; as JSON all there is."""
    if as_json:
        typer.echo(orjson.dumps(rows))
        return
    table = Table()
    for name in columns:
        text = bool(rows) and isinstance(rows[0][name], str)
        table.add_column(name.replace("_", " "), justify="left" if text else "right", no_wrap=text)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    console = Console()
    # In a file or a pipe nobody's window is too narrow.
    (console if console.is_terminal else Console(width=FILE_WIDTH)).print(table)


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "NO"
        case dict():
            return " / ".join(f"{each:g}" for each in value.values())
        case list():
            return " + ".join(map(_cell, value))
        case None:
            return "–"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
