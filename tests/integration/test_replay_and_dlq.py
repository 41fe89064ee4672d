"""`fault316 replay` and `fault316 dlq` as an operator runs them, on a real Kafka."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from fault316_schemas import FaultEvent
from fault316_streams.settings import WorkerSettings
from support import eventually

THEN = datetime(2026, 3, 16, 3, 16, tzinfo=UTC)


def fault316(
    settings: WorkerSettings, *arguments: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """The command as a person runs it, in this test's own topics."""
    return subprocess.run(
        _command(*arguments), input=stdin, capture_output=True, env=_env(settings), timeout=60, check=False
    )


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from fault316_streams.cli import main; main()", *arguments]


def _env(settings: WorkerSettings) -> dict[str, str]:
    return os.environ | {
        "FAULT316_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FAULT316_TOPIC_PREFIX": settings.topic_prefix,
        "COLUMNS": "200",
    }


async def read_all(settings: WorkerSettings, topic: str) -> list[Any]:
    """Every record of a topic, as it is now."""
    async with AIOKafkaConsumer(topic, **settings.kafka_options(), auto_offset_reset="earliest") as consumer:
        partitions: set[TopicPartition] = consumer.assignment()
        ends = await consumer.end_offsets(list(partitions))
        records: list[Any] = []
        while len(records) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=5_000)).values():
                records += batch
        return records


def recording(*seconds: float, **fields: Any) -> bytes:
    events = [
        {
            "id": f"e{number}",
            "code": "316-OP-FAIL",
            "service": "shop",
            "occurred_at": (THEN + timedelta(seconds=after_s)).isoformat(),
        }
        | fields
        for number, after_s in enumerate(seconds)
    ]
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


async def put_letters(settings: WorkerSettings, **letters: tuple[str, bytes, bool]) -> None:
    """Dead letters as intake writes them: offset → (reason, value, truncated)."""
    async with AIOKafkaProducer(**settings.kafka_options()) as kafka:
        for offset, (reason, value, truncated) in letters.items():
            key = f"{settings.topics.events}:3:{offset.removeprefix('at')}".encode()
            headers = [
                ("reason", reason.encode()),
                ("error", b"it is \x1b[31mwrong"),
                ("source", key),
                ("original-bytes", str(len(value)).encode()),
                ("rejected-by", b"0.1.0"),
                *([("truncated", b"true")] if truncated else []),
            ]
            await kafka.send_and_wait(settings.topics.dead_letters, value, key=key, headers=headers)


def key_of(settings: WorkerSettings, offset: int) -> str:
    return f"{settings.topics.events}:3:{offset}"


async def test_a_recording_arrives_whole_and_ends_now(topics: WorkerSettings, tmp_path: Path) -> None:
    """At full speed the last event lands now and the others keep their distance, whatever else they carry."""
    seconds = [index * 0.1 for index in range(2_000)]
    (tmp_path / "storm.jsonl").write_bytes(recording(*seconds, count=3, added_later="kept"))
    before = datetime.now(UTC)
    done = fault316(topics, "replay", str(tmp_path / "storm.jsonl"), "--speed", "max", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["events"], summary["faults"], summary["bad_lines"]) == (2_000, 6_000, 0)
    records = await read_all(topics, topics.topics.events)
    events = sorted(
        (FaultEvent.from_json(record.value) for record in records), key=lambda one: one.occurred_at
    )
    assert len(events) == 2_000
    assert before <= events[-1].occurred_at <= datetime.now(UTC)
    assert events[-1].occurred_at - events[0].occurred_at == timedelta(seconds=199.9)
    assert json.loads(records[0].value)["added_later"] == "kept"


async def test_bad_lines_are_named_and_the_good_ones_sent(topics: WorkerSettings) -> None:
    lines = recording(0) + b"{oops\n" + recording(0.1, count=-1) + recording(0.1)
    done = fault316(topics, "replay", "-", stdin=lines)
    assert done.returncode == 1
    said = done.stderr.decode()
    assert "line 2: not JSON" in said
    assert "line 3: count" in said
    assert "2 of 4 lines were bad and not sent" in said
    assert len(await read_all(topics, topics.topics.events)) == 2


async def test_ctrl_c_says_what_was_sent_and_that_is_what_arrived(
    topics: WorkerSettings, tmp_path: Path
) -> None:
    """The second event is an hour away: the person does not want to wait."""
    (tmp_path / "slow.jsonl").write_bytes(recording(0, 3_600))
    process = await asyncio.create_subprocess_exec(
        *_command("replay", str(tmp_path / "slow.jsonl"), "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_env(topics),
    )

    await eventually(partial(read_all, topics, topics.topics.events), deadline_s=30)
    process.send_signal(signal.SIGINT)
    said, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 130, errors
    assert json.loads(said)["events"] == 1
    assert b"Traceback" not in errors


def test_no_kafka_is_one_line_and_exit_code_1(settings: WorkerSettings) -> None:
    away = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    with ThreadPoolExecutor() as pool:  # each waits a while for Kafka to come
        runs = [
            pool.submit(fault316, away, "replay", "-", stdin=recording(0)),
            pool.submit(fault316, away, "dlq"),
        ]
    for done in (run.result() for run in runs):
        assert done.returncode == 1
        assert b"127.0.0.1:1" in done.stderr
        assert b"Traceback" not in done.stderr


async def test_letters_are_listed_newest_last_with_counts_and_nothing_that_drives_the_terminal(
    topics: WorkerSettings,
) -> None:
    await put_letters(
        topics,
        at1=("invalid_json", b'{"service": "shop", oops', False),
        at2=("wrong_code", b'{"service":"\\u001b[2J"}', False),
        at3=("invalid_json", b"\x1b]0;title\x07", False),
    )
    done = fault316(topics, "dlq")
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert said.index(key_of(topics, 1)) < said.index(key_of(topics, 3))
    assert "shop" in said
    assert "invalid_json 2, wrong_code 1" in said
    assert "\x1b" not in said
    listed = json.loads(
        fault316(topics, "dlq", "list", "--reason", "invalid_json", "-n", "1", "--json").stdout
    )
    assert listed["reasons"] == {"invalid_json": 2}
    assert [letter["key"] for letter in listed["letters"]] == [key_of(topics, 3)]


async def test_a_letter_is_shown_escaped_and_given_back_raw(topics: WorkerSettings) -> None:
    value = b"\xff\x1b[2Jpayload\nsecond line"
    await put_letters(topics, at7=("not_utf8", value, False))
    shown = fault316(topics, "dlq", "show", key_of(topics, 7)).stdout.decode()
    assert "reason: not_utf8" in shown
    assert "\\xff\\x1b[2Jpayload\nsecond line" in shown
    assert fault316(topics, "dlq", "show", key_of(topics, 7), "--raw").stdout == value
    missing = fault316(topics, "dlq", "show", key_of(topics, 8))
    assert missing.returncode == 1
    assert "no letter" in missing.stderr.decode()


async def test_a_retried_letter_arrives_as_it_was_and_only_once(topics: WorkerSettings) -> None:
    """A cut letter and one without a value cannot be sent again, and a second retry sends nothing."""
    good = recording(0).strip()
    await put_letters(
        topics,
        at1=("invalid_json", good, False),
        at2=("too_large", b"cut", True),
        at3=("empty", b"", False),
        at4=("wrong_code", b"another reason", False),
    )
    unasked = fault316(topics, "dlq", "retry", "--all")
    assert unasked.returncode == 2
    assert b"--yes" in unasked.stderr
    for expected in (1, 0):
        done = fault316(
            topics, "dlq", "retry", key_of(topics, 1), key_of(topics, 2), key_of(topics, 3), "--yes", "--json"
        )
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["retried"]) == expected
    (event,) = await read_all(topics, topics.topics.events)
    assert event.value == good
    assert dict(event.headers) == {"retried-from": key_of(topics, 1).encode()}
    listed = json.loads(fault316(topics, "dlq", "list", "--json").stdout)
    retried = {letter["key"]: letter["retried_as"] for letter in listed["letters"] if letter["retried_as"]}
    assert retried == {key_of(topics, 1): f"{event.topic}:{event.partition}:{event.offset}"}


@pytest.mark.parametrize(
    "arguments", [["retry"], ["retry", "--reason", "typo", "--yes"], ["list", "--reason", "typo"]]
)
def test_misuse_is_exit_code_2_before_kafka_is_asked(settings: WorkerSettings, arguments: list[str]) -> None:
    assert fault316(settings, "dlq", *arguments).returncode == 2
