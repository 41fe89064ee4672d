"""What tests of all layers share. Imported as `support`."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], T] | Callable[[], Awaitable[T]],
    *,
    deadline_s: float = 15.0,
    every_s: float = 0.05,
) -> T:
    """Wait until `condition` (plain or async) returns something true, and return that.

    An AssertionError inside it means "not yet"; the last one is what the test fails with after `deadline_s`.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while True:
        try:
            value: Any = condition()
            if inspect.isawaitable(value):
                value = await value
            assert value, f"still {value!r} after {deadline_s} s"
        except AssertionError:
            if loop.time() >= end:
                raise
        else:
            result: T = value
            return result
        await asyncio.sleep(every_s)
