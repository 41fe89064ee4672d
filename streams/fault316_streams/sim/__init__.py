"""A seeded simulation: the real adapters and the real core, on a model of Kafka, Faust, Redis, clocks and crashes.

One process, one thread, virtual time: a seed decides everything, so a failure replays exactly.

loop: an event loop whose time is virtual ·
network: hosts that crash and pause, requests that are under way ·
kafka, clients: logs, groups, and what the intake takes for aiokafka ·
faust_runtime: what the detector takes for Faust · redis: what the view writer takes for Redis ·
events: a log and the oracle that just counts it · scenario: what happens when, drawn from a seed ·
reference: the storms that the log holds when nothing fails ·
adapters: the clocks and sizes of the code under test ·
world: all of it put together and run · check: what must hold in the end · run: seeds, reports, shrinking.
"""

from fault316_streams.sim.run import Failed, shrink, simulate

__all__ = ["Failed", "shrink", "simulate"]
