"""When it is, and whether an intake has then read all that there is."""

import time
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition

from fault316_streams.intake.service.status import PartitionStatus

RECENT_MS: Final = 2_000
"""Records this new mean that reading keeps up, even though under load it is never quite at the end."""

POLL_AGE_MS_MAX: Final = 5_000
"""An older answer of the broker does not tell where the log ends; an idle partition is asked twice a second."""

PAUSE_MS_MIN: Final = 6_000
"""No flush for longer than this, and the process was stopped: an interval is at most 5 s. The broker's answer that
lay in the socket meanwhile tells of the log before, however new it looks."""

DOUBT_MS: Final = 2_000
"""How long after a pause such an answer is not believed. The next one takes a fraction of that."""


class Now(NamedTuple):
    """When a flush began."""

    own_ms: int
    """On our monotonic clock."""
    broker_ms: int | None
    """On the broker's, at most what that was; None: not known yet, so that nothing can be said of it."""

    def is_recent(self, log_ms: int) -> bool:
        """Whether a record with this time of the broker has only just come."""
        return self.broker_ms is not None and self.broker_ms - log_ms <= RECENT_MS


class LogEnd:
    """Knows where the log of each source partition ends, as far as the broker's last answer tells."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._looked_ms: int | None = None
        self._doubt_until_ms = 0
        self._answers: dict[TopicPartition, tuple[int | None, int]] = {}
        """The broker's last answer about a partition, by its time, and when we first saw that one."""

    def look(self, own_ms: int) -> None:
        """A flush begins."""
        if self._looked_ms is not None and own_ms - self._looked_ms > PAUSE_MS_MIN:
            self.doubt(own_ms)
        self._looked_ms = own_ms

    def doubt(self, own_ms: int) -> None:
        """The process was stopped until now."""
        self._doubt_until_ms = own_ms + DOUBT_MS

    def status(self, partition: TopicPartition, position: int, log_ms: int, now: Now) -> PartitionStatus:
        """Of a partition that is read up to `position`, where the newest record has the broker's time `log_ms`."""
        highwater = self._consumer.highwater(partition)
        silent = self._is_silent(partition, now)
        at_end = highwater is not None and position >= highwater and not silent
        at_end = at_end and now.own_ms >= self._doubt_until_ms
        return PartitionStatus(position, highwater, at_end or now.is_recent(log_ms), silent)

    def _is_silent(self, partition: TopicPartition, now: Now) -> bool:
        """Whether the broker has not answered for long. What aiokafka notes of it is on the clock that may be set."""
        answer = self._consumer.last_poll_timestamp(partition)
        known, since_ms = self._answers.get(partition, (None, 0))
        if answer != known:
            self._answers[partition] = (answer, now.own_ms)
            return False
        return answer is None or now.own_ms - since_ms > POLL_AGE_MS_MAX


def monotonic_ms() -> int:
    """Our clock that only runs evenly."""
    return round(time.monotonic() * 1_000)
