"""Kafka as far as exactness depends on it: logs that keep their order, groups that fence old members."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple, Protocol

from aiokafka.errors import CommitFailedError

from fault316_streams.sim.network import EPOCH_MS, Host, Server

REBALANCE_S: Final = 0.3
"""From a change in a group to the new assignment."""


class Record(NamedTuple):
    """One record of a log."""

    offset: int
    timestamp: int
    value: bytes | None
    key: bytes | None = None


class Log:
    """One partition. Offsets grow and may have holes, as transaction markers leave them."""

    def __init__(self, start: int = 0) -> None:
        self.start = start
        """Where it begins for those who read."""
        self.end = start
        """The offset of the next record."""
        self.records: list[Record] = []
        """All there ever were, the deleted ones too."""

    def append(self, value: bytes | None, key: bytes | None = None, skip: int = 0) -> Record:
        """Put a record at the end, after a hole of `skip` offsets."""
        record = Record(self.end + skip, broker_ms(), value, key)
        self.records.append(record)
        self.end = record.offset + 1
        return record

    def read(self, offset: int, most: int) -> list[Record]:
        """At most so many records from `offset` on."""
        begin = bisect_left(self.records, offset, key=_offset)
        return self.records[begin : begin + most]


class Member(Protocol):
    """What a group needs of a member; called on the member's own host."""

    host: Host

    def lost(self) -> None:
        """Its partitions are to be given up."""
        ...

    def gained(self, generation: int, partitions: set[int]) -> None:
        """These are its partitions now."""
        ...


class Group:
    """A consumer group, rebalanced eagerly: all give up all, then each gets its share."""

    def __init__(self, partitions: int, session_s: float, rng: Random) -> None:
        self.members: list[Member] = []
        self.generation = 0
        self.committed: dict[int, int] = {}
        self.owners: dict[int, Member] = {}
        self.rebalances = 0
        self._partitions = partitions
        self._session_s = session_s
        self._rng = rng
        self._timer: asyncio.TimerHandle | None = None
        self._left: list[Member] = []

    def join(self, member: Member) -> None:
        """Or join again."""
        if member not in self.members:
            self.members.append(member)
        if not member.host.alive:
            self.miss(member)  # its request outlived it
        self.rebalance()

    def leave(self, member: Member) -> None:
        """Of its own will, and for good."""
        self._left.append(member)
        self._remove(member)

    def miss(self, member: Member) -> None:
        """The member's heartbeats have stopped."""
        loop = asyncio.get_running_loop()
        loop.call_later(self._session_s, self._expire, member)

    def rebalance(self) -> None:
        """Soon."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REBALANCE_S, self._assign)

    def commit(self, generation: int, offsets: dict[int, int]) -> None:
        """Raises CommitFailedError: the group has been rebalanced since that generation."""
        if generation != self.generation:
            raise CommitFailedError("the group has rebalanced")
        self.committed.update(offsets)

    def _expire(self, member: Member) -> None:
        loop = asyncio.get_running_loop()
        if member in self.members and (not member.host.alive or loop.time() < member.host.paused_until):
            self._remove(member)
            if member.host.alive:
                # Awake again, it goes on for a moment before it is told.
                told = member.host.paused_until + self._rng.random()
                loop.call_at(told, member.host.deliver, lambda: self._tell(member))

    def _tell(self, member: Member) -> None:
        if member not in self._left:
            member.lost()
            self.join(member)

    def _remove(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
            self.rebalance()

    def _assign(self) -> None:
        self._timer = None
        self.generation += 1
        self.rebalances += 1
        for member in self.members:
            member.host.deliver(member.lost)
        self._rng.shuffle(self.members)
        shares: list[set[int]] = [set() for _ in self.members]
        for partition in range(self._partitions):
            if shares:
                shares[partition % len(shares)].add(partition)
                self.owners[partition] = self.members[partition % len(shares)]
        loop = asyncio.get_running_loop()
        for member, share in zip(self.members, shares, strict=True):
            loop.call_later(
                member.host.latency_s(), member.host.deliver, self._hand(member, self.generation, share)
            )

    def _hand(self, member: Member, generation: int, share: set[int]) -> Callable[[], None]:
        def hand() -> None:
            if generation == self.generation and member in self.members:
                member.gained(generation, share)

        return hand


class Kafka(Server):
    """The broker: five topics and two groups."""

    def __init__(self, sources: int, partials: int, session_s: float, rng: Random) -> None:
        super().__init__("kafka")
        self.events = [Log() for _ in range(sources)]
        self.partials = [Log() for _ in range(partials)]
        self.changelog = [Log() for _ in range(partials)]
        self.alerts = Log()
        self.dead_letters = Log()
        self.told_lost: list[tuple[int, int, int]] = []
        """What intakes reported as lost: source partition, first offset, where they went on."""
        self.intakes = Group(sources, session_s, rng)
        self.detectors = Group(partials, session_s, rng)


def broker_ms() -> int:
    """The broker's clock."""
    return EPOCH_MS + round(asyncio.get_running_loop().time() * 1_000)


def _offset(record: Record) -> int:
    return record.offset
