"""`fault316 top`: the codes that fail most, live, and the storms that are on."""

import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from fault316 import Counters, CountersUnavailable
from fault316_streams.cli._edge import one_line_errors, registry, write_json
from fault316_streams.cli._top_view import View, as_dict, read, render
from fault316_streams.cli.up import Json
from fault316_streams.settings import WorkerSettings


class By(StrEnum):
    """The window to sort by."""

    S10 = "10s"
    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"


def top(
    n: Annotated[int, typer.Option("-n", help="How many codes.", min=1, max=1_000)] = 10,
    by: Annotated[By, typer.Option(help="Sort by the rate over this window.")] = By.M1,
    interval: Annotated[float, typer.Option(help="Seconds between looks.", min=0.1, max=3_600)] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    as_json: Json = False,
) -> None:
    """Watch the codes that fail most and the storms that are on. q or Ctrl-C ends; --json is one look."""
    settings = WorkerSettings()
    titles = registry(settings)
    console = Console(highlight=False)
    with one_line_errors(), Counters(settings) as client:

        def look() -> View:
            return read(client, titles, n, by.value, datetime.now(UTC))

        if as_json:
            write_json(as_dict(look()))
        elif once or not console.is_terminal:
            console.print(render(look()))
        else:
            with suppress(KeyboardInterrupt):
                _watch(console, look, interval, View.empty(by.value, datetime.now(UTC)))


def _watch(console: Console, look: Callable[[], View], interval_s: float, view: View) -> None:
    """Look and show until q. While Redis is away the last look stays, and says so."""
    with Live(console=console, screen=True, auto_refresh=False) as live, _keys() as pressed:
        while True:
            try:
                view = look()
            except CountersUnavailable as error:
                view = replace(view, problem=f"{error} – trying again every {interval_s:g} s")
            live.update(render(view), refresh=True)
            if pressed(interval_s):
                return


@contextmanager
def _keys() -> Iterator[Callable[[float], bool]]:
    """Gives a function that waits so many seconds and says whether q was pressed meanwhile."""
    if not sys.stdin.isatty():
        yield _sleep
        return
    import termios  # not there on Windows, where a terminal has no such keys
    import tty

    def pressed(wait_s: float) -> bool:
        end = time.monotonic() + wait_s
        while (left := end - time.monotonic()) > 0 and select.select([sys.stdin], [], [], left)[0]:
            if sys.stdin.read(1) in ("q", "Q", ""):  # empty: the terminal is gone
                return True
        return False

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _sleep(wait_s: float) -> bool:
    time.sleep(wait_s)
    return False
