"""A seeded simulation: the real adapters and the real core, on a model of Kafka, Faust, Redis, clocks and crashes.

One process, one thread, virtual time: a seed decides everything, so a failure replays exactly.

loop: an event loop whose time is virtual ·
network: hosts that crash and pause, requests that are under way ·
kafka, clients: logs, groups, and what the intake takes for aiokafka ·
faust_runtime: what the detector takes for Faust · redis: what the view writer takes for Redis ·
events: what is written to the log · oracle: just counts it · statements: what the intakes said of it ·
scenario, faults: what happens when, drawn from a seed · inject: makes it happen ·
reference: the storms that the log holds when nothing fails ·
adapters: the clocks and sizes of the code under test ·
world: all of it put together and run · check, check_counts: what must hold in the end ·
run: seeds, reports, shrinking · summary: what many came to.
"""

from fault316_streams.sim.run import Failed, Report, play, shrink, simulate
from fault316_streams.sim.scenario import Scenario
from fault316_streams.sim.summary import Summary

__all__ = ["Failed", "Report", "Scenario", "Summary", "play", "shrink", "simulate"]
