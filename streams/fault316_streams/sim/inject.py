"""Makes faults happen in a world."""

import asyncio
from typing import TYPE_CHECKING, Final

from fault316_streams.sim.faults import Fault
from fault316_streams.sim.network import Host

if TYPE_CHECKING:
    from fault316_streams.sim.world import World

DELETED_BEFORE_S: Final = 0.2
"""Retention deletes so long before the intakes are back."""
SILENT_ASKED_S: Final = 0.1


def inject(world: "World", fault: Fault) -> None:
    """Now; counted where it could happen."""
    host = world.hosts.get((fault.role, fault.slot))
    match fault.kind:
        case "kafka-down":
            world.kafka.down_for(fault.for_s)
        case "redis-down":
            world.redis.down_for(fault.for_s)
        case "redis-emptied":
            world.redis.lose()
        case "rebalance":
            group = world.kafka.intakes if fault.role == "intake" else world.kafka.detectors
            group.rebalance()
        case "crash" if host and host.alive:
            host.crash()
        case "pause" if host and host.alive:
            pause(world, host, fault)
        case "clock-step" if host:
            host.skew_ms += round(fault.for_s * 1_000)
        case "retention":
            _retention(world, fault.for_s)
        case "silent":
            _fall_silent(world, fault)
            return  # it counts when it happens
        case _:
            return
    world.injected[fault.kind] += 1


def aim(world: "World", host: Host, faults: list[Fault]) -> None:
    """Have these happen at requests of a process."""
    by_request = {fault.request: fault for fault in faults}

    def happens(request: int) -> None:
        fault = by_request[request]
        world.injected[fault.kind] += 1
        if fault.for_s:
            pause(world, host, fault)

    host.doom = {request: fault.kind for request, fault in by_request.items()}
    host.on_doom = happens


def pause(world: "World", host: Host, fault: Fault) -> None:
    """As by SIGSTOP and, later, SIGCONT; its heartbeats stop as well."""
    host.pause_for(fault.for_s)
    world.miss(host)


def _retention(world: "World", for_s: float) -> None:
    """The broker deletes what is written: while it is read, or while all intakes are gone for a time."""
    loop = asyncio.get_running_loop()
    if for_s:
        world.intakes_away_until = loop.time() + for_s
        for (role, _slot), host in world.hosts.items():
            if role == "intake":
                host.crash()
    loop.call_later(max(0.0, for_s - DELETED_BEFORE_S), _delete, world)


def _delete(world: "World") -> None:
    for source, log in enumerate(world.kafka.events):
        committed = world.kafka.intakes.committed.get(source)
        # Where none was ever committed nobody has begun to count.
        if committed is not None and committed < log.end:
            log.start = world.deleted[source] = world.rng.randint(committed + 1, log.end)


def _fall_silent(world: "World", fault: Fault) -> None:
    """An intake hangs for good, though its heartbeats go on: nobody reports on its source partitions any more."""
    loop = asyncio.get_running_loop()
    host = world.hosts.get(("intake", fault.slot))
    if world.calm or not host:
        return
    own = world.said(lambda member: member is host)
    if host.alive and own and len(own) < len(world.kafka.events) and world.published():
        world.injected["silent"] += 1
        world.silent = host
        host.pause_for(1e9)
    else:
        loop.call_later(SILENT_ASKED_S, _fall_silent, world, fault)
