"""`fault316 tail`: storm alerts as they come."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from fault316 import AlertFeed, Connection, StormAlert
from fault316_streams.cli._edge import one_line_errors, write_json
from fault316_streams.cli._show import alert_row
from fault316_streams.cli.up import Json, quiet


def tail(
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show the alerts so far first.")
    ] = False,
    n: Annotated[int | None, typer.Option("-n", help="End after so many alerts.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Show storm alerts as they come, until Ctrl-C."""
    quiet()
    console = Console(highlight=False)
    show = write_json if as_json else lambda alert: console.print(alert_row(alert))
    with one_line_errors():
        try:
            asyncio.run(_follow(Connection(), from_beginning, n, show))
        except KeyboardInterrupt:  # the usual way to end it
            raise typer.Exit from None


async def _follow(
    connection: Connection, from_beginning: bool, n: int | None, show: Callable[[StormAlert], None]
) -> None:
    shown = 0
    async with AlertFeed(connection, from_beginning=from_beginning) as feed:
        notes = Console(stderr=True, highlight=False, style="dim", soft_wrap=True)
        if notes.is_terminal:
            notes.print(
                f"alerts of {connection.topics.alerts} at {connection.bootstrap_servers}, Ctrl-C ends"
            )
        async for alert in feed:
            show(alert)
            shown += 1
            if shown == n:
                return
