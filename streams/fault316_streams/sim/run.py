"""Seeds in, reports out."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b

import structlog

from fault316_streams.sim import adapters, loop, scenario
from fault316_streams.sim.check import Figures, check
from fault316_streams.sim.scenario import Scenario
from fault316_streams.sim.world import World


@dataclass(frozen=True)
class Report:
    """What one scenario came to."""

    scenario: Scenario
    wrong: list[str]
    """Nothing in here: everything held."""
    events: int
    injected: Counter[str]
    """Faults by kind."""
    rebalances: int
    figures: Figures
    digest: str
    """Of all that reached the logs: equal for equal runs."""


class Failed(AssertionError):  # noqa: N818 - named for what happened
    """A scenario in which something did not hold; says how to replay it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        faults = "".join(f"\n  {fault}" for fault in report.scenario.faults)
        found = "".join(f"\n  {line}" for line in report.wrong[:8])
        super().__init__(
            f"seed {report.scenario.seed}:{found}\nfaults:{faults or ' none'}\n"
            f"replay: fault316 simulate --runs 1 --seed {report.scenario.seed}"
        )


def simulate(runs: int, seed: int) -> Iterator[Report]:
    """Run the scenarios of `runs` seeds from `seed` on."""
    for each in range(seed, seed + runs):
        yield play(scenario.draw(each))


def play(drawn: Scenario) -> Report:
    """Run one."""

    async def live() -> World:
        world = World(drawn)
        with adapters.installed(drawn, world.kafka):
            await world.run()
        return world

    try:
        with _quiet():
            world = loop.run(live())
    except loop.Deadlock as deadlock:
        return Report(drawn, [f"deadlock: {deadlock}"], 0, Counter(), 0, Figures(), "")
    with _quiet(), adapters.installed(drawn, world.kafka):
        found, came = check(world)
    rebalances = world.kafka.intakes.rebalances + world.kafka.detectors.rebalances
    logs = [*world.kafka.partials, *world.kafka.changelog, world.kafka.alerts, world.kafka.dead_letters]
    digest = blake2b(repr([log.records for log in logs]).encode(), digest_size=8).hexdigest()
    return Report(drawn, found, world.written, world.injected, rebalances, came, digest)


def shrink(report: Report) -> Report:
    """The same failure with as few faults as it needs: each is left out in turn, as long as it still fails."""
    smaller = True
    while smaller:
        smaller = False
        for fault in report.scenario.faults:
            rest = tuple(other for other in report.scenario.faults if other is not fault)
            tried = play(replace(report.scenario, faults=rest))
            if tried.wrong:
                report, smaller = tried, True
                break
    return report


@contextmanager
def _quiet() -> Iterator[None]:
    """Thousands of simulated outages need no log."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
