"""A feed beside a web application: its event loop goes on while the feed starts and works off a backlog."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from fault316 import AlertFeed
from fault316.testing import storm_alert
from fault316_streams.settings import WorkerSettings
from stall_meter import StallMeter

BACKLOG = 1_000
LARGE: dict[str, Any] = {
    "exemplars": [{"id": f"e{n}", "message": "x" * 500} for n in range(5)],
    "runbook": "Look. " * 100,
}
"""About 4 kB, as a storm's alert with all its examples."""


async def fill(source: str, settings: WorkerSettings) -> None:
    alerts = [storm_alert(**LARGE).to_json() for _ in range(BACKLOG)]
    if source == "kafka":
        producer = AIOKafkaProducer(**settings.kafka_options())
        await producer.start()
        for sent in [await producer.send(settings.topics.alerts, alert) for alert in alerts]:
            await sent
        await producer.stop()
    else:
        async with Redis.from_url(**settings.redis_options()) as store:
            for alert in alerts:
                await store.xadd(settings.keys.alerts, {"alert": alert})


@pytest.mark.parametrize("source", ["kafka", "redis"])
async def test_the_loop_goes_on(
    source: str, topics: WorkerSettings, record_property: Callable[[str, object], None]
) -> None:
    """Every alert costs a commit, and so gives others a turn. How long they wait is reported, not asserted."""
    await fill(source, topics)
    group = f"{topics.topic_prefix}pager"
    feed = (
        AlertFeed(topics, group=group, from_beginning=True)
        if source == "kafka"
        else AlertFeed.from_redis(topics, group=group, from_beginning=True)
    )
    turns = handled = 0

    async def another_request() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.timeout(120), StallMeter() as meter:
        async with feed:
            others = asyncio.create_task(another_request())
            async for _ in feed:
                handled += 1
                if handled == BACKLOG:
                    break
            others.cancel()
            await asyncio.wait([others])
        async with feed:  # looks back over what it has handled
            waiting = asyncio.create_task(anext(feed, None))
            await asyncio.wait([waiting], timeout=0.5)
        await waiting
    record_property("largest_stall_ms", round(meter.largest_s * 1_000, 1))
    print(f"{source}: largest stall {meter.largest_s * 1_000:.1f} ms in {meter.ticks} turns")
    assert turns >= BACKLOG
