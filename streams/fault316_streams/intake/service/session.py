"""One membership in the consumer group: read, publish, commit, until it fails or is told to stop.

Two tasks share the sources. The reader fetches and counts; the flusher publishes what changed. What they share
is only touched between awaits. Whatever goes wrong with Kafka ends the session, and nothing is saved: the next
one resumes at the committed chunk starts and says the same things again.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

from fault316_schemas import Registry
from fault316_streams.intake.service.closing import close
from fault316_streams.intake.service.dead_letters import DeadLetters
from fault316_streams.intake.service.flush import Flusher
from fault316_streams.intake.service.lean_consumer import LeanConsumer
from fault316_streams.intake.service.publisher import Publisher
from fault316_streams.intake.service.reader import Reader
from fault316_streams.intake.service.status import IntakeState
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.settings import WorkerSettings

STOP_LIMIT_S: Final = 4.0
"""For the last flush. With the closing of the clients, a worker's stop stays below its 8 s."""

METADATA_MS: Final = 10_000
"""How long a source partition that was added stays unread, and so how much later a storm that begins on it is
warned of. Kafka's clients ask every 5 minutes by themselves; one small request in 10 s is nothing to a broker."""

FETCH_BYTES: Final = 8 * 1024 * 1024
"""Of one answer, however many partitions it is about; up to 1 MB of each."""


class Session:
    """See the module. Used once."""

    def __init__(
        self, settings: WorkerSettings, registry: Registry, stats: IntakeStats, state: IntakeState
    ) -> None:
        self._state = state
        self._topic = settings.topics.events
        self._consumer = LeanConsumer(
            **settings.kafka_options(),
            client_id="fault316-intake",
            group_id=settings.topics.intake_group,
            enable_auto_commit=False,
            # We reset by ourselves: what retention took must be said, and a first position committed.
            auto_offset_reset="none",
            # A fault reported inside a transaction that was aborted has happened all the same.
            isolation_level="read_uncommitted",
            fetch_max_bytes=FETCH_BYTES,
            metadata_max_age_ms=METADATA_MS,
            session_timeout_ms=int(settings.session_timeout_s * 1_000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 1_000 / 4),
        )
        self._publisher = Publisher(settings, stats)
        self._dead_letters = DeadLetters(settings, stats)
        self._flusher = Flusher(self._consumer, self._publisher, self._dead_letters, stats, state)
        self._reader = Reader(self._consumer, self._flusher.commit, registry, stats, state)
        self._flush_s = settings.flush_ms / 1_000
        self._limit: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Read no more; `run` returns once what was read is published, or raises TimeoutError if that takes long."""
        if self._limit and not self._reader.stopping.is_set():
            self._limit.reschedule(asyncio.get_running_loop().time() + STOP_LIMIT_S)
        self._reader.stopping.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises:
            ExceptionGroup, KafkaError, OSError, TimeoutError: Kafka failed us (a group may hold these, too).
        """
        clients = (self._publisher.producer, self._dead_letters.producer, self._consumer)
        try:
            async with asyncio.timeout(None) as self._limit:
                with self._state.waiting("to let us connect and join the consumer group"):
                    await self._publisher.start()
                    await self._dead_letters.producer.start()
                    self._consumer.subscribe([self._topic], listener=self._reader)
                    await self._consumer.start()
                async with asyncio.TaskGroup() as tasks:
                    reading = tasks.create_task(self._reader.run())
                    tasks.create_task(self._flush_until(reading))
        finally:
            self._limit = None
            self._reader.let_go()
            await close(*reversed(clients))

    async def _flush_until(self, reading: asyncio.Task[None]) -> None:
        """Flush at the interval, at once when the reader waits for it, and a last time when it has ended."""
        while True:
            last = reading.done()
            began = time.monotonic()
            with self._state.waiting("to acknowledge what is published"):
                partitions = len(self._consumer.partitions_for_topic(self._topic) or ())
                await self._flusher.flush(self._reader.sources, partitions, full=last)
            self._reader.flushed.set()
            if last:
                return
            pause_s = max(0.0, began + self._flush_s - time.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._reader.hurry.wait()
            # Or a flush that has nothing to do (all was revoked) would turn for ever and let nobody else run.
            self._reader.hurry.clear()
