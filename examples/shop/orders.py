"""What the shop does for its customers."""

from typing import Annotated

from pydantic import BaseModel, Field

import fault316
from shop.backends import Cache, Database, Payments
from shop.switches import Fault, Switches


class Order(BaseModel):
    """What a customer sends."""

    user_id: Annotated[str, Field(min_length=1, max_length=64)]
    product_id: Annotated[int, Field(ge=1)]
    quantity: Annotated[int, Field(ge=1, le=100)] = 1
    voucher: Annotated[str, Field(pattern=r"^[A-Z0-9]{4,12}$")] | None = None


class Shop:
    """Views and orders of products."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._cache = Cache(switches)
        self._database = Database()
        self._payments = Payments(switches)
        self._prices = {"book": 30.0, "game": 50.0}

    async def product(self, product_id: int) -> str:
        """A product's name. Raises PoolTimeoutError."""
        name = self._cache.get(product_id)
        if name is None:
            name = await self._database.product(product_id)
            self._cache.put(product_id, name)
        return name

    async def submit(self, order: Order) -> int:
        """An order's number. Raises what its backends raise, reported as an order that failed."""
        with fault316.context(user_id=order.user_id):
            try:
                price = await self._price(order)
                await self._payments.pay(price * order.quantity)
                return await self._database.store()
            except Exception as error:
                fault316.report_exception(error, "316-ORDER-SUBMIT-ERR")
                raise

    async def _price(self, order: Order) -> float:
        kind = "book" if order.product_id % 2 else "game"
        if Fault.PRICE_BUG in self._switches:
            kind = kind.upper()
        price = self._prices[kind]
        if Fault.PROMOTION in self._switches:
            price *= 1 - await self._database.promotion()
        return price
