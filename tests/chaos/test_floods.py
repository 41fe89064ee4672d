"""More than a worker was made for: bad events among good ones, and a million of whatever should be few."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Final

import pytest
from confluent_kafka import Message, Producer

from event_flow import EventFlow
from fault316_streams.settings import WorkerSettings
from memory import PeakMemory
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import until
from trial import Trial
from worker_process import Workers

MEMORY_MIB_MAX: Final = 512
"""Of a worker with both stages and all partitions; the arithmetic is in docs/architecture.md, "Memory"."""
INVALID: Final = 20_000
HUGE_EVERY: Final = 2_000
"""One in so many is over a megabyte."""
EVENT_BYTES_MAX: Final = 1_048_576
DISTINCT: Final = 200_000
DISTINCT_FULL: Final = 1_000_000
"""With `--rounds` of more than one."""
KNOWN: Final = "316-KNOWN-STORM"
COUNT_LIMIT_S: Final = 600.0


def test_invalid_events_among_valid_ones_are_kept_with_their_reasons(
    settings: WorkerSettings, workers: Workers, calm: str, rounds: range, trial: Callable[..., Trial]
) -> None:
    """Each exactly once; the valid ones are exact, and a storm meanwhile is alerted."""
    worker = workers.start(settings, "--policy", calm).ready()
    rng = Random(316)
    expected: dict[str, str] = {}
    letters = OtherConsumer(settings, settings.topics.dead_letters)
    with PeakMemory(worker) as memory, trial(settings, "a flood of invalid events") as run:
        run.counting()
        for _ in rounds:
            with run.storm(), run.injected():
                expected |= write_invalid(settings, rng)
        until(lambda: len(letters.read()) >= len(expected), deadline_s=COUNT_LIMIT_S)
    told = Counter(
        (record.key().decode(), dict(record.headers())["reason"].decode()) for record in letters.read()
    )
    letters.close()
    assert told == Counter(expected.items())
    print(f"{len(expected)} invalid events, memory at most {memory.peak_mib} MiB")
    assert memory.peak_mib < MEMORY_MIB_MAX


def write_invalid(settings: WorkerSettings, rng: Random) -> dict[str, str]:
    """A flood of them; the reason by the key that the dead letter is to have."""
    expected: dict[str, str] = {}

    def delivered(reason: str) -> Callable[[Any, Message], None]:
        def note(error: Any, message: Message) -> None:
            assert error is None, error
            expected[f"{message.topic()}:{message.partition()}:{message.offset()}"] = reason

        return note

    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "message.max.bytes": 4_000_000,
        }
    )
    for n in range(INVALID):
        value, reason = huge(rng) if n % HUGE_EVERY == 0 else invalid(rng)
        producer.produce(
            settings.topics.events,
            value,
            partition=n % settings.events_partitions,
            on_delivery=delivered(reason),
        )
        producer.poll(0)
    assert producer.flush(COUNT_LIMIT_S) == 0
    assert len(expected) == INVALID
    return expected


def huge(rng: Random) -> tuple[bytes, str]:
    """Well formed, and a little too large."""
    return fault("316-BAD", message="x" * (EVENT_BYTES_MAX + rng.randrange(50_000))), "too_large"


def invalid(rng: Random) -> tuple[bytes, str]:
    """Something that is no event, and the reason why it is not."""
    good = fault("316-BAD", user_id="u1", count=3)
    required = rng.choice(["id", "code", "service", "occurred_at"])
    return rng.choice(
        [
            (b"\xff" + rng.randbytes(rng.randrange(200)), "not_utf8"),
            (b"!" + rng.randbytes(60).hex().encode(), "invalid_json"),
            (good[: rng.randrange(1, len(good))], "invalid_json"),
            (b"", "empty"),
            (b"[" + good + b"]", "not_an_object"),
            (good.replace(f'"{required}"'.encode(), b'"unknown"'), "missing_field"),
            (fault("316-BAD", service=rng.randrange(99)), "invalid_field"),
            (fault("316-BAD", user_id=[rng.randrange(99)]), "invalid_field"),
            (fault("316-BAD", count=rng.choice([-1, 0, 1.5, "7", 10**10])), "invalid_count"),
            (fault("316-BAD", severity="P9"), "invalid_field"),
            (fault(f"bad-{rng.randrange(10**6)}"), "wrong_code"),
            (fault("316-BAD", occurred_at="2026-03-16T03:16:00"), "naive_timestamp"),
            (fault("316-BAD", occurred_at=f"at {rng.randrange(24)} o'clock"), "invalid_timestamp"),
        ]
    )


@pytest.mark.timeout(1_800)
def test_a_million_codes_users_and_hosts_neither_lose_an_event_nor_fill_the_memory(
    settings: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    record_property: Callable[[str, object], None],
) -> None:
    """What has no place of its own is counted with the others; a code that has one is alerted as ever."""
    distinct = DISTINCT if len(rounds) == 1 else DISTINCT_FULL
    settings = settings.model_copy(update={"events_partitions": 8, "partials_partitions": 8})  # the defaults
    worker = workers.start(settings, "--policy", calm).ready()
    view, alerts = OtherView(settings), OtherConsumer(settings, settings.topics.alerts)
    began = time.monotonic()
    with PeakMemory(worker) as memory:
        idle_mib = memory.now_mib()
        with EventFlow(settings) as flow:
            OtherProducer(settings).send_all([fault(KNOWN)])
            until(lambda: view.counter(KNOWN).get("total") == "1")
            producer = OtherProducer(settings)
            write_distinct(producer, range(distinct // 2))
            flow.storm = KNOWN
            write_distinct(producer, range(distinct // 2, distinct))
            until(lambda: alerts.alerts(KNOWN), deadline_s=COUNT_LIMIT_S)
            flow.storm = None
            producer.flush()
        written = 1 + distinct + flow.produced.total()
        until(lambda: counted(view).total() == written, deadline_s=COUNT_LIMIT_S, every_s=1.0)
        until(lambda: alerts.alerts(KNOWN)[-1]["transition"] == "resolved", deadline_s=COUNT_LIMIT_S)
    codes = counted(view)
    print(
        f"{written} events of {distinct} codes in {time.monotonic() - began:.0f} s, {len(codes)} of them named; "
        f"memory {idle_mib} MiB idle, at most {memory.peak_mib} MiB"
    )
    record_property("peak_mib", memory.peak_mib)
    assert memory.peak_mib < MEMORY_MIB_MAX
    beyond = {code for code in codes if code.startswith("316-OTHER")}
    assert "316-OTHER" in beyond
    assert beyond > {"316-OTHER"}, "partitions are full"
    named = codes - Counter({code: codes[code] for code in beyond})
    assert all(n == 1 for code, n in named.items() if code.startswith("316-D"))
    assert all(named[code] <= n + (code == KNOWN) for code, n in flow.produced.items())
    assert {alert["code"] for alert in alerts.alerts()} - beyond == {KNOWN}
    alerts.close()
    view.close()


def write_distinct(producer: OtherProducer, numbers: Iterable[int]) -> None:
    """Events of a code, a user and a host each that never was before."""
    parts = fault("316-D@", host="h@", user_id="u@").split(b"@")
    for n in numbers:
        producer.send((b"%d" % n).join(parts))


def counted(view: OtherView) -> Counter[str]:
    """Code → total, of very many codes: in few round trips."""
    codes: list[str] = view.redis.zrange(f"{view.prefix}codes", 0, -1)
    totals: Counter[str] = Counter()
    for begin in range(0, len(codes), 1_000):
        pipe = view.redis.pipeline(transaction=False)
        some = codes[begin : begin + 1_000]
        for code in some:
            pipe.hget(f"{view.prefix}counter:{{{code}}}", "total")
        totals.update(dict(zip(some, map(int, pipe.execute()), strict=True)))
    return totals
