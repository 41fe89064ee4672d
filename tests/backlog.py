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
    NewTopic,
    ResourceType,
)

from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, fault
from support import until

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
    seconds: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By code and epoch second."""

    def between(self, code: str, begin_s: float, end_s: float) -> int:
        """Events of a code from one second to another, both included."""
        return sum(
            n for (name, second), n in self.seconds.items() if name == code and begin_s <= second <= end_s
        )

    def minutes(self, code: str) -> Counter[int]:
        """A code's events by epoch minute."""
        minutes: Counter[int] = Counter()
        for (name, second), n in self.seconds.items():
            if name == code:
                minutes[second // 60] += n
        return minutes


def write_backlog(settings: WorkerSettings, events: int, storms: list[PastStorm], upto_s: int) -> Backlog:
    """About so many events in the hour before `upto_s`, each with its own second as the broker's time.

    The events topic is made for it: one with the broker's time takes no other, so it has the writer's meanwhile.
    """
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    _made(admin, settings)
    backlog = Backlog(storms)
    calm_per_s = (events - sum(storm.lasts_s * storm.per_s for storm in storms)) // HOUR_S
    names = [f"316-CALM-{n}" for n in range(calm_per_s * 30 // SHARE_NAMED)] + [s.code for s in storms]
    head = {name: fault(name, at_s=0, host="node-7", user_id="u1").split(STAMP.encode()) for name in names}
    producer = OtherProducer(settings)
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
            backlog.seconds[code, second] += 1
    producer.flush()
    _altered(admin, settings)
    return backlog


def _made(admin: AdminClient, settings: WorkerSettings) -> None:
    """Made with the writer's time, because a topic that is altered takes the other for a while yet."""
    topic = NewTopic(
        settings.topics.events,
        settings.events_partitions,
        config={"message.timestamp.type": "CreateTime", "retention.ms": "-1"},
    )
    admin.create_topics([topic])[settings.topics.events].result(CONFIG_LIMIT_S)


def _altered(admin: AdminClient, settings: WorkerSettings) -> None:
    """As the worker wants it: the broker's time for what comes from now on."""
    setting, value = "message.timestamp.type", "LogAppendTime"
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, settings.topics.events, incremental_configs=[entry])
    admin.incremental_alter_configs([topic])[topic].result(CONFIG_LIMIT_S)
    plain = ConfigResource(ResourceType.TOPIC, settings.topics.events)
    until(lambda: admin.describe_configs([plain])[plain].result(CONFIG_LIMIT_S)[setting].value == value)
