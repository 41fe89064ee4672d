"""Whatever an event, a broker or an exception says: a log entry stays one entry, and a terminal stays as it is."""

import io
import json
import logging

import pytest
import structlog
from rich.console import Console

from fault316 import Counter, Rates, Severity, State
from fault316_schemas import Registry
from fault316_schemas.alert import StormAlert
from fault316_schemas.export import SOURCE
from fault316_streams import logs
from fault316_streams.cli._show import alert_row
from fault316_streams.cli._top_view import Row, View, render
from fault316_streams.cli.counters import Detail, panel, table
from unit.cli.screen import NOON, screen

HOSTILE = "x\x1b[2J\x9b31m\r\n12:00:00 [info     ] paid\u2028[red]\u202e password=hunter2"


@pytest.mark.parametrize("log_format", ["human", "json"])
@pytest.mark.parametrize("logger", ["fault316", "aiokafka"])
def test_no_text_breaks_the_line_moves_the_cursor_or_tells_a_secret(log_format: str, logger: str) -> None:
    stream = io.StringIO()
    logs.configure(log_format, "info", stream)
    if logger == "fault316":
        structlog.get_logger(logger).warning(
            HOSTILE, error=HOSTILE, cause=ValueError(HOSTILE), parts=[HOSTILE]
        )
    else:
        logging.getLogger(logger).warning("peer said %s", HOSTILE)
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert written[:-1].isprintable()
    assert "hunter2" not in written
    if log_format == "json":  # nor does it when a tool takes the JSON's escapes away
        assert json.loads(written)["event"].isprintable()


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_no_line_of_a_traceback_passes_for_a_line_of_the_log(log_format: str) -> None:
    stream = io.StringIO()
    logs.configure(log_format, "info", stream)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        structlog.get_logger("fault316").exception("failed")
    head, *lines = stream.getvalue().splitlines()
    shown = json.loads(head)["exception"].split("\n") if log_format == "json" else lines
    assert len(shown) >= 4
    assert all(line.startswith("  ") and line.isprintable() for line in shown)
    assert "hunter2" not in stream.getvalue()


def test_an_alert_of_anybody_is_shown_as_text() -> None:
    """On the topic it is only JSON; `tail` and `top` show it all the same."""
    example = (SOURCE / "examples" / "storm-alert" / "valid" / "opened.json").read_bytes()
    alert = StormAlert.from_json(example).model_copy(update={"summary": HOSTILE})
    stream = io.StringIO()
    Console(file=stream, width=200).print(alert_row(alert))
    assert stream.getvalue().replace("\n", "").isprintable()
    assert "[red]" in stream.getvalue()


def test_what_anybody_wrote_to_redis_or_a_policy_is_shown_as_text() -> None:
    """Workers write neither, but whoever may write there could."""
    counted = Counter(HOSTILE, 5, dict.fromkeys(Severity, 0), 0, 0, NOON, NOON)
    rates = Rates(HOSTILE, {"10s": 5.5, "1m": 2.0, "5m": 1.0}, 0.25, State.STORM)
    info = Registry().get("316-A").model_copy(update={"title": HOSTILE, "runbook": HOSTILE})
    row = Row(rates, HOSTILE, 1.0, [])
    for shown in (
        table([counted], NOON),
        panel(Detail(counted, rates, [], None), info, NOON),
        render(View(NOON, "1m", [row], 1, [], problem=HOSTILE)),
    ):
        text = screen(shown)
        assert text.replace("\n", "").isprintable()
        assert "[red]" in text
