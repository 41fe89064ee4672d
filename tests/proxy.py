"""A TCP proxy between a client and a server, which does to their bytes what networks do. Imported as `proxy`."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from fault316_streams.embedded import process

CHUNK_BYTES: Final = 16_384
"""So small that a large answer does not hold up other connections of a narrow line."""
WAITING_CHUNKS_MAX: Final = 256
"""Of one direction of a connection: 4 MiB are under way, as in a wide and long line's buffers."""
CALL_LIMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Line:
    """What happens to the bytes of all connections. As it stands, nothing does."""

    delay_s: float = 0.0
    """Each way."""
    bytes_per_s: tuple[float, float] | None = None
    """To the server, to the client; all connections share them."""
    drops_replies: bool = False
    """What the server says is lost, and the connections stay. Those that lost something end when it is over, because
    TCP loses nothing out of the middle."""
    stuck: bool = False
    """Nothing gets through, either way, until it is over."""
    refused: bool = False
    """Nobody listens, and the connections that there were are cut."""


PLAIN: Final = Line()


@dataclass(eq=False, slots=True)
class _Connection:
    task: asyncio.Task[None]
    lossy: bool = False


class Proxy:
    """Passes on what comes to its own port, in a thread of its own, because tests block their loops."""

    def __init__(self, target_port: int, tls: ssl.SSLContext | None = None) -> None:
        """It listens at once. With `tls` it speaks that to its clients, and is plain to the target."""
        self.port = process.free_port()
        self.accepted = 0
        """Connections so far."""
        self.passed = [0, 0]
        """Bytes to the server and to the client."""
        self.dropped = 0
        """Bytes of replies."""
        self._target_port = target_port
        self._tls = tls
        self._line = PLAIN
        self._free_at = [0.0, 0.0]
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        # Handshakes that fail and connections that are cut are what it is for.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._listen())

    def cut(self) -> None:
        """All connections, at once; new ones are welcome."""
        self._call(self._cut(every=True))

    @contextmanager
    def being(self, line: Line) -> Iterator[None]:
        """The line is so inside of the block, for the connections there are and those that come."""
        self._call(self._become(line))
        try:
            yield
        finally:
            self._call(self._become(PLAIN))

    def stop(self) -> None:
        """Close the port and every connection."""
        self._call(self._become(Line(refused=True)))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_LIMIT_S)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_LIMIT_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, process.LOOPBACK, self.port, limit=CHUNK_BYTES, ssl=self._tls
        )

    async def _become(self, line: Line) -> None:
        self._line = line
        self._flowing.clear() if line.stuck else self._flowing.set()
        if line.refused and self._server:
            self._server.close()
            self._server = None
        await self._cut(every=line.refused)
        if not line.refused and not self._server:
            await self._listen()

    async def _cut(self, *, every: bool) -> None:
        """Or only those that cannot go on."""
        ending = [
            connection.task
            for connection in self._connections
            if every or (connection.lossy and not self._line.drops_replies)
        ]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task
        connection = _Connection(task)
        self._connections.add(connection)
        ends = [writer]
        try:
            answers, server = await asyncio.open_connection(
                process.LOOPBACK, self._target_port, limit=CHUNK_BYTES
            )
            ends.append(server)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, server, connection, reply=False))
                both.create_task(self._pass_on(answers, writer, connection, reply=True))
        except* OSError:
            pass  # one side is gone: so is the other
        finally:
            self._connections.discard(connection)
            for end in ends:
                end.transport.abort()

    async def _pass_on(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        connection: _Connection,
        *,
        reply: bool,
    ) -> None:
        """One direction, until its source ends."""
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_CHUNKS_MAX)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._deliver(due, target, connection, reply=reply))
            while data := await source.read(CHUNK_BYTES):
                await due.put((self._loop.time() + self._line.delay_s, data))
            await due.put((0.0, b""))

    async def _deliver(
        self,
        due: asyncio.Queue[tuple[float, bytes]],
        target: asyncio.StreamWriter,
        connection: _Connection,
        *,
        reply: bool,
    ) -> None:
        while True:
            at_s, data = await due.get()
            await asyncio.sleep(at_s - self._loop.time())
            await self._flowing.wait()
            if not data:
                break
            if self._line.bytes_per_s:
                await self._squeeze(len(data), reply)
            if reply and self._line.drops_replies:
                connection.lossy = True
                self.dropped += len(data)
                continue
            target.write(data)
            self.passed[reply] += len(data)
            await target.drain()
        with contextlib.suppress(OSError):
            target.close()
            await target.wait_closed()

    async def _squeeze(self, size: int, reply: bool) -> None:
        """Wait for a turn on the narrow line, and for as long as these bytes take on it."""
        assert self._line.bytes_per_s
        now = self._loop.time()
        self._free_at[reply] = max(now, self._free_at[reply]) + size / self._line.bytes_per_s[reply]
        await asyncio.sleep(self._free_at[reply] - now)
