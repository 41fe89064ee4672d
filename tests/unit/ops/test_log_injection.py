"""Whatever an event, a broker or an exception says: a log entry stays one entry, and a terminal stays as it is."""

import io
import json
import logging

import pytest
import structlog
from rich.console import Console

from fault316_schemas.alert import StormAlert
from fault316_schemas.export import SOURCE
from fault316_streams import logs
from fault316_streams.cli._show import alert_row

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
