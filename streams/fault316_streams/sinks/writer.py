"""Writes what changed to the view, now and then, without ever holding up the pipeline.

Nothing is queued here. The detect stage knows which codes changed since the last write and states their values
as they are when asked, so an outage of the view costs a set of codes, however long it lasts.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import structlog

from fault316_schemas import StormAlert
from fault316_streams.health import Status
from fault316_streams.metrics import Metrics
from fault316_streams.pace import pause_s
from fault316_streams.sinks.backoff import backoff_s
from fault316_streams.sinks.view import CodeView, SinkUnavailable, ViewSink

CODES_PER_WRITE_MAX: Final = 250
"""Codes taken at a time. Taking a day of minutes of each, as after an outage, holds up the loop for some 10 ms."""
PAUSE_MAX_S: Final = 5.0
"""What `pace` may make of the pause between two writes: how old the view gets with thousands of codes that change."""
PROBE_INTERVAL_S: Final = 1.0
"""Where nothing changes, an empty write this often: it finds out whether the view was emptied."""

log = structlog.get_logger("fault316.view")


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed."""

    codes: Sequence[CodeView] = ()
    alerts: Sequence[StormAlert] = ()
    partitions: frozenset[int] = frozenset()
    """All partials partitions owned now, whether anything changed in them or not."""
    more: bool = False
    """Whether other changes are waiting still."""


class Changes(Protocol):
    """What the detect stage keeps for the writer: bounded, and no copy of any value. Called on its own loop."""

    def take(self, codes_max: int) -> Batch:
        """At most so many changed codes, as they are now; they count as written until given back."""
        ...

    def give_back(self, batch: Batch) -> None:
        """It may not be written: its codes, minutes, ended storms and alerts count as changed again."""
        ...

    def rebuild(self, partitions: Collection[int]) -> None:
        """The view has lost these: all codes with all minutes of those still owned count as changed, and the
        latest alert of each code is due again, the oldest first."""
        ...


class Outcome(StrEnum):
    """What came of one turn."""

    IDLE = "idle"  # nothing to write, and probed a moment ago
    WRITTEN = "written"
    MORE = "more"  # written, and more is waiting
    FAILED = "failed"


class ViewWriter:
    """Keeps a view up to date. A `Component`: ready while the view takes what it is given."""

    name = "redis"

    def __init__(
        self,
        sink: ViewSink,
        changes: Changes,
        interval_s: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sink = sink
        self._changes = changes
        self._interval_s = interval_s
        self._metrics = metrics
        self._clock = clock
        self._written_s = float("-inf")
        self._busy_s = 0.0
        """Spent on writing since the last pause."""
        self._failures = 0
        self._status = Status(False, "not written to yet", clock())

    def status(self) -> Status:
        """See `Component`."""
        return self._status

    async def run(self) -> None:
        """Write until cancelled. A failed write is tried again, with longer and longer pauses up to 5 s."""
        while True:
            outcome = await self.turn()
            await asyncio.sleep(self._pause_s(outcome))

    async def drain(self) -> bool:
        """Write what is left, for a clean stop; `run` must have ended. False: the view didn't take it."""
        outcome = Outcome.MORE
        while outcome is Outcome.MORE:
            outcome = await self.turn()
        return outcome is not Outcome.FAILED

    async def turn(self) -> Outcome:
        """Take what changed and write it, once."""
        batch = self._changes.take(CODES_PER_WRITE_MAX)
        if not (batch.codes or batch.alerts or self._clock() - self._written_s >= PROBE_INTERVAL_S):
            return Outcome.IDLE
        began_s = time.monotonic()
        try:
            with self._metrics.redis_write_seconds.time():
                lost = await self._sink.write(batch.codes, batch.alerts, batch.partitions)
        except SinkUnavailable as error:
            self._changes.give_back(batch)
            self._failed(str(error))
            return Outcome.FAILED
        except BaseException:  # cancelled: `drain` writes it
            self._changes.give_back(batch)
            raise
        self._succeeded()
        self._busy_s += time.monotonic() - began_s
        if lost:
            self._metrics.redis_rebuilds.inc(len(lost))
            log.info("stating anew", partitions=sorted(lost))
            self._changes.rebuild(lost)
        return Outcome.MORE if batch.more else Outcome.WRITTEN

    def _pause_s(self, outcome: Outcome) -> float:
        if outcome is Outcome.FAILED:
            return backoff_s(self._failures)
        if outcome is Outcome.MORE:
            return 0.0
        busy_s, self._busy_s = self._busy_s, 0.0
        return max(self._interval_s, pause_s(busy_s, PAUSE_MAX_S))

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self._metrics.redis_retries.inc()
        self._metrics.redis_up.set(0)
        if self._failures == 1:
            log.warning("waiting for redis", reason=reason)
            self._status = Status(False, f"waiting: {reason}", self._clock())
        else:
            self._status = Status(False, f"waiting: {reason}", self._status.since_s)

    def _succeeded(self) -> None:
        self._written_s = self._clock()
        if not self._status.ready:
            if self._failures:
                log.info("redis is back", failures=self._failures)
            self._status = Status(True, "ok", self._written_s)
        self._failures = 0
        self._metrics.redis_up.set(1)
