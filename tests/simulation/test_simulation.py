"""Thousands of faults against the real code, on simulated servers, clocks and networks."""

import importlib
import os
from collections import Counter
from collections.abc import Callable

import pytest

from fault316_streams.partial import Contribution, Partial
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim import Failed, shrink, simulate
from fault316_streams.state import CodeState
from fault316_streams.window import Merged, Open, Outcome, WindowState

RUNS = int(os.environ.get("SIMULATION_RUNS", "2000"))
SEED = int(os.environ.get("SIMULATION_SEED", "1"))
PARTS = 4

# The package shows a function of the same name.
merging = importlib.import_module("fault316_streams.window.merge")


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_doubled_or_invented(part: int) -> None:
    """Whatever fails, the counts are the log's, and the storms are those of a run without faults."""
    injected: Counter[str] = Counter()
    for report in simulate(RUNS // PARTS, SEED + part * (RUNS // PARTS)):
        if report.wrong:
            raise Failed(shrink(report))
        injected += report.injected
    assert len(injected) >= 9, f"too tame: {injected}"


def test_a_seed_decides_everything() -> None:
    """Or no failure could be replayed."""
    first, second = (list(simulate(10, 316)) for _ in range(2))
    assert [report.digest for report in first] == [report.digest for report in second]


def adds_instead_of_replacing(patch: pytest.MonkeyPatch) -> None:
    right: Callable[[WindowState, Partial, Contribution], Merged] = merging.merge

    def merge(state: WindowState, partial: Partial, said: Contribution) -> Merged:
        known = state.open.get(partial.partition)
        if known and partial.start == known.start and partial.upto > known.upto:
            del state.open[partial.partition]
        return right(state, partial, said)

    patch.setattr("fault316_streams.pipeline.merge", merge)


def ignores_upto(patch: pytest.MonkeyPatch) -> None:
    def outcome(known: Open | None, partial: Partial) -> Outcome:
        if known is not None and known.start == partial.start:
            return Outcome.GREW
        return right(known, partial)

    right: Callable[[Open | None, Partial], Outcome] = merging._outcome
    patch.setattr(merging, "_outcome", outcome)


def takes_an_older_range_for_the_next(patch: pytest.MonkeyPatch) -> None:
    def outcome(known: Open | None, partial: Partial) -> Outcome:
        if known is not None and partial.start < known.start:
            return Outcome.NEXT
        return right(known, partial)

    right: Callable[[Open | None, Partial], Outcome] = merging._outcome
    patch.setattr(merging, "_outcome", outcome)


def forgets_the_open_range_on_restore(patch: pytest.MonkeyPatch) -> None:
    def restore(self: Pipeline, states: list[CodeState]) -> None:
        for state in states:
            state.window.open.clear()
        right(self, states)

    right = Pipeline.restore
    patch.setattr(Pipeline, "restore", restore)


@pytest.mark.parametrize(
    "break_it",
    [
        adds_instead_of_replacing,
        ignores_upto,
        takes_an_older_range_for_the_next,
        forgets_the_open_range_on_restore,
    ],
    ids=lambda break_it: str(break_it.__name__),
)
def test_a_broken_merger_is_caught(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulation would find out: within as many scenarios as every test run plays."""
    break_it(monkeypatch)
    caught = next((report for report in simulate(2_000, SEED) if report.wrong), None)
    assert caught is not None
