"""`SyncAlertFeed`: the same feed for programs without an event loop."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from fault316.alerts import (
    ATTEMPTS,
    BACKOFF_S,
    START_TIMEOUT_S,
    AlertFeed,
    FeedOptions,
    Handler,
    RedisFeedOptions,
)
from fault316_schemas import Connection, StormAlert

T = TypeVar("T")


class SyncAlertFeed:
    """An `AlertFeed` in a thread of its own.

        with SyncAlertFeed(group="pager") as feed:
            for alert in feed:
                page(alert.summary)

    Everything that holds for `AlertFeed` holds here: an alert is committed when the loop asks for the next one, or
    is left without an exception. One thread at a time may ask; `close` may come from another, and ends the loop.

    Args:
        connection: where Kafka is; by default from `FAULT316_*` environment variables.
        feed: one that is not started, such as `fault316.testing.MemoryFeed`, instead of the rest.
        options: those of `AlertFeed`.
    """

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        feed: AlertFeed | None = None,
        **options: Unpack[FeedOptions],
    ) -> None:
        self._feed = feed or AlertFeed(connection, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._asking: asyncio.Task[Any] | None = None
        self._closed = False

    @classmethod
    def from_redis(cls, connection: Connection | None = None, **options: Unpack[RedisFeedOptions]) -> Self:
        """See `AlertFeed.from_redis`."""
        return cls(feed=AlertFeed.from_redis(connection, **options))

    @property
    def skipped(self) -> int:
        """See `AlertFeed.skipped`."""
        return self._feed.skipped

    @property
    def buried(self) -> int:
        """See `AlertFeed.buried`."""
        return self._feed.buried

    def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """See `AlertFeed.start`."""
        if self._loop is not None:
            raise RuntimeError("started already")
        self._closed = False
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="fault316-alerts", daemon=True)
        self._thread.start()
        try:
            self._call(self._feed.start(timeout))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the group, and end the thread; a loop over the feed ends. What was delivered last is not committed."""
        self._stop(self._feed.close())

    def get(self, timeout: float | None = None) -> StormAlert | None:
        """The next alert; None if there is none within `timeout` seconds, or none will come any more.

        Asking says that the one before is handled.
        """
        if self._closed:
            return None
        try:
            return self._call(self._next(timeout))
        except (TimeoutError, CancelledError):
            return None

    def run(self, handler: Handler, *, attempts: int = ATTEMPTS, backoff_s: float = BACKOFF_S) -> None:
        """See `AlertFeed.run`; until another thread closes the feed. A plain handler is called in a thread."""
        try:
            self._call(self._feed.run(handler, attempts=attempts, backoff_s=backoff_s))
        except CancelledError:
            return

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop(self._feed.__aexit__(kind, error, trace))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StormAlert:
        """See `AlertFeed.__anext__`."""
        alert = self.get()
        if alert is None:
            raise StopIteration
        return alert

    async def _next(self, timeout: float | None) -> StormAlert | None:
        async with asyncio.timeout(timeout):
            return await anext(self._feed, None)

    def _call(self, what: Coroutine[Any, Any, T]) -> T:
        """Run it in the thread, and wait. Interrupted by Ctrl-C, it is cancelled there."""
        if self._loop is None:
            what.close()
            raise RuntimeError("not started: use `with SyncAlertFeed(…) as feed`")
        future = asyncio.run_coroutine_threadsafe(self._asked(what), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _asked(self, what: Coroutine[Any, Any, T]) -> T:
        self._asking = asyncio.current_task()
        try:
            return await what
        finally:
            self._asking = None

    def _stop(self, closing: Coroutine[Any, Any, None]) -> None:
        loop, self._loop, self._closed = self._loop, None, True
        if loop is None or self._thread is None:
            closing.close()
            return
        try:
            asyncio.run_coroutine_threadsafe(self._ended(closing), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()

    async def _ended(self, closing: Coroutine[Any, Any, None]) -> None:
        asking = self._asking
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])
        await closing
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
