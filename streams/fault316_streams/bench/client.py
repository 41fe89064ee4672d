"""What a report costs the service that reports: CPU of the calling thread, and of the whole process.

Clients take turns call by call in one process, in an order that changes, so what disturbs the machine disturbs all
alike. A pause after each round lets the sending threads work, and the caches forget: a service reports now and then.
"""

import asyncio
import logging
import multiprocessing
import os
import random
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from typing import Final, Self

from fault316 import BackgroundReporter, Connection
from fault316_streams.bench.client_ways import Way, nothing, ours, theirs
from fault316_streams.bench.lab import Lab
from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics

CALLS_MAX: Final = 2_500
"""Events wait in 32 MiB of memory where Kafka is away: three ways to report, twice, at about 1.6 kB are 24 MB."""
WARM_UP: Final = 50
"""Rounds: imports, first connections, the interpreter's specialised code."""
PAUSE_S: Final = 0.002
TURN: Final = 10
"""Calls between two pauses where one way is looked at alone: 5,000 a second at the most."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Micros:
    """Microseconds of the calling thread's CPU."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, costs_ns: Sequence[int]) -> Self:
        """Of at least two calls."""
        at = statistics.quantiles(costs_ns, n=100, method="inclusive")
        return cls(*(_micros(at[percent - 1]) for percent in (50, 95, 99)))


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one way to report."""

    client: str
    call: str
    kafka: str
    """up; down: nobody listens; mute: it takes connections and never answers."""
    calls: int
    cpu_us: Micros
    """Of calls now and then, with other work between them."""
    burst_us: float
    """The median where they come ten at a time and find the caches warm."""
    process_us: float
    """Microseconds of CPU per call, the mean, with what other threads do because of it."""


def measure(lab: Lab, calls: int, say: Say) -> list[Cost]:
    """Each way `calls` times in turn with the others, and again alone; in a process that does nothing else.

    Raises:
        Failure: that process has failed (its traceback is on stderr), or a client gave up reports.
    """
    settings = lab.settings()
    asyncio.run(ensure_topics(settings))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_tell, args=(lab.environment(settings), calls, there), daemon=True)
    child.start()
    there.close()
    try:
        while isinstance(told := here.recv(), str):
            say(told)
    except EOFError:
        child.join()
        raise Failure(f"the process that measures has ended with exit code {child.exitcode}") from None
    child.join()
    costs: list[Cost] = told
    return costs


def _tell(environment: dict[str, str], calls: int, pipe: Pipe) -> None:
    os.environ |= environment
    pipe.send(compare(WorkerSettings(_env_file=None), calls, pipe.send))


def compare(settings: Connection, calls: int, say: Say) -> list[Cost]:
    """The same in this process. sentry-sdk is initialised, and stays."""
    with _quiet(), ExitStack() as stack:
        ways = [nothing()]
        for kafka, connection in _kafkas(settings, stack).items():
            ways += ours(kafka, stack.enter_context(_reporter(connection)))
        ways += theirs(stack)
        callers = in_turn(ways, calls, say)
        bursts = [alone(way, calls, say) for way in ways]
        if dropped := sum(way.dropped() for way in ways):
            raise Failure(f"{dropped:,} reports were given up, which is cheap: take fewer calls (-n)")
        return [
            Cost(way.client, way.call, way.kafka, calls, Micros.of(caller), *burst)
            for way, caller, burst in zip(ways, callers, bursts, strict=True)
        ]


def in_turn(ways: Sequence[Way], calls: int, say: Say) -> list[list[int]]:
    """The calling thread's CPU of every call, ns, in the order of `ways`."""
    costs: list[list[int]] = [[] for _ in ways]
    order = list(range(len(ways)))
    shuffle = random.Random(316).shuffle  # noqa: S311 - an order, not a secret
    for number in range(-WARM_UP, calls):
        shuffle(order)
        for which in order:
            cost = ways[which].once(number)
            if number >= 0:
                costs[which].append(cost)
        if number % 100 == 0:
            say(f"calling in turn: {number:,} of {calls:,}")
        time.sleep(PAUSE_S)
    for way in ways:
        way.settle()
    return costs


def alone(way: Way, calls: int, say: Say) -> tuple[float, float]:
    """Microseconds of CPU: of this thread, the median call; of all threads, the mean call.

    What this thread does around the calls is left out.
    """
    say(f"{way.client}, {way.call}, Kafka {way.kafka}: with its other threads")
    costs: list[int] = []
    process_ns, here_ns = time.process_time_ns(), time.thread_time_ns()
    for number in range(calls):
        costs.append(way.once(number))
        if number % TURN == 0:
            time.sleep(PAUSE_S)
    way.settle()
    process_ns, here_ns = time.process_time_ns() - process_ns, time.thread_time_ns() - here_ns
    return _micros(statistics.median(costs)), _micros((sum(costs) + process_ns - here_ns) / calls)


def _micros(ns: float) -> float:
    """As exact as it is worth."""
    return round(ns / 1_000, 1 if ns < 100_000 else None)


@contextmanager
def _reporter(connection: Connection) -> Iterator[BackgroundReporter]:
    """One that sends each report as an event of its own: the most that a report may cost."""
    reporter = BackgroundReporter("bench", connection=connection, free_per_s=None)
    try:
        yield reporter
    finally:
        reporter.close(0)


def _kafkas(settings: Connection, stack: ExitStack) -> dict[str, Connection]:
    """One that works; a port where nobody listens; one where the kernel takes connections, and nobody reads."""
    down, mute = stack.enter_context(socket.socket()), stack.enter_context(socket.socket())
    down.bind(("127.0.0.1", 0))
    mute.bind(("127.0.0.1", 0))
    mute.listen(128)

    def at(port: int) -> Connection:
        return settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{port}"})

    return {"up": settings, "down": at(down.getsockname()[1]), "mute": at(mute.getsockname()[1])}


@contextmanager
def _quiet() -> Iterator[None]:
    """That Kafka is away is no news here."""
    loggers = [logging.getLogger(name) for name in ("fault316", "aiokafka")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
