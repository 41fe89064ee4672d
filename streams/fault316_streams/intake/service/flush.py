"""Publishes what changed since the last flush, commits what is complete, and ticks."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from fault316_streams.intake.combiner import Combiner
from fault316_streams.intake.messages import BUNDLE_MAX, Message, bundles, messages, partial_of
from fault316_streams.intake.service.dead_letters import DeadLetters
from fault316_streams.intake.service.publisher import ACK_LIMIT_S, Publisher
from fault316_streams.intake.service.status import IntakeState, PartitionStatus
from fault316_streams.intake.source import Source
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.partial import FORMAT_VERSION, Progress, Tick, partition_of

TICK_S: Final = 1.0

HOT_CODES_MAX: Final = 64
"""Codes that one source partition may publish between two ticks' flushes, those that changed most. A storm is
hot; of a long tail of codes, detect hears once a second, or it would drown in messages."""

BEHIND_MS: Final = 10_000
"""While reading lags behind, a chunk is soon complete and then said as a whole. The open one's long tail of codes waits
for that, but no longer than this: a backlog would be said many times over."""

CODES_AT_ONCE: Final = 64
"""Codes told before other tasks have their turn: some 1.5 ms, and all source partitions are told side by side."""

RECENT_MS: Final = 2_000
"""Records this new mean that reading keeps up, even though under load it is never quite at the end."""

POLL_AGE_MS_MAX: Final = 5_000
"""An older answer of the broker does not tell where the log ends; an idle partition is asked twice a second."""

PAUSE_MS_MIN: Final = 6_000
"""No flush for longer than this, and the process was stopped: an interval is at most 5 s. The broker's answer that
lay in the socket meanwhile tells of the log before, however new it looks."""

DOUBT_MS: Final = 2_000
"""How long after a pause such an answer is not believed. The next one takes a fraction of that."""

log = structlog.get_logger(__name__)


class Flusher:
    """Sees to the order that exactness rests on.

    Per source partition: dead letters, then the complete chunks one after the other, each acknowledged before the
    next is sent, then the open chunk. After that the commit, of chunk starts only; at last the tick, which claims
    only what is acknowledged. Source partitions go side by side.
    """

    def __init__(
        self,
        consumer: Any,
        publisher: Publisher,
        dead_letters: DeadLetters,
        stats: IntakeStats,
        state: IntakeState,
    ) -> None:
        self._consumer = consumer
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._stats = stats
        self._state = state
        self._tick_due = time.monotonic()
        self._flushed_ms = 0
        self._doubt_until_ms = 0

    async def flush(
        self, sources: Mapping[TopicPartition, Source], source_partitions: int, full: bool
    ) -> None:
        """Publish, commit, and tick where that is due; `full` publishes the long tail in any case.

        Raises:
            ExceptionGroup: of KafkaError or TimeoutError; nothing is skipped, begin anew from what is committed.
        """
        began = time.monotonic()
        wall_ms = time.time_ns() // 1_000_000
        if self._flushed_ms and wall_ms - self._flushed_ms > PAUSE_MS_MIN:
            self._doubt_until_ms = wall_ms + DOUBT_MS
        self._flushed_ms = wall_ms
        ticking = full or began >= self._tick_due
        own = dict(sources)
        async with asyncio.TaskGroup() as tasks:
            for partition, source in own.items():
                tasks.create_task(self._publish(partition, source, sources, wall_ms, ticking, full))
        ours = {
            partition: source
            for partition, source in own.items()
            if partition in sources and sources[partition] is source
        }
        await self._commit_complete(ours)
        if ticking:
            self._tick_due = began + TICK_S
            progress = {source.partition: source.said for source in ours.values()}
            await self._publisher.tick(Tick(FORMAT_VERSION, wall_ms, source_partitions, progress))
        self._observe(time.monotonic() - began)

    async def commit(self, offsets: dict[TopicPartition, int]) -> bool:
        """Commit; False where a rebalance came before it, which costs the next owner some reading again."""
        try:
            async with asyncio.timeout(ACK_LIMIT_S):
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            self._stats.commit_failures += 1
            log.info("commit refused", error=str(error))
            return False
        self._stats.commits += 1
        return True

    async def _publish(
        self,
        partition: TopicPartition,
        source: Source,
        sources: Mapping[TopicPartition, Source],
        wall_ms: int,
        ticking: bool,
        full: bool,
    ) -> None:
        # What was said before was all there was then. If now nothing is, the tick must not claim it for now.
        source.said = Progress(source.said.upto, source.said.log_ms, False)
        # Both at once: the letters of these chunks, and maybe of later ones, are acknowledged before they are.
        letters, complete = source.take_letters(), len(source.complete)
        await self._dead_letters.publish(letters)
        while complete > 0:
            complete -= await self._say_complete(source, min(complete, BUNDLE_MAX), wall_ms)
        caught_up = await self._look(partition, source, sources, wall_ms)
        # Was another completed meanwhile, it must be acknowledged before anything of the open chunk is sent.
        if source.complete or not (ticking or caught_up):
            return
        fully = full or (ticking and (caught_up or wall_ms - source.said_ms >= BEHIND_MS))
        await self._say_open(source, wall_ms, caught_up, limit=None if fully else HOT_CODES_MAX)

    async def _say_complete(self, source: Source, most: int, wall_ms: int) -> int:
        """Publish a complete chunk, or some that are single records; returns how many."""
        due = source.next_complete(most)
        last = due[-1].chunk
        caught_up = wall_ms - last.log_ms <= RECENT_MS
        if len(due) == 1:
            said = await self._told(source, last, last.changed(), wall_ms, caught_up)
        else:
            singles = [
                partial_of(chunk, source.partition, chunk.snapshot(), wall_ms, caught_up) for chunk, _ in due
            ]
            said = bundles(singles, self._publisher.partitions)
        await self._publisher.publish(said)
        self._state.done += 1
        source.said, source.said_ms = Progress(last.upto, last.log_ms, caught_up), wall_ms
        for _, resume_at in due:
            source.complete.popleft()
            source.resume_at = source.resume_at if resume_at is None else resume_at
        return len(due)

    async def _say_open(self, source: Source, wall_ms: int, caught_up: bool, limit: int | None) -> None:
        """Publish what changed in the open chunk; without a `limit`, ticks may then claim it."""
        chunk = source.chunk
        said = Progress(chunk.upto, source.log_ms, caught_up)
        if codes := chunk.changed(limit):
            await self._publisher.publish(await self._told(source, chunk, codes, wall_ms, caught_up))
            self._state.done += 1
        if limit is None:
            source.said, source.said_ms = said, wall_ms

    async def _told(
        self, source: Source, chunk: Combiner, codes: Sequence[str], wall_ms: int, caught_up: bool
    ) -> list[Message]:
        """What a chunk says of these codes, some at a time. It may grow meanwhile, and says so then."""
        said: list[Message] = []
        partitions = self._publisher.partitions
        # Or every partition would get a message each time.
        codes = sorted(codes, key=lambda code: partition_of(code, partitions))
        for at in range(0, len(codes), CODES_AT_ONCE):
            some = chunk.told(codes[at : at + CODES_AT_ONCE])
            said += messages(partial_of(chunk, source.partition, some, wall_ms, caught_up), partitions)
            await asyncio.sleep(0)
        return said

    async def _look(
        self,
        partition: TopicPartition,
        source: Source,
        sources: Mapping[TopicPartition, Source],
        wall_ms: int,
    ) -> bool:
        """Whether all that is in the log has been read, as far as the broker's last answer tells."""
        if partition not in self._consumer.assignment():
            return False
        position = await self._consumer.position(partition)
        if sources.get(partition) is not source:
            return False  # lost and won back during this flush: the position is that of another reading
        highwater = self._consumer.highwater(partition)
        silent = wall_ms - (self._consumer.last_poll_timestamp(partition) or 0) > POLL_AGE_MS_MAX
        at_end = highwater is not None and position >= highwater and not silent
        at_end = at_end and wall_ms >= self._doubt_until_ms
        caught_up = at_end or wall_ms - source.log_ms <= RECENT_MS
        self._state.partitions[source.partition] = PartitionStatus(position, highwater, caught_up, silent)
        return caught_up

    async def _commit_complete(self, sources: Mapping[TopicPartition, Source]) -> None:
        due = {tp: source.resume_at for tp, source in sources.items() if source.resume_at != source.committed}
        if due and await self.commit(due):
            for tp, offset in due.items():
                sources[tp].committed = offset

    def _observe(self, took_s: float) -> None:
        self._stats.flushes += 1
        self._stats.flush_seconds += took_s
        self._stats.on_flush(took_s)
