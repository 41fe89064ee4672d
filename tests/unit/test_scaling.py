"""The arithmetic of docs/scaling.md: its tables follow from the constants of the code and from a few measured costs."""

from collections.abc import Callable
from itertools import count
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from annotated_types import Le

from fault316_streams.detector import CHECKPOINT_MAX_S, UNACKED_MAX
from fault316_streams.faust_app import MESSAGE_BYTES_MAX
from fault316_streams.intake.border import BLOCK_BITS, CHUNK_BITS, CHUNK_MS
from fault316_streams.intake.combine import (
    CODES_PER_CHUNK_MAX,
)
from fault316_streams.intake.service.flush import CODES_AT_ONCE, HOT_CODES_MAX, TICK_S
from fault316_streams.pace import SHARE, pause_s
from fault316_streams.partial import (
    USERS_MINUTES_MAX,
)
from fault316_streams.pipeline import CODES_MAX
from fault316_streams.settings import WorkerSettings
from fault316_streams.sinks.layout import ALERTS_MAX, COUNTER_TTL_S, DAY_S, SERIES_TTL_S, STORM_TTL_S
from fault316_streams.sinks.writer import CODES_PER_WRITE_MAX, PAUSE_MAX_S
from fault316_streams.topic_specs import DAY_MS, HOUR_MS, MIB, topic_specs

DOC: Final = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text(encoding="utf-8")
SETTINGS: Final = WorkerSettings(_env_file=None)
CONFIG: Final = {spec.name: spec.config for spec in topic_specs(SETTINGS)}

BLOCK, CHUNK, CHUNK_S = 1 << BLOCK_BITS, 1 << CHUNK_BITS, CHUNK_MS / 1_000
FLUSHES_PER_S: Final = 1_000 / SETTINGS.flush_ms
VIEWS_PER_S: Final = 1_000 / SETTINGS.redis_flush_ms
PARTIALS_KEPT_S: Final = int(CONFIG["316.partials"]["retention.ms"]) / 1_000
ENTRY_BYTES_MAX: Final = int(CONFIG["316.detect-codes-changelog"]["max.message.bytes"])

EVENT_BYTES, GZIP_BYTES = 700, 110
HOT_SHARE: Final = 0.64
UTILISATION: Final = 0.6

# Measured; CPU in microseconds.
EVENT_US, SAY_US, HEAR_US, MESSAGE_US, VIEW_US, ENTRY_US = 4, 22, 40, 100, 50, 100
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
        each = self.per_s / self.source_partitions
        return self.source_partitions * min(each / BLOCK, each / CHUNK + 1 / CHUNK_S)

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
        flushes = self.source_partitions * (FLUSHES_PER_S / TICK_S - 1)
        hot = flushes * min(self.partials_partitions, self.named, HOT_CODES_MAX)
        whole = min(self.partials_partitions, self.named) + ceil(self.named / CODES_AT_ONCE) - 1
        ticks = self.intakes * self.partials_partitions
        return hot + (self.source_partitions + self.chunks_per_s) * whole + ticks

    @property
    def entry_bytes(self) -> float:
        return 10_000 + self.source_partitions * self.statement_bytes

    @property
    def views_per_s(self) -> float:
        return self._views_per_s(self.detectors)

    def _views_per_s(self, detectors: int) -> float:
        busy_s = self.codes / detectors * VIEW_US / 1e6
        return self.codes / max(1 / VIEWS_PER_S, busy_s + pause_s(busy_s, PAUSE_MAX_S))

    def _checkpoint_s(self, detectors: int) -> float:
        took_s = self.codes / detectors * ENTRY_US / 1e6
        due_s = max(SETTINGS.checkpoint_s, pause_s(took_s, CHECKPOINT_MAX_S))
        return min(due_s, UNACKED_MAX * detectors / self.messages_per_s)

    def _detect_cores(self, detectors: int) -> float:
        ticks = self.codes * (TICK_US + TICK_MORE_US * (self.intakes - 1))
        heard = self.messages_per_s * MESSAGE_US + self.statements_per_s * HEAR_US
        entries_per_s = self.codes / self._checkpoint_s(detectors)
        written = self._views_per_s(detectors) * VIEW_US + entries_per_s * ENTRY_US
        return (heard + written + ticks) / 1e6

    @property
    def detectors(self) -> int:
        return next(n for n in count(1) if self._detect_cores(n) <= n * UTILISATION)

    @property
    def detect_cores(self) -> float:
        return self._detect_cores(self.detectors)

    @property
    def checkpoint_s(self) -> float:
        return self._checkpoint_s(self.detectors)

    @property
    def partials_bytes_per_s(self) -> float:
        return self.statements_per_s * self.statement_bytes

    @property
    def fits(self) -> bool:
        """A partition has one reader."""
        return self.intakes <= self.source_partitions and self.detectors <= self.partials_partitions


PLANS: Final = (
    Plan(20_000, 10, 8, 8, 168, 1_700),
    Plan(20_000, 1_000, 8, 8, 168, 400),
    Plan(1_000_000, 10, 32, 32, 12, 1_700),
    Plan(1_000_000, 1_000, 32, 32, 12, 400),
    Plan(10_000_000, 10, 128, 128, 6, 1_700),
    Plan(10_000_000, 1_000, 128, 128, 6, 400),
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
    "chunks/s, K": lambda plan: two(plan.chunks_per_s),
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
    f"| a chunk | {CHUNK:,} offsets, or those blocks of {BLOCK:,} that begin in the same {CHUNK_S:g} s |",
    f"told between two ticks | {HOT_CODES_MAX} a flush |",
    f"| codes kept apart in a chunk | {CODES_PER_CHUNK_MAX:,} |",
    f"| minutes whose users are kept apart, of a code | {USERS_MINUTES_MAX} |",
    f"| codes kept in a partials partition | {CODES_MAX:,} |",
    f"| messages heard between two checkpoints | {UNACKED_MAX:,} |",
    f"| share of a detector's time that writing entries takes | {SHARE:.0%} |",
    f"| … that writing to Redis takes | {SHARE:.0%} |",
    f"T grows to {CHECKPOINT_MAX_S:g} s",
    f"views get up to {PAUSE_MAX_S:g} s old",
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
