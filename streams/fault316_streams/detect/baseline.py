"""What is normal for a code: its mean rate, how sure that is, and how bursty it is.

The rate is Gamma distributed after what was seen (prior: the pooled rate of the other codes), so the count in a
window is negative-binomial: wide while little is known, narrow later. Measured over-dispersion widens it further.
For a code that is neither new nor bursty it becomes the Poisson distribution.

Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6; over-dispersion by moments as in
Farrington et al. 1996, "A Statistical Algorithm for the Early Detection of Outbreaks of Infectious Disease".
"""

import math
from typing import Final

import msgspec
from scipy.special import betainc, gammainc

from fault316_streams.window.panes import SECONDS_KEPT_S, Panes

BUCKET_S: Final = 10
PRIOR_PER_S: Final = 0.02
"""The rate that a code is expected to have when nothing is known of any."""
PRIOR_WEIGHT_S: Final = 120.0
"""For a code never seen, the prior counts as this much observed time: enough that the default floor (20 events)
alone is beyond what a new code explains at the default alpha."""
PRIOR_WEIGHT_MIN_S: Final = 10.0
PRIOR_FADES: Final = 4
"""Each second of the code's own history takes this many from the prior's weight, down to the minimum: after half
a minute the code speaks for itself. A prior that stayed would call a code's own normal rate a storm for long."""
DISPERSION_WEIGHT: Final = 30
"""Buckets after which measured burstiness counts as much as the assumption of none."""
SCORE_MAX: Final = 300.0
"""-log10 of the smallest probability that a double tells from zero."""


class Expected(msgspec.Struct, frozen=True):
    """The distribution of a window's count: its mean and variance."""

    mean: float
    variance: float

    def score(self, events: int) -> float:
        """-log10 P(count >= events), 0 to 300."""
        if events <= 0:
            return 0.0
        if self.variance <= self.mean * (1 + 1e-9):
            tail = float(gammainc(events, self.mean))
        else:
            size = self.mean**2 / (self.variance - self.mean)
            tail = float(betainc(events, size, self.mean / (size + self.mean)))
        return min(SCORE_MAX, -math.log10(tail)) if tail > 0 else SCORE_MAX


class Baseline(msgspec.Struct, array_like=True):
    """Discounted sums over the buckets learnt so far."""

    learnt_s: int = 0
    """Seconds before this one have been learnt or left out; 0: nothing seen yet."""
    weight_s: float = 0.0
    events: float = 0.0
    squares: float = 0.0

    def begin(self, second: int) -> None:
        """Start at the first event's bucket."""
        if self.learnt_s == 0:
            self.learnt_s = second - second % BUCKET_S

    def learn(self, panes: Panes, upto_s: int, half_life_s: int) -> None:
        """Learn the whole buckets before `upto_s`."""
        keep = 0.5 ** (BUCKET_S / half_life_s)
        # What lies beyond the second panes was either quiet or is gone: it is forgotten in one step.
        beyond = (min(upto_s, panes.cut_s) - self.learnt_s) // BUCKET_S
        if beyond > SECONDS_KEPT_S // BUCKET_S:
            self._learn_quiet(beyond, keep)
        while self.learnt_s + BUCKET_S <= upto_s:
            events = panes.between(self.learnt_s, self.learnt_s + BUCKET_S)
            self.weight_s = self.weight_s * keep + BUCKET_S
            self.events = self.events * keep + events
            self.squares = self.squares * keep + events * events
            self.learnt_s += BUCKET_S

    def skip(self, upto_s: int) -> None:
        """Leave out what lies before `upto_s`: it was a storm."""
        upto_s -= upto_s % -BUCKET_S
        self.learnt_s = max(self.learnt_s, upto_s)

    def rate(self, prior_per_s: float = PRIOR_PER_S) -> float:
        """Expected events per second."""
        shape, time_s = self._posterior(prior_per_s, 0, 0)
        return shape / time_s

    def expect(self, window_s: int, prior_per_s: float, more: int = 0, more_s: int = 0) -> Expected:
        """The count to expect in a window; `more` events in `more_s` seconds are known but not learnt yet."""
        shape, time_s = self._posterior(prior_per_s, more, more_s)
        mean = shape / time_s * window_s
        return Expected(mean, self._dispersion() * mean + mean * mean / shape)

    def _posterior(self, prior_per_s: float, more: int, more_s: int) -> tuple[float, float]:
        """Shape (events) and rate (seconds) of the Gamma distribution of the code's rate."""
        own_s = self.weight_s + more_s
        prior_s = max(PRIOR_WEIGHT_MIN_S, PRIOR_WEIGHT_S - PRIOR_FADES * own_s)
        return self.events + more + prior_per_s * prior_s, own_s + prior_s

    def _dispersion(self) -> float:
        """Variance / mean of a bucket, at least 1, shrunk to 1 while little is known."""
        buckets = self.weight_s / BUCKET_S
        if self.events <= 0 or buckets < 2:
            return 1.0
        mean = self.events / buckets
        measured = (self.squares / buckets - mean * mean) / mean
        return max(1.0, (measured * buckets + DISPERSION_WEIGHT) / (buckets + DISPERSION_WEIGHT))

    def _learn_quiet(self, buckets: int, keep: float) -> None:
        faded = keep**buckets
        self.weight_s = self.weight_s * faded + BUCKET_S * (1 - faded) / (1 - keep)
        self.events *= faded
        self.squares *= faded
        self.learnt_s += buckets * BUCKET_S


def pooled_rate(baselines: list[Baseline]) -> float:
    """The prior for a new code: the median rate of the codes that are known well, if there are any."""
    rates = sorted(b.events / b.weight_s for b in baselines if b.weight_s >= PRIOR_WEIGHT_S)
    return max(PRIOR_PER_S, rates[len(rates) // 2]) if rates else PRIOR_PER_S
