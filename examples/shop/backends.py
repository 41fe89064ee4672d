"""What the shop depends on: a database, a cache and a payment provider, which here only wait.

Each reports what fails where it is known best. What becomes of it is the caller's to say.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import fault316
from shop.switches import Fault, Switches

POOL_SIZE = 10
POOL_WAIT_S = 0.25
QUERY_S = 0.002
SLOW_QUERY_S = 2.0
"""Ten connections serve 5 such queries a second, and 5,000 of the others."""
PAYMENT_S = 0.005
PAYMENT_LIMIT_S = 0.3


class PoolTimeoutError(Exception):
    """All connections were in use, and none was given back in time."""


class PaymentTimeoutError(Exception):
    """The payment provider has not answered."""


class Database:
    """Queries take a connection of a pool, and wait for one."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(POOL_SIZE)
        self._orders = 0

    async def product(self, product_id: int) -> str:
        """A product's name. Raises PoolTimeoutError."""
        await self._query(QUERY_S)
        return f"product {product_id}"

    async def promotion(self) -> float:
        """What is taken off the price, by a query that nobody has tried under load. Raises PoolTimeoutError."""
        await self._query(SLOW_QUERY_S)
        return 0.2

    async def store(self) -> int:
        """An order's number. Raises PoolTimeoutError."""
        await self._query(QUERY_S)
        self._orders += 1
        return self._orders

    async def _query(self, takes_s: float) -> None:
        async with self._connection():
            await asyncio.sleep(takes_s)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[None]:
        with fault316.guard("316-DB-POOL-EXHAUSTED", component="database"):
            try:
                async with asyncio.timeout(POOL_WAIT_S):
                    await self._free.acquire()
            except TimeoutError:
                raise PoolTimeoutError(f"no connection of {POOL_SIZE} within {POOL_WAIT_S:g} s") from None
        try:
            yield
        finally:
            self._free.release()


class Cache:
    """Keeps what was read."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._names: dict[int, str] = {}

    def get(self, product_id: int) -> str | None:
        """None where it is not known, or the cache is away: a cache that is away costs time, no answer."""
        try:
            return self._connected().get(product_id)
        except ConnectionError as error:
            fault316.report_exception(error, "316-CONN-ERR", component="cache")
            return None

    def put(self, product_id: int, name: str) -> None:
        """Keep it, where the cache is there."""
        if Fault.CACHE_AWAY not in self._switches:
            self._names[product_id] = name

    def _connected(self) -> dict[int, str]:
        if Fault.CACHE_AWAY in self._switches:
            raise ConnectionRefusedError("cache:6379 refused the connection")
        return self._names


class Payments:
    """Asks the provider."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    @fault316.guard("316-TIMEOUT-ERR", component="payments")
    async def pay(self, amount: float) -> None:
        """Raises PaymentTimeoutError."""
        answers_s = 60.0 if Fault.PAYMENT_HANGS in self._switches else PAYMENT_S
        try:
            async with asyncio.timeout(PAYMENT_LIMIT_S):
                await asyncio.sleep(answers_s)
        except TimeoutError:
            raise PaymentTimeoutError(f"no answer for {amount:.2f} within {PAYMENT_LIMIT_S:g} s") from None
