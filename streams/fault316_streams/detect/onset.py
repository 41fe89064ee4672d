"""Since when: the second at which a rise began.

Source: the cumulative-sum change-point estimate for Poisson counts (Lucas 1985, "Counted Data CUSUM's"): the
beginning that makes the seconds from there on most likely to come from the risen rate.
"""

import math
from itertools import pairwise

from fault316_streams.window.panes import Panes


def onset(panes: Panes, earliest_s: int, now_s: int, normal_per_s: float) -> int:
    """The most likely first second of the rise that is on at `now_s`, at or after `earliest_s`."""
    seconds = panes.seconds_from(earliest_s, now_s + 1)
    if not seconds:
        return now_s
    risen_per_s = max(panes.seconds[second] for second in seconds)
    reference = _reference(normal_per_s, risen_per_s)
    best_s, best, total = now_s, -math.inf, 0.0
    # Backwards over the non-empty seconds; the empty ones between two of them only cost.
    for later, second in pairwise([now_s + 1, *reversed(seconds)]):
        total += panes.seconds[second] - reference * (later - second)
        if total > best:
            best_s, best = second, total
    return best_s


def _reference(normal: float, risen: float) -> float:
    """The count between the two rates that speaks for neither (Lucas 1985, eq. 2)."""
    if risen <= normal * 1.001:
        return normal
    return (risen - normal) / (math.log(risen) - math.log(normal))
