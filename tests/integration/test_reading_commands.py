"""`fault316 emit`, `tail`, `counters` and `top` as a person runs them."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import redis
from aiokafka import AIOKafkaProducer

from fault316_streams.settings import WorkerSettings
from support import eventually

ALERT = {
    "alert_id": "a1", "storm_id": "s1", "transition": "opened", "reason": "above_baseline", "code": "316-A",
    "title": "A", "severity": "P1", "layer": "data", "started_at": "2026-03-01T12:00:00Z",
    "at": "2026-03-01T12:00:05Z", "window_s": 10, "observed_per_s": 5, "baseline_per_s": 1, "factor": 5,
    "score": 12, "events": 50, "peak_per_s": 6, "users": 3, "runbook": "look", "summary": "A storms.",
}  # fmt: skip
FAULT316 = [sys.executable, "-c", "from fault316_streams.cli import main; main()"]
NOWHERE = {"bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}


def environment(settings: WorkerSettings, **changes: str) -> dict[str, str]:
    values = {
        "bootstrap_servers": settings.bootstrap_servers,
        "redis_url": settings.redis_url.get_secret_value(),
        "topic_prefix": settings.topic_prefix,
        "redis_prefix": settings.redis_prefix,
    }
    return os.environ | {f"FAULT316_{name.upper()}": value for name, value in (values | changes).items()}


async def run(settings: WorkerSettings, *args: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run, [*FAULT316, *args], capture_output=True, text=True, timeout=60, check=False,
        env=environment(settings, **changes),
    )  # fmt: skip


@pytest.fixture
def counted(settings: WorkerSettings) -> WorkerSettings:
    """Redis as the worker leaves it after two codes, one of them in a storm."""
    keys, now = settings.keys, datetime.now(UTC)
    with redis.from_url(**settings.redis_options()) as client:
        for code, total in (("316-A", 5), ("316-B", 7)):
            client.zadd(keys.codes, {code: now.timestamp()})
            client.hset(
                keys.counter(code), mapping={"total": total, "P1": total, "last_seen": now.timestamp()}
            )
            client.hset(keys.rate(code), mapping={"1m": total, "baseline": 1, "state": "storm"})
            client.hset(keys.series(code, f"{now:%Y%m%d%H}"), mapping={now.minute: total})
        client.zadd(keys.storms, {"s1": now.timestamp()})
        client.set(keys.storm("s1"), json.dumps(ALERT))
    return settings


async def test_emit_sends_and_sums_up(topics: WorkerSettings) -> None:
    done = await run(topics, "emit", "316-A", "-n", "700", "--count", "2", "--severity", "p0", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["sent"], summary["faults"], summary["dropped"]) == (700, 1_400, 0)


async def test_emit_refuses_a_wrong_code_in_one_line(settings: WorkerSettings) -> None:
    done = await run(settings, "emit", "oops", **NOWHERE)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "CODE" in done.stderr


async def test_tail_gives_alerts_as_json_lines(topics: WorkerSettings) -> None:
    producer = AIOKafkaProducer(**topics.kafka_options())
    await producer.start()
    await producer.send_and_wait(topics.topics.alerts, json.dumps(ALERT).encode())
    await producer.stop()
    done = await run(topics, "tail", "--from-beginning", "-n", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"] == "A storms."
    shown = await run(topics, "tail", "--from-beginning", "-n", "1")
    assert "A storms." in shown.stdout


async def test_counters_list_and_detail(counted: WorkerSettings) -> None:
    everything = json.loads((await run(counted, "counters", "--json")).stdout)
    assert {item["code"]: item["total"] for item in everything} == {"316-A": 5, "316-B": 7}
    one = json.loads((await run(counted, "counters", "316-A", "--json")).stdout)
    assert (one["counter"]["by_severity"]["P1"], one["rates"]["state"]) == (5, "storm")
    assert one["storm"]["storm_id"] == "s1"
    assert sum(events for _, events in one["series"]) == 5
    unknown = await run(counted, "counters", "316-NEVER")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)


async def test_top_once_and_for_programs(counted: WorkerSettings) -> None:
    look = json.loads((await run(counted, "top", "--json")).stdout)
    assert [code["code"] for code in look["codes"]] == ["316-B", "316-A"]
    assert [code["share"] for code in look["codes"]] == [0.5833, 0.4167]
    assert [storm["code"] for storm in look["storms"]] == ["316-A"]
    shown = (await run(counted, "top", "--once")).stdout
    assert "316-B" in shown
    assert "A storms." in shown


@pytest.mark.parametrize("command", [["counters"], ["top", "--once"], ["top", "--json"]])
async def test_redis_away_is_one_line_and_exit_code_1(settings: WorkerSettings, command: list[str]) -> None:
    done = await run(settings, *command, **NOWHERE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("key", [b"q", b"\x03"])
async def test_live_top_says_that_redis_is_away_goes_on_and_ends_on_q_or_ctrl_c(
    settings: WorkerSettings, key: bytes
) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*FAULT316, "top", "--interval", "0.1"], environment(settings, **NOWHERE))
    shown = bytearray()
    os.set_blocking(terminal, False)

    def seen(text: bytes, times: int) -> bool:
        with suppress(OSError):  # nothing there yet
            shown.extend(os.read(terminal, 65_536))
        return shown.count(text) >= times

    try:
        await eventually(lambda: seen(b"trying again", times=2))
        os.write(terminal, key)
        ended = await asyncio.to_thread(_wait, pid, terminal)
        assert ended == 0
    finally:
        os.close(terminal)


def _wait(pid: int, terminal: int, limit_s: float = 20.0) -> int:
    """The exit code of `pid`; its terminal is drained meanwhile, or it could not write its last words."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            os.read(terminal, 65_536)
        except OSError:
            time.sleep(0.02)
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    raise AssertionError(f"top did not end within {limit_s} s")
