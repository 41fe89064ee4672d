"""Counts by the event's own time: 1-second panes for 15 minutes, 1-minute panes for 24 hours.

Panes stay open as long as they exist, so an event that comes late lands in the pane of its own time; there is
no watermark behind which it would be dropped. Every event is in a minute pane; the second panes are the fine
end of the same counts.
"""

from typing import Final

import msgspec

from fault316_streams.window.counts import Counts

SECONDS_KEPT_S: Final = 15 * 60
MINUTES_KEPT: Final = 24 * 60
SPREAD_MAX_S: Final = 60 * 60
"""How far the source partitions may be apart before the slowest one's seconds are let go: at most
3,600 + 900 second panes a code, whatever a backlog looks like."""

WINDOWS: Final[dict[str, int]] = {"10s": 10, "1m": 60, "5m": 300, "15m": 900, "1h": 3_600}
"""The rates that are published: name → seconds."""


class Rates(msgspec.Struct, frozen=True):
    """Events per second over each of `WINDOWS`, as of `at_s`."""

    at_s: int
    per_s: dict[str, float]


class Panes(msgspec.Struct, array_like=True):
    """Events of one code by second and by minute."""

    seconds: Counts = msgspec.field(default_factory=Counts)
    """Epoch second → events."""
    minutes: Counts = msgspec.field(default_factory=Counts)
    """Epoch minute → events."""
    cut_s: int = 0
    """Seconds before this one have been let go."""

    def add(self, second: int, events: int) -> None:
        """Count events at an epoch second, however late."""
        if second >= self.cut_s:
            self.seconds.add(second, events)
        minute = second // 60
        if minute >= self.cut_s // 60 - MINUTES_KEPT:
            self.minutes.add(minute, events)

    def count(self, upto_s: int, window_s: int) -> int:
        """Events in the `window_s` seconds that end with second `upto_s`, that one included."""
        begin, end = upto_s - window_s + 1, upto_s + 1
        if window_s <= 120:
            return self.seconds.between(begin, end)
        # Whole minutes in the middle, seconds at both edges: 60 look-ups rather than 900.
        first, last = -(-begin // 60), end // 60
        edges = self.seconds.between(begin, first * 60) + self.seconds.between(last * 60, end)
        return edges + self.minutes.between(first, last)

    def rates(self, now_s: int) -> Rates:
        """Rates as of the end of second `now_s`. Beyond the second panes' reach a window begins on a minute."""
        per_s = {}
        for name, window_s in WINDOWS.items():
            begin = now_s - window_s + 1
            if window_s > SECONDS_KEPT_S:
                begin = -(-begin // 60) * 60
            covered_s = now_s + 1 - begin
            per_s[name] = self.count(now_s, covered_s) / covered_s
        return Rates(now_s, per_s)

    def between(self, begin_s: int, end_s: int) -> int:
        """Events in the seconds `[begin_s, end_s)`."""
        return self.count(end_s - 1, end_s - begin_s) if end_s > begin_s else 0

    def seconds_from(self, begin_s: int, end_s: int) -> list[int]:
        """The non-empty seconds in `[begin_s, end_s)`, in order."""
        return [second for second in self.seconds if begin_s <= second < end_s]

    def let_go(self, low_s: int, high_s: int) -> None:
        """Forget panes that nothing looks at any more, once all partitions have passed `low_s`."""
        cut_s = max(low_s - SECONDS_KEPT_S, high_s - SECONDS_KEPT_S - SPREAD_MAX_S)
        if cut_s <= self.cut_s:
            return
        self.cut_s = cut_s
        self.seconds.forget_before(cut_s)
        self.minutes.forget_before(cut_s // 60 - MINUTES_KEPT)
