"""A worker that is stuck ends; one that is idle, slow or was asleep does not."""

import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest

from fault316_streams.watchdog import ProgressPolicy, ProgressState


def verdicts(*looks: tuple[float, int, bool]) -> str:
    """What a limit of 10 s says to these looks: time, done, has work."""
    state = ProgressState(ProgressPolicy(stall_limit_s=10, gap_max_s=5))
    return " ".join(state.look(*look) for look in looks)


def test_work_without_progress_for_the_limit_is_stuck() -> None:
    looks = verdicts((0, 7, True), (5, 7, True), (9, 7, True), (10, 7, True))
    assert looks == "moving waiting waiting stuck"


def test_any_progress_starts_the_limit_again() -> None:
    looks = verdicts((0, 7, True), (5, 7, True), (9, 8, True), (14, 8, True))
    assert looks == "moving waiting moving waiting"


def test_no_work_is_never_stuck() -> None:
    assert set(verdicts(*((t, 7, False) for t in range(0, 50, 5))).split()) == {"idle"}


def test_the_limit_counts_from_when_there_was_work() -> None:
    looks = verdicts((0, 7, False), (5, 7, False), (9, 7, True), (14, 7, True), (18, 7, True), (19, 7, True))
    assert looks == "idle idle waiting waiting waiting stuck"


def test_work_that_goes_away_takes_the_limit_with_it() -> None:
    looks = verdicts((0, 7, True), (5, 7, True), (9, 7, False), (10, 7, True), (15, 7, True))
    assert looks == "moving waiting idle waiting waiting"


def test_progress_may_go_back() -> None:
    """After a rebalance the stage counts other partitions."""
    assert verdicts((0, 900, True), (5, 900, True), (9, 3, True)) == "moving waiting moving"


def test_a_process_that_was_asleep_is_not_stuck_when_it_wakes() -> None:
    looks = verdicts((0, 7, True), (1, 7, True), (10_000, 7, True), (10_001, 8, True))
    assert looks == "moving waiting waiting moving"


@pytest.mark.parametrize("limits", [(0, 5), (-1, 5), (10, 0), (float("nan"), 5)])
def test_a_policy_without_sense_is_refused_by_name(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="stall_limit_s"):
        ProgressPolicy(*limits)


WORKER = """
import asyncio, time
from fault316_streams import logs
from fault316_streams.metrics import Metrics
from fault316_streams.watchdog import Progress, ProgressPolicy, Watchdog

class Stage:
    name = "intake"
    def progress(self):
        return Progress(done=1, has_work={has_work})

async def main():
    logs.configure("json")
    stopping = asyncio.Event()
    metrics = Metrics("test")
    watchdog = Watchdog([Stage()], ProgressPolicy({limit_s}, {gap_max_s}), metrics, stopping.set, {grace_s})
    watching = asyncio.create_task(watchdog.run())
    {body}

asyncio.run(main())
"""


def command(
    body: str, *, has_work: bool = True, limit_s: float = 1.0, gap_max_s: float = 5.0, grace_s: float = 30.0
) -> list[str]:
    """Starts a process with a watchdog that does `body`."""
    source = WORKER.format(
        has_work=has_work,
        limit_s=limit_s,
        gap_max_s=gap_max_s,
        grace_s=grace_s,
        body=textwrap.indent(body, "    ").strip(),
    )
    return [sys.executable, "-c", source]


def run(body: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    """Runs it to its end."""
    asked = command(body, **how)
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)


def test_a_stuck_stage_begins_the_stop_and_says_which_it_was() -> None:
    done = run("await stopping.wait(); assert watchdog.stuck == 'intake'; assert not watchdog.status().ready")
    assert done.returncode == 0
    assert '"event": "stuck"' in done.stderr
    assert '"stage": "intake"' in done.stderr


def test_a_stop_that_hangs_too_is_cut_short() -> None:
    done = run("await stopping.wait(); await asyncio.sleep(600)", grace_s=0.5)
    assert done.returncode == 1
    assert "Timeout" in done.stderr


def test_a_loop_that_hangs_ends_the_process_and_shows_where() -> None:
    done = run("await asyncio.sleep(0.1); time.sleep(600)", has_work=False)
    assert done.returncode == 1
    assert "in main" in done.stderr


def test_a_process_that_was_paused_for_longer_than_the_limit_goes_on_when_it_wakes() -> None:
    """As in a container that is frozen. Of the pause counts 0.5 s; what hangs for 2 s of its own time ends."""
    body = """
print("runs", flush=True)
await asyncio.to_thread(input)
await asyncio.sleep(2.5)
print("still runs", flush=True)
time.sleep(600)
"""
    asked = command(body, has_work=False, limit_s=2.0, gap_max_s=0.5)
    pipe = subprocess.PIPE
    with subprocess.Popen(asked, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stdout.readline() == "runs\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(6.0)  # it is the pause that is tested
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate("\n", timeout=60)
    assert (process.returncode, out) == (1, "still runs\n")
    assert "in main" in err


def test_a_watchdog_that_is_cancelled_lets_go() -> None:
    """A worker that stops in an orderly way is not killed while it does."""
    done = run(
        "await asyncio.sleep(0.1); watching.cancel(); await asyncio.sleep(2)", has_work=False, limit_s=0.2
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_loops_lag_and_the_age_of_progress_are_shown() -> None:
    body = """
await stopping.wait()
read = metrics.registry.get_sample_value
assert read("fault316_loop_lag_seconds_count") >= 1
assert read("fault316_progress_age_seconds", {"stage": "intake"}) >= 1
"""
    assert run(body).returncode == 0
