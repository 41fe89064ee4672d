"""`Reporter` and `AlertFeed` on a real Kafka."""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from fault316 import AlertFeed, Connection, FaultEvent, KafkaUnavailable, Reporter
from fault316_schemas.event import (
    ATTRIBUTE_CHARS_MAX,
    ATTRIBUTES_MAX,
    NAME_CHARS_MAX,
    STACKTRACE_CHARS_MAX,
    TEXT_CHARS_MAX,
)
from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics

Send = Callable[[str | bytes], Awaitable[None]]

ALERT: dict[str, Any] = {
    "storm_id": "s1", "transition": "opened", "reason": "above_baseline", "code": "316-A",
    "title": "A", "severity": "P1", "layer": "data", "started_at": "2026-03-01T12:00:00Z",
    "at": "2026-03-01T12:00:05Z", "window_s": 10, "observed_per_s": 5, "baseline_per_s": 1, "factor": 5,
    "score": 12, "events": 50, "peak_per_s": 6, "users": 3, "runbook": "look", "summary": "A storms.",
}  # fmt: skip


async def records_of(topic: str, connection: Connection) -> list[Any]:
    """All records of a topic, as another program would read them."""
    consumer = AIOKafkaConsumer(topic, **connection.kafka_options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
        return found
    finally:
        await consumer.stop()


@pytest.fixture
async def send(topics: WorkerSettings) -> AsyncIterator[Send]:
    """Writes to the alerts topic as the worker does: `await send("a1")`, or raw bytes."""
    producer = AIOKafkaProducer(**topics.kafka_options(), acks="all")
    await producer.start()

    async def write(what: str | bytes) -> None:
        value = what if isinstance(what, bytes) else json.dumps(ALERT | {"alert_id": what}).encode()
        await producer.send_and_wait(topics.topics.alerts, value, key=b"s1")

    yield write
    await producer.stop()


async def take(feed: AlertFeed, n: int) -> list[str]:
    async with asyncio.timeout(20):
        return [(await anext(feed)).alert_id for _ in range(n)]


async def test_reported_faults_are_on_the_topic_once_each_and_spread(topics: WorkerSettings) -> None:
    async with Reporter("shop", connection=topics, version="1.2") as reporter:
        ids = [await reporter.report("316-OP-FAIL", user_id=n) for n in range(2_000)]
        assert await reporter.flush(20)
        assert (reporter.sent, reporter.pending, reporter.dropped) == (2_000, 0, 0)
    records = await records_of(topics.topics.events, topics)
    assert sorted(FaultEvent.from_json(record.value).id for record in records) == sorted(ids)
    assert {record.key for record in records} == {None}
    assert len({record.partition for record in records}) > 1


async def test_leaving_the_reporter_delivers_what_is_pending(topics: WorkerSettings) -> None:
    async with Reporter("shop", connection=topics) as reporter:
        await reporter.report("316-OP-FAIL", exception=ValueError("bad"))
    assert reporter.sent == 1
    [record] = await records_of(topics.topics.events, topics)
    event = FaultEvent.from_json(record.value)
    assert event.exception is not None
    assert (event.exception.type, event.message) == ("ValueError", "bad")


async def test_an_event_made_elsewhere_is_sent_as_it_is(topics: WorkerSettings) -> None:
    event = FaultEvent.model_validate(
        {"id": "e1", "code": "316-A", "service": "other", "occurred_at": "2026-03-01T12:00:00Z", "count": 9}
    )
    async with Reporter("shop", connection=topics) as reporter:
        assert await reporter.report_event(event)
    [record] = await records_of(topics.topics.events, topics)
    assert FaultEvent.from_json(record.value) == event


async def test_the_largest_event_of_the_contract_is_delivered(topics: WorkerSettings) -> None:
    """Uncompressed, because one may hold what does not shrink."""
    async with Reporter("shop", connection=topics, compression=None) as reporter:
        await reporter.report(
            "316-A",
            message="\x01" * TEXT_CHARS_MAX,
            exception=ValueError("\x01" * STACKTRACE_CHARS_MAX),
            attributes={
                f"{n:0{NAME_CHARS_MAX}}": "\x01" * ATTRIBUTE_CHARS_MAX for n in range(ATTRIBUTES_MAX)
            },
        )
    assert (reporter.sent, reporter.dropped) == (1, 0)
    [record] = await records_of(topics.topics.events, topics)
    assert len(record.value) > 600_000


async def test_kafka_away_at_the_start_is_an_error_within_the_time_given() -> None:
    reporter = Reporter("shop", connection=Connection(_env_file=None, bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(KafkaUnavailable, match=r"127\.0\.0\.1:1 .*FAULT316_BOOTSTRAP_SERVERS"):
        await reporter.start(timeout=0.5)


async def test_a_missing_topic_is_an_error_that_says_how_to_create_it(settings: WorkerSettings) -> None:
    with pytest.raises(KafkaUnavailable, match="fault316 topics"):
        await Reporter("shop", connection=settings).start()
    with pytest.raises(KafkaUnavailable, match="fault316 topics"):
        await AlertFeed(settings).start()


async def test_a_reporter_that_is_not_started_says_so(settings: WorkerSettings) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await Reporter("shop", connection=settings).report("316-A")


@pytest.mark.skipif(not shutil.which("java"), reason="needs a Kafka of its own to stop and start")
async def test_an_outage_of_kafka_loses_nothing_and_blocks_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While Kafka is away faults wait; when it is back they arrive; what cannot be delivered is counted."""
    own = Embedded(tmp_path, kafka_port=0, redis_port=0)
    try:
        endpoints = own.up()
        connection = WorkerSettings(
            _env_file=None, bootstrap_servers=endpoints.bootstrap_servers, redis_url=endpoints.redis_url
        )
        await ensure_topics(connection)
        reporter = Reporter("shop", connection=connection)
        await reporter.start()
        await asyncio.to_thread(own.stop_kafka, kill=True)
        for _ in range(50):
            await reporter.report("316-A")
        assert not await reporter.flush(0.5)
        assert (reporter.pending, reporter.sent, reporter.dropped) == (50, 0, 0)
        await asyncio.to_thread(own.start_kafka)
        assert await reporter.flush(30)
        assert reporter.sent == 50
        assert len(await records_of(connection.topics.events, connection)) == 50

        await asyncio.to_thread(own.stop_kafka, kill=True)
        for _ in range(20):
            await reporter.report("316-A")
        with caplog.at_level(logging.WARNING, logger="fault316"):
            await reporter.close(timeout=0.5)
        assert (reporter.pending, reporter.sent, reporter.dropped) == (0, 50, 20)
        assert "20 fault events not delivered" in caplog.text
    finally:
        await asyncio.to_thread(own.down, wipe=True)


async def test_a_feed_without_a_group_follows_from_now(topics: WorkerSettings, send: Send) -> None:
    await send("before")
    async with AlertFeed(topics) as feed:
        await send("a1")
        await send("a2")
        assert await take(feed, 2) == ["a1", "a2"]


async def test_a_feed_from_the_beginning_reads_it_all(topics: WorkerSettings, send: Send) -> None:
    await send("a1")
    await send("a2")
    async with AlertFeed(topics, from_beginning=True) as feed:
        assert await take(feed, 2) == ["a1", "a2"]


async def test_a_group_goes_on_where_it_was(topics: WorkerSettings, send: Send) -> None:
    async with AlertFeed(topics, group=f"{topics.topic_prefix}pager") as feed:
        await send("a1")
        async for alert in feed:
            assert alert.alert_id == "a1"
            break
    await send("a2")
    async with AlertFeed(topics, group=f"{topics.topic_prefix}pager") as feed:
        assert await take(feed, 1) == ["a2"]


async def test_a_group_misses_nothing_sent_before_its_first_alert(topics: WorkerSettings, send: Send) -> None:
    """A new group's position counts from its first start, not from its first alert."""
    async with AlertFeed(topics, group=f"{topics.topic_prefix}pager"):
        pass
    await send("while away")
    async with AlertFeed(topics, group=f"{topics.topic_prefix}pager") as feed:
        assert await take(feed, 1) == ["while away"]


async def test_an_alert_whose_handling_failed_comes_again(topics: WorkerSettings, send: Send) -> None:
    group = f"{topics.topic_prefix}pager"

    async def page() -> None:
        async with AlertFeed(topics, group=group) as feed:
            await send("a1")
            await send("a2")
            async for alert in feed:
                if alert.alert_id == "a2":
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await page()
    async with AlertFeed(topics, group=group) as feed:
        assert await take(feed, 1) == ["a2"]


async def test_repeats_are_dropped_and_what_is_no_alert_is_skipped(
    topics: WorkerSettings, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    async with AlertFeed(topics) as feed:
        for what in ("a1", "a1", b"{", b"", b'{"alert_id":"half"}', "a2"):
            await send(what)
        assert await take(feed, 2) == ["a1", "a2"]
        assert feed.skipped == 3
    assert "is not a storm alert" in caplog.text


async def test_waiting_for_an_alert_can_be_cancelled_and_goes_on(topics: WorkerSettings, send: Send) -> None:
    async with AlertFeed(topics) as feed:
        waiting = asyncio.create_task(anext(feed))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        await send("a1")
        assert await take(feed, 1) == ["a1"]
