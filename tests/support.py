"""What tests of all layers share. Imported as `support`."""

import asyncio
import inspect
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings

T = TypeVar("T")

PATIENCE = 3
"""A deadline is for a quiet machine; on one with other things to do, nothing is late before three times that."""


@overload
async def eventually(
    condition: Callable[[], Coroutine[Any, Any, T]], *, deadline_s: float = ..., every_s: float = ...
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], *, deadline_s: float = ..., every_s: float = ...) -> T: ...
async def eventually(condition: Callable[[], Any], *, deadline_s: float = 15.0, every_s: float = 0.05) -> Any:
    """Wait until `condition` (plain or async) returns something true, and return that.

    An AssertionError inside it means "not yet"; the last one is what the test fails with after `deadline_s`.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE * deadline_s
    while True:
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            assert value, f"still {value!r} after {deadline_s} s"
        except AssertionError:
            if loop.time() >= end:
                raise
        else:
            return value
        await asyncio.sleep(every_s)


def until(condition: Callable[[], T], *, deadline_s: float = 30.0, every_s: float = 0.05) -> T:
    """`eventually` for tests without a loop, which drive other processes."""
    end = time.monotonic() + PATIENCE * deadline_s
    while True:
        try:
            value = condition()
            assert value, f"still {value!r} after {deadline_s} s"
        except AssertionError:
            if time.monotonic() >= end:
                raise
        else:
            return value
        time.sleep(every_s)


def own_settings(servers: Endpoints) -> WorkerSettings:
    """Settings with topic and key prefixes that nobody else has, so that all tests can share the servers."""
    token = f"t{uuid.uuid4().hex[:8]}"
    return WorkerSettings(
        _env_file=None,
        bootstrap_servers=servers.bootstrap_servers,
        redis_url=servers.redis_url,
        topic_prefix=f"{token}.",
        redis_prefix=f"{token}:",
        events_partitions=4,
        partials_partitions=4,
        http_port=0,
    )
