"""The broker's time, as an intake knows it: from what the broker says when it takes a message.

A worker's own clock may be wrong by hours. But whoever sends a message at `sent` and hears at `acked`, on a clock that
only has to run evenly, that the broker took it when its clock said `stamp`, knows where the two clocks stand to each
other, give or take the time that the message was under way:

    stamp − acked  ≤  broker's clock − ours  ≤  stamp − sent

As NTP does it (RFC 5905, section 8), and Marzullo's intersection of such intervals: each answer makes it narrower.
"""


class BrokerClock:
    """Tells the broker's time; never later than it is. All times in ms, those of our own on a monotonic clock."""

    def __init__(self) -> None:
        self.jumped_ms = 0
        """How far the last answer moved what we knew, where it did not agree with it; ahead is positive."""
        self._least: int | None = None
        self._most = 0

    @property
    def known(self) -> bool:
        """Whether there was an answer yet."""
        return self._least is not None

    def hear(self, stamp_ms: int, sent_ms: int, acked_ms: int) -> None:
        """The broker took a message when its clock said `stamp_ms`."""
        least, most = stamp_ms - acked_ms, stamp_ms - sent_ms
        self.jumped_ms = 0
        if self._least is None or least > self._most or most < self._least:
            # The first one; or one of the clocks was set, or ours stood still (a suspended machine).
            self.jumped_ms = 0 if self._least is None else least - self._least
            self._least, self._most = least, most
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)

    def now_ms(self, own_ms: int) -> int | None:
        """The broker's time at `own_ms`, at most what it is; None before the first answer."""
        return None if self._least is None else own_ms + self._least

    def ahead_ms(self, own_ms: int, wall_ms: int) -> int | None:
        """How far another clock, which shows `wall_ms` at `own_ms`, is ahead of the broker's: to the nearest of what
        the answers leave open, 0 where they leave that open."""
        if self._least is None:
            return None
        difference = wall_ms - own_ms
        return difference - min(max(difference, self._least), self._most)
