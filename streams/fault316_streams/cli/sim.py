"""`fault316 simulate`: faults by the thousand against the real code, on simulated servers."""

import time
from typing import Annotated

import orjson
import typer
from rich.console import Console

from fault316_streams.errors import Failure


def simulate(
    runs: Annotated[int, typer.Option(min=1, help="Scenarios to play, one a seed.")] = 2_000,
    seed: Annotated[int, typer.Option(min=0, help="The first seed; it decides everything.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Look for a fault that loses, doubles or invents something: crashes, zombies, outages, rebalances.

    Needs no server. The first scenario that fails is made smaller and printed with the command that replays it.
    """
    # Faust's neighbours and scipy take a second to import; `fault316 --help` should not.
    from fault316_streams import sim

    began = time.monotonic()
    summary = sim.Summary()
    for report in sim.simulate(runs, seed):
        if report.wrong:
            raise Failure(str(sim.Failed(sim.shrink(report))))
        summary.add(report)
    took_s = time.monotonic() - began
    if as_json:
        typer.echo(orjson.dumps({"runs": runs, "seed": seed, "took_s": took_s, **summary.facts()}))
    else:
        Console().print(f"{summary}; from seed {seed}, in {took_s:.1f} s", highlight=False, soft_wrap=True)
