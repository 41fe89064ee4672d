"""An outbox behind a spool: each record is in a file before it is sent, and until Kafka has acknowledged it."""

import asyncio
import logging
from pathlib import Path

from fault316._outbox import RECORD_BYTES_MAX, Outbox
from fault316._spool import Spool

logger = logging.getLogger("fault316")

SPOOL_BYTES_MAX = 256 * 1024 * 1024
"""At about 1 kB an event a quarter of a million: 60 s at 2,000 faults a second take half of it."""
BATCH_BYTES = 1024 * 1024
"""Sent at a time, and sent again if the process is killed before their acknowledgement is written down."""


class SpooledOutbox:
    """The face of an `Outbox`. Files are written first and read in order, those of earlier processes before all."""

    def __init__(self, outbox: Outbox, folder: Path, bytes_max: int) -> None:
        self._outbox = outbox
        self._folder = folder
        self._bytes_max = bytes_max
        self._spool: Spool | None = None
        self._earlier: list[Spool] = []
        self._filled = asyncio.Event()
        self._moved = asyncio.Event()
        self._waiting = 0
        self._refused = 0
        self._went_around = False
        self._said: set[str] = set()
        self._forwarding: asyncio.Task[None] | None = None

    @property
    def sent(self) -> int:
        """Faults that Kafka has acknowledged, also those of earlier processes."""
        return self._outbox.sent

    @property
    def dropped(self) -> int:
        """Faults given up: no room in the spool, too large, refused by Kafka."""
        return self._outbox.dropped + self._refused

    @property
    def pending(self) -> int:
        """Faults of this process that are not settled yet."""
        return self._waiting

    def start_unconnected(self) -> None:
        """Open the spool, or say that there is none; connect in the background."""
        self._outbox.start_unconnected()
        try:
            self._earlier = Spool.take_over(self._folder)
            self._spool = Spool.create(self._folder)
        except OSError as error:
            self._say(f"no spool in {self._folder}: {error}; faults wait in memory")
        self._forwarding = asyncio.create_task(self._forward(), name="fault316-spool")

    def offer(self, record: bytes, weight: int = 1) -> bool:
        """Take a record; False if it was dropped."""
        if self._spool is None or len(record) > RECORD_BYTES_MAX:
            return self._go_around(record, weight)
        if self._spool.bytes_waiting + len(record) > self._bytes_max:
            self._refused += weight
            self._say(f"the spool in {self._folder} is full: faults are dropped")
            return False
        try:
            self._spool.append(record, weight)
        except OSError as error:
            self._say(f"the spool in {self._folder} takes nothing: {error}; faults wait in memory")
            return self._go_around(record, weight)
        self._waiting += weight
        self._filled.set()
        return True

    async def flush(self, timeout_s: float) -> bool:
        """Wait until nothing waits, in files or in memory; False if `timeout_s` was not enough."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._earlier or (self._spool is not None and self._spool.bytes_waiting):
                    self._moved.clear()
                    await self._moved.wait()
                return await self._outbox.flush(None)
        except TimeoutError:
            return False

    async def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered within `timeout_s`; the rest stays in its files for the next process."""
        await self.flush(timeout_s)
        if self._forwarding is not None:
            self._forwarding.cancel()
            await asyncio.wait([self._forwarding])
        await self._outbox.close(0, kept=not self._went_around)
        for spool in (*self._earlier, *([self._spool] if self._spool else [])):
            if left := spool.bytes_waiting:
                logger.warning("%d bytes of fault events stay in %s for the next process", left, self._folder)
            spool.close()
        self._spool, self._earlier, self._waiting = None, [], 0

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the locks."""
        for spool in (*self._earlier, *([self._spool] if self._spool else [])):
            spool.leave_to_parent()

    async def _forward(self) -> None:
        while self._earlier:
            await self._deliver(self._earlier[0])
            self._earlier.pop(0).close()
            self._moved.set()
        while self._spool is not None:
            await self._filled.wait()
            self._filled.clear()
            self._waiting -= await self._deliver(self._spool)

    async def _deliver(self, spool: Spool) -> int:
        """All that waits in it, batch by batch: the position moves when the whole batch is settled."""
        delivered = 0
        while (batch := spool.read(BATCH_BYTES)) is not None:
            for record, weight in batch.records:
                self._outbox.offer(record, weight)
                delivered += weight
            await self._outbox.flush(None)
            batch.segment.advance(batch.upto)
            self._moved.set()
        return delivered

    def _go_around(self, record: bytes, weight: int) -> bool:
        self._went_around = True
        return self._outbox.offer(record, weight)

    def _say(self, message: str) -> None:
        """Once for each kind of trouble."""
        if message not in self._said:
            self._said.add(message)
            logger.warning("%s", message)
