"""What an outbox warns about, and how often."""

import logging
import time
from enum import StrEnum

logger = logging.getLogger("fault316")

LOG_INTERVAL_S = 10.0
"""Between two warnings about the same kind of loss, so that an outage does not flood the log."""


class Loss(StrEnum):
    """Why records are given up, and what else is worth a warning."""

    TOO_LARGE = "too large"
    NO_ROOM = "the buffer is full"
    REFUSED = "refused by Kafka"
    NOT_SENDING = "nothing is sent any more"
    PRODUCER = "the producer is replaced"


class LossLog:
    """Warnings, of each kind one in `LOG_INTERVAL_S`."""

    def __init__(self) -> None:
        self._warned_at: dict[Loss, float] = {}

    def warn(self, kind: Loss, message: str) -> None:
        """Log it, unless one of its kind was logged a moment ago."""
        now = time.monotonic()
        if now - self._warned_at.get(kind, -LOG_INTERVAL_S) >= LOG_INTERVAL_S:
            self._warned_at[kind] = now
            logger.warning("%s", message)
