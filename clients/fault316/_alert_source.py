"""What a feed stands on: where alerts come from, and where those go that nobody could handle."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from fault316_schemas.scrub import scrub_text

T = TypeVar("T")

HANDLED_MAX: Final = 10_000
"""Alert ids kept to tell repeats: about 1 MB, and what thousands of storms say."""
RECALLED_MAX: Final = 1_000
"""Alerts before its position that a feed looks at when it starts, so that it tells their repeats, too. A worker
repeats what it was about to say when it died, so within minutes; a thousand alerts are 3 MB at the most."""
BURY_LIMIT_S: Final = 10.0
"""What writing a dead letter may take, because the feed waits for it."""
ERROR_CHARS_MAX: Final = 300
CANCEL_AGAIN_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Received:
    """One record, not yet understood."""

    value: bytes | str
    where: str
    """For a person: `316.alerts:0:17`."""
    token: Any
    """By which the source knows it again."""


@dataclass(frozen=True, slots=True)
class Burial:
    """Why an alert becomes a dead letter. Error texts may hold secrets, so they are scrubbed."""

    alert_id: str
    storm_id: str
    error: BaseException
    attempts: int

    def facts(self, received: Received, group: str | None) -> dict[str, str]:
        """As headers or fields, beside the alert itself."""
        said = f"{type(self.error).__name__}: {self.error}".partition("\n")[0]
        return {
            "reason": "handler_failed",
            "error": scrub_text(said)[:ERROR_CHARS_MAX],
            "attempts": str(self.attempts),
            "source": received.where,
            "group": group or "",
            "alert-id": self.alert_id,
        }


class Handled:
    """The ids of alerts that need no handling any more; bounded, the oldest are forgotten first."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, alert_id: str) -> bool:
        return alert_id in self._ids

    def add(self, alert_id: str) -> None:
        """Remember one."""
        self._ids[alert_id] = None
        if len(self._ids) > HANDLED_MAX:
            self._ids.popitem(last=False)


class Reading(Generic[T]):
    """One read that goes on where its caller is cancelled. What it finds is the next caller's."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None

    async def result(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Of the read that is on, or of a new one. Raises StopAsyncIteration where it is stopped meanwhile."""
        task = self._task = self._task or asyncio.create_task(read())
        await asyncio.wait([task])
        if task.cancelled():
            raise StopAsyncIteration
        self._task = None
        return task.result()

    async def stop(self) -> None:
        """End it; what it has found is given up."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel until it has ended: in Python 3.11 `asyncio.wait_for` may forget a cancellation (cpython issue 86296)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_S)


class Source(Protocol):
    """Hands out records one by one. One contract suite runs over every implementation."""

    handled: Handled
    """What the source knows from before, and the feed adds to."""

    async def start(self, timeout: float) -> None:
        """Connect and take up the position. Raises Unavailable after `timeout` seconds."""
        ...

    async def receive(self) -> Received:
        """The next record; waits without limit, also for its server. May be cancelled and called again.

        Raises StopAsyncIteration where the source is closed meanwhile.
        """
        ...

    async def settle(self, received: Received) -> None:
        """It is done with: it shall not come again. Where that cannot be said, it does; nothing is raised."""
        ...

    async def bury(self, received: Received, burial: Burial) -> None:
        """Keep it where a person finds it. Raises an error where that cannot be done within `BURY_LIMIT_S`."""
        ...

    async def close(self) -> None:
        """Let go, within seconds, whatever the server does."""
        ...
