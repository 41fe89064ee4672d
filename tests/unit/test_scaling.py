"""The arithmetic of docs/scaling.md: its tables follow from the constants of the code and from a few measured costs."""

from collections.abc import Callable
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Final, NamedTuple

import pytest
from annotated_types import Le

from fault316_schemas import Registry
from fault316_streams.bench.load import Load, stamp_of
from fault316_streams.detect import PolicyBook
from fault316_streams.detector import UNACKED_MAX
from fault316_streams.faust_app import MESSAGE_BYTES_MAX
from fault316_streams.intake.border import CHUNK_BITS
from fault316_streams.intake.combine import CODES_PER_CHUNK_MAX, Chunk
from fault316_streams.intake.messages import messages, partial_of
from fault316_streams.intake.service.flush import HOT_CODES_MAX, TICK_S
from fault316_streams.partial import decode
from fault316_streams.pipeline import CODES_MAX, Pipeline
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.layout import ALERTS_MAX, COUNTER_TTL_S, DAY_S, SERIES_TTL_S, STORM_TTL_S
from fault316_streams.sinks.writer import CODES_PER_WRITE_MAX
from fault316_streams.state import encode_state
from fault316_streams.topic_specs import DAY_MS, HOUR_MS, MIB, topic_specs
from story import T

DOC: Final = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
SETTINGS: Final = WorkerSettings(_env_file=None)
CONFIG: Final = {spec.name: spec.config for spec in topic_specs(SETTINGS)}

CHUNK: Final = 1 << CHUNK_BITS
FLUSHES_PER_S: Final = 1_000 / SETTINGS.flush_ms
VIEWS_PER_S: Final = 1_000 / SETTINGS.redis_flush_ms
PARTIALS_KEPT_S: Final = int(CONFIG["316.partials"]["retention.ms"]) / 1_000
ENTRY_BYTES_MAX: Final = int(CONFIG["316.detect-codes-changelog"]["max.message.bytes"])

EVENT_BYTES, GZIP_BYTES = 700, 110
HOT_SHARE: Final = 0.64
UTILISATION: Final = 0.6

# Measured; CPU in microseconds.
EVENT_US, SAY_US, HEAR_US, MESSAGE_US, VIEW_US, ENTRY_US = 5, 22, 40, 100, 50, 100
TICK_US, TICK_MORE_US = 7, 2


class Plan(NamedTuple):
    """One column of the worked table."""

    per_s: int
    codes: int
    source_partitions: int
    partials_partitions: int
    kept_h: int
    statement_bytes: int

    @property
    def chunks_per_s(self) -> float:
        return self.per_s / CHUNK

    @property
    def snapshots_per_s(self) -> float:
        return self.source_partitions * FLUSHES_PER_S + self.chunks_per_s

    @property
    def named(self) -> int:
        """Codes that a chunk names."""
        return min(self.codes, CODES_PER_CHUNK_MAX + 1)

    @property
    def statements_per_s(self) -> float:
        hot = (FLUSHES_PER_S / TICK_S - 1) * min(self.named, HOT_CODES_MAX)
        told = self.source_partitions * (hot + self.named) + self.chunks_per_s * self.named
        return min(told, (1 - HOT_SHARE) * self.per_s + self.snapshots_per_s)

    @property
    def intake_cores(self) -> float:
        return (self.per_s * EVENT_US + self.statements_per_s * SAY_US) / 1e6

    @property
    def intakes(self) -> int:
        return ceil(self.intake_cores / UTILISATION)

    @property
    def messages_per_s(self) -> float:
        ticks = self.intakes * self.partials_partitions
        return self.snapshots_per_s * min(self.partials_partitions, self.named) + ticks

    @property
    def entry_bytes(self) -> float:
        return 10_000 + self.source_partitions * self.statement_bytes

    @property
    def views_per_s(self) -> float:
        return self.codes * VIEWS_PER_S

    @property
    def detect_cores(self) -> float:
        ticks = self.codes * (TICK_US + TICK_MORE_US * (self.intakes - 1))
        heard = self.messages_per_s * MESSAGE_US + self.statements_per_s * HEAR_US
        written = self.views_per_s * VIEW_US + self.codes / SETTINGS.checkpoint_s * ENTRY_US
        return (heard + written + ticks) / 1e6

    @property
    def detectors(self) -> int:
        return ceil(self.detect_cores / UTILISATION)

    @property
    def checkpoint_s(self) -> float:
        return min(SETTINGS.checkpoint_s, UNACKED_MAX * self.detectors / self.messages_per_s)

    @property
    def partials_bytes_per_s(self) -> float:
        return self.statements_per_s * self.statement_bytes

    @property
    def fits(self) -> bool:
        """A partition has one reader."""
        return self.intakes <= self.source_partitions and self.detectors <= self.partials_partitions


PLANS: Final = (
    Plan(20_000, 10, 8, 8, 168, 1_600),
    Plan(20_000, 1_000, 8, 8, 168, 340),
    Plan(1_000_000, 10, 32, 32, 12, 1_600),
    Plan(1_000_000, 1_000, 32, 32, 12, 340),
    Plan(10_000_000, 10, 128, 128, 6, 1_600),
    Plan(10_000_000, 1_000, 128, 128, 6, 340),
)


def limit(setting: str) -> int:
    """The largest value of a setting."""
    [largest] = [each.le for each in WorkerSettings.model_fields[setting].metadata if isinstance(each, Le)]
    assert isinstance(largest, int)
    return largest


def two(value: float) -> str:
    """Two significant digits."""
    short = float(f"{value:.2g}")
    return f"{short:,.0f}" if short >= 10 else f"{short:g}"


def both(events: float, unit: float) -> str:
    """Bytes of so many events, plain and compressed."""
    return ", ".join(two(events * size / unit) for size in (EVENT_BYTES, GZIP_BYTES))


WORKED: Final[dict[str, Callable[[Plan], str]]] = {
    "events/s, R": lambda plan: f"{plan.per_s:,}",
    "codes, C": lambda plan: f"{plan.codes:,}",
    "partitions: source P, partials Q": lambda plan: f"{plan.source_partitions}, {plan.partials_partitions}",
    "events, MB/s: plain, gzip": lambda plan: both(plan.per_s, 1e6),
    "… of one source partition, plain": lambda p: two(p.per_s * EVENT_BYTES / 1e6 / p.source_partitions),
    "… kept for, h": lambda plan: f"{plan.kept_h}",
    "… TB a copy: plain, gzip": lambda plan: both(plan.per_s * plan.kept_h * 3_600, 1e12),
    "snapshots/s, N": lambda plan: two(plan.snapshots_per_s),
    "statements/s, S": lambda plan: two(plan.statements_per_s),
    "messages/s, M": lambda plan: two(plan.messages_per_s),
    "partials, MB/s": lambda plan: two(plan.partials_bytes_per_s / 1e6),
    "… GB a copy in 6 h": lambda plan: two(plan.partials_bytes_per_s * PARTIALS_KEPT_S / 1e9),
    "intake, cores": lambda plan: two(plan.intake_cores),
    "… workers, W": lambda plan: f"{plan.intakes}",
    "detect, cores": lambda plan: two(plan.detect_cores),
    "… workers, D": lambda plan: f"{plan.detectors}",
    "… cores for the owner of one hot code": lambda p: two(p.snapshots_per_s * (MESSAGE_US + HEAR_US) / 1e6),
    "a checkpoint every, s": lambda plan: two(plan.checkpoint_s),
    "… a table entry, kB": lambda plan: two(plan.entry_bytes / 1e3),
    "… changelog, MB/s": lambda plan: two(plan.codes / plan.checkpoint_s * plan.entry_bytes / 1e6),
    "Redis, scripts/s": lambda plan: two(plan.views_per_s),
    "fits, on paper": lambda plan: "yes" if plan.fits else "**no**",
}

LIMITS: Final = (
    f"| a chunk | {CHUNK:,} offsets |",
    f"told between two ticks | {HOT_CODES_MAX} a flush |",
    f"| codes kept apart in a chunk | {CODES_PER_CHUNK_MAX:,} |",
    f"| codes kept in a partials partition | {CODES_MAX:,} |",
    f"| messages heard between two checkpoints | {UNACKED_MAX:,} |",
    f"| codes in one turn of the Redis writer | {CODES_PER_WRITE_MAX} |",
    f"| intakes; detectors | P, at most {limit('events_partitions'):,}; Q, at most {limit('partials_partitions')} |",
    f"| a table entry | {ENTRY_BYTES_MAX // MIB} MiB |",
    f"detect writes up to {MESSAGE_BYTES_MAX // MIB} MiB",
    f"| `316.events` | {int(CONFIG['316.events']['retention.ms']) // DAY_MS} d |",
    f"| `316.partials` | {int(CONFIG['316.partials']['retention.ms']) // HOUR_MS} h |",
    f"newest {ALERTS_MAX:,} alerts, and 3.5 kB for each storm of the last {STORM_TTL_S // DAY_S} days",
    f"stays for {COUNTER_TTL_S // DAY_S} days\nafter its last event, its minutes for {SERIES_TTL_S // DAY_S} days",
)

COSTS: Final = (
    f"| an event, few codes | {EVENT_US} µs |",
    f"made | {SAY_US} µs | intake |",
    f"| … heard | {HEAR_US} µs | detect |",
    f"| a message on the partials topic | {MESSAGE_US} µs |",
    f"| {TICK_US} µs; {TICK_MORE_US} µs for each further intake |",
    f"| a table entry written | {ENTRY_US} µs |",
    f"| a code stated in Redis | {VIEW_US} µs,",
    f"about\n{EVENT_US} + {SAY_US + HEAR_US} × c / {CHUNK:,} µs",
)


@pytest.mark.parametrize("name", WORKED)
def test_the_worked_table_follows_from_the_code(name: str) -> None:
    """Whoever changes a constant or a cost sees which figures an operator relies on."""
    assert f"| {' | '.join([name, *map(WORKED[name], PLANS)])} |" in DOC


@pytest.mark.parametrize("words", [*LIMITS, *COSTS])
def test_limits_and_costs_are_the_ones_in_use(words: str) -> None:
    assert words in DOC


def told(codes: int, sources: int) -> list[bytes]:
    """The messages about a whole chunk of the bench's events, the same one from each source partition."""
    chunk = Chunk(0, Registry())
    chunk.add(
        [
            SimpleNamespace(offset=n, timestamp=T * 1_000, value=event.at(stamp_of(T + n / CHUNK)))
            for n, event in enumerate(Load(codes).events(CHUNK))
        ]
    )
    said = chunk.snapshot()
    partials = [partial_of(chunk, source, said, T * 1_000, True) for source in range(sources)]
    return [message.value for partial in partials for message in messages(partial, 1)]


@pytest.mark.parametrize(("codes", "bytes_each"), [(10, 1_600), (1_000, 340)])
def test_what_a_statement_takes(codes: int, bytes_each: int) -> None:
    """Most of it are facets and users: a code with an event or two in the chunk takes a fifth of a hot one."""
    assert sum(map(len, told(codes, 1))) / codes == pytest.approx(bytes_each, rel=0.1)


@pytest.mark.parametrize(("codes", "bytes_each"), [(10, 1_600), (1_000, 340)])
def test_an_entry_grows_by_a_statement_for_each_source_partition(codes: int, bytes_each: int) -> None:
    """It has to know what each of them said last, or a repeat would be counted."""
    sizes = []
    for sources in (1, 5):
        pipeline = Pipeline(0, PolicyBook())
        for offset, value in enumerate(told(codes, sources)):
            pipeline.feed(decode(value), offset)
        sizes.append(sum(len(encode_state(state)) for state in pipeline.codes.values()) / codes)
    assert (sizes[1] - sizes[0]) / 4 == pytest.approx(bytes_each, rel=0.1)
