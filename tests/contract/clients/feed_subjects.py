"""The sources of an `AlertFeed` with the servers' own tools beside them. Imported as `contract.clients.feed_subjects`."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis

from fault316 import AlertFeed
from fault316.testing import MemoryAlerts, MemoryFeed, storm_alert
from fault316_schemas.scrub import scrub_text
from fault316_streams.settings import WorkerSettings

GROUP = "pager"


@dataclass(frozen=True)
class Letter:
    """A dead letter as the server holds it."""

    alert_id: str
    error: str
    attempts: str


@dataclass(frozen=True)
class Subject:
    """One source under test. Its feeds are all of one group that starts at the beginning."""

    feed: Callable[..., AlertFeed]
    """A new feed with these filters, as after a restart of the consumer."""
    put: Callable[[bytes], Awaitable[None]]
    """Writes a record as it is."""
    letters: Callable[[], Awaitable[list[Letter]]]

    async def alert(self, alert_id: str, **fields: Any) -> None:
        """Publish one as the worker does."""
        await self.put(storm_alert(alert_id=alert_id, **fields).to_json())


def memory_subject() -> Subject:
    """What users have in their own tests."""
    source = MemoryAlerts()

    async def put(value: bytes) -> None:
        source.push(value)

    async def letters() -> list[Letter]:
        return [
            Letter(
                letter.alert.alert_id,
                scrub_text(f"{type(letter.error).__name__}: {letter.error}"),
                str(letter.attempts),
            )
            for letter in source.letters
        ]

    return Subject(lambda **filters: MemoryFeed(source=source, **filters), put, letters)


def redis_subject(settings: WorkerSettings, client: Redis) -> Subject:
    """The stream; the consumer's name stays over restarts, as a pod's in a StatefulSet does."""

    async def put(value: bytes) -> None:
        await client.xadd(settings.keys.alerts, {"alert": value})

    async def letters() -> list[Letter]:
        entries: Any = await client.xrange(settings.keys.alert_dead_letters)
        return [
            Letter(json.loads(fields["alert"])["alert_id"], fields["error"], fields["attempts"])
            for _, fields in entries
        ]

    def feed(**filters: Any) -> AlertFeed:
        return AlertFeed.from_redis(settings, group=GROUP, consumer="one", from_beginning=True, **filters)

    return Subject(feed, put, letters)


def kafka_subject(settings: WorkerSettings, producer: AIOKafkaProducer) -> Subject:
    """The topic."""

    async def put(value: bytes) -> None:
        await producer.send_and_wait(settings.topics.alerts, value, key=b"s1")

    async def letters() -> list[Letter]:
        topic = settings.topics.alert_dead_letters
        consumer = AIOKafkaConsumer(topic, **settings.kafka_options(), auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Letter] = []
            while len(found) < sum(ends.values()):
                record = await consumer.getone()
                headers = {name: value.decode() for name, value in record.headers}
                alert = json.loads(record.value)
                found.append(Letter(alert["alert_id"], headers["error"], headers["attempts"]))
        finally:
            await consumer.stop()
        return found

    def feed(**filters: Any) -> AlertFeed:
        group = f"{settings.topic_prefix}{GROUP}"
        return AlertFeed(settings, group=group, from_beginning=True, **filters)

    return Subject(feed, put, letters)
