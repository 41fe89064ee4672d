"""A scenario, run: hosts started and restarted, events written, faults injected, then quiet until all is told."""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Final

from fault316_schemas import StormAlert, Topics, Transition
from fault316_streams.detector import Detector
from fault316_streams.intake.service import IntakeService
from fault316_streams.sim import adapters
from fault316_streams.sim.clients import SimConsumer
from fault316_streams.sim.events import Event
from fault316_streams.sim.events import draw as draw_events
from fault316_streams.sim.faults import LENGTH_S
from fault316_streams.sim.faust_runtime import SimFaust
from fault316_streams.sim.inject import aim, inject
from fault316_streams.sim.kafka import Kafka
from fault316_streams.sim.network import Host
from fault316_streams.sim.oracle import Oracle
from fault316_streams.sim.redis import SharedView, SimRedis
from fault316_streams.sim.scenario import Scenario
from fault316_streams.sinks.alerts import AlertTopic
from fault316_streams.sinks.writer import ViewWriter

SESSION_S: Final = 3.0
"""After this silence a group gives a member's partitions to others."""
CALM_S: Final = 12.0
"""Without events, so that every storm is over: window, hold time, and some."""
SETTLE_S_MAX: Final = 90.0
VIEW_S: Final = 1.0


class World:
    """Everything there is in one run."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.oracle = Oracle(scenario, Topics().events)
        self.injected: Counter[str] = Counter()
        self.written = 0
        """Records of the events topic."""
        self.failures: list[BaseException] = []
        self.stuck = ""
        """What was still waited for when patience ran out."""
        self.rng = rng = Random(scenario.seed ^ 0x316)  # noqa: S311 - a simulation
        self.kafka = Kafka(scenario.sources, scenario.partials, SESSION_S, Random(rng.random()))  # noqa: S311
        self.redis = SharedView()
        self.hosts: dict[tuple[str, int], Host] = {}
        self.runtimes: dict[int, SimFaust] = {}
        self._lives: Counter[tuple[str, int]] = Counter()
        self.calm = False
        """No more faults."""
        self.intakes_away_until = 0.0
        self.silent: Host | None = None
        """An intake that hangs for good."""
        self.deleted: dict[int, int] = {}
        """By source partition, before which offset retention deleted everything."""
        self._settings = adapters.settings_of(scenario)
        self._wanted = {("intake", i) for i in range(scenario.intakes)}
        self._wanted |= {("detect", i) for i in range(scenario.detectors)}

    async def run(self) -> None:
        """To the end; then `runtimes`, `kafka` and `redis` hold what came of it."""
        loop = asyncio.get_running_loop()
        self._write_events(loop)
        for role, slot in sorted(self._wanted):
            loop.call_at(self.scenario.backlog_s + self.rng.random(), self._start, role, slot)
        for fault in self.scenario.faults:
            if not fault.request:
                loop.call_at(fault.at_s, inject, self, fault)
        await asyncio.sleep(LENGTH_S)
        self.calm = True
        adapters.forget_no_more()
        for host in self.hosts.values():
            host.doom = {}
        await asyncio.sleep(CALM_S)
        if self.silent:
            await self._until("the storms to end without a silent partition", self._stormless)
            self.silent.crash()
        await self._until("the intakes to publish", self.published)
        await asyncio.sleep(6.0)  # ticks that say so; after a long flush the intake doubts for a while
        self._stop("intake")
        await self._until("the detectors to hear", self._heard)
        if self.scenario.restart_all:
            self._stop("detect")
            for slot in range(self.scenario.detectors):
                self._wanted.add(("detect", slot))
                self._start("detect", slot)
            await asyncio.sleep(SESSION_S + 1.5)  # until the group has forgotten the dead
            for log in self.kafka.partials:
                log.append(log.records[-1].value)  # a repeated tick, so that there is something to hear
            await self._until("the detectors to hear again", self._heard)
        await asyncio.sleep(5 * VIEW_S)  # the view's next writes, after a backoff maybe

    def _write_events(self, loop: asyncio.AbstractEventLoop) -> None:
        scenario, rng = self.scenario, self.rng
        events = draw_events(
            rng, list(scenario.codes), list(scenario.outbreaks), LENGTH_S, scenario.sources, scenario.hole
        )
        for source, log in enumerate(self.kafka.events):
            log.start = log.end = rng.choice((0, rng.randrange(100)))
            self.oracle.begin(source, log.start)
        for event in events:
            loop.call_at(event.at_s, self._write, event)

    def _write(self, event: Event) -> None:
        record = self.kafka.events[event.source].append(event.value, skip=event.skip)
        self.written += 1
        self.oracle.see(event, record)

    def _start(self, role: str, slot: int) -> None:
        key = (role, slot)
        if key not in self._wanted or (key in self.hosts and self.hosts[key].alive):
            return
        loop = asyncio.get_running_loop()
        if role == "intake" and loop.time() < self.intakes_away_until:
            loop.call_at(self.intakes_away_until, self._start, role, slot)
            return
        life = self._lives[key]
        self._lives[key] += 1
        rng = Random(f"{self.scenario.seed} {role} {slot} {life}")  # noqa: S311
        host = Host(f"{role}-{slot}.{life}", rng, self.scenario.latency_s)
        host.skew_ms = rng.randrange(-100, 100)
        host.on_crash = lambda crashed: self._crashed(role, slot, crashed)
        if not self.calm:
            faults = (fault for fault in self.scenario.faults if fault.request)
            aim(
                self,
                host,
                [fault for fault in faults if (fault.role, fault.slot, fault.life) == (*key, life)],
            )
        self.hosts[key] = host
        if role == "intake":
            host.start(IntakeService(self._settings, adapters.BOOK.registry).run())
        else:
            self._start_detect(slot, host)

    def _start_detect(self, slot: int, host: Host) -> None:
        alerts = AlertTopic(self._settings, adapters.Clock.time)
        detector = Detector(adapters.BOOK, alerts, adapters.METRICS, self._settings.checkpoint_s)
        self.runtimes[slot] = runtime = SimFaust(self.kafka, host, detector)
        sink = SimRedis(self.redis, host)
        view = ViewWriter(sink, detector.changes, VIEW_S, adapters.METRICS, adapters.Clock.monotonic)
        host.start(runtime.run())
        host.start(runtime.commit())
        host.start(view.run())

    def _crashed(self, role: str, slot: int, host: Host) -> None:
        if host.failure:
            self.failures.append(host.failure)
            host.failure = None
        self.miss(host)
        loop = asyncio.get_running_loop()
        loop.call_later(0.1 + 3 * self.rng.random(), self._start, role, slot)

    def miss(self, host: Host) -> None:
        """Its heartbeats have stopped."""
        for group in (self.kafka.intakes, self.kafka.detectors):
            for member in group.members:
                if member.host is host:
                    group.miss(member)

    def _stop(self, role: str) -> None:
        """For good; a crash does, because nothing is left to say."""
        self._wanted = {key for key in self._wanted if key[0] != role}
        for (its, _slot), host in self.hosts.items():
            if its == role:
                host.crash()

    async def _until(self, what: str, true: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S_MAX
        while not true():
            if loop.time() > deadline:
                self.stuck = what
                return
            await asyncio.sleep(0.5)

    def published(self) -> bool:
        """Whether all that was written has been said."""
        said = self.said(lambda _host: True)
        return all(said.get(source) == log.end for source, log in enumerate(self.kafka.events))

    def said(self, of: Callable[[Host], bool]) -> dict[int, int]:
        """By source partition up to where it has been said, and nothing waits; only by hosts that are `of` interest."""
        said = {}
        for member in self.kafka.intakes.members:
            if member.host.alive and of(member.host) and isinstance(member, SimConsumer):
                for source in member.listener.sources.values():
                    if not (source.complete or source.letters) and source.said.upto == source.upto:
                        said[source.partition] = source.upto
        return said

    def _stormless(self) -> bool:
        alerts = [StormAlert.from_json(record.value or b"") for record in self.kafka.alerts.records]
        resolved = {alert.storm_id for alert in alerts if alert.transition is Transition.RESOLVED}
        return all(alert.storm_id in resolved for alert in alerts)

    def _heard(self) -> bool:
        positions: dict[int, int] = {}
        for runtime in self.runtimes.values():
            if runtime.host.alive:
                positions.update(runtime.positions)
        return all(positions.get(p) == log.end for p, log in enumerate(self.kafka.partials))
