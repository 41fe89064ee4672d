"""The other half of the scenarios; see `test_simulation.py`."""

from collections.abc import Callable

import pytest

from playing import PARTS, play_part


@pytest.mark.parametrize("part", range(PARTS // 2, PARTS))
def test_nothing_is_lost_doubled_or_invented(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    """Whatever fails, the counts are the log's, and the storms are those of a run without faults."""
    play_part(part, record_property)
