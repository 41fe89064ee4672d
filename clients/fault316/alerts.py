"""`AlertFeed`: storm alerts as an async iterator."""

import asyncio
import logging
from collections import OrderedDict
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from fault316._kafka import connect, within
from fault316.errors import KafkaUnavailable
from fault316_schemas import Connection, StormAlert

logger = logging.getLogger("fault316")

START_TIMEOUT_S = 20.0
"""Joining a group may take a broker's whole `group.initial.rebalance.delay.ms`, 3 s by default."""
CLOSE_S = 5.0
"""For the last commit, and for leaving the group, each: Kafka may be away just then."""
STOP_LIMIT_S = 90.0
"""A hung broker costs a request's 40 s, at most twice."""
REMEMBERED_MAX = 10_000
"""Alert ids kept to tell repeats: about 1 MB, and what thousands of storms say."""
PARTITIONS_REFRESH_MS = 30_000
"""How soon a partition that was added to the topic is read."""


class AlertFeed:
    """Storm alerts as they come.

        async with AlertFeed(group="pager") as feed:
            async for alert in feed:
                await page(alert.summary)

    With a `group` every alert is delivered at least once to one member of the group: it is committed when the
    loop asks for the next one, or is left without an exception. What a crash interrupted comes again; repeats of
    one transition (same `alert_id`) that reach the same feed are dropped. A new group starts from now, unless
    `from_beginning`. Without a group each feed reads all alerts from now (or from the beginning) and nothing is
    remembered. Records that are not alerts are skipped, logged and counted in `skipped`.
    """

    def __init__(
        self, connection: Connection | None = None, *, group: str | None = None, from_beginning: bool = False
    ) -> None:
        self.skipped = 0
        """Records on the topic that are not a StormAlert that this version can read."""
        self._connection = connection or Connection()
        self._topic = self._connection.topics.alerts
        self._group = group
        self._from_beginning = from_beginning
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._consumer: AIOKafkaConsumer | None = None
        self._delivered: ConsumerRecord | None = None
        self._stopping: asyncio.Task[None] | None = None

    async def start(self, timeout: float = START_TIMEOUT_S) -> None:
        """Connect and take up the position; alerts sent after this returns are seen.

        Raises:
            KafkaUnavailable: Kafka does not answer within `timeout` seconds, or has no alerts topic.
        """
        self._consumer = await connect(self._connection, self._topic, self._make, timeout)
        try:
            if not self._from_beginning:
                async with asyncio.timeout(timeout):
                    await self._skip_history(self._consumer)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            where = f"Kafka at {self._connection.bootstrap_servers}"
            raise KafkaUnavailable(f"{where} gave no position in {self._topic!r}: {error!r}") from error

    async def close(self) -> None:
        """Leave the group. What was delivered last is not committed; `async with` does that."""
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        # Where the broker hangs, leaving lasts as long as its request may; that goes on without the caller.
        self._stopping = asyncio.create_task(within(STOP_LIMIT_S, consumer.stop))
        await asyncio.wait([self._stopping], timeout=CLOSE_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:  # left by `break` or `return`: the last alert has been handled
            await within(CLOSE_S, self._commit_delivered)
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StormAlert:
        """The next alert; waits for it without limit. Asking for it says that the one before is handled."""
        if self._consumer is None:
            raise RuntimeError("not started: use `async with AlertFeed(…) as feed`")
        while True:
            await self._commit_delivered()
            record = await self._consumer.getone()
            self._delivered = record
            alert = self._read(record)
            if alert is not None and not self._repeated(alert.alert_id):
                return alert

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

    async def _commit_delivered(self) -> None:
        record, self._delivered = self._delivered, None
        if record is None or self._group is None or self._consumer is None:
            return
        try:
            await self._consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
        except KafkaError as error:
            # The partition has moved to another member, which will see this alert again: at least once.
            logger.warning("position %s:%s not committed: %r", record.partition, record.offset, error)

    def _read(self, record: ConsumerRecord) -> StormAlert | None:
        try:
            return StormAlert.from_json(record.value or b"")
        except ValidationError as error:
            self.skipped += 1
            logger.warning(
                "record %s:%s:%s is not a storm alert, skipped: %s",
                *(record.topic, record.partition, record.offset),
                "; ".join(item["msg"] for item in error.errors(include_url=False, include_input=False)[:3]),
            )
            return None

    def _repeated(self, alert_id: str) -> bool:
        if alert_id in self._seen:
            return True
        self._seen[alert_id] = None
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return False
