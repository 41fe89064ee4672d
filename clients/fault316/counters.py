"""`Counters` and `AsyncCounters`: what has been counted, and which storms are on.

The two differ only in how they wait. Each method is at most two round trips, however many codes there are.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from threading import Lock
from types import TracebackType
from typing import Self, TypeVar

import redis

from fault316 import _queries, redis_client
from fault316._queries import Query, Series
from fault316._redis import apart, unavailable
from fault316.views import Counter, Rates, Update
from fault316_schemas import Connection, StormAlert

T = TypeVar("T")
WATCH_INTERVAL_S = 1.0
"""As often as a person looks at it."""
SERIES_MINUTES = 60
RETRIES = 1
"""Enough for a pooled connection that the server has closed meanwhile; Redis away is to be said at once."""


class Counters:
    """Queries the counters. Thread-safe; connects when first used.

        with Counters() as counters:
            for item in counters.top(5, window="1m"):
                print(item.code, item.per_s["1m"])

    Args:
        connection: where Redis is; by default from `FAULT316_*` environment variables.

    Raises:
        CountersUnavailable: (every method) Redis does not answer, or refuses the query.
    """

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection or Connection()
        self._keys = self._connection.keys
        self._redis: redis.Redis | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            client, self._redis = self._redis, None
        if client is not None:
            redis_client.close(client)

    def codes(self) -> list[str]:
        """Known codes, the one seen last first (at most 5,000)."""
        return self._run(_queries.codes(self._keys))

    def counter(self, code: str) -> Counter | None:
        """The counter of a code; None if it was never seen, or so long ago that it is forgotten."""
        return next(iter(self.get_many([code])), None)

    get = counter

    def get_many(self, codes: Iterable[str] | None = None) -> list[Counter]:
        """The counters of these codes, or of all, in one go; those that do not exist are left out."""
        return self._run(_queries.counters(self._keys, codes))

    def rates(self, code: str) -> Rates | None:
        """Rates, baseline and state of a code; None if it is not known."""
        return next(iter(self._run(_queries.rates(self._keys, [code]))), None)

    def top(self, n: int = 10, window: str = "1m") -> list[Rates]:
        """The `n` codes with the highest rates over `window` (10s, 1m, 5m, 15m, 1h), highest first."""
        return self._run(_queries.top(self._keys, n, window))

    def active_storms(self) -> list[StormAlert]:
        """The latest alert of each storm that is on, the oldest storm first."""
        return self._run(_queries.active_storms(self._keys))

    def storm(self, storm_id: str) -> StormAlert | None:
        """The latest alert of a storm, on or over."""
        return self._run(_queries.storm(self._keys, storm_id))

    def series(
        self,
        code: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        minutes: int = SERIES_MINUTES,
    ) -> Series:
        """Events by minute, without gaps: the last `minutes`, the one of now included and not over yet.

        Or from `since` to `until` (by default now), both aware and included.
        """
        span = _queries.span(since, until, minutes, datetime.now(UTC))
        return self._run(_queries.series(self._keys, [code], *span))[code]

    def series_many(
        self, codes: Iterable[str], since: datetime, until: datetime | None = None
    ) -> dict[str, Series]:
        """The same for several codes in one go."""
        return self._run(_queries.series(self._keys, codes, since, until or datetime.now(UTC)))

    def watch(self, interval_s: float = WATCH_INTERVAL_S) -> Iterator[Update]:
        """Storms and totals as they change; the first update is all there is, and comes at once.

            for update in counters.watch():
                for alert in update.storms:
                    print(alert.summary)

        It looks every `interval_s` seconds, in two round trips, and yields where something has changed. Of a storm
        it shows the latest alert; who needs each of them takes an `AlertFeed`. Without Redis it raises
        CountersUnavailable; watch anew then.
        """
        seen = _queries.Seen()
        while True:
            if update := self._run(_queries.look(self._keys, seen)):
                yield update
            time.sleep(interval_s)

    def _client(self) -> redis.Redis:
        with self._lock:
            if self._redis is None:
                self._redis = redis_client.sync_client(self._connection, RETRIES)
            return self._redis

    def _run(self, query: Query[T]) -> T:
        try:
            commands = next(query)
            client = self._client()
            while True:
                pipeline = client.pipeline(transaction=False)  # a cluster has no others across slots
                for command in commands:
                    command(pipeline)
                commands = query.send(pipeline.execute())
        except StopIteration as end:
            result: T = end.value
            return result
        except redis_client.REDIS_ERRORS as error:
            if self._redis is not None:
                redis_client.look_again(self._redis, self._connection)
            raise unavailable(self._connection, error) from error


class AsyncCounters:
    """`Counters` for asyncio: the same methods, awaited."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection or Connection()
        self._keys = self._connection.keys
        self._redis = redis_client.async_client(self._connection, RETRIES)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await redis_client.aclose(self._redis)

    async def codes(self) -> list[str]:
        """See `Counters.codes`."""
        return await self._run(_queries.codes(self._keys))

    async def counter(self, code: str) -> Counter | None:
        """See `Counters.counter`."""
        return next(iter(await self.get_many([code])), None)

    get = counter

    async def get_many(self, codes: Iterable[str] | None = None) -> list[Counter]:
        """See `Counters.get_many`."""
        return await self._run(_queries.counters(self._keys, codes))

    async def rates(self, code: str) -> Rates | None:
        """See `Counters.rates`."""
        return next(iter(await self._run(_queries.rates(self._keys, [code]))), None)

    async def top(self, n: int = 10, window: str = "1m") -> list[Rates]:
        """See `Counters.top`."""
        return await self._run(_queries.top(self._keys, n, window))

    async def active_storms(self) -> list[StormAlert]:
        """See `Counters.active_storms`."""
        return await self._run(_queries.active_storms(self._keys))

    async def storm(self, storm_id: str) -> StormAlert | None:
        """See `Counters.storm`."""
        return await self._run(_queries.storm(self._keys, storm_id))

    async def series(
        self,
        code: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        minutes: int = SERIES_MINUTES,
    ) -> Series:
        """See `Counters.series`."""
        span = _queries.span(since, until, minutes, datetime.now(UTC))
        return (await self._run(_queries.series(self._keys, [code], *span)))[code]

    async def series_many(
        self, codes: Iterable[str], since: datetime, until: datetime | None = None
    ) -> dict[str, Series]:
        """See `Counters.series_many`."""
        return await self._run(_queries.series(self._keys, codes, since, until or datetime.now(UTC)))

    async def watch(self, interval_s: float = WATCH_INTERVAL_S) -> AsyncIterator[Update]:
        """See `Counters.watch`: `async for update in counters.watch(): …`."""
        seen = _queries.Seen()
        while True:
            if update := await self._run(_queries.look(self._keys, seen)):
                yield update
            await asyncio.sleep(interval_s)

    async def _run(self, query: Query[T]) -> T:
        try:
            commands = next(query)
            while True:
                pipeline = self._redis.pipeline(transaction=False)
                for command in commands:
                    command(pipeline)
                commands = query.send(await apart(pipeline.execute()))
        except StopIteration as end:
            result: T = end.value
            return result
        except redis_client.REDIS_ERRORS as error:
            if redis_client.is_cluster(self._redis):  # the others find their way again without being told
                await redis_client.forget(self._redis)
            raise unavailable(self._connection, error) from error
