"""What `fault316 bench` measures: throughput, latency, how cost scales, and how a backlog is worked off.

load: the events, from a seed · fill: a topic filled with them · lab: servers and workers, each on its core ·
sample: what a worker is and has done at one moment · throughput, latency, scale: the measurements ·
client: what a report costs its caller, by client_ways · plot: their pictures.
"""
