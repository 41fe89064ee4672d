"""What the demo says in the end. Pure: figures in, renderables out."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table

from fault316_schemas import StormAlert, Transition
from fault316_streams.cli.demo_story import STORM_CODES


def result_table(produced: Counter[str], counted: Mapping[str, int]) -> Table:
    """Produced vs counted in Redis, per code."""
    table = Table(title="produced vs counted in Redis", title_justify="left")
    table.add_column("code", no_wrap=True)
    table.add_column("produced", justify="right")
    table.add_column("counted", justify="right")
    table.add_column("")
    for code, events in produced.most_common():
        exact = counted.get(code, 0) == events
        mark = "[green]✓[/]" if exact else f"[bold red]✗ {counted.get(code, 0) - events:+,}[/]"
        table.add_row(code, f"{events:,}", f"{counted.get(code, 0):,}", mark)
    table.add_section()
    table.add_row("all", f"{produced.total():,}", f"{sum(counted.values()):,}", "")
    return table


def verdict_lines(
    produced: Counter[str],
    counted: Mapping[str, int],
    dropped: int,
    alerts: Sequence[StormAlert],
    heard: Mapping[str, float],
    storm_at: float,
) -> tuple[list[str], bool]:
    """One line for each thing that must hold, and whether all do."""
    steps = {
        code: [alert for alert in alerts if alert.code == code and alert.at.timestamp() >= storm_at - 1]
        for code in STORM_CODES
    }
    orders = steps[STORM_CODES[0]]
    opened = next((alert for alert in orders if alert.transition is Transition.OPENED), None)
    resolved = next((alert for alert in orders if alert.transition is Transition.RESOLVED), None)
    checks = [
        (dict(produced) == dict(counted), "every counter is exact, to the last event"),
        (dropped == 0, "no reporter had to drop anything"),
        (
            opened is not None,
            "the storm was opened"
            + (f", {heard[opened.alert_id] - storm_at:.2f} s after its first fault" if opened else ""),
        ),
        (resolved is not None, "and resolved when it was calm again"),
    ]
    lines = [f"{'[green]✓[/]' if good else '[bold red]✗ not so:[/]'} {text}" for good, text in checks]
    return lines, all(good for good, _ in checks)
