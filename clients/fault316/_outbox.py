"""A bounded buffer in front of one Kafka topic: it takes records at once and sends them in batches.

It never loses count. Each record that was offered is `pending`, then `sent` or `dropped`; while Kafka is
away records wait, up to `BUFFER_BYTES_MAX`, and what does not fit any more is dropped, counted and logged.
A record counts for the faults that it stands for: 1, unless the caller gives it another weight.
"""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from fault316._compression import COMPRESSION, Compression
from fault316._kafka import ABANDON_S, BACKOFF_MAX_S, abandon, connect
from fault316._loss import Loss, LossLog
from fault316.errors import KafkaUnavailable
from fault316_schemas import Connection

logger = logging.getLogger("fault316")

BUFFER_BYTES_MAX = 32 * 1024 * 1024
"""At about 700 bytes a fault, 48,000 of them: an outage of 45 s at 1,000 faults a second."""
RECORD_BYTES_MAX = 900_000
"""A broker refuses batches above 1,048,588 bytes (`message.max.bytes`) by default; an event within the contract
has at most 762 KB. This bound, like all here and the spool's, is of bytes before compression."""
BATCH_BYTES_MAX = 256 * 1024
"""Of records in one batch: enough that the cost of a request vanishes (about 370 faults)."""
LINGER_S = 0.005
"""What a lone record waits for company."""
RETRY_BACKOFF_MS = 500
"""aiokafka logs two lines with each attempt while Kafka is away; its default is 100."""

Weighed = tuple[bytes, int]
"""A record and how many faults it counts for."""


class Outbox:
    """Records on their way to `topic`. Belongs to one event loop; `start` before use, `close` after it."""

    def __init__(
        self,
        connection: Connection,
        topic: str,
        compression: Compression | None = COMPRESSION,
        bytes_max: int = BUFFER_BYTES_MAX,
    ) -> None:
        self.sent = 0
        """Faults that Kafka has acknowledged."""
        self.dropped = 0
        """Faults that were given up: no room, too large, refused, or not delivered when closed."""
        self.pending = 0
        """Faults taken and not settled yet."""
        self._connection = connection
        self._topic = topic
        self._compression = compression
        self._bytes_max = bytes_max
        self._bytes_held = 0
        self._queue: deque[Weighed] = deque()
        self._queued_bytes = 0
        self._filled = asyncio.Event()
        self._settled = asyncio.Event()
        self._deliveries: set[asyncio.Future[object]] = set()
        self._turn = itertools.count()
        self._producer: AIOKafkaProducer | None = None
        self._pump_task: asyncio.Task[None] | None = None
        self._log = LossLog()

    async def start(self, timeout_s: float) -> None:
        """Connect. Raises KafkaUnavailable after `timeout_s`."""
        await self._connect(timeout_s)
        self.start_unconnected()

    def start_unconnected(self) -> None:
        """Take records from now on and connect in the background, however long that takes."""
        self._pump_task = asyncio.create_task(self._pump(), name="fault316-outbox")

    async def put(self, record: bytes, wait_s: float) -> bool:
        """Take a record; True if it is pending, False if it was dropped. Waits only where the buffer is full."""
        if self._pump_task is not None and len(record) <= RECORD_BYTES_MAX and not self._fits(record):
            await self._until(lambda: self._fits(record), wait_s)
            if self._pump_task is None:
                return self._drop(1, Loss.NOT_SENDING, "closed while it waited for room")
        return self.offer(record)

    def offer(self, record: bytes, weight: int = 1) -> bool:
        """Take a record that counts for `weight` faults, without waiting; False if it was dropped.

        Raises:
            RuntimeError: not started, or closed.
        """
        if self._pump_task is None:
            raise RuntimeError("not started: use it as `async with …`, or call start() first")
        if len(record) > RECORD_BYTES_MAX:
            return self._drop(weight, Loss.TOO_LARGE, f"{len(record):,} bytes, at most {RECORD_BYTES_MAX:,}")
        if not self._fits(record):
            return self._drop(weight, Loss.NO_ROOM, "Kafka is away, or slower than the faults come")
        if self._pump_task.done():  # a bug
            return self._drop(weight, Loss.NOT_SENDING, repr(self._pump_task))
        self.pending += weight
        self._bytes_held += len(record)
        self._queued_bytes += len(record)
        self._queue.append((record, weight))
        self._filled.set()
        return True

    async def flush(self, timeout_s: float | None) -> bool:
        """Wait until nothing is pending; False if `timeout_s` was not enough; None: however long it takes."""
        return await self._until(lambda: self._bytes_held == 0, timeout_s)  # a record may weigh nothing

    async def close(self, timeout_s: float, *, kept: bool = False) -> None:
        """Deliver what can be delivered within `timeout_s`, drop the rest (unless it is `kept` elsewhere), let go."""
        if self._pump_task is None:
            return
        delivered = await self.flush(timeout_s)
        dropped_before = self.dropped
        self._pump_task.cancel()
        await asyncio.wait([self._pump_task])
        self._pump_task = None
        if self._producer is not None:
            await (self._producer.stop() if delivered else abandon(self._producer))
            self._producer = None
        if self._deliveries:  # cancelled by now; let them be counted
            await asyncio.wait(self._deliveries, timeout=ABANDON_S)
        self.dropped += self.pending
        self.pending = self._bytes_held = self._queued_bytes = 0
        self._queue.clear()
        self._settled.set()  # nobody waits for room any more
        if kept:
            self.dropped = dropped_before
        elif lost := self.dropped - dropped_before:
            logger.warning("closed with %d fault events not delivered", lost)

    async def _connect(self, timeout_s: float) -> None:
        def make() -> AIOKafkaProducer:
            return AIOKafkaProducer(
                **self._connection.kafka_options(),
                client_id="fault316-reporter",
                enable_idempotence=True,
                acks="all",
                compression_type=self._compression,
                max_batch_size=RECORD_BYTES_MAX,
                retry_backoff_ms=RETRY_BACKOFF_MS,
            )

        self._producer = await connect(self._connection, self._topic, make, timeout_s)

    def _fits(self, record: bytes) -> bool:
        return self._bytes_held + len(record) <= self._bytes_max

    async def _until(self, done: Callable[[], bool], timeout_s: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                while not done():
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            return done()
        return True

    async def _pump(self) -> None:
        if self._producer is None:
            await self._connect_at_last()
        while True:
            await self._filled.wait()
            if self._queued_bytes < BATCH_BYTES_MAX:
                await asyncio.sleep(LINGER_S)
            while self._queue:
                await self._send(self._take())
            self._filled.clear()

    def _take(self) -> list[Weighed]:
        records = [self._queue.popleft()]
        size = len(records[0][0])
        while self._queue and size + len(self._queue[0][0]) <= BATCH_BYTES_MAX:
            size += len(self._queue[0][0])
            records.append(self._queue.popleft())
        self._queued_bytes -= size
        return records

    async def _send(self, records: list[Weighed]) -> None:
        """Hand a batch to the producer, however long that takes."""
        while True:
            assert self._producer is not None
            try:
                batch = self._producer.create_batch()
                for record, _ in records:
                    batch.append(key=None, value=record, timestamp=None)
                # No key, next partition: a key would put a failing service's whole storm on one partition.
                partitions = sorted(await self._producer.partitions_for(self._topic))
                partition = partitions[next(self._turn) % len(partitions)]
                delivery = await self._producer.send_batch(batch, self._topic, partition=partition)
            except KafkaTimeoutError:
                continue  # that partition's leader is away: on to the next partition
            except KafkaError as error:
                await self._reconnect(error)
            else:
                self._deliveries.add(delivery)
                delivery.add_done_callback(partial(self._settle, records))
                return

    async def _reconnect(self, error: KafkaError) -> None:
        """A producer that has failed for good (its sequence is out of order, say) is replaced."""
        self._log.warn(Loss.PRODUCER, f"the Kafka producer failed and is replaced: {error!r}")
        if self._producer is not None:
            await abandon(self._producer)
        await self._connect_at_last()

    async def _connect_at_last(self) -> None:
        while True:
            try:
                return await self._connect(BACKOFF_MAX_S)
            except KafkaUnavailable as unavailable:
                self._log.warn(Loss.PRODUCER, str(unavailable))
                await asyncio.sleep(BACKOFF_MAX_S)

    def _settle(self, records: list[Weighed], delivery: asyncio.Future[object]) -> None:
        self._deliveries.discard(delivery)
        self._bytes_held -= sum(len(record) for record, _ in records)
        weight = sum(weight for _, weight in records)
        self.pending -= weight
        if delivery.cancelled():
            self.dropped += weight  # only `abandon` cancels, and who calls it says so
        elif (error := delivery.exception()) is not None:
            self._drop(weight, Loss.REFUSED, repr(error))
        else:
            self.sent += weight
        self._settled.set()

    def _drop(self, weight: int, loss: Loss, detail: str) -> bool:
        self.dropped += weight
        self._log.warn(loss, f"{weight} fault events dropped, {self.dropped} so far: {loss.value} ({detail})")
        return False
