"""Intake on a real Kafka: what it says on the partials topic is exact, whatever happens to it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from fault316_schemas import Registry
from fault316_schemas.dead_letter import DeadLetter
from fault316_streams.intake.service import IntakeService
from fault316_streams.partial import CHUNK_BITS, Partial, Tick, decode, partition_of
from fault316_streams.settings import WorkerSettings
from support import eventually

HOT = "316-ORDER-SUBMIT-ERR"
CODES = [HOT, "316-DB-POOL-EXHAUSTED", "316-TIMEOUT-ERR", "316-VALIDATION-ERR"]
SECOND = 1_767_225_600  # 2026-01-01T00:00:00Z


class Said:
    """Everything on the partials topic, merged as detect would: the furthest statement of each chunk and code."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._consumer = AIOKafkaConsumer(**settings.kafka_options(), auto_offset_reset="earliest")
        self._topic = settings.topics.partials
        self._partitions = settings.partials_partitions
        self.partials: list[Partial] = []
        self.ticks: list[Tick] = []
        self.misplaced = 0

    async def __aenter__(self) -> "Said":
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self._topic, p) for p in range(self._partitions)])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def totals(self) -> Counter[str]:
        """Events by code, as far as has been said by now."""
        for partition, records in (await self._consumer.getmany(timeout_ms=100)).items():
            for record in records:
                message = decode(record.value)
                if isinstance(message, Tick):
                    self.ticks.append(message)
                    continue
                self.partials.append(message)
                homes = {partition_of(code, self._partitions) for code in message.codes}
                self.misplaced += homes != {partition.partition}
        furthest: dict[tuple[str, int, int], tuple[int, int]] = {}
        for partial in self.partials:
            for code, said in partial.codes.items():
                key = (code, partial.partition, partial.start)
                furthest[key] = max(furthest.get(key, (0, 0)), (partial.upto, said.total))
        totals: Counter[str] = Counter()
        for (code, _, _), (_, total) in furthest.items():
            totals[code] += total
        return totals


def event(number: int, code: str, count: int = 1, **fields: object) -> bytes:
    """A valid event."""
    return orjson.dumps(
        {
            "id": f"e-{number}",
            "code": code,
            "service": f"service-{number % 5}",
            "occurred_at": "2026-01-01T00:00:00Z",
            "count": count,
            **fields,
        }
    )


def events(begin: int, end: int) -> Iterable[tuple[str, int, bytes]]:
    """Code, weight and value of so many events; most are of one code."""
    for number in range(begin, end):
        code = HOT if number % 5 < 3 else CODES[number % 4]
        count = 1 + number % 3
        yield code, count, event(number, code, count, user_id=f"u{number % 1000}", host=f"h{number % 3}")


async def produce(settings: WorkerSettings, values: Iterable[tuple[str, int, bytes]]) -> Counter[str]:
    """Write to all partitions in turn; returns what should be counted."""
    expected: Counter[str] = Counter()
    producer = AIOKafkaProducer(**settings.kafka_options(), linger_ms=5, max_batch_size=256 * 1024)
    await producer.start()
    try:
        acks = []
        for number, (code, count, value) in enumerate(values):
            partition = number // 50 % settings.events_partitions
            acks.append(await producer.send(settings.topics.events, value, partition=partition))
            expected[code] += count
        await asyncio.gather(*acks)
    finally:
        await producer.stop()
    return expected


@contextlib.asynccontextmanager
async def running(settings: WorkerSettings) -> AsyncIterator[IntakeService]:
    """An intake that is stopped cleanly at the end."""
    intake = IntakeService(settings, Registry())
    task = asyncio.create_task(intake.run())
    try:
        yield intake
    finally:
        intake.stop()
        await task


async def crash(task: asyncio.Task[None]) -> None:
    """Nothing of a clean stop: no last flush, no commit."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_is_said_equals_what_was_produced(topics: WorkerSettings) -> None:
    """To the last event, weights included, over several chunks of each partition."""
    expected = await produce(topics, events(0, 40_000))
    async with running(topics), Said(topics) as said:

        async def all_said() -> bool:
            return await said.totals() == expected

        await eventually(all_said, deadline_s=30)
    assert said.misplaced == 0
    assert all(partial.start >> CHUNK_BITS == (partial.upto - 1) >> CHUNK_BITS for partial in said.partials)
