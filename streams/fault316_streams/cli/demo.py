"""`fault316 demo`: the main job for real, in a minute."""

import asyncio
import logging
import random
import secrets
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fault316 import AlertFeed, AsyncCounters, Reporter, StormAlert
from fault316_schemas import Transition
from fault316_schemas.connection import LOCAL_ENV_FILE
from fault316_streams.cli import demo_story
from fault316_streams.cli._demo_report import result_table, verdict_lines
from fault316_streams.cli._edge import one_line_errors
from fault316_streams.cli._show import alert_row
from fault316_streams.cli._tidy import remove_topics_and_keys
from fault316_streams.embedded import Local, Mode
from fault316_streams.settings import WorkerSettings
from fault316_streams.worker_child import WorkerChild

POLICY: Final = Path(__file__).with_name("demo_policy.toml")
COUNTED_LIMIT_S: Final = 20.0
RESOLVED_LIMIT_S: Final = 25.0
PHASES: Final = (
    (0.0, "an ordinary day"),
    (demo_story.BEFORE_S, "the promotion is on"),
    (demo_story.BEFORE_S + demo_story.STORM_S, "the pool is raised"),
)


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running, and say how to look around.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Play the same faults again.")] = None,
) -> None:
    """Bring everything up, play an outage, and compare what was produced with what was counted.

    Exit code 0 only if every counter is exact and the storm was opened and resolved.
    """
    console = Console(highlight=False)
    # The clients retry by themselves and tell us what we have to know; their logs would tear up the screen.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    seed = random.SystemRandom().randrange(10_000) if seed is None else seed
    folder = LOCAL_ENV_FILE.parent
    with console.status("looking for Kafka and Redis") as status:
        local = Local(folder, progress=status.update)
        before = local.status()
        mode, connection = local.up()
    console.print(f"Kafka and Redis are up ({mode}): {connection.bootstrap_servers}")
    names = {"topic_prefix": f"demo-{secrets.token_hex(3)}."}
    names["redis_prefix"] = names["topic_prefix"].replace(".", ":")
    # A demo's names are its own: it may run beside real work, and twice.
    settings = WorkerSettings(**connection.model_dump(exclude_unset=True) | names)
    environment = {
        "FAULT316_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FAULT316_REDIS_URL": settings.redis_url.get_secret_value(),
        **{f"FAULT316_{name.upper()}": value for name, value in names.items()},
    }
    worker = WorkerChild(environment, ["--policy", str(POLICY)], folder / "logs" / "demo-worker.log")
    good = False
    try:
        with console.status("starting a worker"):
            worker.start()
            worker.wait_ready()
        console.print(f"A worker is ready (pid {worker.pid}). Playing the case study, seed {seed}.\n")
        with one_line_errors():
            good = asyncio.run(_play(console, settings, seed))
    finally:
        if keep and good:
            _say_how_to_look(console, environment, worker)
        else:
            with console.status("tidying up"):
                worker.stop()
                asyncio.run(remove_topics_and_keys(settings))
                if mode is not Mode.YOURS and not before.healthy:
                    local.down()
    raise typer.Exit(0 if good else 1)


async def _play(console: Console, settings: WorkerSettings, seed: int) -> bool:
    faults = demo_story.story(seed)
    alerts: list[StormAlert] = []
    heard: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        feed = await stack.enter_async_context(AlertFeed(settings))
        counters = await stack.enter_async_context(AsyncCounters(settings))
        reporters = {
            service: await stack.enter_async_context(Reporter(service, connection=settings))
            for service in demo_story.services(faults)
        }
        listener = asyncio.create_task(_listen(console, feed, alerts, heard))
        try:
            produced, storm_at = await _produce(console, faults, reporters)
            for reporter in reporters.values():
                await reporter.flush()
            with console.status("waiting for the last events to be counted, and for the storm to end"):
                counted = await _counted(counters, produced)
                await _until(lambda: _resolved(alerts), RESOLVED_LIMIT_S)
        finally:
            listener.cancel()
    dropped = sum(reporter.dropped for reporter in reporters.values())
    console.print()
    console.print(result_table(produced, counted))
    lines, good = verdict_lines(produced, counted, dropped, alerts, heard, storm_at)
    for line in lines:
        console.print(line)
    return good


async def _produce(
    console: Console, faults: list[demo_story.Fault], reporters: dict[str, Reporter]
) -> tuple[Counter[str], float]:
    """Report each fault when its time has come; returns what was produced, and when the storm began."""
    produced: Counter[str] = Counter()
    storm_at = 0.0
    bar = Progress(
        TextColumn("{task.description:<20}"),
        BarColumn(),
        TextColumn("{task.fields[events]:>6,} faults"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=faults[-1].at_s, events=0)
        begin = time.monotonic()
        for fault in faults:
            if (wait_s := begin + fault.at_s - time.monotonic()) > 0:
                await asyncio.sleep(wait_s)
            if fault.code in demo_story.STORM_CODES and fault.at_s >= demo_story.BEFORE_S and not storm_at:
                storm_at = time.time()
            await reporters[fault.service].report(fault.code, **fault.details)
            produced[fault.code] += fault.details.get("count", 1)
            phase = [name for at_s, name in PHASES if fault.at_s >= at_s][-1]
            bar.update(task, completed=fault.at_s, description=phase, events=produced.total())
    return produced, storm_at


async def _listen(
    console: Console, feed: AlertFeed, alerts: list[StormAlert], heard: dict[str, float]
) -> None:
    async for alert in feed:
        heard[alert.alert_id] = time.time()
        alerts.append(alert)
        console.print(alert_row(alert))


async def _counted(counters: AsyncCounters, produced: Counter[str]) -> dict[str, int]:
    """What Redis says, once it says what was produced or the limit is over."""
    counted: dict[str, int] = {}

    async def agrees() -> bool:
        counted.clear()
        counted.update({counter.code: counter.total for counter in await counters.get_many(produced)})
        return counted == dict(produced)

    await _until(agrees, COUNTED_LIMIT_S)
    return counted


def _resolved(alerts: list[StormAlert]) -> bool:
    ended = {alert.storm_id for alert in alerts if alert.transition is Transition.RESOLVED}
    return bool(ended) and {alert.storm_id for alert in alerts} == ended


async def _until(condition: Any, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        met = condition()
        if (await met) if asyncio.iscoroutine(met) else met:
            return
        await asyncio.sleep(0.2)


def _say_how_to_look(console: Console, environment: dict[str, str], worker: WorkerChild) -> None:
    console.print("\nEverything is still running. To look around, in this folder:\n")
    for name, value in environment.items():
        console.print(f"  export {name}={value}", soft_wrap=True)
    console.print("  fault316 top          [dim]# live[/]")
    console.print("  fault316 counters     [dim]# totals[/]")
    console.print("  fault316 tail --from-beginning")
    console.print("  fault316 emit 316-TIMEOUT-ERR -n 500 --rate 100")
    console.print(f"  curl http://127.0.0.1:{worker.http_port}/metrics\n")
    console.print(f"To end it: kill {worker.pid}; fault316 down --wipe")
