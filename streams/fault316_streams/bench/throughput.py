"""How many events a second the whole pipeline takes, and what each costs: a topic filled beforehand is worked off.

From the first event read to the last one that shows in the Redis counters: start-up left out, the view's interval in.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, Final

from fault316_streams.bench.fill import Filler
from fault316_streams.bench.lab import CORES, Lab, View
from fault316_streams.bench.load import Load, code_name
from fault316_streams.bench.sample import Sample
from fault316_streams.errors import Failure
from fault316_streams.settings import Stages, WorkerSettings
from fault316_streams.topics import ensure_topics
from fault316_streams.worker_child import WorkerChild

LOOK_S: Final = 0.05
LOOK_SELDOM_S: Final = 0.5
"""How often the counters are read: often towards the end, seldom before, because it costs the servers' core."""
MEASURED_MIN: Final = 0.2
POLICY: Final = f"""\
[storm.default]
floor = 1_000_000

[storm."{code_name(0)}"]
floor = 20
"""
"""Only the hot code storms. Codes that nobody has seen before would all be storms at once, which is not what grows with
the events."""
STANDSTILL_S: Final = 60.0
"""Without a new count for so long, something is broken."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """Topics with events in them, which nobody has read."""

    settings: WorkerSettings
    load: Load
    expected: Counter[str]
    """Code → events."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    at_s: float
    """Since the first events were counted."""
    counted: int
    memory_mb: float
    """The workers' resident memory, MiB."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run."""

    codes: int
    hot_share: float
    partitions: int
    workers: list[str]
    """Their stages."""
    events: int
    seconds: float
    events_per_s: float
    cpu_us: list[float]
    """Of each worker: CPU microseconds per event, user and system."""
    peak_mb: list[float]
    """Of each worker: the largest resident memory, MiB."""
    stalls_over_50_ms: float
    """Of the times the event loops woke, the share that was more than 50 ms late."""
    alerts: int
    rebalances: int
    """Partitions that the workers had to give away."""
    exact: bool
    """The counters equal what was written; beyond the limits of codes, in sum."""


def fill(
    lab: Lab, load: Load, events: int, say: Say, partitions: int = 8, compression: str = "none"
) -> Filled:
    """Topics of their own with so many events."""
    settings = lab.settings(events_partitions=partitions)
    asyncio.run(ensure_topics(settings))
    filler = Filler(settings, load, compression)
    filler.fill(events, lambda done: say(f"writing events: {done:,} of {events:,}"))
    return Filled(settings, load, filler.produced)


def measure(
    lab: Lab,
    filled: Filled,
    say: Say,
    stages: Sequence[Stages] = (Stages.ALL,),
    progress: list[Progress] | None = None,
) -> Throughput:
    """Start a worker for each of `stages`, wait until everything is counted.

    Workers of the same stage take turns with the cores. `progress` is filled while it runs.

    Raises:
        Failure: nothing was counted for a minute, or it was over too soon to be measured.
    """
    view, total = View(filled.settings), filled.expected.total()
    with ExitStack() as stack:
        cores = [CORES[list(stages[:n]).count(stage) % len(CORES)] for n, stage in enumerate(stages)]
        workers = [
            stack.enter_context(lab.worker(filled.settings, stage, core, POLICY))
            for stage, core in zip(stages, cores, strict=True)
        ]
        say("starting a worker")
        before = _begun(workers)
        first = [Sample.of(worker.pid) for worker in workers]
        for total_now in _counted(view, filled):
            now = [Sample.of(worker.pid) for worker in workers]
            since_s = now[0].at_s - first[0].at_s
            say(f"counting: {total_now:,} of {total:,} events, {total_now / max(since_s, 0.1):,.0f}/s")
            if progress is not None:
                progress.append(
                    Progress(round(since_s, 2), total_now, round(sum(s.memory_mb for s in now), 1))
                )
        last = [Sample.of(worker.pid) for worker in workers]
        exact = _exact(view.totals(), filled.expected)
        metrics = _sum(workers)
    seconds = last[0].at_s - first[0].at_s
    counted = total - before
    if counted < MEASURED_MIN * total:
        raise Failure(
            f"{total:,} events are too few: {before:,} were read before measuring began; take more (-n)"
        )
    return Throughput(
        codes=filled.load.codes,
        hot_share=filled.load.hot_share,
        partitions=filled.settings.events_partitions,
        workers=[str(stage) for stage in stages],
        events=total,
        seconds=round(seconds, 2),
        events_per_s=round(counted / seconds),
        cpu_us=[round((b.cpu_s - a.cpu_s) / counted * 1e6, 2) for a, b in zip(first, last, strict=True)],
        peak_mb=[round(each.peak_mb, 1) for each in last],
        stalls_over_50_ms=round(_late_share(metrics), 5),
        alerts=int(metrics.get("fault316_alerts_total", 0)),
        rebalances=int(metrics.get("fault316_rebalances_total", 0)),
        exact=exact,
    )


def _counted(view: View, filled: Filled) -> Iterator[int]:
    """Yields how many there are, until there are all; asks twice a second, and often towards the end."""
    total = filled.expected.total()
    known, moved_s = 0, time.monotonic()
    while (now := view.totals().total()) < total:
        if now != known:
            known, moved_s = now, time.monotonic()
            yield now
        if time.monotonic() - moved_s > STANDSTILL_S:
            raise Failure(f"nothing more was counted for {STANDSTILL_S:.0f} s; {now:,} of {total:,} are")
        time.sleep(LOOK_S if now > 0.9 * total else LOOK_SELDOM_S)


def _exact(counted: Counter[str], expected: Counter[str]) -> bool:
    """Codes beyond the limits are counted under `316-OTHER…`."""
    named = Counter({code: events for code, events in counted.items() if not code.startswith("316-OTHER")})
    return named <= expected and counted.total() == expected.total()


def _begun(workers: Sequence[WorkerChild]) -> int:
    """Wait until the first events are read; returns how many by then."""
    deadline = time.monotonic() + STANDSTILL_S
    while time.monotonic() < deadline:
        with suppress(OSError):  # nobody listens yet
            if read := int(_sum(workers).get("fault316_events_total", 0)):
                return read
        time.sleep(LOOK_S)
    raise Failure(f"nothing was read for {STANDSTILL_S:.0f} s")


def _sum(workers: Sequence[WorkerChild]) -> dict[str, float]:
    sums: Any = Counter()
    for worker in workers:
        sums.update(worker.metrics())
    return dict(sums)


def _late_share(metrics: Mapping[str, float]) -> float:
    wakes = metrics.get("fault316_loop_lag_seconds_count", 0)
    return 1 - metrics["fault316_loop_lag_seconds_bucket0.05"] / wakes if wakes else 0.0
