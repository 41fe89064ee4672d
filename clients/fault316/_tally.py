"""What a background reporter gave up, by reason: counted exactly, logged once, told when sending works."""

import logging
import threading
from collections import Counter
from enum import StrEnum

logger = logging.getLogger("fault316")


class Why(StrEnum):
    """Why a fault was not sent; the names of the attributes of `316-REPORTER-DROPPED`."""

    QUEUE_FULL = "queue_full"
    INVALID = "invalid"
    BEFORE_SEND = "before_send_failed"
    OWN_THREAD = "reported_by_before_send"
    CLOSED = "closed"
    NOT_SENT = "not_sent"


_EXPLAINED = {
    Why.QUEUE_FULL: "faults come faster than they can be written down",
    Why.INVALID: "a report is not as the contract says",
    Why.BEFORE_SEND: "before_send failed",
    Why.OWN_THREAD: "before_send may not report",
    Why.CLOSED: "the reporter is closed",
}


class Tally:
    """Counts from any thread, also from a signal handler."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._faults: Counter[str] = Counter()
        self._logged: set[Why] = set()

    @property
    def total(self) -> int:
        """Faults given up so far."""
        with self._lock:
            return self._faults.total()

    def counts(self) -> Counter[str]:
        """The same by reason."""
        with self._lock:
            return self._faults.copy()

    def add(self, why: Why, faults: int = 1, detail: object = "") -> None:
        """Count them; the first time for this reason, log it."""
        with self._lock:
            self._faults[why] += faults
            first = why not in self._logged
            self._logged.add(why)
        if first:
            logger.warning(
                "a fault is not reported (later ones are only counted): %s %s", _EXPLAINED[why], detail
            )
