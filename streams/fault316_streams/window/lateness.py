"""How long to wait for counts that come late.

Seconds are settled (a storm's end, what is normal) once every source partition has passed them. Counts may come for them
all the same: a client delivers what it held back, brokers' clocks differ by seconds, a partition without an owner is read
on. What came late once comes late for a while, so a code's settling waits for that:

    lateness ─┐
              │╲        one that comes later than what is still waited for begins anew
              │  ╲
              └────╲──▶ time      over min(60, max(10, lateness)) seconds
"""

from typing import Final

import msgspec

WAIT_S_MIN: Final = 10
WAIT_S_MAX: Final = 60
"""A storm is told to be over later by at most this, after the last count that came late; a warning is never later."""


class Lateness(msgspec.Struct, array_like=True):
    """Of one code."""

    most_s: int = 0
    at_s: int = 0
    """When that was, by the timeline."""

    def note(self, second: int, now_s: int) -> None:
        """A count came for this second."""
        if second <= self.settled_s(now_s):
            self.most_s, self.at_s = now_s - second, now_s

    def settled_s(self, now_s: int) -> int:
        """Up to which second nothing more is waited for."""
        fades_s = min(WAIT_S_MAX, max(WAIT_S_MIN, self.most_s))
        left_s = max(0, fades_s - max(0, now_s - self.at_s))
        return now_s - self.most_s * left_s // fades_s
