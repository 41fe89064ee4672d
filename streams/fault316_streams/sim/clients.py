"""What the code under test takes for aiokafka's consumer and producer."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from fault316_streams.sim.kafka import Kafka, Record
from fault316_streams.sim.network import Host, current

FETCH_WAIT_S: Final = 0.4


class Partition(TopicPartition):  # type: ignore[misc]  # aiokafka has no types
    """Hashed by its number, so that sets of them have the same order in every process."""

    def __hash__(self) -> int:
        return int(self.partition)


class SimConsumer:
    """The intake's consumer: `AIOKafkaConsumer` as far as the reader and the flusher use it."""

    def __init__(self, kafka: Kafka) -> None:
        self.host: Host = current.get()
        self.listener: Any = None
        self._kafka = kafka
        self._group = kafka.intakes
        self._topic = ""
        self._generation = 0
        self._positions: dict[int, int | None] = {}
        self._highwaters: dict[int, int] = {}
        self._polled_ms = 0

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self._topic, self.listener = topics[0], listener

    async def start(self) -> None:
        await self._ask(lambda: self._group.join(self))

    async def stop(self) -> None:
        if self.host.alive:
            self._positions.clear()
            await self.host.ask(self._kafka, "group", lambda: self._group.leave(self))

    def lost(self) -> None:
        """See `Member`."""
        self.listener.on_partitions_revoked(self.assignment())
        self._positions.clear()

    def gained(self, generation: int, partitions: set[int]) -> None:
        """See `Member`."""
        self._generation = generation
        self._positions = dict.fromkeys(partitions)
        self.listener.on_partitions_assigned(self.assignment())

    def assignment(self) -> set[Partition]:
        return {Partition(self._topic, partition) for partition in self._positions}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(len(self._kafka.events)))

    async def committed(self, partition: Partition) -> int | None:
        offset: int | None = await self._ask(lambda: self._group.committed.get(partition.partition))
        return offset

    async def beginning_offsets(self, partitions: list[Partition]) -> dict[Partition, int]:
        logs = self._kafka.events
        starts: dict[Partition, int] = await self._ask(
            lambda: {tp: logs[tp.partition].start for tp in partitions}
        )
        return starts

    def seek(self, partition: Partition, offset: int) -> None:
        if partition.partition in self._positions:
            self._positions[partition.partition] = offset

    async def position(self, partition: Partition) -> int:
        return self._positions[partition.partition] or 0

    def highwater(self, partition: Partition) -> int | None:
        return self._highwaters.get(partition.partition)

    def last_poll_timestamp(self, _partition: Partition) -> int:
        return self._polled_ms

    async def commit(self, offsets: dict[Partition, int]) -> None:
        generation = self._generation
        due = {tp.partition: offset for tp, offset in offsets.items()}
        await self._ask(lambda: self._group.commit(generation, due))

    async def getmany(self, *, max_records: int, **_wait: int) -> dict[Partition, list[Record]]:
        """Batches of any size, from any of the partitions.

        Raises:
            OffsetOutOfRangeError: retention has deleted what is to be read next.
        """
        generation = self._generation
        wanted = {p: at for p, at in self._positions.items() if at is not None}
        most = min(max_records, self.host.rng.choice((1, 3, 20, 1_000)))
        found = await self._ask(lambda: self._fetch(wanted, most))
        taken: dict[Partition, list[Record]] = {}
        deleted: dict[Partition, int] = {}
        if generation == self._generation:
            self._polled_ms = self.host.wall_ms()
            for partition, (start, records, highwater) in found.items():
                if self._positions.get(partition) != wanted[partition]:
                    continue  # lost, or sought elsewhere meanwhile
                if wanted[partition] < start:
                    deleted[Partition(self._topic, partition)] = wanted[partition]
                    continue
                self._highwaters[partition] = highwater
                if records:
                    self._positions[partition] = records[-1].offset + 1
                    taken[Partition(self._topic, partition)] = records
        if deleted and not taken:
            raise OffsetOutOfRangeError(deleted)
        if not taken:
            await asyncio.sleep(FETCH_WAIT_S)
        return taken

    def _fetch(self, wanted: dict[int, int], most: int) -> dict[int, tuple[int, list[Record], int]]:
        logs = self._kafka.events
        return {p: (logs[p].start, logs[p].read(at, most), logs[p].end) for p, at in wanted.items()}

    async def _ask(self, apply: Callable[[], Any]) -> Any:
        return await self.host.ask(self._kafka, "group", apply, fallible=True)


class SimProducer:
    """`AIOKafkaProducer`: in order for each partition; a request that failed may have arrived."""

    def __init__(self, kafka: Kafka) -> None:
        self._host = current.get()
        self._kafka = kafka

    async def start(self) -> None:
        """Connected at once."""

    async def stop(self) -> None:
        """What is under way goes on by itself."""

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(range(len(self._kafka.partials)))

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        **_headers: Any,
    ) -> "asyncio.Future[Any]":
        log = {
            "partials": lambda: self._kafka.partials[partition or 0],
            "alerts": lambda: self._kafka.alerts,
            "dlq": lambda: self._kafka.dead_letters,
        }[topic.rpartition(".")[2]]()
        lane = (id(self), topic, partition)
        return self._host.send(self._kafka, lane, lambda: log.append(value, key), fallible=True)

    async def send_and_wait(self, topic: str, **record: Any) -> Any:
        return await (await self.send(topic, **record))
