"""The table of code states: entries in a Faust table, each written once its changelog has acknowledged it.

An entry belongs to its writer: its key carries the writer's id, and of several entries of a code the one that has
heard most is read. So a detector that was stopped, lost its partition and wakes in the middle of a checkpoint
cannot put an old state over a new one. A worker is another writer after each rebalance.

The new owner deletes the entries that its own supersede, but only once it knows that it is the owner: the group has
taken a commit of it since it read the table. One who woke in the middle of a recovery has read the present owner's
entries, and would delete what that goes on writing to.

Entries are written with `send_changelog` rather than `table[key] = value`, because Faust then hands out the
changelog's acknowledgement, which is what a checkpoint waits for.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from secrets import token_hex
from typing import Any, Final

from fault316_streams.state import CodeState, decode_state, encode_state

ACKNOWLEDGED_SLOW_S: Final = 2.0
"""A changelog that takes longer than this is worth showing; it usually takes milliseconds."""


class CodeTable:
    """Reads and writes the states of this worker's partitions."""

    def __init__(self) -> None:
        self.written = 0
        """Entries written so far."""
        self.confirmed = False
        """Whether the group has taken a commit since the partitions were assigned. Set it; `forget` takes it back."""
        self._writer = token_hex(4)
        self._keys: dict[tuple[int, str], set[bytes]] = {}
        """The keys of a code's entries: our own, or those of earlier owners that ours is to supersede."""
        self._superseded: set[tuple[int, bytes]] = set()
        """Keys to delete as soon as we are `confirmed`."""
        self._waiting_since: float | None = None

    @property
    def slow_since(self) -> float | None:
        """Since when (epoch s) the changelog has not acknowledged what it was given, if that takes long."""
        since = self._waiting_since
        return since if since is not None and time.time() - since > ACKNOWLEDGED_SLOW_S else None

    def forget(self) -> None:
        """The partitions went to others; what is ours again is read anew, and written as by another."""
        self._keys.clear()
        self._superseded.clear()
        self._writer = token_hex(4)
        self.confirmed = False

    def read(self, table: Any, partition: int) -> list[CodeState]:
        """The states of a partition's codes, as Faust has recovered them.

        Raises:
            FormatError: an entry is damaged.
            VersionError: an entry is of a version that this worker does not read.
        """
        newest: dict[str, CodeState] = {}
        prefix = f"{partition}:".encode()
        for key, value in table.data.items():
            if value and key.startswith(prefix):
                state = decode_state(value)
                self._keys.setdefault((partition, state.code), set()).add(key)
                if state.offset >= newest.get(state.code, state).offset:
                    newest[state.code] = state
        return list(newest.values())

    async def write(
        self, table: Any, states: Iterable[tuple[int, CodeState]], dropped: Iterable[tuple[int, str]] = ()
    ) -> None:
        """Write states, delete those of dropped codes; return when the changelog has acknowledged all.

        The state that counts the codes beyond the limit comes after the others, when these are acknowledged: were
        it alone restored, codes that had a place would find theirs taken, and what they said before is over. Dropped
        codes are deleted before it, too: one that came back may be among those beyond the limit by now.

        Args:
            table: the Faust table.
            states: with their partials partition.
            dropped: partition and code; none before we are `confirmed`.
        """
        own: list[tuple[int, bytes, bytes | None]] = []
        shared: list[tuple[int, bytes, bytes | None]] = []
        for partition, state in states:
            key = self._key(partition, state.code)
            (shared if state.overflow else own).append((partition, key, encode_state(state)))
            known = self._keys.get((partition, state.code), set())
            self._superseded |= {(partition, old) for old in known - {key}}
            self._keys[partition, state.code] = {key}
        for partition, code in dropped:
            own += [(partition, key, None) for key in self._keys.pop((partition, code), ())]
        for entries in (own, shared):
            await self._put(table, entries)
        if self.confirmed:
            superseded, self._superseded = self._superseded, set()
            await self._put(table, [(partition, key, None) for partition, key in sorted(superseded)])

    async def _put(self, table: Any, entries: Sequence[tuple[int, bytes, bytes | None]]) -> None:
        if not entries:
            return
        futures = []
        for partition, key, value in entries:
            if value is None:
                table.data.pop(key, None)
            else:
                table.data[key] = value
            futures.append(table.send_changelog(partition, key, value))
        self.written += len(futures)
        self._waiting_since = time.time()
        try:
            await asyncio.gather(*futures)
        finally:
            self._waiting_since = None

    def _key(self, partition: int, code: str) -> bytes:
        """With the partition, because codes beyond the limit are counted where they come."""
        return f"{partition}:{code}:{self._writer}".encode()
