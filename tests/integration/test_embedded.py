"""`up`, `down` and `status` on the real Kafka and Redis, as a person and as a program use them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from fault316_streams.embedded import Embedded
from fault316_streams.embedded.state import read_state, write_state
from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = Path(sys.executable).with_name("fault316")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One folder for all tests of this module; each leaves it up or down as it likes."""
    embedded = Embedded(tmp_path_factory.mktemp("work") / ".fault316", kafka_port=0, redis_port=0)
    yield embedded
    embedded.down(wipe=True)


@pytest.fixture
def run(pair: Embedded) -> Run:
    """The command, in the folder that holds `.fault316`, in an environment that names no servers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAULT316_")}

    def run(*arguments: str, **extra: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=pair.directory.parent,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return run


def topic_names(pair: Embedded) -> list[str]:
    """Create the topics where they are missing; the names of those that were there."""
    endpoints = pair.up()
    settings = WorkerSettings.model_validate(
        {
            "bootstrap_servers": endpoints.bootstrap_servers,
            "redis_url": endpoints.redis_url,
            "events_partitions": 1,
        }
    )
    return [report.name for report in asyncio.run(ensure_topics(settings)) if not report.created]


def test_up_twice_is_once(pair: Embedded) -> None:
    endpoints = pair.up()
    pids = pair.kafka_pid, pair.redis_pid
    assert None not in pids
    assert pair.up() == endpoints
    assert (pair.kafka_pid, pair.redis_pid) == pids


def test_two_ups_at_once_start_one_pair(tmp_path: Path) -> None:
    """The second waits for the first and finds its servers."""
    both = [Embedded(tmp_path, kafka_port=0, redis_port=0) for _ in range(2)]
    threads = [threading.Thread(target=one.up) for one in both]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert both[0].status() == both[1].status()
        assert both[0].kafka_pid is not None
    finally:
        both[0].down(wipe=True)


def test_a_killed_kafka_is_started_again_on_its_port_and_data(pair: Embedded) -> None:
    endpoints = pair.up()
    topic_names(pair)
    before = pair.kafka_pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert pair.up() == endpoints
    assert pair.kafka_pid not in (None, before)
    assert "316.events" in topic_names(pair)


def test_a_restarted_redis_keeps_its_port_and_data(pair: Embedded) -> None:
    client = redis.from_url(pair.up().redis_url, decode_responses=True)
    client.set("kept", "yes")
    pair.restart_redis()
    assert client.get("kept") == "yes"
    client.close()


def test_each_server_stops_and_starts_alone(pair: Embedded) -> None:
    endpoints = pair.up()
    pair.stop_kafka(kill=True)
    status = pair.status()
    assert (status.kafka_pid, status.kafka_error) == (None, "not running")
    assert status.redis_error is None
    pair.start_kafka()
    pair.stop_redis(kill=True)
    status = pair.status()
    assert status.kafka_error is None
    assert (status.redis_pid, status.redis_error) == (None, "not running")
    pair.start_redis()
    assert pair.status().endpoints == endpoints


async def test_it_can_be_asked_from_inside_an_event_loop(pair: Embedded) -> None:
    await asyncio.to_thread(pair.up)
    assert pair.status().kafka_error is None


def test_servers_of_an_interrupted_up_are_adopted(pair: Embedded) -> None:
    """It died before it wrote the env file; the state file tells of its children."""
    pair.up()
    pids = pair.kafka_pid, pair.redis_pid
    pair.env_file.unlink()
    pair.up()
    assert (pair.kafka_pid, pair.redis_pid) == pids
    assert pair.env_file.exists()


def test_another_programs_process_is_left_alone(pair: Embedded) -> None:
    """The machine restarted, and an old pid belongs to somebody else now."""
    pair.up()
    pair.down()
    innocent = subprocess.Popen(["sleep", "60"])
    try:
        pair.up()
        state_file = pair.directory / "state.json"
        state = read_state(state_file)
        assert state is not None
        pair.stop_redis()
        child = state.children["redis"]
        state.children["redis"] = type(child)(innocent.pid, child.created - 3_600)
        write_state(state_file, state)
        pair.up()
        assert pair.redis_pid != innocent.pid
        pair.down()
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_hanging_server_is_replaced(pair: Embedded) -> None:
    pair.up()
    before = pair.redis_pid
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    pair.up()
    assert pair.redis_pid not in (None, before)
    assert not psutil.pid_exists(before)


def test_a_taken_port_is_said_and_up_takes_another(pair: Embedded) -> None:
    endpoints = pair.up()
    port = int(endpoints.bootstrap_servers.rsplit(":")[-1])
    pair.stop_kafka()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(Failure, match=f"Kafka cannot start: port {port} is taken"):
            pair.start_kafka()
        assert pair.up().bootstrap_servers != endpoints.bootstrap_servers


def test_a_kafka_that_cannot_start_says_why_and_where(pair: Embedded) -> None:
    """Here: its data are of another cluster. Nothing is left running that `up` has started."""
    pair.up()
    pair.down()
    meta = pair.directory / "kafka" / "data" / "meta.properties"
    text = meta.read_text()
    meta.write_text(text.replace("node.id=1", "node.id=7"))
    with pytest.raises(Failure, match=r"^Kafka did not start: .*node.* \(log: .*kafka\.log\)$"):
        pair.up()
    assert (pair.kafka_pid, pair.redis_pid) == (None, None)
    meta.write_text(text)
    pair.up()


def test_down_leaves_nothing_running_and_keeps_the_data(pair: Embedded) -> None:
    topic_names(pair)
    pids = pair.kafka_pid, pair.redis_pid
    assert pair.down()
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    assert not pair.env_file.exists()
    assert not pair.down()
    assert "316.events" in topic_names(pair)


def test_servers_outlive_the_command_that_started_them(pair: Embedded, run: Run) -> None:
    pair.down()
    up = run("up", "--mode", "embedded")
    assert up.returncode == 0, up.stderr
    assert "up (embedded)" in up.stdout
    status = json.loads(run("status", "--json").stdout)
    assert status["mode"] == "embedded"
    assert (status["kafka_pid"], status["redis_pid"]) == (pair.kafka_pid, pair.redis_pid)
    assert status["kafka_healthy"] and status["redis_healthy"]  # noqa: PT018 - one claim
    lines = pair.env_file.read_text().splitlines()
    assert lines == [
        f"FAULT316_BOOTSTRAP_SERVERS={status['bootstrap_servers']}",
        f"FAULT316_REDIS_URL={status['redis_url']}",
    ]
    assert run("up", "--env").stdout.splitlines() == [f"export {line}" for line in lines]


def test_status_fails_when_one_server_is_gone(pair: Embedded, run: Run) -> None:
    pair.up()
    pair.stop_redis(kill=True)
    status = run("status", "--json")
    assert status.returncode == 1
    assert [json.loads(status.stdout)[key] for key in ("kafka_healthy", "redis_healthy")] == [True, False]


def test_down_wipe_deletes_the_data(pair: Embedded, run: Run) -> None:
    assert run("down", "--wipe").returncode == 0
    assert [file.name for file in pair.directory.iterdir()] == ["lock"]
    assert run("status").returncode == 1


def test_without_java_one_line_says_what_to_install(pair: Embedded, run: Run, tmp_path: Path) -> None:
    pair.down()
    up = run("up", PATH=str(tmp_path), JAVA_HOME="")
    assert up.returncode == 1
    assert up.stderr.splitlines()[-1].startswith("fault316: embedded Kafka needs Java")
    assert "apt-get install openjdk-17-jre-headless" in up.stderr
    assert "Traceback" not in up.stderr
