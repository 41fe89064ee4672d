"""`LoopWatchdog`: an event loop that hangs cannot say so itself; a thread does, with the stack that blocks it."""

import asyncio
import logging
import sys
import threading
import time
from enum import StrEnum
from functools import partial
from types import FrameType
from typing import Final

from fault316.integrations._reports import Reports, or_process
from fault316.integrations._stacks import trace_of
from fault316.integrations._startable import Watching

HANG: Final = "316-HANG-ERR"

LIMIT_S: Final = 5.0
LOOKS_IN_LIMIT: Final = 20
"""A hang is seen at most a tenth of the limit late."""
GAP_MAX_LOOKS: Final = 2
"""Between two looks no more than this counts: a process that was itself stopped (a paused container, a suspended
machine, SIGSTOP) does not hang when it wakes, and its loop has time to answer."""

logger = logging.getLogger("fault316")


class LoopStuck(Exception):  # noqa: N818 - it is told, never raised
    """Stands in reports for what blocks a loop: its traceback is the loop's stack."""


class Verdict(StrEnum):
    """What a look at the loop says."""

    RUNS = "runs"
    WAITS = "waits"  # no answer yet, for less than the limit; or a hang that was told
    HANGS = "hangs"  # from now on: once per hang
    OVER = "over"  # a hang that was told has ended


class Stall:
    """How long a loop has not answered, as far as the one who asks was running himself."""

    def __init__(self, limit_s: float, gap_max_s: float) -> None:
        self.stalled_s = 0.0
        """Also of the hang that is just over."""
        self._limit_s = limit_s
        self._gap_max_s = gap_max_s
        self._looked_at: float | None = None
        self._waits = False
        self._told = False

    def look(self, now: float, answered: bool) -> Verdict:
        """Judge at `now` (s, monotonic)."""
        gap_s = 0.0 if self._looked_at is None else min(now - self._looked_at, self._gap_max_s)
        self._looked_at = now
        if answered:
            over, self._told, self._waits = self._told, False, False
            return Verdict.OVER if over else Verdict.RUNS
        self.stalled_s = self.stalled_s + gap_s if self._waits else gap_s
        self._waits = True
        if self._told or self.stalled_s < self._limit_s:
            return Verdict.WAITS
        self._told = True
        return Verdict.HANGS


class LoopWatchdog(Watching):
    """Reports `316-HANG-ERR` while the event loop is stuck, with the stack that blocks it; and logs when it is over.

        async with app_lifespan():
            with LoopWatchdog(limit_s=5):
                await serve()

    Start it in the loop that it should watch. Once per hang. The stack is the report's traceback, so that hangs in the
    same place have the same fingerprint. A daemon thread asks the loop for an answer, 20 times in `limit_s`; code that
    holds the interpreter's lock all the time stops that thread, too. After a fork, start another.

    Args:
        limit_s: how long the loop may take to answer, above 0.
        reporter: by default what `fault316.init` has made.

    Raises:
        ValueError: `limit_s` is out of range.
    """

    def __init__(self, *, limit_s: float = LIMIT_S, reporter: Reports | None = None) -> None:
        if not limit_s > 0:
            raise ValueError("limit_s should be above 0")
        super().__init__()
        self._look_s = limit_s / LOOKS_IN_LIMIT
        self._limit_s = limit_s
        self._reporter = or_process(reporter)
        self._asked = 0
        self._answered = 0

    def start(self) -> None:
        """See `Startable`.

        Raises:
            RuntimeError: there is no running event loop in this thread.
        """
        if self._thread is None:
            loop = asyncio.get_running_loop()
            self._asked = self._answered = 0
            self._begin("fault316-loop-watchdog", partial(self._watch, loop, threading.get_ident()))

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        stall = Stall(self._limit_s, GAP_MAX_LOOKS * self._look_s)
        while not self._stopping.wait(self._look_s):
            answered = self._asked == self._answered
            # One that does not run, as between two `run_until_complete`, does not hang.
            verdict = stall.look(time.monotonic(), answered or not loop.is_running())
            if verdict is Verdict.HANGS:
                self._report(sys._current_frames().get(thread_id), stall.stalled_s)
            elif verdict is Verdict.OVER:
                logger.warning("the event loop was stuck for %.1f s", stall.stalled_s)
            if answered:
                self._asked += 1
                try:
                    loop.call_soon_threadsafe(self._answer)
                except RuntimeError:  # it is closed
                    return

    def _answer(self) -> None:
        self._answered += 1

    def _report(self, frame: FrameType | None, stalled_s: float) -> None:
        place = "?"
        if frame is not None:
            place = f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        message = f"the event loop is stuck for {stalled_s:.1f} s in {place}"
        stuck = LoopStuck(message).with_traceback(trace_of(frame))
        self._reporter.report_exception(
            stuck, HANG, attributes={"stuck_s": round(stalled_s, 3), "blocked_in": place}
        )
