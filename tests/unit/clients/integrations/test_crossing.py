"""A level that is too high is told once per crossing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fault316.integrations._crossing import Crossing


@pytest.mark.parametrize(
    ("levels", "told"),
    [
        ([0.8, 0.81], [False, True]),  # the limit itself is not above it
        ([0.9, 0.95, 1.0], [True, False, False]),
        ([0.9, 0.7, 0.9], [True, False, False]),  # it only swings
        ([0.9, 0.6, 0.9], [True, False, True]),
    ],
)
def test_a_crossing_is_told_once_and_again_after_the_level_was_low(
    levels: list[float], told: list[bool]
) -> None:
    crossing = Crossing(0.8, 0.6)
    assert [crossing.look(level) for level in levels] == told


def test_of_many_threads_one_is_told() -> None:
    crossing = Crossing(0.8, 0.6)
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(crossing.look, [0.9] * 200)) == 1


@pytest.mark.parametrize(("high", "low"), [(0, 0), (0.5, 0.6), (0.5, 0)])
def test_limits_that_could_never_be_crossed_again_are_refused(high: float, low: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        Crossing(high, low)
