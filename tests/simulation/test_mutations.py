"""Code broken on purpose: the simulation would find out, within as many scenarios as every test run plays."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from fault316_streams.code_table import CodeTable
from fault316_streams.partial import Contribution, Partial
from fault316_streams.pipeline import Pipeline
from fault316_streams.sim import simulate
from fault316_streams.state import CodeState
from fault316_streams.window import Merged, Open, Outcome, WindowState

RUNS = 2_000

# The package shows a function of the same name.
merging = importlib.import_module("fault316_streams.window.merge")


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


def lets_a_zombie_delete_what_its_worker_wrote_later(patch: pytest.MonkeyPatch) -> None:
    """One writer's id for a worker's whole life: a bug that we had (seed 2189)."""

    def forget(self: CodeTable) -> None:
        self._keys.clear()

    patch.setattr(CodeTable, "forget", forget)


def deletes_entries_before_it_knows_that_it_is_the_owner(patch: pytest.MonkeyPatch) -> None:
    """Who woke in the middle of a recovery deletes what the present owner writes: a bug that we had."""

    def forget(self: CodeTable) -> None:
        right(self)
        self.confirmed = True

    right = CodeTable.forget
    patch.setattr(CodeTable, "forget", forget)


def writes_the_overflow_before_its_neighbours(patch: pytest.MonkeyPatch) -> None:
    """Restored alone it would take their places: a bug that we had (seed 3755)."""

    async def write(
        self: CodeTable,
        table: Any,
        states: Iterable[tuple[int, CodeState]],
        dropped: Iterable[tuple[int, str]] = (),
    ) -> None:
        states = list(states)
        await right(self, table, [entry for entry in states if entry[1].overflow])
        await right(self, table, [entry for entry in states if not entry[1].overflow], dropped)

    right = CodeTable.write
    patch.setattr(CodeTable, "write", write)


@pytest.mark.parametrize(
    "break_it",
    [
        adds_instead_of_replacing,
        ignores_upto,
        takes_an_older_range_for_the_next,
        forgets_the_open_range_on_restore,
        lets_a_zombie_delete_what_its_worker_wrote_later,
        deletes_entries_before_it_knows_that_it_is_the_owner,
        writes_the_overflow_before_its_neighbours,
    ],
    ids=lambda break_it: str(break_it.__name__),
)
def test_what_is_broken_is_caught(
    break_it: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Three of them are bugs that we had."""
    break_it(monkeypatch)
    played, caught = 0, False
    for report in simulate(RUNS, seed=1):
        played += 1
        if caught := bool(report.wrong):
            break
    record_property("simulation_caught", {"broken": break_it.__name__, "scenarios": played})
    assert caught
