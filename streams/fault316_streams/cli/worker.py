"""`fault316 worker`: run the stages."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvloop

from fault316_streams import logs
from fault316_streams.settings import Stages, WorkerSettings

if TYPE_CHECKING:
    from fault316_streams.worker import Worker


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
    log_format: Annotated[str | None, typer.Option(help="human or json. Default: by the terminal.")] = None,
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
    # Faust and scipy take a second to import; `fault316 --help` should not.
    from fault316_streams.worker import Worker

    uvloop.run(_run(Worker(settings, stages)))


async def _run(worker: "Worker") -> None:
    stop = asyncio.Event()

    def ask_to_stop() -> None:
        if stop.is_set():
            os._exit(130)  # asked twice: at once
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask_to_stop)
    await worker.run(stop)
