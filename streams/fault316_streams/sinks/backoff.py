"""How long the sinks wait before they try again."""

from typing import Final

BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0


def backoff_s(failures: int) -> float:
    """Pause after so many failures in a row (1 or more): twice as long each time, up to 5 s."""
    return float(min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures - 1, 16)))
