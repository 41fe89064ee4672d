"""What the view writer takes for Redis: one memory view for all writers, which may be away or emptied."""

import asyncio
from collections.abc import Collection, Sequence

from fault316_schemas import StormAlert
from fault316_streams.sim.network import Host, Server
from fault316_streams.sinks.memory import MemoryView
from fault316_streams.sinks.view import CodeView, SinkUnavailable


class SharedView(Server):
    """The server's side."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.view = MemoryView()
        self.writers: dict[int, str] = {}
        """Who wrote a partials partition's part last."""

    def lose(self) -> None:
        """FLUSHALL."""
        self.view.lose()
        self.writers.clear()

    def write(
        self,
        writer: str,
        codes: Sequence[CodeView],
        alerts: Sequence[StormAlert],
        partitions: Collection[int],
    ) -> set[int]:
        """As `RedisView` does it: who was not the last to write states everything anew."""
        lost = {partition for partition in partitions if self.writers.get(partition) != writer}
        self.writers.update(dict.fromkeys(partitions, writer))
        writing = self.view.write(codes, alerts, partitions)
        try:
            writing.send(None)
        except StopIteration:
            return lost
        raise AssertionError("a memory view waits for nobody")


class SimRedis:
    """A `ViewSink`: one worker's connection."""

    def __init__(self, server: SharedView, host: Host) -> None:
        self._server = server
        self._host = host
        self._connections = 0

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        """See `ViewSink`."""
        writer = f"{self._host.name}.{self._connections}"
        if asyncio.get_running_loop().time() < self._server.down_until:
            self._connections += 1
            if self._host.rng.random() < 0.3:  # done, but the answer was lost
                self._server.write(writer, codes, alerts, partitions)
            raise SinkUnavailable("simulated")
        codes, alerts = list(codes), list(alerts)
        return await self._host.ask(
            self._server, "view", lambda: self._server.write(writer, codes, alerts, partitions)
        )

    async def close(self) -> None:
        """See `ViewSink`."""
