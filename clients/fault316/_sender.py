"""The thread behind a background reporter: from the queue through roll-up, scrubbing and JSON to Kafka."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from fault316._build import Identity
from fault316._compression import Compression
from fault316._drops import Drops
from fault316._kafka import ABANDON_S
from fault316._loop import THREAD_NAME, SenderLoop
from fault316._outbox import Outbox
from fault316._record import Record
from fault316._resources import ResourceProbe
from fault316._rollup import RollUp
from fault316._spooled import SpooledOutbox
from fault316._tally import Tally, Why
from fault316._writer import BeforeSend, Writer
from fault316_schemas import Connection

SLICE_S = 0.001
"""Work at a time before other threads may have the interpreter: they would wait for its switch interval, 5 ms."""
TICK_S = 0.25
"""Between two looks at what time brings: seconds that are over, drops to be told."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a sender needs to know. Immutable, so that a forked child begins with the same."""

    identity: Identity
    connection: Connection
    before_send: BeforeSend | None
    queue_max: int
    free_per_s: int | None
    resources: bool
    compression: Compression | None
    spool_dir: Path | None
    spool_bytes_max: int


class Sender:
    """One process's queue and its thread, which begins with the first record."""

    def __init__(self, way: Way, on_start: Callable[[], None]) -> None:
        """`on_start` is called in the process, and the thread, that reports first."""
        self.tally = Tally()
        self.outbox = _outbox(way)
        self.writer = Writer(
            way.identity, self.tally, way.before_send, ResourceProbe() if way.resources else None
        )
        self._on_start = on_start
        self._queue: deque[Record] = deque()
        self._queue_max = way.queue_max
        self._rolled = RollUp(way.free_per_s)
        self._drops = Drops(way.identity, self.tally, self.outbox)
        self._awake = False
        self._work = asyncio.Event()
        self._ready = asyncio.Event()
        self._closed = False
        self._finishing: set[asyncio.Task[bool]] = set()
        self._starting = threading.RLock()
        self._loop: SenderLoop | None = None
        self._thread: threading.Thread | None = None
        self._thread_id: int | None = None
        self._ended: Future[bool] = Future()

    def why_not(self) -> Why | None:
        """Why a record is not to be put now, if so. Several threads at once may exceed the queue by one each."""
        if threading.get_ident() == self._thread_id:
            return Why.OWN_THREAD  # the caller is `before_send`, or something that it calls
        return Why.QUEUE_FULL if len(self._queue) >= self._queue_max else None

    def put(self, record: Record) -> None:
        """Queue a record and see to it that somebody looks. Takes no lock once the thread runs.

        Raises:
            RuntimeError: the thread has ended, or none can be started.
        """
        self._queue.append(record)
        if not self._awake:
            self._awake = True  # the thread takes this back before it empties the queue
            (self._loop or self._start()).call_soon_threadsafe(self._work.set)

    def finish(self, timeout_s: float, *, close: bool) -> bool:
        """Flush, and end if so wished, from any other thread; False if `timeout_s` was not enough."""
        if self._loop is None or self._thread is None or self.why_not() is Why.OWN_THREAD:
            return True
        work = self._finish(timeout_s, close)
        try:
            done: Future[bool] = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:  # closed before
            work.close()
            return self.outbox.pending == 0
        if not wait((done, self._ended), timeout_s + 2 * ABANDON_S, FIRST_COMPLETED).done:
            return False
        if close:
            self._thread.join(ABANDON_S)
        if done.done() and not done.cancelled():
            return done.result()
        # Closed just now, by another thread: what the loop had no time to begin, it never will.
        work.close()
        return self.outbox.pending == 0

    def leave_to_parent(self) -> None:
        """In a forked child: nothing here is the child's to send or to close."""
        if self._loop is not None:
            self._loop.leave_to_parent()
        if isinstance(self.outbox, SpooledOutbox):
            self.outbox.leave_to_parent()

    def _start(self) -> SenderLoop:
        with self._starting:
            if self._loop is None:
                loop = SenderLoop()
                thread = threading.Thread(target=self._run, args=(loop,), name=THREAD_NAME, daemon=True)
                thread.start()
                self._thread, self._loop = thread, loop
                self._on_start()
            return self._loop

    def _run(self, loop: SenderLoop) -> None:
        self._thread_id = threading.get_ident()
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._main())
        finally:
            self._ended.set_result(True)

    async def _main(self) -> None:
        self.outbox.start_unconnected()
        self._ready.set()
        self._work.set()
        while not self._closed:
            try:
                async with asyncio.timeout(TICK_S if self._rolled or self._drops.are_untold else None):
                    await self._work.wait()
            except TimeoutError:
                pass
            self._work.clear()
            self._awake = False
            await self._empty_queue()
            if not self._closed:
                self._send(self._rolled.over(time.time()))
                self._drops.tell()
        self._awake = False
        if self._finishing:
            await asyncio.wait(self._finishing)
        if left := sum(record.count for record in self._queue):
            self.tally.add(Why.CLOSED, left)

    async def _finish(self, timeout_s: float, close: bool) -> bool:
        """A task that the loop does not end without."""
        task = asyncio.current_task()
        assert task is not None
        self._finishing.add(task)
        try:
            return await (self._close(timeout_s) if close else self._flush(timeout_s))
        finally:
            self._finishing.discard(task)

    async def _flush(self, timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        await self._ready.wait()
        await self._empty_queue()
        self._send(self._rolled.all())
        delivered = await self.outbox.flush(max(0.0, end_s - time.monotonic()))
        if delivered and not self._closed and self._drops.tell(now=True):
            delivered = await self.outbox.flush(max(0.0, end_s - time.monotonic()))
        return delivered

    async def _close(self, timeout_s: float) -> bool:
        delivered = await self._flush(timeout_s)
        if self._closed:  # by another thread
            return delivered
        self._closed = True
        await self.outbox.close(0)
        self._work.set()
        return delivered

    async def _empty_queue(self) -> None:
        """In slices. What is put meanwhile is worked through, too."""
        end_s = time.perf_counter() + SLICE_S
        while self._queue and not self._closed:
            record = self._queue.popleft()
            try:
                ready = self._rolled.add(record)
            except Exception as error:  # its code is a list, say
                self.writer.refuse(record, Why.INVALID, error)
            else:
                if ready is not None:
                    self._send([ready])
            if time.perf_counter() >= end_s:
                await asyncio.sleep(0)
                end_s = time.perf_counter() + SLICE_S

    def _send(self, records: Iterable[Record]) -> None:
        for record in records:
            event = self.writer.write(record)
            if event is not None:
                self.outbox.offer(event.to_json(), event.count)


def _outbox(way: Way) -> Outbox | SpooledOutbox:
    outbox = Outbox(way.connection, way.connection.topics.events, way.compression)
    return outbox if way.spool_dir is None else SpooledOutbox(outbox, way.spool_dir, way.spool_bytes_max)
