"""What an intake tells about itself: for /readyz, the watchdog and the metrics. Costs nothing to ask."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

PATIENCE_S: Final = 1.0
"""Waiting for Kafka for less than this is everyday life."""


@dataclass(slots=True)
class PartitionStatus:
    """One assigned source partition."""

    position: int
    """The offset that is read next."""
    highwater: int | None = None
    """The log's end as of the last fetch; None before the first."""
    caught_up: bool = False
    silent: bool = False
    """Whether the broker has not answered for so long that the log's end is unknown."""

    @property
    def lag(self) -> int:
        """Records not read yet, as far as known."""
        return max(0, (self.highwater or 0) - self.position)


class IntakeState:
    """Written by the session, read by anyone."""

    def __init__(self) -> None:
        self.partitions: dict[int, PartitionStatus] = {}
        self.apart_since_s: float | None = time.time()
        """Epoch second since when the consumer group gives us no partitions; None once it has given us ours (there
        may be none to give)."""
        self.done = 0
        """Grows when records were read, and when what they said was acknowledged."""
        self._waits: dict[str, float] = {}

    def joined(self) -> None:
        """The group has given us our partitions."""
        self.apart_since_s = None

    def left(self) -> None:
        """It has taken them, or we have left."""
        self.partitions.clear()
        self.apart_since_s = self.apart_since_s or time.time()

    @property
    def waiting_for(self) -> tuple[str, float] | None:
        """What has been waited for longest, and since when (epoch s); None while nothing takes long."""
        if not self._waits:
            return None
        what, since = min(self._waits.items(), key=lambda item: item[1])
        return (what, since) if time.time() - since >= PATIENCE_S else None

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Name what the block waits for. One block at a time has the same name."""
        self._waits[what] = time.time()
        try:
            yield
        finally:
            del self._waits[what]
