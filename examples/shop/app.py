"""The shop's web application.

    uvicorn --app-dir examples shop.app:app

Kafka is found by `FAULT316_BOOTSTRAP_SERVERS` and its companions. `SHOP_FAULTS=promotion,cache-away` is what is
switched on from the start, `SHOP_SPOOL_DIR` where reports wait while Kafka is away, `SHOP_REPORTS=off` the same shop
without a reporter.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import fault316
from fault316.integrations.asgi import FaultMiddleware
from fault316.integrations.fastapi import report_validation_errors
from fault316.integrations.loop import LoopWatchdog
from shop.backends import PaymentTimeoutError, PoolTimeoutError
from shop.orders import Order, Shop
from shop.switches import Fault, Switches

HANG_S = 3.0
HANG_LIMIT_S = 1.0

switches = Switches(filter(None, os.environ.get("SHOP_FAULTS", "").split(",")))
shop = Shop(switches)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """The reporter lives as long as the application."""
    if os.environ.get("SHOP_REPORTS") != "off":
        fault316.init("shop", version="1.0.0", spool_dir=os.environ.get("SHOP_SPOOL_DIR") or None)
    with LoopWatchdog(limit_s=HANG_LIMIT_S):
        yield
    await asyncio.to_thread(fault316.close)


app = FastAPI(title="Shop", lifespan=lifespan)
app.add_middleware(FaultMiddleware)
report_validation_errors(app)


@app.get("/products/{product_id}")
async def view(product_id: int) -> dict[str, str]:
    """A product."""
    if switches.take(Fault.LOOP_HANGS):
        time.sleep(HANG_S)  # noqa: ASYNC251 - the fault itself: nothing else runs meanwhile
    return {"name": await shop.product(product_id)}


@app.post("/orders", status_code=201)
async def place(order: Order) -> dict[str, int]:
    """An order that is paid and stored."""
    return {"order": await shop.submit(order)}


@app.get("/switches")
async def show() -> list[Fault]:
    """The faults that are on."""
    return switches.on()


@app.put("/switches/{fault}")
async def turn_on(fault: Fault) -> list[Fault]:
    """Let it fail so from now on."""
    switches.set(fault, True)
    return switches.on()


@app.delete("/switches/{fault}")
async def turn_off(fault: Fault) -> list[Fault]:
    """And no longer."""
    switches.set(fault, False)
    return switches.on()


@app.exception_handler(PoolTimeoutError)
async def busy(_request: Request, _error: Exception) -> JSONResponse:
    """The customer may try again."""
    return JSONResponse({"detail": "busy, try again"}, status_code=503, headers={"Retry-After": "1"})


@app.exception_handler(PaymentTimeoutError)
async def unpaid(_request: Request, _error: Exception) -> JSONResponse:
    """Nothing has been stored."""
    return JSONResponse({"detail": "the payment provider does not answer"}, status_code=504)
