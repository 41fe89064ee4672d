"""Redis is a view: emptied, full, read-only, hung, killed or away from the start, it costs nothing but a look."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from event_flow import CALM, EventFlow
from fault316_streams.embedded import Embedded, process
from fault316_streams.settings import WorkerSettings
from other_client import OtherView
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

STORM = "316-STORM"
COUNTED_ON: Final = 300
"""Events that the worker counts while Redis is away."""
TIMES: Final = 3
HANG_S: Final = 2.0
"""With what it takes to count on, some 3 s: below the worker's timeout, 5 s."""

Fault = Callable[[Embedded, OtherView, WorkerProcess], None]
"""Takes Redis from the worker, waits for what that does, and gives it back."""


def full(_pair: Embedded, view: OtherView, worker: WorkerProcess) -> None:
    """It holds more than it may, and nothing may be evicted."""
    view.redis.config_set("maxmemory-policy", "noeviction")
    view.redis.config_set("maxmemory", "1")
    try:
        counts_without_redis(worker)
    finally:
        view.redis.config_set("maxmemory", "0")


def read_only(_pair: Embedded, view: OtherView, worker: WorkerProcess) -> None:
    """As after a fail-over: the address is that of a replica, whose master does not answer."""
    view.redis.replicaof(process.LOOPBACK, process.free_port())
    try:
        counts_without_redis(worker)
    finally:
        view.redis.replicaof("NO", "ONE")


def slow(pair: Embedded, _view: OtherView, worker: WorkerProcess) -> None:
    """As `DEBUG SLEEP`, which Redis 7 does not allow by itself."""
    for _ in range(TIMES):
        with hanging(pair):
            counts_on(worker)
            time.sleep(HANG_S)


def hung(pair: Embedded, _view: OtherView, worker: WorkerProcess) -> None:
    """Until the worker's timeout has passed; what it had asked is done afterwards, late."""
    with hanging(pair):
        counts_without_redis(worker)


def scripts_forgotten(_pair: Embedded, view: OtherView, worker: WorkerProcess) -> None:
    """It is told the scripts again."""
    for _ in range(TIMES):
        view.redis.script_flush()
        counts_on(worker)


def killed(pair: Embedded, _view: OtherView, worker: WorkerProcess) -> None:
    """It comes back with what its file had, which may lack the last second."""
    pair.stop_redis(kill=True)
    try:
        counts_without_redis(worker)
    finally:
        pair.start_redis()


def killed_and_emptied(pair: Embedded, _view: OtherView, worker: WorkerProcess) -> None:
    """It comes back with nothing."""
    pair.stop_redis(kill=True)
    try:
        counts_without_redis(worker)
        for file in (pair.directory / "redis").rglob("*.aof"):
            file.unlink()
    finally:
        pair.start_redis()


def emptied(_pair: Embedded, view: OtherView, _worker: WorkerProcess) -> None:
    """Somebody's FLUSHALL."""
    view.redis.flushall()


FAULTS: Final[dict[str, Fault]] = {
    "redis out of memory": full,
    "redis read-only": read_only,
    "redis slow: hangs for 3 s, three times": slow,
    "redis hangs past the timeout": hung,
    "redis forgets its scripts, three times": scripts_forgotten,
    "redis killed": killed,
    "redis killed and emptied": killed_and_emptied,
    "redis emptied": emptied,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_view_is_right_again_after(
    fault: str,
    pair: Embedded,
    fragile: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """A storm is on meanwhile."""
    worker = workers.start(fragile, "--policy", calm).ready()

    with trial(fragile, fault, keeps_stream="emptied" not in fault) as run:
        run.counting()
        for _ in rounds:
            with run.storm():
                with run.injected():
                    FAULTS[fault](pair, run.view, worker)
                counts_on(worker)
                worker.ready()
    view = OtherView(fragile)
    assert all(view.redis.ttl(key) > 0 for key in view.all_keys())
    view.close()
    assert worker.stop() == 0


def test_a_worker_starts_and_counts_without_redis(
    pair: Embedded, fragile: WorkerSettings, workers: Workers, calm: str, trial: Callable[..., Trial]
) -> None:
    """/readyz says what is missing; when Redis comes, the view catches up, with the alerts since."""
    with trial(fragile, "redis away when the worker starts") as run:
        with run.injected():
            pair.stop_redis()
            try:
                worker = workers.start(fragile, "--policy", calm)
                with run.storm():
                    counts_without_redis(worker)
                components = until(lambda: worker.readyz()["components"])
                assert [name for name, said in components.items() if not said["ready"]] == ["redis"]
            finally:
                pair.start_redis()
        worker.ready()
    assert worker.stop() == 0


def test_an_emptied_view_is_stated_anew_as_it_was(
    fragile: WorkerSettings, workers: Workers, lasting_storms: str
) -> None:
    """To the last field, while nothing comes that would state it anyhow."""
    workers.start(fragile, "--policy", lasting_storms).ready()
    view = OtherView(fragile)
    with EventFlow(fragile) as flow:
        flow.storm = STORM
        until(lambda: flow.produced[STORM] > 200)
    until(lambda: view.totals() == flow.produced)
    until(lambda: len(shown(view)["storms"]) == len(CALM) + 1)
    before = shown(view)
    assert STORM in before["states"]
    view.redis.flushall()
    until(lambda: shown(view) == before)
    view.close()


@pytest.fixture
def lasting_storms(tmp_path: Path) -> str:
    """A policy file by which storms last for as long as the test."""
    policy = tmp_path / "lasting.toml"
    policy.write_text("[storm.default]\nhold_s = 120\n")
    return str(policy)


@contextmanager
def hanging(pair: Embedded) -> Iterator[None]:
    """It takes what it is sent, and answers when the block is over."""
    pid = pair.redis_pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def counts_on(worker: WorkerProcess) -> None:
    """Return once it has counted more events than it had."""
    due = worker.metric("fault316_events_total") + COUNTED_ON
    until(lambda: worker.metric("fault316_events_total") >= due)


def counts_without_redis(worker: WorkerProcess) -> None:
    """The same, once it has said that it waits for Redis."""
    until(lambda: worker.waits_for("redis").startswith("waiting: "))
    counts_on(worker)


def shown(view: OtherView) -> dict[str, Any]:
    """All that the view says which does not move with time."""
    codes = sorted(view.totals())
    moving = {"version"}
    return {
        "counters": {
            code: {name: value for name, value in view.counter(code).items() if name not in moving}
            for code in codes
        },
        "series": {code: view.series(code) for code in codes},
        "storms": dict(view.redis.zrange(f"{view.prefix}storms", 0, -1, withscores=True)),
        "latest": {key: view.redis.get(key) for key in view.redis.scan_iter(f"{view.prefix}storm:*")},
        "states": {code: view.rate(code)["state"] for code in codes},
    }
