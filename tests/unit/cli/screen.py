"""What a person sees: a renderable as plain lines of a terminal of so many columns."""

import io
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType

from fault316_schemas import StormAlert

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def screen(renderable: RenderableType, columns: int = 80) -> str:
    """Plain text, without colours; trailing blanks removed."""
    console = Console(width=columns, record=True, file=io.StringIO(), highlight=False)
    console.print(renderable)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


def styled(renderable: RenderableType) -> str:
    """With colours, as escape codes."""
    console = Console(width=80, record=True, file=io.StringIO(), highlight=False, force_terminal=True)
    console.print(renderable)
    return console.export_text(styles=True)


def alert(**changes: Any) -> StormAlert:
    """An alert for `316-ORDER-SUBMIT-ERR`, opened at noon."""
    fields = {
        "alert_id": "a1", "storm_id": "s1", "transition": "opened", "reason": "above_baseline",
        "code": "316-ORDER-SUBMIT-ERR", "title": "Orders cannot be submitted", "severity": "P0",
        "layer": "application", "started_at": NOON, "at": NOON, "window_s": 10, "observed_per_s": 412,
        "baseline_per_s": 2, "factor": 206, "score": 300, "events": 51_234, "peak_per_s": 430, "users": 3_120,
        "runbook": "Look at the database pool.",
        "summary": "Orders cannot be submitted: 412/s instead of 2/s, 3,120 users hit since 12:00.",
    }  # fmt: skip
    return StormAlert.model_validate(fields | changes)
