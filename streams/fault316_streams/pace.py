"""How often to write down what changes all the time: it may cost a share of the time, and no more."""

from typing import Final

SHARE: Final = 0.05
"""Of the time, that writing to Redis may take, and writing table entries again as much. Of thousands of codes that change
all the time, both would otherwise cost more than counting does."""


def pause_s(busy_s: float, longest_s: float) -> float:
    """How long to pause after `busy_s` seconds of writing, `longest_s` at most: what is written is no older then."""
    return min(busy_s / SHARE - busy_s, longest_s)
