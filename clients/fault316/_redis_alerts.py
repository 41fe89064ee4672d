"""Alerts from the Redis stream, with a consumer group or without. Plain commands, Redis 6.2 or later."""

import asyncio
import logging
import os
import socket
import time
import uuid
from contextlib import suppress
from typing import Any, Final

import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from fault316._alert_source import BURY_LIMIT_S, Burial, Handled, Reading, Received, end
from fault316._redis import ADVICE, apart, place, words
from fault316._redis_stream import DEAD_LETTERS_MAX, DEAD_LETTERS_TTL_S, Entry, first_of, recall
from fault316.errors import RedisUnavailable
from fault316.redis_client import REDIS_ERRORS, aclose, async_client, forget
from fault316_schemas import Connection

logger = logging.getLogger("fault316")

BLOCK_MS: Final = 2_000
"""One wait for a new entry. Below the socket's timeout of 5 s, or a quiet stream would look like a dead server."""
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0
CLAIMS_PER_IDLE: Final = 4
"""How often a dead member's entries are looked for, and one's own are held, within `claim_after_s`."""
START_ATTEMPTS: Final = 4
"""Enough for a server that is being restarted; Redis away is to be said soon."""
CLOSE_S: Final = 2.0
BEGINNING: Final = "0-0"


class RedisAlerts:
    """A `Source` on the stream `316:alerts`. With a group each entry goes to one member, which acknowledges it."""

    def __init__(
        self,
        connection: Connection,
        group: str | None,
        consumer: str | None,
        from_beginning: bool,
        claim_after_s: float,
    ) -> None:
        if claim_after_s <= 0:
            raise ValueError(f"claim_after_s is {claim_after_s}, should be more than 0")
        self.handled = Handled()
        self._connection = connection
        self._stream = connection.keys.alerts
        self._group = group
        self._named = consumer is not None
        self._consumer = consumer or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._from_beginning = from_beginning
        self._claim_after_ms = max(1, int(claim_after_s * 1_000))
        self._redis: redis.asyncio.Redis | None = None
        self._last_id = BEGINNING
        self._look_back = True  # entries may be ours that we have not heard of
        self._claim_cursor = BEGINNING
        self._claim_at_s = 0.0
        self._held: str | None = None
        self._reading = Reading[Entry]()
        self._holding: asyncio.Task[None] | None = None

    async def start(self, timeout: float) -> None:
        """See `Source`."""
        self._redis = async_client(self._connection, retries=0)
        try:
            async with asyncio.timeout(timeout):
                await self._take_position(self._redis)
        except (*REDIS_ERRORS, TimeoutError) as error:
            await self.close()
            why = words(error) if isinstance(error, REDIS_ERRORS) else f"no answer within {timeout:g} s"
            raise RedisUnavailable(
                f"{place(self._connection)} does not serve the alerts ({why}): {ADVICE}"
            ) from error
        self._look_back, self._claim_cursor, self._claim_at_s = True, BEGINNING, 0.0
        if self._group is not None:
            self._holding = asyncio.create_task(self._hold(self._redis, self._group))

    async def receive(self) -> Received:
        """See `Source`."""
        assert self._redis is not None
        client = self._redis
        entry = await self._reading.result(lambda: self._read_on(client))
        return Received(entry.fields.get("alert", ""), f"{self._stream}:{entry.id}", entry.id)

    async def settle(self, received: Received) -> None:
        """See `Source`."""
        self._held = None
        if self._group is None or self._redis is None:
            return
        try:
            await apart(self._redis.xack(self._stream, self._group, received.token))
        except REDIS_ERRORS as error:
            self._look_back = True
            logger.warning("%s not acknowledged: %s", received.where, words(error))

    async def bury(self, received: Received, burial: Burial) -> None:
        """See `Source`."""
        assert self._redis is not None
        key = self._connection.keys.alert_dead_letters
        async with asyncio.timeout(BURY_LIMIT_S), self._redis.pipeline(transaction=False) as pipe:
            fields: dict[Any, Any] = {"alert": received.value, **burial.facts(received, self._group)}
            pipe.xadd(key, fields, maxlen=DEAD_LETTERS_MAX, approximate=True)
            pipe.expire(key, DEAD_LETTERS_TTL_S)
            await pipe.execute()

    async def close(self) -> None:
        """See `Source`."""
        client, self._redis = self._redis, None
        holding, self._holding, self._held = self._holding, None, None
        if client is None:
            return
        await self._reading.stop()
        if holding is not None:
            await end(holding)
        with suppress(*REDIS_ERRORS, OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await apart(self._leave(client))
        with suppress(*REDIS_ERRORS, OSError):
            await aclose(client)

    async def _take_position(self, client: redis.asyncio.Redis) -> None:
        failures = 0
        while True:
            try:
                return await self._position(client)
            except (RedisConnectionError, RedisTimeoutError, RedisClusterException):
                failures += 1
                if failures == START_ATTEMPTS:
                    raise
                await forget(client)
                await asyncio.sleep(_backoff_s(failures))

    async def _position(self, client: redis.asyncio.Redis) -> None:
        if self._group is None:
            newest: Any = [] if self._from_beginning else await client.xrevrange(self._stream, count=1)
            self._last_id = newest[0][0] if newest else BEGINNING
            return
        await self._create_group(client, "0" if self._from_beginning else "$")
        for alert_id in await recall(client, self._stream, self._group):
            self.handled.add(alert_id)

    async def _create_group(self, client: redis.asyncio.Redis, position: str) -> None:
        assert self._group is not None
        try:
            await client.xgroup_create(self._stream, self._group, id=position, mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # it is there already
                raise

    async def _read_on(self, client: redis.asyncio.Redis) -> Entry:
        """Until there is an entry."""
        failures = 0
        while True:
            try:
                entry = await self._next(client)
                failures = 0
                if entry is not None:
                    self._held = entry.id
                    return entry
            except REDIS_ERRORS as error:
                failures += 1
                self._look_back = True  # the answer that was lost may have held an entry
                await self._recover(client, error, failures)

    async def _next(self, client: redis.asyncio.Redis) -> Entry | None:
        """One entry, or None after a while: what is ours already, what a dead member left, what is new."""
        if self._group is None:
            entry = first_of(await client.xread({self._stream: self._last_id}, count=1, block=BLOCK_MS))
            if entry is not None:
                self._last_id = entry.id
            return entry
        if self._look_back:
            entry = await self._read(client, self._group, "0")
            self._look_back = entry is not None
        elif time.monotonic() >= self._claim_at_s:
            entry = await self._claim(client, self._group)
        else:
            entry = await self._read(client, self._group, ">")
        if entry is not None and not entry.fields:  # trimmed from the stream, but not from who has it
            await client.xack(self._stream, self._group, entry.id)
            return None
        return entry

    async def _read(self, client: redis.asyncio.Redis, group: str, after: str) -> Entry | None:
        wait_ms = min(BLOCK_MS, max(1, self._claim_after_ms // CLAIMS_PER_IDLE))
        reply = await client.xreadgroup(
            group, self._consumer, {self._stream: after}, count=1, block=wait_ms if after == ">" else None
        )
        return first_of(reply)

    async def _claim(self, client: redis.asyncio.Redis, group: str) -> Entry | None:
        reply = await client.xautoclaim(
            self._stream, group, self._consumer, self._claim_after_ms, start_id=self._claim_cursor, count=1
        )
        self._claim_cursor = reply[0]
        if self._claim_cursor == BEGINNING:  # once around
            self._claim_at_s = time.monotonic() + self._claim_after_ms / 1_000 / CLAIMS_PER_IDLE
        # What it claimed is ours now, and read as such: of a trimmed one Redis 6 does not even say the id.
        self._look_back = bool(reply[1])
        return None

    async def _hold(self, client: redis.asyncio.Redis, group: str) -> None:
        """Tell the group that we are alive, so that nobody claims what is being handled."""
        while True:
            await asyncio.sleep(self._claim_after_ms / 1_000 / CLAIMS_PER_IDLE)
            if self._held is not None:
                with suppress(*REDIS_ERRORS):
                    await apart(
                        client.xclaim(self._stream, group, self._consumer, 0, [self._held], justid=True)
                    )

    async def _recover(self, client: redis.asyncio.Redis, error: Exception, failures: int) -> None:
        if self._group is not None and "NOGROUP" in str(error):
            # Redis has lost the stream, or somebody deleted it: what is in it now is all new.
            with suppress(*REDIS_ERRORS):
                await self._create_group(client, "0")
        if not isinstance(error, ResponseError):
            with suppress(*REDIS_ERRORS, OSError):
                await forget(client)
        if failures == 1:
            logger.warning("waiting for %s: %s", place(self._connection), words(error))
        await asyncio.sleep(_backoff_s(failures))

    async def _leave(self, client: redis.asyncio.Redis) -> None:
        """A name that was made up is of no more use, unless entries are still under it: then others claim them."""
        if self._group is None or self._named:
            return
        if not await client.xpending_range(self._stream, self._group, "-", "+", 1, self._consumer):
            await client.xgroup_delconsumer(self._stream, self._group, self._consumer)


def _backoff_s(failures: int) -> float:
    return float(min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures - 1, 16)))
