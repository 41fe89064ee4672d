"""Every Python block of docs/clients.md runs as it stands, and every redis-cli line is a command that Redis takes."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from fault316.testing import storm_alert
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics
from other_client import OtherConsumer, OtherProducer, OtherView
from support import until
from worker_process import environment

TEXT: Final = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
(
    REPORT, FEED, COUNTERS, SYNC_FEED, FROM_REDIS, HANDLER, MORE_COUNTERS, FEED_TEST, REPORTER_TEST,
) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)  # fmt: skip
REDIS_CLI: Final = re.findall(r"^redis-cli (.*)$", TEXT, re.MULTILINE)
CODE: Final = "316-DB-POOL-EXHAUSTED"

CHECKOUT = """
from types import SimpleNamespace
def store(order): raise OSError("no disk")
try: submit(SimpleNamespace(user_id=7, lines=[]))
except OSError: pass
"""
"""What a reader has around the first block."""

SHOP = """
import fault316, pytest
class Pager:
    calls = 0
@pytest.fixture
def pager(): return Pager()
async def on_duty(feed, pager):
    async with feed:
        async for _ in feed: pager.calls += 1
class CardMissing(Exception): __module__ = "payments"
order_without_card = None
def pay(order):
    try:
        with fault316.guard("316-ORDER-SUBMIT-ERR", endpoint="/pay"): raise CardMissing
    except CardMissing: pass
"""
"""And around the tests."""


class Programs:
    """Blocks as programs of their own, with the test's servers; none is left running."""

    def __init__(self, settings: WorkerSettings, folder: Path, started: ExitStack) -> None:
        self._settings, self._folder, self._started = settings, folder, started
        self._number = 0

    def run(self, text: str) -> str:
        """To its end; what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=self._folder, env=environment(self._settings), capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, text: str) -> Callable[[], str]:
        """Until the test is over; the answer reads what it has printed. Its group is nobody else's."""
        self._number += 1
        group = f'group="{self._settings.topic_prefix}{self._number}"'
        said = self._folder / f"{self._number}.txt"
        with said.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-u", "-c", text.replace('group="pager"', group)],
                cwd=self._folder, env=environment(self._settings), stdout=file, stderr=file,
            )  # fmt: skip
        self._started.callback(child.wait)
        self._started.callback(child.kill)
        return said.read_text


@pytest.fixture
def programs(settings: WorkerSettings, tmp_path: Path) -> Iterator[Programs]:
    with ExitStack() as started:
        yield Programs(settings, tmp_path, started)


@pytest.fixture
def view(settings: WorkerSettings) -> Iterator[OtherView]:
    """With one code that is counted, and storms."""
    view = OtherView(settings)
    now, prefix, code = time.time(), view.prefix, "316-OP-FAIL"
    storm = storm_alert(storm_id=f"{code}@20260316T031600Z", code=code)
    view.redis.zadd(f"{prefix}codes", {code: now})
    view.redis.hset(
        f"{prefix}counter:{{{code}}}",
        mapping={"total": 17, "P1": 17, "first_seen": now, "last_seen": now, "version": 1},
    )
    view.redis.hset(
        f"{prefix}rate:{{{code}}}",
        mapping={"10s": 1.7, "1m": 0.3, "baseline": 0.1, "state": "storm", "version": 1},
    )
    view.redis.zadd(f"{prefix}storms", {storm.storm_id: now})
    view.redis.set(f"{prefix}storm:{storm.storm_id}", storm.to_json())
    yield view
    view.close()


def test_the_service_reports(programs: Programs, settings: WorkerSettings, tmp_path: Path) -> None:
    asyncio.run(ensure_topics(settings.model_copy(update={"events_partitions": 1})))
    folder = "/var/lib/checkout/faults"
    assert folder in REPORT
    programs.run(REPORT.replace(folder, str(tmp_path / "faults")) + CHECKOUT)
    log = OtherConsumer(settings, settings.topics.events)
    until(lambda: len(log.read()) == 2)
    events = {event["code"]: event for event in (json.loads(record.value()) for record in log.records)}
    log.close()
    assert events.keys() == {"316-VALIDATION-ERR", "316-ORDER-SUBMIT-ERR"}
    assert events["316-VALIDATION-ERR"]["endpoint"] == "/orders"
    submitted = events["316-ORDER-SUBMIT-ERR"]
    assert (submitted["version"], submitted["user_id"], submitted["endpoint"]) == ("2.4.1", "7", "/orders")


def test_the_feeds_hear_of_a_storm(programs: Programs, topics: WorkerSettings) -> None:
    programs.run(FROM_REDIS)
    expected = {FEED: "opened P0 ", SYNC_FEED: "opened ", HANDLER: f"calling somebody about {CODE}"}
    said = {text: programs.start(text) for text in expected}
    worker = OtherProducer(topics, topics.topics.alerts)
    sent = 0

    def all_heard() -> bool:
        """They begin with what comes now, so it is said again until all are there."""
        nonlocal sent
        sent += 1
        worker.send_all([storm_alert(alert_id=f"a{sent}", code=CODE, severity="P0").to_json()])
        for text, words in expected.items():
            assert words in said[text](), said[text]()
        return True

    until(all_heard, deadline_s=60, every_s=0.5)


def test_the_counters_are_read(programs: Programs, view: OtherView) -> None:
    told = programs.run(COUNTERS)
    assert told.startswith("316-OP-FAIL 0.3 normally 0.1 storm")
    assert "Operation failed" in told.splitlines()[1]
    watched = programs.start(MORE_COUNTERS)
    until(lambda: "{'316-OP-FAIL': 17}" in watched(), deadline_s=60)
    counter, rates, series, storm = watched().splitlines()[:4]
    assert "total=17" in counter
    assert "0.3" in rates
    assert series.count("datetime.datetime(") == 60
    assert "316-OP-FAIL@20260316T031600Z" in storm


def test_the_tests_pass(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(SHOP + FEED_TEST + REPORTER_TEST)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-W", "ignore", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_redis_takes_the_commands(view: OtherView) -> None:
    assert len(REDIS_CLI) > 9
    for line in REDIS_CLI:
        words = [word.replace("316:", view.prefix, 1) for word in shlex.split(line, comments=True)]
        view.redis.execute_command(*words)
