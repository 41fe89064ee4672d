"""Publishes partials and ticks, and knows when Kafka has them."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from fault316_streams.intake.messages import MESSAGE_BYTES_MAX, Message
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import Tick, encode
from fault316_streams.settings import WorkerSettings

ACK_LIMIT_S: Final = 30.0
"""Longer than a leader election takes. An idempotent producer never gives up by itself; we do, and begin anew."""


class Publisher:
    """The idempotent producer of the partials topic. Send failures are raised: nothing is skipped."""

    def __init__(self, settings: WorkerSettings, stats: IntakeStats) -> None:
        self.producer = AIOKafkaProducer(
            **settings.kafka_options(),
            client_id="fault316-intake",
            enable_idempotence=True,
            max_batch_size=MESSAGE_BYTES_MAX,
            max_request_size=2 * MESSAGE_BYTES_MAX,
        )
        self._topic = settings.topics.partials
        self._stats = stats
        self.partitions = 0
        """Of the partials topic."""

    async def start(self) -> None:
        """Connect, and learn how many partitions there are."""
        await self.producer.start()
        self.partitions = len(await self.producer.partitions_for(self._topic))

    async def publish(self, messages: Iterable[Message]) -> None:
        """Send all and return once all are acknowledged. Returning is the barrier that keeps chunks in order.

        Raises:
            KafkaError, TimeoutError: some may not have arrived; a later session says it all again.
        """
        async with asyncio.timeout(ACK_LIMIT_S):
            acks: list[asyncio.Future[Any]] = [
                await self.producer.send(self._topic, message.value, partition=message.partition)
                for message in messages
            ]
            await asyncio.gather(*acks)
        self._stats.partials_sent += len(acks)

    async def tick(self, tick: Tick) -> None:
        """Tell every partials partition; call it when all that it claims is acknowledged."""
        value = encode(tick)
        await self.publish(Message(partition, value) for partition in range(self.partitions))
