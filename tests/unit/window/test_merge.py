"""Merging statements that may come twice, late, reordered or from a zombie."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fault316_streams.partial import Contribution, Partial
from fault316_streams.window import Open, Outcome, WindowState, merge, merge_overflow

CHUNK = 8


def statement(log: list[int], start: int, upto: int) -> tuple[Partial, Contribution]:
    """What an intake says of `[start, upto)` of a log that holds the second of each event."""
    said = Contribution()
    for second in log[start:upto]:
        said.seconds[second] = said.seconds.get(second, 0) + 1
        said.severity[1] += 1
    said.services = {"shop": upto - start}
    return Partial(1, 0, start, upto, 0, 0, True, {}), said


def test_a_statement_that_grew_counts_only_the_difference() -> None:
    """The same start, further: the difference counts."""
    state, log = WindowState(), [100, 100, 101, 102]
    merge(state, *statement(log, 0, 2))
    merged = merge(state, *statement(log, 0, 4))
    assert merged.outcome is Outcome.GREW
    assert merged.touched == [101, 102]
    assert (state.total, dict(state.panes.seconds)) == (4, {100: 2, 101: 1, 102: 1})
    assert state.recent.facet("services") == {"shop": 4}


@pytest.mark.parametrize(("start", "upto"), [(8, 12), (8, 14), (0, 8), (0, 14)])
def test_what_is_already_known_changes_nothing(start: int, upto: int) -> None:
    """Repeats, older ranges and shorter ones from a zombie are ignored."""
    state, log = WindowState(), [100] * 20
    merge(state, *statement(log, 8, 14))
    merged = merge(state, *statement(log, start, upto))
    assert merged.outcome is Outcome.ALREADY_KNOWN
    assert state.total == 6


def test_an_overlap_is_refused_and_not_guessed() -> None:
    """A range that begins inside a known one and ends beyond it cannot be counted."""
    state, log = WindowState(), [100] * 20
    merge(state, *statement(log, 0, 6))
    merged = merge(state, *statement(log, 4, 9))
    assert merged.outcome is Outcome.OVERLAP
    assert state.total == 6


def history(log: list[int], rng: random.Random) -> list[tuple[Partial, Contribution]]:
    """The statements of several intakes, each of which read on from a chunk start after a crash.

    One intake's statements keep their order (idempotent producer, a barrier between chunks), and a later
    intake starts no later than where chunks were acknowledged to the end. Meanwhile retention may have deleted
    some of what was said; where the log then begins inside of a chunk, the rest of it is said record by record.
    """
    said: list[tuple[Partial, Contribution]] = []
    committed = log_start = 0
    while committed < len(log):
        start = position = max(committed, log_start)
        while position < len(log):
            border = start + CHUNK if start % CHUNK == 0 else start + 1
            position = min(position + rng.randint(1, CHUNK), border, len(log))
            said.append(statement(log, start, position))
            if rng.random() < 0.2:
                said.append(rng.choice(said))  # a duplicate, or a zombie's
            if position == border:
                start = position
                committed = position if rng.random() < 0.5 else committed
            if (
                rng.random() < 0.1
            ):  # it crashed; the next one reads on from `committed`, if that is still there
                log_start = (
                    max(log_start, rng.randint(committed, position)) if rng.random() < 0.5 else log_start
                )
                break
        else:
            committed = position
    return said


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(100, 130), max_size=60), st.integers(0, 2**32))
def test_any_history_of_crashes_and_duplicates_counts_each_event_once(log: list[int], seed: int) -> None:
    """Per second and in all, whatever the intakes went through."""
    state = WindowState()
    for partial, said in history(log, random.Random(seed)):
        merge(state, partial, said)
    assert state.total == len(log)
    assert state.panes.seconds == {second: log.count(second) for second in set(log)}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(100, 130), st.sampled_from("ABC")), max_size=60), st.integers(0, 2**32))
def test_codes_that_are_counted_together_count_each_event_once(log: list[tuple[int, str]], seed: int) -> None:
    """The same holds for the codes beyond the limit, which share one state."""
    state = WindowState()
    ranges: dict[int, dict[str, Open]] = {}
    for partial, _ in history([second for second, _ in log], random.Random(seed)):
        for code in "ABC":
            seconds = [s for s, c in log[partial.start : partial.upto] if c == code]
            if seconds:
                _, said = statement(seconds, 0, len(seconds))
                merge_overflow(state, ranges, partial, code, said)
    assert state.total == len(log)
