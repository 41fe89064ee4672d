"""Alerts from the Kafka topic, with a consumer group or without."""

import asyncio
import logging
from contextlib import suppress

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from fault316._alert_source import BURY_LIMIT_S, RECALLED_MAX, Burial, Handled, Reading, Received
from fault316._kafka import connect, within
from fault316.errors import KafkaUnavailable
from fault316_schemas import Connection

logger = logging.getLogger("fault316")

CLOSE_S = 5.0
"""For the last commit, and for leaving the group, each: Kafka may be away just then."""
STOP_LIMIT_S = 90.0
"""A hung broker costs a request's 40 s, at most twice."""
PARTITIONS_REFRESH_MS = 30_000
"""How soon a partition that was added to the topic is read."""
RECALL_LIMIT_S = 10.0
"""What looking back may take; a feed that could not may see a repeat, and that is allowed."""
RECALL_BATCH = 100
"""Records decoded without a pause: some milliseconds."""


class KafkaAlerts:
    """A `Source` on `316.alerts`. With a group its position is committed, and is where it goes on."""

    def __init__(self, connection: Connection, group: str | None, from_beginning: bool) -> None:
        self.handled = Handled()
        self._connection = connection
        self._topic = connection.topics.alerts
        self._group = group
        self._from_beginning = from_beginning
        self._consumer: AIOKafkaConsumer | None = None
        self._expected: dict[TopicPartition, int] = {}
        self._reading = Reading[Received]()
        self._stopping: asyncio.Task[None] | None = None

    async def start(self, timeout: float) -> None:
        """See `Source`."""
        self._expected.clear()
        self._consumer = await connect(self._connection, self._topic, self._make, timeout)
        try:
            if not self._from_beginning:
                async with asyncio.timeout(timeout):
                    await self._skip_history(self._consumer)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            where = f"Kafka at {self._connection.bootstrap_servers}"
            raise KafkaUnavailable(f"{where} gave no position in {self._topic!r}: {error!r}") from error

    async def receive(self) -> Received:
        """See `Source`."""
        assert self._consumer is not None
        consumer = self._consumer
        return await self._reading.result(lambda: self._read(consumer))

    async def settle(self, received: Received) -> None:
        """See `Source`."""
        if self._group is None or self._consumer is None:
            return
        record: ConsumerRecord = received.token
        try:
            await self._consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
        except KafkaError as error:
            # The partition has moved to another member, which will see this alert again: at least once.
            logger.warning("position %s:%s not committed: %r", record.partition, record.offset, error)

    async def bury(self, received: Received, burial: Burial) -> None:
        """See `Source`. It is rare, so the producer lives as long as the letter takes."""
        topic = self._connection.topics.alert_dead_letters
        headers = [(name, text.encode()) for name, text in burial.facts(received, self._group).items()]
        async with asyncio.timeout(BURY_LIMIT_S):
            producer = await connect(self._connection, topic, self._make_producer, BURY_LIMIT_S)
            try:
                key = burial.storm_id.encode()
                await producer.send_and_wait(topic, received.value, key=key, headers=headers)
            finally:
                await within(CLOSE_S, producer.stop)

    async def close(self) -> None:
        """See `Source`."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        await self._reading.stop()
        # Where the broker hangs, leaving lasts as long as its request may; that goes on without the caller.
        self._stopping = asyncio.create_task(within(STOP_LIMIT_S, consumer.stop))
        await asyncio.wait([self._stopping], timeout=CLOSE_S)

    async def _read(self, consumer: AIOKafkaConsumer) -> Received:
        record = await consumer.getone()
        partition = TopicPartition(record.topic, record.partition)
        if self._group is not None and self._expected.get(partition) != record.offset:
            # The first of this partition, or the first since another member had it: what comes before is handled.
            await self._recall(partition, record.offset)
        self._expected[partition] = record.offset + 1
        where = f"{record.topic}:{record.partition}:{record.offset}"
        return Received(record.value or b"", where, record)

    def _make(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            self._topic,
            **self._connection.kafka_options(),
            client_id="fault316-alert-feed",
            group_id=self._group,
            enable_auto_commit=False,
            # For partitions added later: nothing in them may be missed. History is skipped explicitly.
            auto_offset_reset="earliest",
            metadata_max_age_ms=PARTITIONS_REFRESH_MS,
        )

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(**self._connection.kafka_options(), acks="all", enable_idempotence=True)

    async def _skip_history(self, consumer: AIOKafkaConsumer) -> None:
        """Go to the end of partitions where this group has no position yet, and commit that at once.

        Without the commit, what comes between the first start and the first alert would be missed by a restart.
        """
        partitions = consumer.assignment()
        if self._group is not None:
            known = await asyncio.gather(*map(consumer.committed, partitions))
            partitions = {p for p, offset in zip(partitions, known, strict=True) if offset is None}
        if not partitions:
            return
        await asyncio.gather(
            *map(consumer.position, partitions)
        )  # or the first reset could end after the seek
        await consumer.seek_to_end(*partitions)
        positions = {partition: await consumer.position(partition) for partition in partitions}
        if self._group is not None:
            await consumer.commit(positions)

    async def _recall(self, partition: TopicPartition, upto: int) -> None:
        """Remember the ids of the last alerts before `upto`, so that a repeat of one is told after a restart."""
        if upto == 0:
            return
        reader = AIOKafkaConsumer(
            **self._connection.kafka_options(), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            async with asyncio.timeout(RECALL_LIMIT_S):
                await reader.start()
                reader.assign([partition])
                reader.seek(partition, max(0, upto - RECALLED_MAX))
                while await reader.position(partition) < upto:
                    batches = await reader.getmany(timeout_ms=200, max_records=RECALL_BATCH)
                    for record in batches.get(partition, ()):
                        self._remember(record, upto)
        except (KafkaError, OSError, TimeoutError) as error:
            logger.warning("alerts before %s:%s not looked at: %r", partition.partition, upto, error)
        finally:
            await within(CLOSE_S, reader.stop)

    def _remember(self, record: ConsumerRecord, upto: int) -> None:
        with suppress(orjson.JSONDecodeError, KeyError, TypeError):
            if record.offset < upto:
                self.handled.add(orjson.loads(record.value)["alert_id"])
