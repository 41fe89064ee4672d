"""`fault316 bench`: what it takes, how fast it is, how it scales; every figure of the documentation comes from here."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Measure this machine: throughput, latency, scale, backlog.")

Events = Annotated[int, typer.Option("--events", "-n", min=1_000, help="Events to write beforehand.")]
Codes = Annotated[int, typer.Option(min=1, max=100_000, help="Distinct codes.")]
HotShare = Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of the first code.")]
Partitions = Annotated[int, typer.Option(min=1, max=256, help="Of the events topic.")]
Pin = Annotated[bool, typer.Option(help="The servers on the last core, the worker on the first.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.command()
def throughput(
    events: Events = 2_000_000,
    codes: Codes = 10,
    hot_share: HotShare = 0.64,
    partitions: Partitions = 8,
    by_stage: Annotated[bool, typer.Option(help="Each stage in a process of its own.")] = False,
    pin: Pin = True,
    as_json: AsJson = False,
) -> None:
    """The whole pipeline (intake, detect, alerts, Redis) on one core: events a second, CPU per event, memory."""
    from fault316_streams.bench.lab import Lab
    from fault316_streams.bench.load import Load
    from fault316_streams.bench.throughput import fill, measure
    from fault316_streams.settings import Stages

    console = Console(stderr=True)
    with console.status("starting Kafka and Redis") as status, Lab(status.update, pin=pin) as lab:
        load = Load(codes=codes, hot_share=hot_share)
        filled = fill(lab, load, events, status.update, partitions)
        stages = (Stages.INTAKE, Stages.DETECT) if by_stage else (Stages.ALL,)
        result = measure(lab, filled, status.update, stages)
    _show([asdict(result)], as_json)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(rows))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)
