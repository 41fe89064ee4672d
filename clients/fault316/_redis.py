"""Where Redis is, for people: without its password. And the one place where redis-py must be helped."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fault316.errors import CountersUnavailable
from fault316_schemas import Connection

T = TypeVar("T")
ADVICE = "check FAULT316_REDIS_URL, or start a local one with `fault316 up`"


def place(connection: Connection) -> str:
    """`Redis at host:port/database`, or the like for several servers."""
    return str(connection.redis_address)


def words(error: Exception) -> str:
    """What it said, in one line, or what kind of error it was."""
    return " ".join(str(error).split()) or type(error).__name__


def unavailable(connection: Connection, error: Exception) -> CountersUnavailable:
    """Where Redis should be (without its password), what it said, what to do."""
    return CountersUnavailable(f"{place(connection)} does not serve the counters ({words(error)}): {ADVICE}")


async def apart(command: Awaitable[T]) -> T:
    """Await a command in a task of its own, which goes on where the caller is cancelled.

    redis-py sends with `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that comes at the wrong moment
    (cpython issue 86296): a loop around the command would then never end.
    """
    return await asyncio.shield(asyncio.ensure_future(command))
