"""`fault316 worker`: run the stages."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import uvloop

from fault316_streams import logs
from fault316_streams.settings import LogFormat, Stages, WorkerSettings
from fault316_streams.supervisor import Supervisor

LEFTOVERS_LIMIT_S: Final = 1.0
"""For the event loop to close once everything of ours has ended: milliseconds, as a rule."""


def worker(
    stages: Annotated[
        Stages, typer.Option(help="Run both stages, or one of them apart from the other.")
    ] = Stages.ALL,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file (TOML). Default: FAULT316_POLICY_FILE, else built in.")
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(min=0, max=65_535, help="Port of /healthz, /readyz, /metrics; 0: a free one."),
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="How logs look. Default: by the terminal.")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Run so many workers, and start again those that end.")
    ] = 1,
) -> None:
    """Count faults and detect storms until stopped (Ctrl-C or SIGTERM).

    Settings are FAULT316_* environment variables; the options here win over them. Any number of workers may run:
    they share the partitions.
    """
    given: dict[str, Any] = {
        "policy_file": policy,
        "http_port": http_port,
        "log_format": log_format,
    }
    settings = WorkerSettings(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings.log_format, settings.log_level)
    if processes > 1:
        commands = [_command(settings, stages, policy, number) for number in range(processes)]
        asyncio.run(_until_stopped(Supervisor(commands).run))
        return
    # Faust and scipy take a second to import; `fault316 --help` should not.
    from fault316_streams.worker import Worker

    run = Worker(settings, stages).run
    # What was imported stays for good: 125,000 objects that each full collection would walk through again, 30 ms.
    gc.collect()
    gc.freeze()
    # What is made per code and chunk is freed by counting references; at the usual thresholds, looking for cycles among
    # it took a third of all time with a thousand codes.
    gc.set_threshold(10_000, 10, 100)
    uvloop.run(_until_stopped(run))


def _command(settings: WorkerSettings, stages: Stages, policy: Path | None, number: int) -> list[str]:
    """One of several workers: the same options, and the next HTTP port each."""
    port = settings.http_port + number if settings.http_port else 0
    command = ["-m", "fault316_streams.cli", "worker", "--stages", stages, "--http-port", str(port)]
    command += ["--log-format", settings.log_format] if settings.log_format != "auto" else []
    return command + (["--policy", str(policy)] if policy else [])


async def _until_stopped(run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop, interrupts = asyncio.Event(), 0

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        # Ctrl-C once more: at once. SIGTERM does not count, which a supervisor sends beside the terminal's SIGINT.
        if interrupts > 1:
            os._exit(130)
        stop.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    exit_code = 1
    try:
        await run(stop)
        exit_code = 0
    finally:
        # A library's task that ignores its cancellation, as Faust's may while Kafka is away, would hold us for ever.
        leftovers = threading.Timer(LEFTOVERS_LIMIT_S, os._exit, [exit_code])
        leftovers.daemon = True
        leftovers.start()
