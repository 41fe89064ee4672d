"""Ends a worker that has work and makes no progress, so that its supervisor starts a new one.

A consumer can stall without any error, and then nothing is wrong but the silence.
"""

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

import structlog

from fault316_streams.health import Status
from fault316_streams.metrics import Metrics

INTERVAL_S: Final = 1.0
LAG_SAMPLES: Final = 10
"""In each interval, how late the loop wakes."""
LAST_RESORT_LIMITS: Final = 10
"""10 minutes where the limit is 60 s."""

log = structlog.get_logger("fault316.watchdog")


class Verdict(StrEnum):
    """What a stage's progress says."""

    IDLE = "idle"  # no work
    MOVING = "moving"
    WAITING = "waiting"  # work and no progress, for less than the limit
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class ProgressPolicy:
    """When a stage counts as stuck."""

    stall_limit_s: float
    gap_max_s: float = 5 * INTERVAL_S
    """Between two looks no more than this counts. A process that was itself stopped (a paused container, a
    sleeping laptop) is not stuck when it wakes."""

    def __post_init__(self) -> None:
        if not self.stall_limit_s > 0 or not self.gap_max_s > 0:
            raise ValueError("stall_limit_s and gap_max_s should be above 0")


class ProgressState:
    """What is known of one stage's progress."""

    def __init__(self, policy: ProgressPolicy) -> None:
        self._policy = policy
        self._seen: tuple[float, int, bool] | None = None
        self.stalled_s = 0.0
        """How long there has been work without progress."""

    def look(self, now: float, done: int, has_work: bool) -> Verdict:
        """Judge at `now` (s, monotonic). `done` is any number that changes when the stage gets on."""
        before, self._seen = self._seen, (now, done, has_work)
        if before is None or done != before[1] or not has_work:
            self.stalled_s = 0.0
            return Verdict.MOVING if has_work else Verdict.IDLE
        if before[2]:  # else the work has only just come
            self.stalled_s += min(now - before[0], self._policy.gap_max_s)
        return Verdict.STUCK if self.stalled_s >= self._policy.stall_limit_s else Verdict.WAITING


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a stage is."""

    done: int
    has_work: bool


class Watched(Protocol):
    """A stage that says where it is."""

    @property
    def name(self) -> str:
        """The stage; a metric label."""
        ...

    def progress(self) -> Progress:
        """Cheap, and never waits."""
        ...


class Watchdog:
    """Looks at every stage once a second. A `Component`: not ready once a stage is stuck.

    A thread stands behind it (see `Pulse`): should the loop itself hang, or the stop take longer than `grace_s`, the
    process prints where each thread is and exits with code 1.
    """

    name = "watchdog"

    def __init__(
        self,
        stages: Sequence[Watched],
        policy: ProgressPolicy,
        metrics: Metrics,
        on_stuck: Callable[[], None],
        grace_s: float = 10.0,
    ) -> None:
        """`on_stuck` begins the stop of the worker; the worker should then exit non-zero (see `stuck`)."""
        self._stages = [(stage, ProgressState(policy)) for stage in stages]
        self._pulse = Pulse(policy)
        self._metrics = metrics
        self._on_stuck = on_stuck
        self._grace_s = grace_s
        self.stuck: str | None = None
        """The stage that is stuck."""
        self._stuck_since_s: float | None = None

    def status(self) -> Status:
        """See `Component`."""
        if self.stuck is None:
            return Status(True, "ok")
        return Status(False, f"{self.stuck} is stuck; stopping", self._stuck_since_s)

    async def run(self) -> None:
        """Watch until cancelled, or until a stage is stuck."""
        loop = asyncio.get_running_loop()
        self._pulse.start()
        try:
            while not self.stuck:
                self._pulse.beats += 1
                for _ in range(LAG_SAMPLES):
                    due = loop.time() + INTERVAL_S / LAG_SAMPLES
                    await asyncio.sleep(INTERVAL_S / LAG_SAMPLES)
                    self._metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
                self._look(loop.time())
        finally:
            self._pulse.stop()
            if self.stuck:
                _exit_after(self._grace_s)

    def _look(self, now: float) -> None:
        for stage, state in self._stages:
            progress = stage.progress()
            verdict = state.look(now, progress.done, progress.has_work)
            self._metrics.progress_age_seconds.labels(stage.name).set(state.stalled_s)
            if verdict is Verdict.STUCK:
                log.critical("stuck", stage=stage.name, stalled_s=state.stalled_s, grace_s=self._grace_s)
                self.stuck, self._stuck_since_s = stage.name, time.time()
                self._on_stuck()
                return


class Pulse(threading.Thread):
    """Ends the process where the event loop does not beat for the limit. Used once.

    It looks by the same rule as at a stage, so a process that was paused is not taken for one that hangs. As a thread
    it needs the interpreter's lock; should something hold that, `faulthandler` ends the process, which needs nothing,
    but cannot tell a pause: hence only after a much longer time.
    """

    def __init__(self, policy: ProgressPolicy) -> None:
        super().__init__(name="fault316-pulse", daemon=True)
        self.beats = 0
        """Counted up by the loop, every `INTERVAL_S`."""
        # The loop beats once in an interval, so for one it does not count.
        self._state = ProgressState(replace(policy, stall_limit_s=INTERVAL_S + policy.stall_limit_s))
        self._last_resort_s = LAST_RESORT_LIMITS * policy.stall_limit_s
        self._stopping = threading.Event()

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stopping.wait(INTERVAL_S):
            _exit_after(self._last_resort_s)
            if self._state.look(time.monotonic(), self.beats, has_work=True) is Verdict.STUCK:
                # Not by the log: what hangs may hold its lock.
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr)
                os._exit(1)

    def stop(self) -> None:
        """Watch no more. Returns at once."""
        self._stopping.set()
        self.join()
        faulthandler.cancel_dump_traceback_later()


def _exit_after(limit_s: float) -> None:
    """Exit the process unless called again within the limit. Python has one such timer."""
    faulthandler.dump_traceback_later(limit_s, exit=True, file=sys.__stderr__ or sys.stderr)
