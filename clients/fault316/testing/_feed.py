"""An alert feed without servers."""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from fault316._alert_source import Burial, Handled, Received
from fault316.alerts import AlertFeed
from fault316_schemas import Severity, StormAlert, Transition

_numbers: Final = count(1)
_DEFAULTS: Final[dict[str, Any]] = {
    "transition": "opened", "reason": "above_baseline", "code": "316-OP-FAIL", "title": "Operation failed",
    "severity": "P1", "layer": "application", "started_at": "2026-03-16T03:16:00Z", "at": "2026-03-16T03:16:05Z",
    "window_s": 10, "observed_per_s": 50, "baseline_per_s": 1, "factor": 50, "score": 40, "events": 500,
    "peak_per_s": 60, "users": 30, "runbook": "Look at the logs.", "summary": "Operation failed: 50/s instead of 1/s.",
}  # fmt: skip


def storm_alert(**fields: Any) -> StormAlert:
    """A valid alert; what is not given has a plausible value, and ids that no other one has.

    Raises:
        pydantic.ValidationError: a field is not as the contract says.
    """
    number = next(_numbers)
    ids = {"alert_id": f"alert-{number}", "storm_id": f"storm-{number}"}
    return StormAlert.model_validate(_DEFAULTS | ids | fields)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An alert whose handler kept failing."""

    alert: StormAlert
    error: BaseException
    attempts: int


class MemoryAlerts:
    """A `Source` in memory: what is pushed is handed out, and what is not settled comes again after a start."""

    def __init__(self) -> None:
        self.handled = Handled()
        self.settled: list[bytes] = []
        self.letters: list[DeadLetter] = []
        self._records: list[bytes] = []
        self._settled_upto = 0
        self._next = 0
        self._ended = False
        self._changed = threading.Condition()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def push(self, value: bytes) -> None:
        """Append a record; from any thread."""
        with self._changed:
            self._records.append(value)
            self._notify()

    def end(self) -> None:
        """Nothing comes any more: iteration ends behind what is there."""
        with self._changed:
            self._ended = True
            self._notify()

    async def start(self, timeout: float) -> None:  # noqa: ARG002 - nothing is waited for
        """See `Source`."""
        with self._changed:
            self._next = self._settled_upto
            self._wake = asyncio.get_running_loop(), asyncio.Event()

    async def receive(self) -> Received:
        """See `Source`. Raises StopAsyncIteration behind the end, too."""
        assert self._wake is not None
        _, changed = self._wake
        while True:
            with self._changed:
                if self._wake is None:
                    raise StopAsyncIteration
                if self._next < len(self._records):
                    self._next += 1
                    return Received(self._records[self._next - 1], f"memory:{self._next - 1}", self._next)
                if self._ended:
                    raise StopAsyncIteration
                changed.clear()
            await changed.wait()

    async def settle(self, received: Received) -> None:
        """See `Source`."""
        self._settled_upto = received.token
        self.settled.append(self._records[received.token - 1])

    async def bury(self, received: Received, burial: Burial) -> None:
        """See `Source`."""
        self.letters.append(DeadLetter(StormAlert.from_json(received.value), burial.error, burial.attempts))

    async def close(self) -> None:
        """See `Source`."""
        with self._changed:
            self._notify()
            self._wake = None

    def _notify(self) -> None:
        if self._wake is not None:
            loop, event = self._wake
            loop.call_soon_threadsafe(event.set)


class MemoryFeed(AlertFeed):
    """An `AlertFeed` that hands out what the test pushes, before or after it is started.

        feed = MemoryFeed(min_severity="P1")
        feed.push(storm_alert(code="316-DB-DEADLOCK"))
        feed.end()
        await notify_on_call(feed)  # the code under test: `async with feed: async for alert in feed: …`
        assert not feed.dead_letters

    Args:
        min_severity, code, transitions: see `AlertFeed`.
    """

    def __init__(
        self,
        *,
        min_severity: Severity | str | None = None,
        code: str | Iterable[str] | None = None,
        transitions: Iterable[Transition | str] | None = None,
        source: MemoryAlerts | None = None,
    ) -> None:
        self._memory = source or MemoryAlerts()
        super().__init__(min_severity=min_severity, code=code, transitions=transitions, source=self._memory)

    def push(self, *alerts: StormAlert) -> None:
        """Put these on the feed; from any thread."""
        for alert in alerts:
            self._memory.push(alert.to_json())

    def end(self) -> None:
        """Nothing comes any more: loops over the feed, and `run`, end once everything is handed out."""
        self._memory.end()

    @property
    def committed(self) -> list[StormAlert]:
        """What is done with, in order: handled, filtered out, a repeat, or a dead letter."""
        return [StormAlert.from_json(value) for value in self._memory.settled]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What `run` gave up."""
        return list(self._memory.letters)
