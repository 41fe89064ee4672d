"""What a baseline explains and what it does not."""

import random

import pytest

from fault316_streams.detect import Baseline
from fault316_streams.detect.baseline import Expected, pooled_rate
from fault316_streams.window import Panes

T = 1_790_000_000


def learnt(per_bucket: list[int], half_life_s: int = 1_800) -> Baseline:
    """A baseline that has learnt these counts, one a bucket of 10 s."""
    panes, baseline = Panes(), Baseline(learnt_s=T)
    for i, events in enumerate(per_bucket):
        panes.add(T + 10 * i, events)
        baseline.learn(panes, T + 10 * (i + 1), half_life_s)
    return baseline


def test_the_tail_of_a_poisson_count() -> None:
    """P(X >= 10 | mean 3) = 0.0011025, from the Poisson distribution's definition."""
    assert Expected(3.0, 3.0).score(10) == pytest.approx(2.9576, abs=1e-3)


def test_the_tail_of_an_overdispersed_count_is_heavier() -> None:
    """Negative-binomial, mean 3, variance 6, size 3: P(X >= 10) = 0.01929."""
    assert Expected(3.0, 6.0).score(10) == pytest.approx(1.7148, abs=1e-3)


def test_a_count_that_no_double_can_tell_from_impossible_scores_the_maximum() -> None:
    """No infinities in alerts."""
    assert Expected(1.0, 1.0).score(100_000) == 300.0
    assert Expected(1.0, 1.0).score(0) == 0.0


def test_it_learns_the_rate() -> None:
    """An hour at 2/s is a baseline of 2/s."""
    assert learnt([20] * 360).rate() == pytest.approx(2.0, rel=0.1)


def test_it_forgets_with_its_half_life() -> None:
    """After four half-lives of quiet, a sixteenth is left."""
    before = learnt([100] * 360, half_life_s=600)
    after = learnt([100] * 360 + [0] * 240, half_life_s=600)
    assert after.events == pytest.approx(before.events / 16, rel=0.01)


def test_a_bursty_code_is_allowed_more() -> None:
    """The same mean, once evenly and once in bursts: a burst is normal only for the latter."""
    rng = random.Random(316)
    even = learnt([10] * 360).expect(10, 0.02)
    bursty = learnt([rng.choice([0, 0, 0, 40]) for _ in range(360)]).expect(10, 0.02)
    assert even.score(45) > 12
    assert bursty.score(45) < 4


def test_a_long_silence_is_learnt_in_one_step() -> None:
    """Forgetting a month of nothing gives what learning it bucket by bucket would."""
    stepwise = learnt([50] * 30 + [0] * 2_000)
    atonce = learnt([50] * 30)
    panes = Panes(cut_s=T + 20_300)
    atonce.learn(panes, T + 20_300, 1_800)
    assert atonce.events == pytest.approx(stepwise.events, abs=1e-6)
    assert atonce.weight_s == pytest.approx(stepwise.weight_s, rel=1e-6)
    assert atonce.learnt_s == stepwise.learnt_s


def test_the_pooled_rate_is_the_median_of_the_codes_known_well() -> None:
    """One hot code does not make a new code's storm look normal."""
    baselines = [learnt([events] * 60) for events in (1, 2, 3, 10_000)] + [learnt([9_999])]
    assert pooled_rate(baselines) == pytest.approx(0.3)
    assert pooled_rate([]) == 0.02
