"""The commands as a user runs them, with a worker behind them."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, fault
from support import own_settings, until
from worker_process import Workers, fault316

CODE = "316-TIMEOUT-ERR"
NOWHERE = {"bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}


@pytest.fixture(scope="module")
def served(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerSettings]:
    """Settings that a worker runs with."""
    settings = own_settings(servers)
    with Workers(tmp_path_factory.mktemp("cli")) as workers:
        workers.start(settings).ready()
        yield settings


def asked(settings: WorkerSettings, *arguments: str, stdin: str = "") -> Any:
    """What a command says as JSON."""
    done = fault316(settings, *arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def total(settings: WorkerSettings, code: str) -> int:
    """As `fault316 counters` shows it."""
    return sum(counter["total"] for counter in asked(settings, "counters") if counter["code"] == code)


def test_what_is_emitted_is_counted_alerted_and_on_top(served: WorkerSettings) -> None:
    """emit, then counters, tail and top agree."""
    emitted = asked(served, "emit", CODE, "-n", "60", "--count", "2", "--severity", "p2", "--service", "pay")
    assert (emitted["sent"], emitted["faults"]) == (60, 120)
    until(lambda: total(served, CODE) == 120)
    detail = asked(served, "counters", CODE)
    assert detail["counter"]["by_severity"]["P2"] == 120
    alert = asked(served, "tail", "--from-beginning", "-n", "1")
    assert (alert["code"], alert["transition"]) == (CODE, "opened")
    assert alert["facets"]["services"][0]["value"] == "pay"
    look = asked(served, "top", "--once")
    assert look["codes"][0]["code"] == CODE
    assert look["codes"][0]["state"] == "storm"
    assert [storm["storm_id"] for storm in look["storms"]] == [alert["storm_id"]]
    assert detail["storm"]["storm_id"] == alert["storm_id"]


def test_a_replayed_recording_is_counted(served: WorkerSettings, tmp_path: Path) -> None:
    """Its times are shifted to now, so that nothing is late."""
    then = datetime.now(UTC) - timedelta(days=3)
    recording = tmp_path / "recording.jsonl"
    recording.write_bytes(
        b"".join(fault("316-REPLAYED", at_s=then.timestamp() + n / 10) + b"\n" for n in range(30))
    )
    assert asked(served, "replay", str(recording), "--speed", "max")["events"] == 30
    until(lambda: total(served, "316-REPLAYED") == 30)
    assert asked(served, "counters", "316-REPLAYED")["counter"]["late"] == 0


def test_a_dead_letter_is_listed_shown_and_sent_again(served: WorkerSettings) -> None:
    """What is still bad after a retry comes back as a letter of its own."""
    bad = fault("316-not-a-code")
    OtherProducer(served).send_all([bad], partition=2)
    [letter] = until(lambda: asked(served, "dlq", "list")["letters"])
    assert (letter["reason"], letter["service"]) == ("wrong_code", "shop")
    assert letter["key"].startswith(f"{served.topics.events}:2:")
    assert fault316(served, "dlq", "show", letter["key"], "--raw").stdout.encode() == bad
    retried = asked(served, "dlq", "retry", letter["key"], "--yes")["retried"]
    assert list(retried) == [letter["key"]]
    until(lambda: {each["key"] for each in asked(served, "dlq", "list")["letters"]} >= set(retried.values()))


def test_status_says_where_the_servers_are(served: WorkerSettings) -> None:
    status = asked(served, "status")
    assert status["bootstrap_servers"] == served.bootstrap_servers
    assert status["redis_url"] == served.redis_url.get_secret_value()
    assert status["kafka_healthy"] is status["redis_healthy"] is True
    assert {"kafka_pid", "redis_pid"} <= status.keys()


@pytest.mark.parametrize(
    "arguments",
    [
        ["emit", "oops"],
        ["emit", CODE, "--severity", "P9"],
        ["tail", "-n", "0"],
        ["replay", "/nowhere.jsonl"],
        ["dlq", "retry"],
        ["nonsense"],
    ],
)
def test_misuse_is_exit_code_2_and_says_what_is_wrong(settings: WorkerSettings, arguments: list[str]) -> None:
    done = fault316(settings, *arguments, **NOWHERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_servers_that_are_away_are_exit_code_1_and_one_line_that_names_them(settings: WorkerSettings) -> None:
    """Side by side, because each is patient for some seconds before it gives up."""
    commands = [
        ["emit", CODE],
        ["tail"],
        ["counters"],
        ["replay", "-", "--speed", "max"],
        ["dlq", "list"],
        ["topics"],
    ]

    def run(arguments: list[str]) -> Any:
        return fault316(settings, *arguments, stdin=fault(CODE).decode() + "\n", **NOWHERE)

    with ThreadPoolExecutor(len(commands)) as pool:
        for done in pool.map(run, commands):
            assert done.returncode == 1, (done.args, done.stderr)
            assert "127.0.0.1:1" in done.stderr
            assert done.stderr.count("\n") == 1, (done.args, done.stderr)
