"""Where Redis is, for people: without its password. And the one place where redis-py must be helped."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from fault316_schemas import Connection

T = TypeVar("T")
ADVICE = "check FAULT316_REDIS_URL, or start a local one with `fault316 up`"


def place(connection: Connection) -> str:
    """`Redis at host:port/database`."""
    url = urlsplit(connection.redis_url.get_secret_value())
    where = url.path if url.scheme == "unix" else f"{url.hostname}:{url.port or 6379}{url.path}"
    return f"Redis at {where}"


def words(error: RedisError) -> str:
    """What it said, or what kind of error it was."""
    return str(error) or type(error).__name__


async def apart(command: Awaitable[T]) -> T:
    """Await a command in a task of its own, which goes on where the caller is cancelled.

    redis-py sends with `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that comes at the wrong moment
    (cpython issue 86296): a loop around the command would then never end.
    """
    return await asyncio.shield(asyncio.ensure_future(command))
