"""`RedisPoolMonitor` on redis-py's pools and a real Redis: what is reported, and that pools behave as without it."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
import redis.asyncio

from fault316.integrations.redis_pool import RedisPoolMonitor, connections_in_use
from fault316.testing import MemoryReporter
from fault316_streams.embedded import Endpoints

MakePool = Callable[[str], Any]


def plain(module: Any) -> MakePool:
    """A pool that gives up at once."""
    return lambda url: module.ConnectionPool.from_url(url, max_connections=5)


def waiting(module: Any) -> MakePool:
    """A pool that waits, not for long."""
    return lambda url: module.BlockingConnectionPool.from_url(url, max_connections=5, timeout=0.01)


@pytest.fixture
def reporter() -> MemoryReporter:
    return MemoryReporter()


@pytest.mark.parametrize("make", [plain(redis), waiting(redis)])
def test_a_pool_that_runs_out_is_told_before_and_when_it_does(
    servers: Endpoints, reporter: MemoryReporter, make: MakePool
) -> None:
    pool = make(servers.redis_url)
    client = redis.Redis(connection_pool=pool)

    def read_cart() -> None:
        client.get("cart")

    with RedisPoolMonitor(client, reporter=reporter):
        held = [pool.get_connection() for _ in range(4)]
        read_cart()  # the fifth
        read_cart()
        warning = reporter.assert_reported("316-REDIS-POOL-HIGH", times=1)
        held.append(pool.get_connection())
        with pytest.raises(redis.ConnectionError):
            read_cart()
        event = reporter.assert_reported("316-REDIS-POOL-EXHAUSTED", times=1)
        for connection in held:
            pool.release(connection)
        read_cart()
        held = [pool.get_connection() for _ in range(5)]
        reporter.assert_reported("316-REDIS-POOL-HIGH", times=2)
        for connection in held:
            pool.release(connection)
    assert warning.message == "5 of 5 connections to Redis are in use"
    assert event.exception is not None
    assert "read_cart" in str(event.exception.stacktrace)
    assert event.attributes is not None
    assert (event.attributes["in_use"], event.attributes["connections_max"]) == (5, 5)
    assert len(reporter.events) == 3
    pool.disconnect()


@pytest.mark.parametrize("make", [plain(redis.asyncio), waiting(redis.asyncio)])
async def test_an_asyncio_pool_is_watched_as_well(
    servers: Endpoints, reporter: MemoryReporter, make: MakePool
) -> None:
    pool = make(servers.redis_url)
    client = redis.asyncio.Redis(connection_pool=pool)

    async def read_cart() -> None:
        await client.get("cart")

    with RedisPoolMonitor(pool, reporter=reporter):
        held = [await pool.get_connection() for _ in range(5)]
        reporter.assert_reported("316-REDIS-POOL-HIGH", times=1)
        with pytest.raises(redis.ConnectionError):
            await read_cart()
        event = reporter.assert_reported("316-REDIS-POOL-EXHAUSTED", times=1)
        for connection in held:
            await pool.release(connection)
        await read_cart()
    assert event.exception is not None
    assert "read_cart" in str(event.exception.stacktrace)
    assert len(reporter.events) == 2
    await pool.disconnect()


@pytest.mark.parametrize("make", [plain(redis), waiting(redis)])
def test_a_connection_that_is_given_back_is_not_in_use(servers: Endpoints, make: MakePool) -> None:
    pool = make(servers.redis_url)
    one, other = pool.get_connection(), pool.get_connection()
    assert connections_in_use(pool) == 2
    pool.release(one)
    assert connections_in_use(pool) == 1
    pool.release(other)
    assert connections_in_use(pool) == 0
    pool.disconnect()


def test_a_redis_that_is_away_is_another_fault(reporter: MemoryReporter) -> None:
    pool = redis.ConnectionPool(host="127.0.0.1", port=1, max_connections=5)
    with RedisPoolMonitor(pool, reporter=reporter), pytest.raises(redis.ConnectionError, match="refused"):
        pool.get_connection()
    assert connections_in_use(pool) == 0
    reporter.assert_nothing_reported()


def test_what_is_stopped_reports_nothing(servers: Endpoints, reporter: MemoryReporter) -> None:
    pool = plain(redis)(servers.redis_url)
    monitor = RedisPoolMonitor(pool, reporter=reporter)
    monitor.start()
    monitor.start()
    monitor.stop()
    monitor.stop()
    held = [pool.get_connection() for _ in range(5)]
    with pytest.raises(redis.ConnectionError):
        pool.get_connection()
    reporter.assert_nothing_reported()
    for connection in held:
        pool.release(connection)
    pool.disconnect()


@pytest.mark.parametrize("warn_above", [0, 1.1])
def test_a_share_that_is_none_is_refused(warn_above: float) -> None:
    with pytest.raises(ValueError, match="warn_above"):
        RedisPoolMonitor(redis.ConnectionPool(), warn_above=warn_above)
