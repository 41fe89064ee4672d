"""What every feed must do: from Kafka, from Redis, and the one in memory that users test with."""

import asyncio
import logging
import random
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contract.clients.feed_subjects import Subject, kafka_subject, memory_subject, redis_subject
from fault316 import AlertFeed, StormAlert
from fault316.redis_client import aclose, async_client
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics
from support import eventually
from topologies import TOPOLOGIES, settings_on


@pytest.fixture(params=["memory", *TOPOLOGIES, "kafka"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each source, empty."""
    if request.param == "memory":
        yield memory_subject()
        return
    if request.param in TOPOLOGIES:
        settings = settings_on(request.param, request)
        client = async_client(settings, retries=0)
        yield redis_subject(settings, client)
        await aclose(client)
        return
    settings = request.getfixturevalue("settings")
    await ensure_topics(settings)
    await _create(settings, settings.topics.alert_dead_letters)
    producer = AIOKafkaProducer(**settings.kafka_options(), acks="all")
    await producer.start()
    yield kafka_subject(settings, producer)
    await producer.stop()


async def _create(settings: WorkerSettings, topic: str) -> None:
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    if topic not in await admin.list_topics():
        await admin.create_topics([NewTopic(topic, 1, 1)])

    async def led() -> bool:
        [described] = await admin.describe_topics([topic])
        return bool(described["partitions"]) and all(one["leader"] >= 0 for one in described["partitions"])

    await eventually(led)
    await admin.close()


async def take(feed: AlertFeed, n: int) -> list[str]:
    async with asyncio.timeout(30):
        return [(await anext(feed)).alert_id for _ in range(n)]


async def handle_all(feed: AlertFeed, n: int) -> list[str]:
    """Handle `n` and leave as a program does that is stopped politely."""
    found: list[str] = []
    async with asyncio.timeout(30), feed:
        async for alert in feed:
            found.append(alert.alert_id)
            if len(found) == n:
                break
    return found


async def test_alerts_come_in_order_and_go_on_where_they_were(subject: Subject) -> None:
    for name in ("a1", "a2", "a3", "a4"):
        await subject.alert(name)
    assert await handle_all(subject.feed(), 3) == ["a1", "a2", "a3"]
    await subject.alert("a5")
    assert await handle_all(subject.feed(), 2) == ["a4", "a5"]


async def test_what_is_filtered_out_is_done_with(subject: Subject) -> None:
    await subject.alert("mild", severity="P2", code="316-DB-SLOW")
    await subject.alert("elsewhere", severity="P0", code="316-NET-DOWN")
    await subject.alert("over", severity="P1", code="316-DB-POOL", transition="resolved", reason="rate_fell")
    await subject.alert("wanted", severity="P1", code="316-DB-POOL")
    wanted = subject.feed(min_severity="P1", code="316-DB-*", transitions=("opened", "escalated"))
    assert await handle_all(wanted, 1) == ["wanted"]
    await subject.alert("later")
    assert await handle_all(subject.feed(), 1) == ["later"]


async def test_an_alert_whose_handling_failed_comes_again(subject: Subject) -> None:
    await subject.alert("a1")
    await subject.alert("a2")

    async def fail(feed: AlertFeed) -> None:
        async with feed:
            async for alert in feed:
                if alert.alert_id == "a2":
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail(subject.feed())
    assert await handle_all(subject.feed(), 1) == ["a2"]


async def test_it_comes_again_to_the_same_feed_too(subject: Subject) -> None:
    """What was only delivered is no repeat yet."""
    await subject.alert("a1")
    feed = subject.feed()
    await feed.start()
    assert await take(feed, 1) == ["a1"]
    await feed.close()
    assert await handle_all(feed, 1) == ["a1"]


async def test_repeats_are_dropped_also_behind_a_restart(subject: Subject) -> None:
    for name in ("a1", "a1", "a2"):
        await subject.alert(name)
    assert await handle_all(subject.feed(), 2) == ["a1", "a2"]
    for name in ("a2", "a1", "a3"):
        await subject.alert(name)
    assert await handle_all(subject.feed(), 1) == ["a3"]


async def test_what_is_no_alert_is_skipped(subject: Subject, caplog: pytest.LogCaptureFixture) -> None:
    for what in (b"{", b"", b'{"alert_id":"half"}'):
        await subject.put(what)
    await subject.alert("a1")
    feed = subject.feed()
    assert await handle_all(feed, 1) == ["a1"]
    assert feed.skipped == 3
    assert "is not a storm alert" in caplog.text


async def test_waiting_can_be_cancelled_and_goes_on(subject: Subject) -> None:
    async with subject.feed() as feed:
        for n in range(5):
            waiting = asyncio.create_task(anext(feed))
            await asyncio.sleep(0.01 * n)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
        await subject.alert("a1")
        assert await take(feed, 1) == ["a1"]


async def test_giving_up_after_ever_so_short_a_time_loses_nothing(subject: Subject) -> None:
    """Also while the feed looks back over what was handled before it was started."""
    names = [f"a{n}" for n in range(20)]
    for name in names:
        await subject.alert(name)
    found = await handle_all(subject.feed(), 5)
    async with subject.feed() as feed:
        while len(found) < len(names):
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0, 0.005)):
                    found.append((await anext(feed)).alert_id)
    assert found == names


async def test_a_loop_ends_when_the_feed_is_closed(subject: Subject) -> None:
    feed = subject.feed()
    await feed.start()

    async def follow() -> list[str]:
        return [alert.alert_id async for alert in feed]

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    await feed.close()
    assert await asyncio.wait_for(following, 30) == []


async def test_a_handler_that_recovers_is_tried_again(subject: Subject) -> None:
    await subject.alert("a1")
    tried: list[str] = []

    async def handler(alert: StormAlert) -> None:
        tried.append(alert.alert_id)
        if len(tried) < 3:
            raise ConnectionError("pager away")

    async with running(subject.feed(), handler, attempts=3):
        await eventually(lambda: len(tried) == 3)
    assert await subject.letters() == []


async def test_a_handler_that_keeps_failing_leaves_a_dead_letter_and_stops_nothing(subject: Subject) -> None:
    await subject.alert("a1")
    await subject.alert("a2")
    tried: list[str] = []

    async def handler(alert: StormAlert) -> None:
        tried.append(alert.alert_id)
        if alert.alert_id == "a1":
            raise ValueError("no such team, password=hunter2")

    feed = subject.feed()
    async with running(feed, handler, attempts=2):
        await eventually(lambda: tried == ["a1", "a1", "a2"], deadline_s=30)
    assert feed.buried == 1
    [letter] = await subject.letters()
    assert (letter.alert_id, letter.attempts) == ("a1", "2")
    assert letter.error.startswith("ValueError: no such team")
    assert "hunter2" not in letter.error


async def test_a_plain_handler_may_block(subject: Subject) -> None:
    await subject.alert("a1")
    threads: list[threading.Thread] = []
    async with running(subject.feed(), lambda _alert: threads.append(threading.current_thread())):
        await eventually(lambda: threads)
    assert threads[0] is not threading.current_thread()


async def test_what_was_being_handled_when_it_was_cancelled_comes_again(subject: Subject) -> None:
    await subject.alert("a1")
    begun = asyncio.Event()

    async def handler(alert: StormAlert) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running(subject.feed(), handler):
        await asyncio.wait_for(begun.wait(), 30)
    assert await handle_all(subject.feed(), 1) == ["a1"]


async def test_no_attempts_at_all_are_a_mistake(subject: Subject, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    async with subject.feed() as feed:
        with pytest.raises(ValueError, match="attempts is 0"):
            await feed.run(print, attempts=0)


class running:  # noqa: N801 - reads as `async with running(feed, handler):`
    """`feed.run` beside the block, cancelled behind it."""

    def __init__(self, feed: AlertFeed, handler: object, attempts: int = 3) -> None:
        self._feed, self._handler, self._attempts = feed, handler, attempts

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled(), self._task.exception()

    async def _run(self) -> None:
        async with self._feed as feed:
            await feed.run(self._handler, attempts=self._attempts, backoff_s=0.01)  # type: ignore[arg-type]
