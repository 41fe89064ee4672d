"""Faults that could not be sent are reported themselves: one event that says how many, and why."""

import time
from collections import Counter

from fault316._build import Identity, build
from fault316._outbox import Outbox
from fault316._spooled import SpooledOutbox
from fault316._tally import Tally, Why
from fault316_schemas.event import COUNT_MAX

DROPPED_CODE = "316-REPORTER-DROPPED"
TELL_INTERVAL_S = 10.0
"""Between two such events, unless somebody flushes."""


class Drops:
    """Looks at what was given up, and tells of it once Kafka takes events again. For the sending thread."""

    def __init__(self, identity: Identity, tally: Tally, outbox: Outbox | SpooledOutbox) -> None:
        self._identity = identity
        self._tally = tally
        self._outbox = outbox
        self._told: Counter[str] = Counter()
        self._told_at_s = -TELL_INTERVAL_S
        self._sent_before = 0

    @property
    def are_untold(self) -> bool:
        """Whether there is something to tell, be it later."""
        return self._counts().total() > self._told.total()

    def tell(self, *, now: bool = False) -> bool:
        """Put the event into the outbox if it is time for it and something was acknowledged since the last look.

        Its own weight is 0: what is lost with it has been counted already.
        """
        works = self._outbox.pending == 0 or self._outbox.sent > self._sent_before
        self._sent_before = self._outbox.sent
        if not works or not self.are_untold:
            return False
        if not now and time.monotonic() - self._told_at_s < TELL_INTERVAL_S:
            return False
        counts = self._counts()
        news = counts - self._told
        event = build(
            self._identity,
            DROPPED_CODE,
            {
                "count": min(news.total(), COUNT_MAX),
                "message": f"{news.total():,} faults could not be reported",
                "attributes": dict(news),
            },
        )
        self._told, self._told_at_s = counts, time.monotonic()
        return self._outbox.offer(event.to_json(), 0)

    def _counts(self) -> Counter[str]:
        counts = self._tally.counts()
        if self._outbox.dropped:
            counts[Why.NOT_SENT] = self._outbox.dropped
        return counts
