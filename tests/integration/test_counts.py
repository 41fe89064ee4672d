"""Every event is counted, once, where it belongs: 200,000 of them, skewed to one code, late and out of order."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fault316_schemas import Registry
from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, OtherView, fault
from support import until
from worker_process import Workers

EVENTS: Final = 200_000
HOT: Final = "316-ORDER-SUBMIT-ERR"
OTHERS: Final = (
    "316-DB-POOL-EXHAUSTED", "316-TIMEOUT-ERR", "316-CONN-ERR", "316-VALIDATION-ERR", "316-OP-FAIL",
    "316-MEM-HIGH", "316-LOCK-TIMEOUT", "316-OWN-CODE",
)  # fmt: skip


@dataclass
class Oracle:
    """What was produced, told in the fields of a counter."""

    counters: dict[str, Counter[str]] = field(default_factory=dict)
    minutes: dict[str, Counter[int]] = field(default_factory=dict)

    def note(self, code: str, severity: str, at_s: float, count: int, late: bool) -> None:
        """One event more."""
        counter = self.counters.setdefault(code, Counter())
        for name in ("total", severity, *(["late"] if late else [])):
            counter[name] += count
        self.minutes.setdefault(code, Counter())[int(at_s) // 60] += count


def events(oracle: Oracle, seed: int) -> Iterator[bytes]:
    """60 % of one code; a tenth late by 2 to 10 minutes, the others out of order by up to 20 s; some weigh more."""
    rng = random.Random(seed)
    registry = Registry.built_in()
    now_s = time.time()
    for number in range(EVENTS):
        code = HOT if rng.random() < 0.6 else rng.choice(OTHERS)
        late = rng.random() < 0.1
        at_s = now_s - (rng.uniform(120, 600) if late else rng.uniform(0, 20))
        count = rng.randint(2, 50) if rng.random() < 0.1 else 1
        fields: dict[str, Any] = {"count": count} if count > 1 else {}
        severity = rng.choice((None, None, "P0", "P1", "P2", "P3"))
        if severity:
            fields["severity"] = severity
        oracle.note(code, severity or registry.get(code).severity.value, at_s, count, late)
        yield fault(code, at_s=at_s, id=f"e{number}", user_id=f"u{number % 5_000}", **fields)


def test_each_counter_equals_what_was_produced_to_the_last_event(
    settings: WorkerSettings, workers: Workers
) -> None:
    """Totals, severities, lateness, and each minute of each code by the events' own time."""
    workers.start(settings).ready()
    oracle, producer, view = Oracle(), OtherProducer(settings), OtherView(settings)
    for number, value in enumerate(events(oracle, seed=316)):
        producer.send(value, number % settings.events_partitions)
    producer.flush()
    expected = {code: counter["total"] for code, counter in oracle.counters.items()}
    until(lambda: view.totals().total() >= sum(expected.values()), deadline_s=60)
    assert view.totals() == expected
    for code, counter in oracle.counters.items():
        found = view.counter(code)
        assert {name: int(found[name]) for name in ("P0", "P1", "P2", "P3", "late")} == {
            name: counter[name] for name in ("P0", "P1", "P2", "P3", "late")
        }
        assert view.series(code) == oracle.minutes[code]
    assert 0.58 < expected[HOT] / sum(expected.values()) < 0.62
    view.close()
