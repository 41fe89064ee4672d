"""Thousands of faults against the real code, on simulated servers, clocks and networks.

More in `test_simulation_more.py`: a file is what one process of the test run plays.
"""

from collections.abc import Callable

import pytest

from fault316_streams.sim import simulate
from playing import PARTS, play_part


@pytest.mark.parametrize("part", range(PARTS // 2))
def test_nothing_is_lost_doubled_or_invented(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    """Whatever fails, the counts are the log's, and the storms are those of a run without faults."""
    play_part(part, record_property)


def test_a_seed_decides_everything() -> None:
    """Or no failure could be replayed."""
    first, second = (list(simulate(10, 316)) for _ in range(2))
    assert [report.digest for report in first] == [report.digest for report in second]
