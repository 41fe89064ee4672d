"""`RedisPoolMonitor`: a redis-py pool whose connections run out."""

import functools
from typing import Any, Final

import redis
import redis.asyncio
from redis.exceptions import ConnectionError as RedisConnectionError

from fault316.integrations._crossing import Crossing
from fault316.integrations._reports import Reports, or_process
from fault316.integrations._stacks import report_with_callers
from fault316.integrations._startable import Startable

POOL_HIGH: Final = "316-REDIS-POOL-HIGH"
POOL_EXHAUSTED: Final = "316-REDIS-POOL-EXHAUSTED"

WARN_ABOVE: Final = 0.8
REARM_AT: Final = 0.75
"""Of the warning's limit: 60 % with the default."""

_EXHAUSTED: Final = ("Too many connections", "No connection available")
"""What redis-py says in all its versions; a `MaxConnectionsError` is thrown by newer ones, and not by each pool."""

AnyPool = redis.ConnectionPool | redis.asyncio.ConnectionPool


class RedisPoolMonitor(Startable):
    """Watches one pool; the pool and its exceptions behave as without it.

        client = redis.Redis(connection_pool=redis.BlockingConnectionPool(max_connections=20, timeout=1))
        RedisPoolMonitor(client).start()

    | reported | when |
    | --- | --- |
    | `316-REDIS-POOL-HIGH` | more than `warn_above` of the connections are in use; again after it was lower |
    | `316-REDIS-POOL-EXHAUSTED` | all are in use, for the timeout of a pool that waits |

    Args:
        pool: or a client, whose pool it is then; of redis-py or its asyncio half.
        warn_above: share of `max_connections`, above 0 and at most 1.
        reporter: by default what `fault316.init` has made.

    Raises:
        ValueError: `warn_above` is out of range.
    """

    def __init__(
        self,
        pool: AnyPool | redis.Redis | redis.asyncio.Redis,
        *,
        warn_above: float = WARN_ABOVE,
        reporter: Reports | None = None,
    ) -> None:
        if not 0 < warn_above <= 1:
            raise ValueError("warn_above should be above 0 and at most 1")
        self._pool: Any = getattr(pool, "connection_pool", pool)
        self._reporter = or_process(reporter)
        self._crossing = Crossing(warn_above, REARM_AT * warn_above)
        self._started = False

    def start(self) -> None:
        """See `Startable`."""
        if not self._started:
            self._started = True
            # redis-py has no event for it; clients get every connection by this method.
            is_async = isinstance(self._pool, redis.asyncio.ConnectionPool)
            get = self._pool.get_connection
            self._pool.get_connection = self._around_async(get) if is_async else self._around(get)

    def stop(self) -> None:
        """See `Startable`."""
        if self._started:
            self._started = False
            vars(self._pool).pop("get_connection", None)

    def _around(self, get: Any) -> Any:
        @functools.wraps(get)
        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                connection = get(*args, **kwargs)
            except RedisConnectionError as error:
                self._failed(error)
                raise
            self._look()
            return connection

        return watched

    def _around_async(self, get: Any) -> Any:
        @functools.wraps(get)
        async def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                connection = await get(*args, **kwargs)
            except RedisConnectionError as error:
                self._failed(error)
                raise
            self._look()
            return connection

        return watched

    def _failed(self, error: RedisConnectionError) -> None:
        if str(error).startswith(_EXHAUSTED):
            report_with_callers(self._reporter, error, POOL_EXHAUSTED, attributes=self._attributes())

    def _look(self) -> None:
        in_use, limit = connections_in_use(self._pool), self._pool.max_connections
        if self._crossing.look(in_use / limit):
            message = f"{in_use} of {limit} connections to Redis are in use"
            self._reporter.report(POOL_HIGH, message=message, attributes=self._attributes())

    def _attributes(self) -> dict[str, str | int]:
        to = self._pool.connection_kwargs
        where = to.get("path") or f"{to.get('host', 'localhost')}:{to.get('port', 6379)}"
        return {
            "redis": f"{where}/{to.get('db') or 0}",
            "in_use": connections_in_use(self._pool),
            "connections_max": self._pool.max_connections,
        }


def connections_in_use(pool: Any) -> int:
    """How many connections are out. Its own `get_connection_count` is new, and copies them all under the pool's lock."""
    free = getattr(pool, "pool", None)  # of redis.BlockingConnectionPool: what is free, or not opened yet
    return pool.max_connections - free.qsize() if free is not None else len(pool._in_use_connections)
