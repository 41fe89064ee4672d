"""`LoopWatchdog`: a loop that hangs is told with the stack that blocks it; one that only was not running is not."""

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from fault316.integrations.loop import LOOKS_IN_LIMIT, LoopWatchdog, Stall, Verdict
from fault316.testing import MemoryReporter
from support import eventually, until

RUNS, WAITS, HANGS, OVER = Verdict.RUNS, Verdict.WAITS, Verdict.HANGS, Verdict.OVER


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


def verdicts(
    looks: Sequence[tuple[float, bool]], *, limit_s: float = 3, gap_max_s: float = 2
) -> list[Verdict]:
    stall = Stall(limit_s, gap_max_s)
    return [stall.look(now, answered) for now, answered in looks]


def test_a_hang_is_told_once_and_its_end_once() -> None:
    looks = [(0, True), (1, False), (2, False), (3, False), (4, False), (5, True), (6, True)]
    assert verdicts(looks) == [RUNS, WAITS, WAITS, HANGS, WAITS, OVER, RUNS]


def test_short_waits_one_after_the_other_are_no_hang() -> None:
    looks = [(now, now % 2 == 0) for now in range(20)]
    assert HANGS not in verdicts(looks)


def test_a_second_hang_is_told_again_with_a_length_of_its_own() -> None:
    stall = Stall(limit_s=2, gap_max_s=2)
    told = [stall.look(now, answered) for now, answered in enumerate([False] * 5 + [True] + [False] * 3)]
    assert [verdict for verdict in told if verdict is not WAITS] == [HANGS, OVER, HANGS]
    assert stall.stalled_s == 3


def test_a_process_that_was_paused_does_not_hang_when_it_wakes() -> None:
    """An hour between two looks: nobody was running, the loop neither."""
    looks = [(0, True), (1, False), (3_601, False), (3_602, True)]
    assert verdicts(looks, limit_s=5, gap_max_s=2) == [RUNS, WAITS, WAITS, RUNS]


async def test_a_hanging_loop_is_told_with_the_stack_that_blocks_it(
    reporter: MemoryReporter, caplog: pytest.LogCaptureFixture
) -> None:
    def wait_for_the_bank() -> None:
        until(lambda: len(reporter.events) > before, every_s=0.01)  # it hangs until that is told

    caplog.set_level(logging.WARNING, "fault316")
    with LoopWatchdog(limit_s=0.1, reporter=reporter):
        for before in range(2):
            await asyncio.sleep(0)
            wait_for_the_bank()
            await eventually(lambda: len(caplog.records) == before + 1)  # noqa: B023 - that it is over is seen, too
    first, second = reporter.events
    assert first.code == "316-HANG-ERR"
    assert first.exception is not None
    assert second.exception is not None
    assert first.exception.type == "fault316.integrations.loop.LoopStuck"
    assert "in wait_for_the_bank" in str(first.exception.stacktrace)
    assert "the event loop is stuck for" in str(first.message)
    assert first.exception.fingerprint == second.exception.fingerprint, "the same place, the same cause"
    assert "was stuck for" in caplog.text


async def test_a_loop_that_is_busy_but_answers_does_not_hang(reporter: MemoryReporter) -> None:
    with LoopWatchdog(limit_s=1, reporter=reporter) as watchdog:
        # It has asked for longer than the limit.
        await eventually(lambda: watchdog._asked > LOOKS_IN_LIMIT, every_s=0)
    reporter.assert_nothing_reported()


def test_a_loop_that_does_not_run_does_not_hang(reporter: MemoryReporter) -> None:
    loop = asyncio.new_event_loop()
    watchdog = LoopWatchdog(limit_s=0.05, reporter=reporter)

    async def begin() -> None:
        watchdog.start()

    loop.run_until_complete(begin())
    asked = watchdog._asked
    until(lambda: watchdog._asked > asked)  # it has asked, and nobody will answer
    time.sleep(0.2)  # four times the limit: nothing happens is what is tried here
    loop.run_until_complete(asyncio.sleep(0))
    watchdog.stop()
    loop.close()
    reporter.assert_nothing_reported()


async def test_the_thread_ends_with_the_watch(reporter: MemoryReporter) -> None:
    watchdog = LoopWatchdog(limit_s=0.1, reporter=reporter)
    for _ in range(2):
        watchdog.start()
        watchdog.start()
        thread = watchdog._thread
        watchdog.stop()
        watchdog.stop()
        assert thread is not None
        assert not thread.is_alive()


def test_it_is_started_in_the_loop_that_it_watches(reporter: MemoryReporter) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        LoopWatchdog(reporter=reporter).start()
    with pytest.raises(ValueError, match="limit_s"):
        LoopWatchdog(limit_s=0)


BUSY = """
import asyncio, time
from fault316.integrations.loop import LoopWatchdog
from fault316.testing import MemoryReporter

async def main():
    reporter = MemoryReporter()
    with LoopWatchdog(limit_s=1, reporter=reporter):
        while True:
            print("runs", len(reporter.events), flush=True)
            for _ in range(20):  # a fifth of the limit, of the time that this process has
                time.sleep(0.01)
            await asyncio.sleep(0)

asyncio.run(main())
"""


def test_a_process_that_was_stopped_and_goes_on_is_no_hang() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for _ in range(3):
                assert process.stdout.readline() == "runs 0\n"
            time.sleep(0.1)  # in the middle of its work, with the watchdog's question open
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)  # longer than the limit: being away for long is what is tried here
            process.send_signal(signal.SIGCONT)
            for _ in range(5):
                assert process.stdout.readline() == "runs 0\n"
        finally:
            process.kill()
