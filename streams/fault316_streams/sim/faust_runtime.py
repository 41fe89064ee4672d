"""What the detector takes for Faust: events with acknowledgements, a table with a changelog, rebalances.

As Faust does it: on a rebalance everything is revoked, then assigned; the table is recovered from where its
changelog was last read, its entries being kept; reading resumes at the committed offsets; a contiguous prefix of
acknowledged events is committed once a second, if the group's generation still holds.
"""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from aiokafka.errors import CommitFailedError

from fault316_streams.detector import Detector
from fault316_streams.sim.kafka import Kafka, Record
from fault316_streams.sim.network import Host

COMMIT_S: Final = 1.0
FETCH_WAIT_S: Final = 0.5


@dataclass(slots=True)
class _Message:
    partition: int
    offset: int


@dataclass(slots=True)
class _Event:
    message: _Message
    value: bytes | None
    runtime: "SimFaust"

    def ack(self) -> None:
        self.runtime.acked.setdefault(self.message.partition, set()).add(self.message.offset)


class SimTable:
    """A table whose entries survive in the changelog."""

    def __init__(self, kafka: Kafka, host: Host) -> None:
        self.data: dict[bytes, bytes] = {}
        self.read_upto: dict[int, int] = {}
        self._kafka = kafka
        self._host = host
        self._pending: list[tuple[int, bytes, bytes | None, asyncio.Future[Any]]] = []

    def send_changelog(self, partition: int, key: bytes, value: bytes | None) -> "asyncio.Future[Any]":
        """Its acknowledgement. Sent together, entries arrive in any order (they come out of sets)."""
        loop = asyncio.get_running_loop()
        if not self._pending:
            loop.call_soon(self._send)
        acknowledged = loop.create_future()
        self._pending.append((partition, key, value, acknowledged))
        return acknowledged

    async def recover(self, partition: int) -> None:
        """Read what the changelog has had since we last read it."""
        log = self._kafka.changelog[partition]
        since = self.read_upto.get(partition, 0)
        records: list[Record] = await self._host.ask(
            self._kafka, "table", lambda: log.read(since, len(log.records))
        )
        for record in records:
            assert record.key is not None
            if record.value is None:
                self.data.pop(record.key, None)
            else:
                self.data[record.key] = record.value
            self.read_upto[partition] = record.offset + 1

    def _send(self) -> None:
        pending = sorted(self._pending, key=lambda entry: (entry[0], entry[1]))
        self._pending = []
        self._host.rng.shuffle(pending)
        for partition, key, value, acknowledged in pending:
            sent = self._send_one(partition, key, value)
            sent.add_done_callback(partial(_copy, acknowledged))

    def _send_one(self, partition: int, key: bytes, value: bytes | None) -> "asyncio.Future[Any]":
        log = self._kafka.changelog[partition]
        return self._host.send(
            self._kafka, ("table", partition), lambda: log.append(value, key), fallible=True
        )


class SimFaust:
    """A member of the detectors' group."""

    def __init__(self, kafka: Kafka, host: Host, detector: Detector) -> None:
        self.host = host
        self.detector = detector
        self.table = SimTable(kafka, host)
        self.acked: dict[int, set[int]] = {}
        self.positions: dict[int, int] = {}
        """By assigned partition, the offset that is heard next; empty until the table is recovered."""
        self._kafka = kafka
        self._group = kafka.detectors
        self._generation = -1
        self._assigned = asyncio.Event()
        self._partitions: set[int] = set()
        self._committed: dict[int, int] = {}

    def lost(self) -> None:
        """See `Member`."""
        self._generation = -1
        self._assigned.clear()
        self.positions = {}
        self.acked = {}
        self.detector.revoke()

    def gained(self, generation: int, partitions: set[int]) -> None:
        """See `Member`."""
        self._generation = generation
        self._partitions = partitions
        self.detector.revoke()
        self.detector.assign(set(partitions))
        self._assigned.set()

    async def run(self) -> None:
        """Join, and hear what there is."""
        await self.host.ask(self._kafka, "group", lambda: self._group.join(self))
        while True:
            await self._assigned.wait()
            generation = self._generation
            positions = await self._recover()
            if generation != self._generation:
                continue
            self.positions, self._committed = positions, dict(positions)
            while generation == self._generation:
                await self._hear_some(generation)

    async def commit(self) -> None:
        """Now and then, what is acknowledged without a gap."""
        while True:
            await asyncio.sleep(COMMIT_S)
            generation, tenure, due = self._generation, self.detector.tenure, {}
            for partition, acked in self.acked.items():
                offset = self._committed.get(partition)
                if offset is None:
                    continue
                while offset in acked:
                    acked.discard(offset)
                    offset += 1
                if offset != self._committed[partition]:
                    due[partition] = self._committed[partition] = offset
            if due:
                try:
                    await self.host.ask(self._kafka, "group", partial(self._group.commit, generation, due))
                except CommitFailedError:
                    continue  # we are told of the rebalance soon
                self.detector.confirm(tenure)

    async def _recover(self) -> dict[int, int]:
        """Positions first, tables then: see `faust_consumer`."""
        partitions, committed = sorted(self._partitions), self._group.committed
        positions: dict[int, int] = await self.host.ask(
            self._kafka,
            "group",
            lambda: {p: committed.get(p, self._kafka.partials[p].start) for p in partitions},
        )
        for partition in partitions:
            await self.table.recover(partition)
        return positions

    async def _hear_some(self, generation: int) -> None:
        wanted = dict(self.positions)
        logs, most = self._kafka.partials, self.host.rng.choice((1, 5, 50))
        fetched = await self.host.ask(
            self._kafka, "fetch", lambda: {p: logs[p].read(at, most) for p, at in wanted.items()}
        )
        for partition, records in fetched.items():
            for record in records:
                if generation != self._generation:
                    return
                self.positions[partition] = record.offset + 1
                event = _Event(_Message(partition, record.offset), record.value, self)
                await self.detector.hear(event, self.table)
        if not any(fetched.values()):
            await asyncio.sleep(FETCH_WAIT_S)


def _copy(to: "asyncio.Future[Any]", done: "asyncio.Future[Any]") -> None:
    if to.done() or done.cancelled():
        return
    if error := done.exception():
        to.set_exception(error)
    else:
        to.set_result(done.result())
