"""Intake on a real Kafka: what it says on the partials topic is exact, whatever happens to it."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from confluent_kafka import Producer

from fault316_schemas import Registry
from fault316_schemas.dead_letter import DeadLetter
from fault316_streams.intake import border
from fault316_streams.intake.border import BLOCK_BITS
from fault316_streams.intake.service import IntakeService
from fault316_streams.intake.service.reader import LETTERS_WAITING_MAX, SLICE_RECORDS
from fault316_streams.partial import Partial, Spoken, Tick, decode, partials_of, partition_of
from fault316_streams.settings import WorkerSettings
from support import eventually

HOT = "316-ORDER-SUBMIT-ERR"
CODES = [HOT, "316-DB-POOL-EXHAUSTED", "316-TIMEOUT-ERR", "316-VALIDATION-ERR"]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one block, so that there are several without waiting for ten seconds to end."""
    monkeypatch.setattr(border, "CHUNK_BITS", BLOCK_BITS)


class Said:
    """Everything on the partials topic, merged as detect would: the furthest statement of each chunk and code."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._consumer = AIOKafkaConsumer(**settings.kafka_options(), auto_offset_reset="earliest")
        self._topic = settings.topics.partials
        self._partitions = settings.partials_partitions
        self.partials: list[Partial] = []
        self.ticks: list[Tick] = []
        self.in_order: list[tuple[int, Spoken]] = []
        """Everything, with its partials partition."""
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
                self.in_order.append((partition.partition, message))
                if isinstance(message, Tick):
                    self.ticks.append(message)
                for partial in partials_of(message):
                    self.partials.append(partial)
                    homes = {partition_of(code, self._partitions) for code in partial.codes}
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


async def committed(settings: WorkerSettings) -> dict[int, int]:
    """The intake group's offset by source partition."""
    admin = AIOKafkaAdminClient(**settings.kafka_options())
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(settings.topics.intake_group)
    finally:
        await admin.close()
    return {tp.partition: entry.offset for tp, entry in offsets.items() if entry.offset >= 0}


async def dead_letters(settings: WorkerSettings, count: int) -> list[DeadLetter]:
    """The first so many of the dead-letter topic."""
    letters: list[DeadLetter] = []
    consumer = AIOKafkaConsumer(
        settings.topics.dead_letters, **settings.kafka_options(), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            while len(letters) < count:
                record = await consumer.getone()
                letters.append(
                    DeadLetter.from_record(record.key, record.value, record.headers, record.timestamp)
                )
    finally:
        await consumer.stop()
    return letters


async def until(condition: Callable[[], Any]) -> None:
    """`eventually`, for conditions that ask Kafka."""
    await eventually(condition, deadline_s=40)


async def has_read(intake: IntakeService, records: int) -> None:
    """Wait until it has read so many, looking often."""
    await eventually(lambda: intake.stats.events >= records, every_s=0.001)


async def all_said(said: Said, expected: Counter[str]) -> None:
    """Wait until exactly this has been said."""

    async def is_said() -> bool:
        totals = await said.totals()
        assert totals == expected
        return True

    await until(is_said)


async def all_committed(settings: WorkerSettings, expected: dict[int, int]) -> None:
    """Wait until exactly these offsets are committed."""

    async def is_committed() -> bool:
        offsets = await committed(settings)
        assert offsets == expected
        return True

    await until(is_committed)


async def test_what_is_said_equals_what_was_produced(topics: WorkerSettings) -> None:
    """To the last event, weights included, over several chunks of each partition."""
    expected = await produce(topics, events(0, 40_000))
    async with running(topics), Said(topics) as said:
        await all_said(said, expected)
    assert said.misplaced == 0
    assert all(p.start >> BLOCK_BITS == (p.upto - 1) >> BLOCK_BITS for p in said.partials)


async def test_crashes_neither_lose_nor_double(topics: WorkerSettings) -> None:
    """Cut off in the middle of its work, again and again, while events keep coming."""
    producing = asyncio.create_task(produce(topics, events(0, 80_000)))
    for attempt in range(6):
        intake = IntakeService(topics, Registry())
        task = asyncio.create_task(intake.run())
        await has_read(intake, 1_000 + 5_000 * attempt)
        await crash(task)
    expected = await producing
    async with running(topics), Said(topics) as said:
        await all_said(said, expected)


async def test_positions_are_committed_at_once_and_then_at_chunk_starts_only(topics: WorkerSettings) -> None:
    async with running(topics):
        await all_committed(topics, dict.fromkeys(range(4), 0))
        await produce(topics, events(0, 4 * 5_000))
        await all_committed(topics, dict.fromkeys(range(4), 4_096))
    assert await committed(topics) == dict.fromkeys(range(4), 4_096)


async def test_a_clean_stop_leaves_nothing_unsaid(topics: WorkerSettings) -> None:
    """What has been read is published before the stop is over."""
    settings = topics.model_copy(update={"flush_ms": 5_000})
    expected = await produce(settings, events(0, 5_000))
    async with Said(settings) as said:
        async with running(settings) as intake:
            await eventually(lambda: intake.stats.events == 5_000)
        await all_said(said, expected)


async def test_two_share_the_partitions_and_one_takes_over(topics: WorkerSettings) -> None:
    first, second = IntakeService(topics, Registry()), IntakeService(topics, Registry())
    tasks = [asyncio.create_task(intake.run()) for intake in (first, second)]
    await eventually(lambda: len(first.state.partitions) == len(second.state.partitions) == 2)
    expected = await produce(topics, events(0, 20_000))
    await eventually(lambda: first.stats.events + second.stats.events >= 20_000)
    first.stop()
    await tasks[0]
    expected += await produce(topics, events(20_000, 40_000))
    async with Said(topics) as said:
        await all_said(said, expected)
    assert len(second.state.partitions) == 4
    second.stop()
    await tasks[1]


async def test_ticks_claim_all_partitions_and_only_what_was_said(topics: WorkerSettings) -> None:
    """A detect that has heard a tick has heard every event below the offsets that it names."""
    await produce(topics, events(0, 20_000))
    async with running(topics), Said(topics) as said:

        async def caught_up() -> bool:
            await said.totals()
            last = said.ticks[-1].progress.values() if said.ticks else []
            return sum(p.upto for p in last) == 20_000 and all(p.caught_up for p in last)

        await until(caught_up)
    tick = said.ticks[-1]
    assert (tick.partitions, sorted(tick.progress)) == (4, [0, 1, 2, 3])
    assert all(tick.wall_ms - progress.log_ms < 60_000 for progress in tick.progress.values())


async def test_a_tick_follows_what_it_claims(topics: WorkerSettings) -> None:
    """On each partials partition alone, in the order of the log, while events keep coming."""
    producing = asyncio.create_task(produce(topics, events(0, 60_000)))
    async with running(topics):
        expected = await producing
        async with Said(topics) as said:
            await all_said(said, expected)
    furthest = {
        (partition, partial.partition, code): partial.upto
        for partition, partial in said.in_order
        if isinstance(partial, Partial)
        for code in partial.codes
    }
    heard: dict[tuple[int, int, str], int] = {}
    for partition, message in said.in_order:
        if isinstance(message, Partial):
            heard |= {(partition, message.partition, code): message.upto for code in message.codes}
        if not isinstance(message, Tick):
            continue
        for key, upto in furthest.items():
            if key[0] == partition and (progress := message.progress.get(key[1])):
                # All of the codes come often enough to be in the last 100 offsets of any claim.
                assert heard.get(key, 0) >= min(upto, progress.upto - 100)


BAD: dict[bytes | None, str] = {
    None: "null",
    b"null": "null",
    b"": "empty",
    b"{": "invalid_json",
    b"\xff\xfe": "not_utf8",
    b"[]": "not_an_object",
    b"x" * 2_000_000: "too_large",
    b"[" * 100_000: "too_deep",
    b'{"x":' * 100_000: "too_deep",
    b'{"count": NaN}': "not_finite",
    b'{"id": "e"}': "missing_field",
    event(1, "317-X"): "wrong_code",
    event(2, HOT, occurred_at="2026-01-01T00:00:00"): "naive_timestamp",
    event(3, HOT, occurred_at="yesterday"): "invalid_timestamp",
    event(4, HOT, count=-1): "invalid_count",
    event(5, HOT, host=7): "invalid_field",
}


async def test_bad_input_ends_in_the_dead_letters_and_stops_nothing(topics: WorkerSettings) -> None:
    """Each with its own reason, where it came from and its own bytes."""
    producer = AIOKafkaProducer(**topics.kafka_options(), max_request_size=4_000_000)
    await producer.start()
    for value in [event(6, HOT), *BAD, event(7, HOT)]:
        await producer.send_and_wait(topics.topics.events, value, key=b"service", partition=1)
    await producer.stop()
    async with running(topics) as intake, Said(topics) as said:
        letters = await dead_letters(topics, len(BAD))
        await all_said(said, Counter({HOT: 2}))
    for offset, (value, reason) in enumerate(BAD.items(), start=1):
        letter = next(each for each in letters if each.key == f"{topics.topics.events}:1:{offset}")
        assert letter.reason == reason
        assert letter.value == (value or b"")[: 1 << 20]
        assert letter.original_bytes == len(value or b"")
        assert letter.truncated is (reason == "too_large")
        assert letter.error
    assert sum(intake.stats.rejected.values()) == intake.stats.dead_letters == len(BAD)


async def test_a_flood_of_bad_input_is_bounded_and_passes(topics: WorkerSettings) -> None:
    """Nothing but refused records, more than may wait at a time."""
    await produce(topics, ((HOT, 0, b"{") for _ in range(12_000)))
    async with running(topics) as intake:
        waiting = 0

        def all_dead() -> bool:
            nonlocal waiting
            session = intake._session
            assert session is not None
            sources = session._reader.sources.values()
            waiting = max(waiting, sum(len(source.letters) for source in sources))
            return intake.stats.dead_letters == 12_000

        await eventually(all_dead, deadline_s=40, every_s=0.01)
    assert waiting <= LETTERS_WAITING_MAX + SLICE_RECORDS


async def test_a_long_tail_of_codes_is_said_to_the_last_one(topics: WorkerSettings) -> None:
    """More codes than go out at each flush."""
    values = [(f"316-TAIL-{i % 500}", 1, event(i, f"316-TAIL-{i % 500}")) for i in range(6_000)]
    expected = await produce(topics, values)
    async with running(topics), Said(topics) as said:
        await all_said(said, expected)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_events_of_another_client_are_counted_however_it_compresses(
    topics: WorkerSettings, compression: str
) -> None:
    """A batch that cannot be unpacked would stop its partition."""
    producer = Producer({"bootstrap.servers": topics.bootstrap_servers, "compression.type": compression})
    for _, _, value in events(0, 100):
        producer.produce(topics.topics.events, value)
    assert await asyncio.to_thread(producer.flush, 20) == 0
    async with running(topics) as intake:
        await has_read(intake, 100)


async def test_transactions_leave_no_lag_at_the_end_of_the_log(topics: WorkerSettings) -> None:
    """Their markers take offsets but are no records; a fault of an aborted one has happened all the same."""
    producer = AIOKafkaProducer(**topics.kafka_options(), transactional_id=topics.topic_prefix)
    await producer.start()
    for commit in (True, False):
        await producer.begin_transaction()
        await producer.send_and_wait(topics.topics.events, event(1, HOT), partition=0)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()
    async with running(topics) as intake, Said(topics) as said:
        await all_said(said, Counter({HOT: 2}))
        await eventually(lambda: (status := intake.state.partitions.get(0)) and status.position == 4)
        assert not intake.progress().has_work


async def test_what_retention_deleted_is_said_to_be_lost_and_the_rest_counted(topics: WorkerSettings) -> None:
    await produce(topics, events(0, 4 * 200))
    async with running(topics):
        await all_committed(topics, dict.fromkeys(range(4), 0))
    admin = AIOKafkaAdminClient(**topics.kafka_options())
    await admin.start()
    await admin.delete_records({TopicPartition(topics.topics.events, 2): RecordsToDelete(150)})
    await admin.close()
    async with running(topics) as intake:
        await eventually(lambda: intake.stats.events == 4 * 200 - 150)
        assert intake.stats.lost_offsets == 150
        await produce(topics, events(0, 50))
        await eventually(lambda: intake.stats.events == 4 * 200 - 150 + 50)


async def test_while_kafka_is_away_it_says_so_and_stops_at_once(settings: WorkerSettings) -> None:
    nowhere = settings.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    async with running(nowhere) as intake:
        await eventually(lambda: intake.stats.restarts >= 2)
        assert not intake.status().ready
        assert "waiting for kafka" in intake.status().detail
