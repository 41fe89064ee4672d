"""A backlog: an hour of events that a log took in while no worker ran. Imported as `backlog`."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it has no __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, fault

HOUR_S: Final = 3_600
SHARE_NAMED: Final = 25
"""A calm code has at most this many events in 30 s: below a storm's floor in whichever 10 s."""
STAMP: Final = "1970-01-01T00:00:00+00:00"
CONFIG_LIMIT_S: Final = 30.0


@dataclass(frozen=True)
class PastStorm:
    """A code that storms for a while and is calm before and after."""

    code: str
    began_s: int
    """Epoch second of the first event above the calm."""
    lasts_s: int
    per_s: int


@dataclass
class Backlog:
    """What was written, to the last event."""

    storms: list[PastStorm]
    events: Counter[str] = field(default_factory=Counter)
    """By code."""
    minutes: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By code and epoch minute."""


def write_backlog(settings: WorkerSettings, events: int, storms: list[PastStorm], upto_s: int) -> Backlog:
    """About so many events in the hour before `upto_s`, each with its own second as the broker's time.

    A topic with the broker's time takes no other, so it has the writer's while this writes.
    """
    backlog = Backlog(storms)
    calm_per_s = (events - sum(storm.lasts_s * storm.per_s for storm in storms)) // HOUR_S
    names = [f"316-CALM-{n}" for n in range(calm_per_s * 30 // SHARE_NAMED)] + [s.code for s in storms]
    head = {name: fault(name, at_s=0, host="node-7", user_id="u1").split(STAMP.encode()) for name in names}
    producer = OtherProducer(settings)
    stamped(settings, "CreateTime")
    turn = 0
    for second in range(upto_s - HOUR_S, upto_s):
        codes = [names[(turn + n) % len(names)] for n in range(calm_per_s)]
        turn += calm_per_s
        for storm in storms:
            codes += [storm.code] * storm.per_s * (0 <= second - storm.began_s < storm.lasts_s)
        at = datetime.fromtimestamp(second, UTC).isoformat().encode()
        for n, code in enumerate(codes):
            before, after = head[code]
            producer.send(before + at + after, n % settings.events_partitions, timestamp=second * 1_000)
            backlog.events[code] += 1
            backlog.minutes[code, second // 60] += 1
    producer.flush()
    stamped(settings, "LogAppendTime")
    return backlog


def stamped(settings: WorkerSettings, kind: str) -> None:
    """Whose time the records of the events topic get from now on."""
    topic = ConfigResource(
        ResourceType.TOPIC,
        settings.topics.events,
        incremental_configs=[
            ConfigEntry("message.timestamp.type", kind, incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    admin.incremental_alter_configs([topic])[topic].result(CONFIG_LIMIT_S)
