"""Whether this machine's clock agrees with the broker's. Nothing is judged by it, but logs and metrics are read by it."""

from typing import Final

import structlog

OFF_S: Final = 5.0
"""Beyond this it is worth a warning: every machine with NTP is within a fraction of a second."""

log = structlog.get_logger("fault316.clock")


class ClockWatch:
    """Warns once when the clock is off, and again when it is off by something else."""

    def __init__(self) -> None:
        self.ahead_s: float | None = None
        """How far our clock is ahead of the broker's; None: not known yet."""
        self._warned_s = 0.0

    def look(self, ahead_s: float) -> None:
        """It is so far ahead now; behind is negative."""
        self.ahead_s = ahead_s
        if abs(ahead_s - self._warned_s) <= OFF_S:
            return
        self._warned_s = ahead_s if abs(ahead_s) > OFF_S else 0.0
        if self._warned_s:
            log.warning("this machine's clock is wrong", difference=self.words)
        else:
            log.info("this machine's clock is right again")

    @property
    def words(self) -> str:
        """For a person, where the clock is off; else nothing."""
        if self.ahead_s is None or abs(self.ahead_s) <= OFF_S:
            return ""
        return f"{abs(self.ahead_s):,.0f} s {'ahead of' if self.ahead_s > 0 else 'behind'} kafka's"

    @property
    def facts(self) -> dict[str, float]:
        """For /readyz."""
        return {} if self.ahead_s is None else {"clock_offset_s": round(self.ahead_s, 1)}
