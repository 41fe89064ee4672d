"""Counts in blocks: what a dict would say, in a fraction of its memory."""

import gc
import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fault316_streams.state import STATE_VERSION, CodeState, decode_state, encode_state
from fault316_streams.window import Counts, Panes, WindowState

NOW: Final = 1_790_000_040
BUSY_BYTES_MAX: Final = 16_000
"""In memory, of a code with an event in each of the 900 seconds and 1,440 minutes; a dict takes 220,000."""
BUSY_ENCODED_MAX: Final = 8_000

adds = st.lists(st.tuples(st.integers(0, 400), st.sampled_from([1, 7, 65_535, 1 << 33])), max_size=60)


def counted(pairs: list[tuple[int, int]]) -> tuple[Counts, dict[int, int]]:
    """The same in both."""
    counts, plain = Counts(), dict[int, int]()
    for at, events in pairs:
        counts.add(at, events)
        plain[at] = plain.get(at, 0) + events
    return counts, plain


@given(adds, st.integers(0, 400), st.integers(0, 200), st.integers(0, 400))
def test_they_say_what_a_dict_says(pairs: list[tuple[int, int]], begin: int, length: int, cut: int) -> None:
    """Sums, members, order, forgetting, and the way to the table and back."""
    counts, plain = counted(pairs)
    assert list(counts.items()) == sorted(plain.items())
    assert len(counts) == len(plain)
    assert counts.between(begin, begin + length) == sum(
        plain.get(at, 0) for at in range(begin, begin + length)
    )
    assert Counts.unpacked(counts.packed()) == Counts.unpacked(plain) == plain
    counts.forget_before(cut)
    assert counts == {at: events for at, events in plain.items() if at >= cut}


@pytest.mark.parametrize("packed", [{1: [0] * 59}, {1: []}, {1: [-1] * 60}])
def test_what_is_no_block_is_refused(packed: dict[int, list[int]]) -> None:
    with pytest.raises(ValueError, match="block 1"):
        Counts.unpacked(packed)


def always_busy(per_s: int) -> Panes:
    """An event in each second of a day."""
    panes = Panes()
    for minute in range(NOW // 60 - 1_440, NOW // 60):
        for second in range(minute * 60, minute * 60 + 60):
            panes.add(second, per_s)
        panes.let_go(minute * 60, minute * 60)
    return panes


def test_a_code_that_is_always_busy_takes_little() -> None:
    """The bound that docs/architecture.md reckons with."""
    always_busy(1)  # what is made once
    gc.collect()
    tracemalloc.start()
    panes = always_busy(100)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    encoded = encode_state(CodeState(STATE_VERSION, "316-A", window=WindowState(panes=panes)))
    print(f"{taken} bytes, encoded {len(encoded)}")
    assert len(panes.seconds) >= 900
    assert len(panes.minutes) >= 1_440
    assert taken <= BUSY_BYTES_MAX
    assert len(encoded) <= BUSY_ENCODED_MAX
    assert decode_state(encoded).window.panes == panes
