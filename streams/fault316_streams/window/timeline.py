"""Which time it is for the judge. It comes in messages, never from a clock.

A source partition's time is the intake's wall time while it has caught up, and the broker's time of the newest
record read while it has not. So a storm that goes quiet ends, and a backlog is judged as if it were read live.

Two times follow. `high_s`, the furthest partition: counts only grow, so a storm may open on what is known.
`low_s`, which every partition has passed: only then is a count final enough to end a storm or to learn from. Only
ticks tell of that. A partial may be of the hot codes alone, while the others have not been told so far yet.
"""

from typing import Final

import msgspec

from fault316_streams.partial import Partial, Tick

SILENCE_LIMIT_MS: Final = 30_000
"""A source partition that nobody has reported on for this long no longer holds `low_s` back: three session
timeouts. An ownerless partition delays the end of a storm by this much, never its warning."""

PAUSE_MS_MAX: Final = 5_000
"""What a pause between two messages adds to silence, at most: the longest flush interval. In a longer one all intakes
were away. Then nobody could report, and the first one back has not all of its partitions at once."""


class _Source(msgspec.Struct):
    time_ms: int
    heard_ms: int
    """On the clock of `Timeline._spoken_ms`."""


class Timeline:
    """How far each source partition is, as heard on one partials partition."""

    def __init__(self) -> None:
        self._sources: dict[int, _Source] = {}
        self._partitions = 0
        self._wall_ms = 0
        self._spoken_ms = 0
        """For how long somebody has been reporting."""
        self.high_s = 0
        self.low_s = 0
        """0 until every partition has been heard of, or the silence limit has run out."""

    def hear(self, message: Partial | Tick) -> None:
        """Move on by what a message says of its source partitions."""
        pause_ms = message.wall_ms - (self._wall_ms or message.wall_ms)
        self._spoken_ms += min(max(0, pause_ms), PAUSE_MS_MAX)
        self._wall_ms = max(self._wall_ms, message.wall_ms)
        if isinstance(message, Tick):
            self._partitions = message.partitions
            for partition, progress in message.progress.items():
                time_ms = message.wall_ms if progress.caught_up else progress.log_ms
                source = self._reach(partition, time_ms)
                source.time_ms = max(source.time_ms, time_ms)
            self._lower()
        else:
            self._reach(message.partition, message.wall_ms if message.caught_up else message.log_ms)

    def _reach(self, partition: int, time_ms: int) -> _Source:
        source = self._sources.setdefault(partition, _Source(0, 0))
        source.heard_ms = self._spoken_ms
        self.high_s = max(self.high_s, time_ms // 1_000)
        return source

    def _lower(self) -> None:
        times = []
        for partition in range(self._partitions):
            source = self._sources.get(partition)
            heard_ms = source.heard_ms if source else 0
            if self._spoken_ms - heard_ms > SILENCE_LIMIT_MS:
                continue
            if source is None:
                return
            times.append(source.time_ms)
        if times:
            # The running second is not over yet.
            self.low_s = max(self.low_s, min(times) // 1_000 - 1)

    @property
    def waiting_for(self) -> list[int]:
        """Source partitions never heard of so far."""
        return [p for p in range(self._partitions) if p not in self._sources]
