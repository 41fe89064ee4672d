"""The code under test, put into a scenario: its clients, clocks and sizes replaced for as long as that runs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, Final

from fault316_streams import code_table, detector, pipeline
from fault316_streams.detect import PolicyBook, StormPolicy
from fault316_streams.intake import border, combine, source
from fault316_streams.intake.service import dead_letters, flush, publisher, reader, session
from fault316_streams.metrics import Metrics
from fault316_streams.pipeline import Pipeline
from fault316_streams.settings import WorkerSettings
from fault316_streams.sim.clients import SimConsumer, SimProducer
from fault316_streams.sim.kafka import Kafka, broker_ms
from fault316_streams.sim.network import current
from fault316_streams.sim.scenario import FOR_EVER_S, Scenario
from fault316_streams.sinks import alerts, writer
from fault316_streams.window import timeline

POLICY: Final = StormPolicy(
    short_s=2, long_s=5, floor=16, hold_s=4, learn_delay_s=10, half_life_s=60, alpha=1e-4
)
"""Storms of seconds instead of minutes."""
BOOK: Final = PolicyBook(policies={"default": POLICY})
METRICS: Final = Metrics()


class Clock:
    """Stands for the module `time`: the clock of the host whose code is running."""

    @staticmethod
    def time_ns() -> int:
        host = current.get(None)
        return (host.wall_ms() if host else broker_ms()) * 1_000_000

    @classmethod
    def time(cls) -> float:
        return cls.time_ns() / 1e9

    @staticmethod
    def monotonic() -> float:
        return asyncio.get_running_loop().time()


class _Producer(SimProducer):
    """Takes the options of aiokafka's, which say nothing here."""

    def __init__(self, kafka: Kafka, **_options: Any) -> None:
        super().__init__(kafka)


class _Consumer(SimConsumer):
    def __init__(self, kafka: Kafka, **_options: Any) -> None:
        super().__init__(kafka)


class _Log:
    """Stands for the intake's log: what an operator is told of lost records."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    def error(self, event: str, **said: Any) -> None:
        if event == "offset out of range":
            self._kafka.told_lost.append((said["partition"], said["offset"], said["resume_at"]))

    def info(self, _event: str, **_said: Any) -> None:
        """Of no interest here."""


def settings_of(scenario: Scenario) -> WorkerSettings:
    """Plain ones: nothing of the environment matters here."""
    return _SETTINGS.model_copy(update={"flush_ms": scenario.flush_ms, "checkpoint_s": scenario.checkpoint_s})


_SETTINGS: Final = WorkerSettings.model_construct()


@contextmanager
def installed(scenario: Scenario, kafka: Kafka) -> Iterator[None]:
    """Replace what the code under test would reach the world by; put it back in the end."""
    writers = count()
    replacements = [
        *((module, "time", Clock) for module in (flush, session, detector, code_table, writer)),
        # Storms last seconds here, so what may pass for "caught up" is scaled down with them.
        (flush, "POLL_AGE_MS_MAX", 1_500),
        (flush, "RECENT_MS", 500),
        (flush, "PAUSE_MS_MIN", 3_000),
        (flush, "HOT_CODES_MAX", scenario.hot_codes),
        # Three and a bit session timeouts, as in production.
        (publisher, "ACK_LIMIT_S", 10.0),
        (flush, "ACK_LIMIT_S", 10.0),
        (timeline, "SILENCE_LIMIT_MS", round(scenario.silence_s * 1_000)),
        (pipeline, "CODE_KEPT_S", scenario.kept_s),
        (combine, "CODES_PER_CHUNK_MAX", scenario.chunk_codes_max),
        (reader, "log", _Log(kafka)),
        (border, "BLOCK_BITS", scenario.block_bits),
        (source, "BLOCK_BITS", scenario.block_bits),
        (border, "CHUNK_BITS", scenario.chunk_bits),
        (border, "CHUNK_MS", scenario.chunk_ms),
        (flush, "BEHIND_MS", 1_500),
        *(
            (module, "AIOKafkaProducer", partial(_Producer, kafka))
            for module in (publisher, dead_letters, alerts)
        ),
        (session, "LeanConsumer", partial(_Consumer, kafka)),
        (code_table, "token_hex", lambda _bytes: f"w{next(writers)}"),
        (detector, "Pipeline", partial(Pipeline, codes_max=scenario.codes_max)),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in replacements]
    for module, name, value in replacements:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def forget_no_more() -> None:
    """From here on no code is forgotten, in the running scenario: what is left is to be compared."""
    vars(pipeline)["CODE_KEPT_S"] = FOR_EVER_S
