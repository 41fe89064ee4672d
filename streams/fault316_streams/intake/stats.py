"""What an intake counts about itself: plain ints, which the metrics read when they are asked."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fault316_streams.intake.reject import Reason


def _unobserved(_seconds: float) -> None:
    """Until someone wants to know."""


@dataclass(slots=True)
class IntakeStats:
    """Since the process began; each only grows."""

    events: int = 0
    """Records that are events."""
    bytes: int = 0
    """Of all records read."""
    rejected: Counter[Reason] = field(default_factory=Counter)
    late: int = 0
    """Events (weighted) more than 60 s behind the broker's time, older ones too."""
    skewed: int = 0
    """Events (weighted) whose clock cannot be right."""
    partials_sent: int = 0
    """Messages of the partials topic, acknowledged."""
    dead_letters: int = 0
    """Acknowledged."""
    flushes: int = 0
    flush_seconds: float = 0.0
    """Spent in flushes, from the first snapshot to the last acknowledgement."""
    on_flush: Callable[[float], None] = _unobserved
    """Hears how long each flush took, s."""
    commits: int = 0
    commit_failures: int = 0
    """Mostly rebalances; the next commit or the next owner makes up for them."""
    rebalances: int = 0
    restarts: int = 0
    """Sessions with Kafka that failed and were begun again."""
    lost_offsets: int = 0
    """Offsets that retention deleted before they were read."""
