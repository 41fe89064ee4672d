"""`fault316 replay`: which lines are good, when each is sent, and which time it is given."""

import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fault316_schemas.event import EVENT_BYTES_MAX
from fault316_streams.cli.commands import app
from fault316_streams.cli.recording import BadLine, Plan, Recorded, Survey, read_lines
from fault316_streams.cli.replay import parse_speed
from fault316_streams.errors import Failure, Misuse

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
THEN = datetime(2026, 3, 16, 3, 16, tzinfo=UTC)


def line(after_s: float = 0, **fields: Any) -> bytes:
    event = {"id": "e", "code": "316-OP-FAIL", "service": "shop", "occurred_at": at(after_s).isoformat()}
    return json.dumps(event | fields).encode()


def at(after_s: float) -> datetime:
    return THEN + timedelta(seconds=after_s)


def read(*lines: bytes, end: bytes = b"\n") -> list[Recorded | BadLine]:
    return list(read_lines(io.BytesIO(end.join(lines))))


def plan(speed: float, last_s: float = 100, shifted: bool = True) -> Plan:
    return Plan(NOW, at(0), at(last_s), speed, shifted)


def after_now(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


def test_good_lines_are_read_in_any_line_end_and_blank_ones_skipped() -> None:
    for end in (b"\n", b"\r\n", b"\n\n \n"):
        found = read(line(0), line(1, count=7), end=end)
        assert [(one.at, one.count) for one in found if isinstance(one, Recorded)] == [(at(0), 1), (at(1), 7)]


def test_a_bad_line_says_where_it_is_and_what_is_wrong() -> None:
    found = read(line(), b"{oops", b"", line(count=0), b"[]", line(code="316-\x1b[31m"))
    bad = [one for one in found if isinstance(one, BadLine)]
    assert [one.number for one in bad] == [2, 4, 5, 6]
    assert bad[0].error.startswith("not JSON: ")
    assert bad[1].error.startswith("count: ")
    assert all(one.error.isprintable() for one in bad), "nothing in a file may move the terminal's cursor"


def test_a_line_longer_than_an_event_may_be_is_bad_and_the_next_one_is_read() -> None:
    too_long = line(padding="x" * EVENT_BYTES_MAX)
    found = read(too_long, line(5))
    assert found[0] == BadLine(1, f"longer than {EVENT_BYTES_MAX} bytes")
    assert isinstance(found[1], Recorded)
    assert found[1].number == 2


def test_the_largest_event_is_still_a_good_line() -> None:
    padding = EVENT_BYTES_MAX - len(line(padding=""))
    assert isinstance(read(line(padding="x" * padding), line())[0], Recorded)


def test_a_survey_counts_and_finds_the_ends_also_out_of_order() -> None:
    found = Survey.of(read(line(10), b"?", line(90), line(0)))
    assert found == Survey(lines=4, bad=1, first_at=at(10), last_at=at(90))
    assert found.events == 3


def test_a_wrong_clock_does_not_end_the_recording_in_2099() -> None:
    found = Survey.of(read(line(0), line(occurred_at="2099-01-01T00:00:00Z"), line(100)))
    assert found.last_at == at(100)


#   recorded      0 ───────────── 50 ──────────── 100
#   speed 1       now             now + 50        now + 100
#   speed 10      now             now + 5         now + 10
#   max           now - 100       now - 50        now


@pytest.mark.parametrize(
    ("speed", "first", "middle", "last"), [(1, 0, 50, 100), (10, 0, 5, 10), (0, -100, -50, 0)]
)
def test_times_are_shifted_to_now(speed: float, first: float, middle: float, last: float) -> None:
    """Paced, an event's new time is when it is sent: never in the future, and never late."""
    assert [after_now(plan(speed).placed(at(s))) for s in (0, 50, 100)] == [first, middle, last]


@pytest.mark.parametrize(("speed", "due"), [(1, [0, 50, 100]), (10, [0, 5, 10]), (0, [0, 0, 0])])
def test_events_are_sent_at_their_pace(speed: float, due: list[float]) -> None:
    assert [plan(speed).due_s(at(s)) for s in (0, 50, 100)] == due


def test_an_event_that_came_out_of_order_stays_as_late_as_it_was() -> None:
    """Recorded 20 s before the first in the file: sent at once, with a time 20 s ago."""
    assert plan(1).due_s(at(-20)) < 0
    assert after_now(plan(1).placed(at(-20))) == -20


def test_nobody_waits_for_an_event_from_2099_and_its_clock_stays_wrong() -> None:
    wrong = datetime(2099, 1, 1, tzinfo=UTC)
    for speed, shifted in itertools.product((0, 1), (True, False)):
        assert plan(speed, shifted=shifted).due_s(wrong) == 0
        assert plan(speed, shifted=shifted).placed(wrong) == wrong


def test_only_the_time_changes() -> None:
    """Fields of a newer client, numbers and texts go out as they were recorded."""
    (recorded,) = read(line(5, added_later={"a": [1, 2.5, None]}, big=10**30, message="ü🔥"))
    assert isinstance(recorded, Recorded)
    sent = json.loads(plan(1).value(recorded))
    assert datetime.fromisoformat(sent["occurred_at"]) == NOW + timedelta(seconds=5)
    assert sent == json.loads(recorded.value) | {"occurred_at": sent["occurred_at"]}


def test_unshifted_lines_go_out_byte_for_byte() -> None:
    text = line(5).replace(b", ", b" ,  ")
    (recorded,) = read(text)
    assert isinstance(recorded, Recorded)
    assert plan(1, shifted=False).value(recorded) == text


@pytest.mark.parametrize(("text", "speed"), [("1", 1), ("0.5", 0.5), ("10", 10), ("0", 0), ("max", 0)])
def test_speed_is_a_number_or_max(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["fast", "-1", "nan", "inf", ""])
def test_another_speed_is_misuse(text: str) -> None:
    with pytest.raises(Misuse, match="--speed"):
        parse_speed(text)


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"", [], "no fault event"),
        (b"?\n\n", [], "no fault event"),
        (line() + b"\n?\n", ["--strict"], "1 of 2 lines are bad, nothing was sent"),
    ],
)
def test_a_recording_that_must_not_be_sent_is_refused_before_kafka_is_asked(
    content: bytes, options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT316_BOOTSTRAP_SERVERS", "no port")
    (tmp_path / "recording.jsonl").write_bytes(content)
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "recording.jsonl"), *options])
    assert isinstance(result.exception, Failure)
    assert said in str(result.exception)


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "none.jsonl")])
    assert isinstance(result.exception, Misuse)
    assert "none.jsonl" in str(result.exception)
