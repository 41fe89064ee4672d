"""A web application with an alert feed beside it. Imported as `feed_app`.

`FEED` says where its alerts come from, kafka or redis, and `GROUP` as who; connected as `FAULT316_*` says.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fault316 import AlertFeed
from stall_meter import StallMeter

group = os.environ["GROUP"]
feed = (
    AlertFeed(group=group, from_beginning=True)
    if os.environ["FEED"] == "kafka"
    else AlertFeed.from_redis(group=group, from_beginning=True)
)
meter = StallMeter()
handled = 0


async def follow() -> None:
    """Take alerts until cancelled."""
    global handled
    async with feed:
        async for _ in feed:
            handled += 1


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The meter runs all the time, the feed from when it is asked for."""
    async with meter:
        yield
        if following := getattr(app.state, "following", None):
            following.cancel()
            await asyncio.wait([following])


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def page() -> dict[str, int]:
    """What customers ask for, with the number of alerts handled so far."""
    return {"handled": handled}


@app.put("/feed")
async def start() -> None:
    """Start the feed; answers at once."""
    app.state.following = asyncio.create_task(follow())


@app.post("/stalls")
async def stalls() -> dict[str, float]:
    """How late the loop was since the last time this was asked, in milliseconds."""
    told = {
        "p50": meter.quantile_s(0.5) * 1_000,
        "p99": meter.quantile_s(0.99) * 1_000,
        "largest": meter.largest_s * 1_000,
    }
    meter.late_s.clear()
    return told
