"""A feed beside a web application: its event loop goes on while the feed starts and works off a backlog."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from example_programs import program
from fault316 import AlertFeed
from fault316.testing import storm_alert
from fault316_streams.embedded.process import free_port
from fault316_streams.settings import WorkerSettings
from stall_meter import TICK_S, StallMeter
from web_load import Answers, Request, customers_of, put_load
from worker_process import environment

TESTS = Path(__file__).parents[1]
BACKLOG = 1_000
REQUESTS = 500
"""Without the feed; with it, as many as come while it starts and works off its backlog."""
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
    print(f"{source}: largest stall {meter.largest_s * 1_000:.1f} ms in {len(meter.late_s)} turns")
    assert turns >= BACKLOG


@pytest.mark.parametrize("source", ["kafka", "redis"])
async def test_a_web_application_under_load_answers_on_while_the_feed_starts_and_works_off_a_backlog(
    source: str, topics: WorkerSettings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """FastAPI on uvicorn. How late its loop is, is reported; it should not be of another order with the feed."""
    await fill(source, topics)
    port = free_port()
    own = {"FEED": source, "GROUP": f"{topics.topic_prefix}pager"}
    command = [sys.executable, "-m", "uvicorn", "--app-dir", TESTS, "feed_app:app", "--port", port]
    with program([*command, "--log-level", "warning"], environment(topics) | own, tmp_path / "app.log"):
        async with customers_of(port) as client:
            off, without = await measured(client, lambda answers: len(answers.took_s) >= REQUESTS)
            await client.put("/feed")
            on, beside = await measured(client, lambda answers: answers.last == {"handled": BACKLOG})
    for name, stalls, answers in (("off", off, without), ("on", on, beside)):
        figures = f"loop late {stalls}, answers {answers.figures()}"
        record_property(f"feed_{name}", figures)
        print(f"{source}, feed {name}: {figures}")
        assert answers.statuses.keys() == {("page", 200)}
    assert on["p99"] < 10 * max(off["p99"], TICK_S * 1_000)


async def measured(
    client: httpx.AsyncClient, enough: Callable[[Answers], bool]
) -> tuple[dict[str, float], Answers]:
    """Put load on the application until it is enough: how late its loop was meanwhile (ms), and what it answered."""
    answers = Answers()

    def customers() -> Iterator[Request]:
        while not enough(answers):
            yield "page", "GET", "/", None

    await client.post("/stalls")
    async with asyncio.timeout(120):
        await put_load(client, customers(), at_a_time=10, answers=answers)
    stalls: dict[str, float] = (await client.post("/stalls")).json()
    return {name: round(late_ms, 2) for name, late_ms in stalls.items()}, answers
