"""Fetches records and counts them into their sources, as long as there is room."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from fault316_schemas import Registry
from fault316_streams.intake.service.status import IntakeState
from fault316_streams.intake.source import Source
from fault316_streams.intake.stats import IntakeStats

SLICE_RECORDS: Final = 1_000
"""Records counted before other tasks have their turn: about 5 ms, and 30 ms if all of them are refused."""

FETCH_WAIT_MS: Final = 200
"""How long the reader waits for records before it looks around."""

CODES_WAITING_MAX: Final = 32_768
"""Codes in complete chunks that wait to be published, of all partitions: about 100 MB, if all are full."""

LETTERS_WAITING_MAX: Final = 4_096
LETTER_BYTES_WAITING_MAX: Final = 16 * 1024 * 1024
"""Refused records that wait to be published. Beyond these the reader pauses, and so does fetching."""

log = structlog.get_logger(__name__)


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Owns the sources, one for each source partition that the group has given us."""

    def __init__(
        self,
        consumer: Any,
        commit: Callable[[dict[TopicPartition, int]], Awaitable[bool]],
        registry: Registry,
        stats: IntakeStats,
        state: IntakeState,
    ) -> None:
        self.sources: dict[TopicPartition, Source] = {}
        self.stopping = asyncio.Event()
        """Set by the session: `run` returns soon."""
        self.hurry = asyncio.Event()
        """Set here: nothing more is read until a flush has made room, or at all."""
        self.flushed = asyncio.Event()
        """Set by the session after each flush."""
        self._consumer = consumer
        self._commit = commit
        self._registry = registry
        self._stats = stats
        self._state = state
        self._fresh: set[TopicPartition] = set()
        """Assigned, but not positioned yet."""

    async def run(self) -> None:
        """Read until told to stop."""
        try:
            while not self.stopping.is_set():
                await self._step()
        finally:
            self.hurry.set()

    async def _step(self) -> None:
        if self._fresh:
            with self._state.waiting("to tell the committed positions"):
                await self._position()
        await self._wait_for_room()
        try:
            batches = await self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=SLICE_RECORDS)
        except NoOffsetForPartitionError:
            return  # it is among the fresh ones, and will be positioned
        except OffsetOutOfRangeError as error:
            await self._skip_lost(error.args[0])
            return
        for partition, records in batches.items():
            # One without a source is fresh, and will be positioned before it is read again.
            if source := self.sources.get(partition):
                source.take(records)
                self._state.done += len(records)
        await asyncio.sleep(0)  # getmany does not pause as long as it has records

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let go of everything; whoever gets it reads again from the last chunk start."""
        self.let_go()
        if revoked:
            self._stats.rebalances += 1
            log.info("partitions revoked", partitions=sorted(tp.partition for tp in revoked))

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Only noted here, because aiokafka swallows what goes wrong in here; `run` does the rest."""
        self._fresh = set(assigned)
        self._state.joined()
        log.info("partitions assigned", partitions=sorted(tp.partition for tp in assigned))

    def let_go(self) -> None:
        """Forget all partitions."""
        self.sources.clear()
        self._fresh.clear()
        self._state.left()

    async def _position(self) -> None:
        """Find where to start each fresh partition (see `Source`)."""
        for partition in list(self._fresh):
            committed: int | None = await self._consumer.committed(partition)
            start = await self._log_start(partition) if committed is None else committed
            if partition not in self._fresh:
                continue  # revoked meanwhile
            self._consumer.seek(partition, start)
            self._fresh.discard(partition)
            source = self.sources[partition] = Source(
                partition.partition, start, self._registry, self._stats, committed is not None
            )
            if committed is None and source.resumable:
                await self._commit({partition: start})

    async def _skip_lost(self, lost: dict[TopicPartition, int]) -> None:
        """The log does not hold the next offset: say so, and go on where it begins now."""
        for partition, offset in lost.items():
            start = await self._log_start(partition)
            source = self.sources.get(partition)
            if source is None:
                continue  # revoked meanwhile
            why = "the log ends before it: was the topic made anew, or a broker's disk lost?"
            if start > offset:
                why = "retention deleted records before they were read"
                self._stats.lost_offsets += start - offset
            log.error(
                "offset out of range", partition=partition.partition, offset=offset, resume_at=start, why=why
            )
            self._consumer.seek(partition, start)
            source.skip_to(start)

    async def _log_start(self, partition: TopicPartition) -> int:
        offsets: dict[TopicPartition, int] = await self._consumer.beginning_offsets([partition])
        return offsets[partition]

    async def _wait_for_room(self) -> None:
        """Back-pressure: not reading on is what bounds memory while Kafka does not take what we say."""
        while self._is_full():
            self.flushed.clear()
            self.hurry.set()
            await self.flushed.wait()
        self.hurry.clear()

    def _is_full(self) -> bool:
        sources = self.sources.values()
        return (
            sum(complete.chunk.names for source in sources for complete in source.complete)
            > CODES_WAITING_MAX
            or sum(len(source.letters) for source in sources) > LETTERS_WAITING_MAX
            or sum(source.letter_bytes for source in sources) > LETTER_BYTES_WAITING_MAX
        )
