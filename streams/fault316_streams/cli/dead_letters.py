"""Reading the dead-letter topic for the commands, and sending a letter's original again."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from fault316._kafka import connect
from fault316_schemas import Connection
from fault316_schemas.dead_letter import DeadLetter
from fault316_streams.errors import Failure

CONNECT_LIMIT_S: Final = 10.0
STALL_LIMIT_S: Final = 30.0
"""So long may Kafka give nothing before the command fails."""
FETCH_BYTES: Final = 4 * 1_048_576
"""A record of the largest size that the topic takes fits."""

_SERVICE = re.compile(rb'"service"\s*:\s*"((?:[^"\\]|\\.){1,256})"')


@dataclass(frozen=True, slots=True)
class Row:
    """A letter without its payload."""

    letter: DeadLetter
    service: str | None
    """The reporting service, where it can still be made out."""


@dataclass(slots=True)
class Found:
    """The letters that were looked at, by key: a letter written twice is one."""

    rows: dict[str, Row] = field(default_factory=dict)
    retried: dict[str, str] = field(default_factory=dict)
    """Key → the record that was sent instead."""

    def add(self, letter: DeadLetter) -> None:
        """Keep it, but for its payload."""
        if letter.retried_as is not None:
            self.retried[letter.key] = letter.retried_as
        else:
            self.rows[letter.key] = Row(replace(letter, value=b""), service_of(letter.value))


def service_of(value: bytes) -> str | None:
    """The service that an event names, found also in what is no JSON any more."""
    match = _SERVICE.search(value)
    return match[1].decode(errors="backslashreplace") if match else None


async def survey(connection: Connection, scan: int) -> Found:
    """Look at the newest `scan` letters of each partition; 0: at all."""
    found = Found()
    async with aclosing(letters(connection, scan)) as stream:
        async for letter in stream:
            found.add(letter)
    return found


async def letters(connection: Connection, scan: int) -> AsyncGenerator[DeadLetter, None]:
    """The newest `scan` records of each partition (0: all) until where the topic ends now, the oldest first.

    Raises:
        fault316.KafkaUnavailable: no answer, or there is no such topic.
        Failure: Kafka gives nothing any more.
    """
    topic = connection.topics.dead_letters

    def make() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            topic,
            **connection.kafka_options(),
            group_id=None,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    consumer = await connect(connection, topic, make, CONNECT_LIMIT_S)
    try:
        partitions = sorted(consumer.assignment())
        begin, end = await asyncio.gather(
            consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        )
        for partition in partitions:
            newest = max(begin[partition], end[partition] - scan) if scan else begin[partition]
            consumer.seek(partition, newest)
        left = {partition for partition in partitions if begin[partition] < end[partition]}
        while left:
            batches = await consumer.getmany(*left, timeout_ms=int(STALL_LIMIT_S * 1_000))
            if not batches:
                raise Failure(f"Kafka at {connection.bootstrap_servers} gave nothing for {STALL_LIMIT_S:g} s")
            for partition, records in batches.items():
                for record in records:
                    if record.offset < end[partition]:
                        yield DeadLetter.from_record(
                            record.key, record.value, record.headers, record.timestamp
                        )
                if records[-1].offset >= end[partition] - 1:
                    left.discard(partition)
    except KafkaError as error:
        raise Failure(f"Kafka at {connection.bootstrap_servers}: {error}") from error
    finally:
        await consumer.stop()


async def send_again(connection: Connection, kafka: AIOKafkaProducer, letter: DeadLetter) -> str:
    """Send the original bytes as a new event, then mark the letter, so that nobody sends it a third time.

    The marker has the letter's key and no value, so compaction drops both in time. Returns the new record's
    `topic:partition:offset`. Interrupted between the two, the letter stays unmarked.
    """
    topics = connection.topics
    key = letter.key.encode()
    sent = await kafka.send_and_wait(topics.events, letter.value, headers=[("retried-from", key)])
    retried_as = f"{sent.topic}:{sent.partition}:{sent.offset}"
    await kafka.send_and_wait(
        topics.dead_letters, None, key=key, headers=[("retried-as", retried_as.encode())]
    )
    return retried_as
