"""The writer keeps a view up to date, through outages, without keeping a queue."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress

import pytest

from fault316_schemas import StormAlert
from fault316_streams.metrics import Metrics
from fault316_streams.sinks.backoff import BACKOFF_MAX_S, backoff_s
from fault316_streams.sinks.memory import MemoryView
from fault316_streams.sinks.view import CodeView, SinkUnavailable
from fault316_streams.sinks.writer import PROBE_INTERVAL_S, Batch, Outcome, ViewWriter
from support import eventually


def view_of(code: str, total: int) -> CodeView:
    """A code's view; its version is its total."""
    return CodeView(code, 0, total, total, (0, 0, 0, total), 0, 0, 1.0, 2.0, {}, 0.0, "quiet", {})


class Counts:
    """`Changes` as the detect stage keeps them: totals, and a set of the codes that changed."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.dirty: dict[str, None] = {}
        self.rebuilt: list[set[int]] = []

    def add(self, *codes: str) -> None:
        for code in codes:
            self.totals[code] = self.totals.get(code, 0) + 1
            self.dirty[code] = None

    def take(self, codes_max: int) -> Batch:
        taken = list(self.dirty)[:codes_max]
        for code in taken:
            del self.dirty[code]
        views = [view_of(code, self.totals[code]) for code in taken]
        return Batch(views, partitions=frozenset({0}), more=bool(self.dirty))

    def give_back(self, batch: Batch) -> None:
        self.dirty |= dict.fromkeys(view.code for view in batch.codes)

    def rebuild(self, partitions: Collection[int]) -> None:
        self.rebuilt.append(set(partitions))
        self.dirty |= dict.fromkeys(self.totals)


class Switched(MemoryView):
    """A view that can be switched off, and that can hang."""

    def __init__(self) -> None:
        super().__init__()
        self.on = True
        self.hang = False
        self.writes = 0

    async def write(
        self, codes: Sequence[CodeView], alerts: Sequence[StormAlert], partitions: Collection[int]
    ) -> set[int]:
        self.writes += 1
        if self.hang:
            await asyncio.Event().wait()
        if not self.on:
            raise SinkUnavailable("ConnectionError: refused")
        return await super().write(codes, alerts, partitions)


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Rig:
    """A writer with everything around it."""

    def __init__(self) -> None:
        self.view, self.counts, self.clock, self.metrics = Switched(), Counts(), Clock(), Metrics("test")
        self.writer = ViewWriter(self.view, self.counts, 0.001, self.metrics, self.clock)

    def totals(self) -> dict[str, int]:
        return {code: view.total for code, view in self.view.codes.items()}

    def sample(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


@pytest.fixture
async def rig() -> Rig:
    """A writer that has found its view, after the first writes."""
    rig = Rig()
    await rig.writer.turn()
    return rig


async def test_what_changed_is_written(rig: Rig) -> None:
    rig.counts.add("316-A", "316-A", "316-B")
    assert await rig.writer.turn() is Outcome.WRITTEN
    assert rig.totals() == {"316-A": 2, "316-B": 1}


async def test_not_ready_before_the_first_write_and_ready_after_it() -> None:
    rig = Rig()
    assert not rig.writer.status().ready
    await rig.writer.turn()
    assert rig.writer.status().ready
    assert rig.sample("fault316_redis_up") == 1


async def test_an_outage_costs_nothing_but_time(rig: Rig) -> None:
    """What changed meanwhile is written once, with its newest value."""
    rig.view.on = False
    for _ in range(3):
        rig.counts.add("316-A", "316-B")
        assert await rig.writer.turn() is Outcome.FAILED
    rig.view.on = True
    await rig.writer.turn()
    assert rig.totals() == {"316-A": 3, "316-B": 3}
    assert not rig.counts.dirty


async def test_an_outage_is_visible_with_its_reason_and_its_beginning(rig: Rig) -> None:
    rig.view.on = False
    rig.clock.now_s = 2_000.0
    await rig.writer.turn()
    rig.clock.now_s = 2_060.0
    await rig.writer.turn()
    status = rig.writer.status()
    assert (status.ready, status.detail, status.since_s) == (
        False,
        "waiting: ConnectionError: refused",
        2_000.0,
    )
    assert rig.sample("fault316_redis_up") == 0
    assert rig.sample("fault316_redis_retries_total") == 2
    rig.view.on = True
    await rig.writer.turn()
    assert rig.writer.status().ready
    assert rig.sample("fault316_redis_up") == 1


async def test_an_emptied_view_is_stated_anew(rig: Rig) -> None:
    rig.counts.add("316-A", "316-B")
    await rig.writer.turn()
    rig.view.lose()
    rig.clock.now_s += PROBE_INTERVAL_S
    await rig.writer.turn()
    assert rig.counts.rebuilt == [{0}, {0}]  # at the very first write, and now
    await rig.writer.turn()
    assert rig.totals() == {"316-A": 1, "316-B": 1}


async def test_a_quiet_view_is_probed_now_and_then_only(rig: Rig) -> None:
    writes = rig.view.writes
    assert await rig.writer.turn() is Outcome.IDLE
    assert rig.view.writes == writes
    rig.clock.now_s += PROBE_INTERVAL_S
    assert await rig.writer.turn() is Outcome.WRITTEN
    assert rig.view.writes == writes + 1


async def test_many_codes_are_taken_in_bounded_batches(rig: Rig) -> None:
    rig.counts.add(*(f"316-N-{i}" for i in range(600)))
    assert [await rig.writer.turn() for _ in range(3)] == [Outcome.MORE, Outcome.MORE, Outcome.WRITTEN]
    assert len(rig.totals()) == 600


async def test_a_write_cut_short_by_the_stop_is_made_up_for(rig: Rig) -> None:
    """At a clean stop `run` is cancelled, perhaps in the middle of a write, and `drain` writes the rest."""
    rig.view.hang = True
    rig.counts.add("316-A")
    writes = rig.view.writes
    running = asyncio.create_task(rig.writer.run())
    await eventually(lambda: rig.view.writes > writes)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    rig.view.hang = False
    assert await rig.writer.drain()
    assert rig.totals() == {"316-A": 1}


async def test_draining_into_a_view_that_is_away_gives_up_at_once(rig: Rig) -> None:
    rig.counts.add("316-A")
    rig.view.on = False
    assert not await rig.writer.drain()


async def test_it_runs_through_an_outage_by_itself(rig: Rig) -> None:
    running = asyncio.create_task(rig.writer.run())
    rig.view.on = False
    rig.counts.add("316-A")
    await eventually(lambda: not rig.writer.status().ready)
    rig.view.on = True
    await eventually(lambda: rig.totals() == {"316-A": 1})
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def test_pauses_double_up_to_five_seconds() -> None:
    assert [backoff_s(n) for n in (1, 2, 3, 6, 7, 10**6)] == [
        0.1,
        0.2,
        0.4,
        3.2,
        BACKOFF_MAX_S,
        BACKOFF_MAX_S,
    ]
