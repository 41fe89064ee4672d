"""Logs that a person and a program can read, without secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from fault316_streams import logs


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(log_format: str = "json", log_level: str = "info") -> io.StringIO:
    """Where logs go from now on."""
    stream = io.StringIO()
    logs.configure(log_format, log_level, stream)
    return stream


def test_json_is_one_object_a_line_with_time_level_and_logger() -> None:
    stream = written()
    structlog.get_logger("fault316.intake").warning("refused", reason="not_json", count=3)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "refused",
        "level": "warning",
        "logger": "fault316.intake",
        "reason": "not_json",
        "count": 3,
    }


def test_libraries_logs_take_the_same_form() -> None:
    stream = written()
    logging.getLogger("aiokafka.consumer").error("no leader for %s", "t-0")
    assert json.loads(stream.getvalue())["event"] == "no leader for t-0"


def test_a_library_that_repeats_itself_is_cut_short_and_counted() -> None:
    """Without a broker aiokafka would write some 30 lines a second."""
    stream = written()

    def complain(at_s: float, node: int) -> None:
        record = logging.LogRecord("aiokafka", logging.ERROR, "conn.py", 1, "no node %s", (node,), None)
        record.created = at_s
        logging.getLogger("aiokafka").handle(record)

    for tenth in range(100):
        complain(tenth / 10, tenth)
    complain(10.0, 100)
    said = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert said == ["no node 0", "no node 100 (and 99 times more)"]


def test_our_own_repeats_are_all_shown() -> None:
    stream = written()
    for _ in range(3):
        structlog.get_logger("fault316").warning("refused")
    assert len(stream.getvalue().splitlines()) == 3


@pytest.mark.parametrize("name", logs.LIBRARIES)
def test_libraries_are_quiet_below_warning(name: str) -> None:
    stream = written()
    logging.getLogger(name).info("joined group")
    assert stream.getvalue() == ""
    logging.getLogger(name).warning("left group")
    assert "left group" in stream.getvalue()


def test_the_level_holds_for_our_own_logs() -> None:
    stream = written(log_level="warning")
    structlog.get_logger("fault316").info("not shown")
    assert stream.getvalue() == ""


def test_auto_is_json_in_a_file_and_human_on_a_terminal() -> None:
    file = written("auto")
    structlog.get_logger("fault316").info("hello")
    assert json.loads(file.getvalue())["event"] == "hello"
    terminal = Terminal()
    logs.configure("auto", "info", terminal)
    structlog.get_logger("fault316").info("hello")
    assert "hello" in terminal.getvalue()
    assert "{" not in terminal.getvalue()


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_a_traceback_is_shown_without_local_variables(log_format: str) -> None:
    """A local variable may be a password."""
    stream = written(log_format)

    def connect() -> None:
        password = "hunter" + "2"
        raise ConnectionError("refused" if password else "")

    try:
        connect()
    except ConnectionError:
        structlog.get_logger("fault316").exception("failed")
    assert "ConnectionError: refused" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_secrets_are_stars(log_format: str) -> None:
    stream = written(log_format)
    structlog.get_logger("fault316").info("up", sasl_password="hunter2", url=SecretStr("redis://:hunter2@h"))
    assert "hunter2" not in stream.getvalue()
    assert "***" in stream.getvalue()


def test_configuring_twice_does_not_write_twice() -> None:
    written()
    stream = written()
    structlog.get_logger("fault316").info("once")
    assert len(stream.getvalue().splitlines()) == 1
