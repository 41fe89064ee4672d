"""The background reporter on a real Kafka: threads, forks, outages. Counts in the log are exact."""

import asyncio
import json
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

import fault316
from fault316 import BackgroundReporter, FaultEvent
from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from fault316_streams.topics import ensure_topics
from support import until

FLUSH_S = 60.0
"""A limit against a hang, not a wish."""


def log_of(settings: WorkerSettings) -> list[dict[str, Any]]:
    """All events in the log, read by another team's client, each as the plain JSON that it is."""
    topic = settings.topics.events
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": "unused", "log_level": 0}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        parts = [TopicPartition(topic, number) for number in partitions]
        end = sum(until(lambda part=part: watermarks(consumer, part))[1] for part in parts)  # type: ignore[misc]
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        records: list[Any] = []
        while len(records) < end:
            records += [one for one in consumer.consume(1_000, timeout=1) if one.error() is None]
        return [json.loads(record.value()) for record in records]
    finally:
        consumer.close()


def watermarks(consumer: Consumer, part: TopicPartition) -> tuple[int, int]:
    """Of a partition; an AssertionError while it has no leader, which a new topic's may not have yet."""
    try:
        found: tuple[int, int] = consumer.get_watermark_offsets(part, timeout=30)
    except KafkaException as error:
        raise AssertionError(error) from error
    return found


def faults(events: list[dict[str, Any]]) -> Counter[str]:
    """Code → faults, by the events' counts."""
    found: Counter[str] = Counter()
    for event in events:
        found[event["code"]] += event.get("count", 1)
    return found


@pytest.fixture
def reporter(topics: WorkerSettings) -> Iterator[BackgroundReporter]:
    """One that sends each report as its own event."""
    with BackgroundReporter("shop", connection=topics, free_per_s=None) as made:
        yield made


def run_script(text: str, settings: WorkerSettings, tmp_path: Path, *arguments: str) -> str:
    """Run a program of its own, with the test's servers in its environment."""
    script = tmp_path / "service.py"
    script.write_text(text)
    environment = {
        "PATH": "/usr/bin:/bin",
        "FAULT316_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "FAULT316_TOPIC_PREFIX": settings.topic_prefix,
    }
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_what_is_reported_is_in_the_log_once_each(
    topics: WorkerSettings, reporter: BackgroundReporter
) -> None:
    for number in range(2_000):
        reporter.report("316-OP-FAIL", user_id=number)
    assert reporter.flush(FLUSH_S)
    assert (reporter.sent, reporter.dropped) == (2_000, 0)
    events = log_of(topics)
    assert sorted(int(event["user_id"]) for event in events) == list(range(2_000))
    assert len({event["id"] for event in events}) == 2_000


def test_threads_and_tasks_share_one_reporter(topics: WorkerSettings) -> None:
    """Identical faults from everywhere at once are rolled up, and none is lost."""
    with BackgroundReporter("shop", connection=topics, queue_max=100_000) as reporter:

        def storm() -> None:
            for _ in range(2_000):
                reporter.report("316-TIMEOUT-ERR", endpoint="/pay")

        async def trickle() -> None:
            for _ in range(100):
                reporter.report("316-OP-FAIL")
                await asyncio.sleep(0)

        threads = [threading.Thread(target=storm) for _ in range(8)]
        for thread in threads:
            thread.start()
        asyncio.run(trickle())
        for thread in threads:
            thread.join()
        assert reporter.flush(FLUSH_S)
        assert (reporter.sent, reporter.dropped) == (16_100, 0)
    events = log_of(topics)
    assert faults(events) == {"316-TIMEOUT-ERR": 16_000, "316-OP-FAIL": 100}
    assert len(events) < 1_000  # some seconds' worth of 21 each


def test_the_processes_reporter(topics: WorkerSettings) -> None:
    """init, report, guard and context from the front door."""

    @fault316.guard("316-ORDER-SUBMIT-ERR", component="basket")
    async def submit() -> None:
        raise ValueError("no such order")

    fault316.init("shop", connection=topics, version="1.2")
    try:
        with fault316.context(request_id="r1", user_id=7, endpoint="/orders"):
            fault316.report("316-TIMEOUT-ERR", endpoint="/own")
            with pytest.raises(ValueError, match="no such order"):
                asyncio.run(submit())
        fault316.report_exception(KeyError("k"), code="316-OP-FAIL")
        assert fault316.flush(FLUSH_S)
    finally:
        fault316.close()
    by_code = {event["code"]: event for event in log_of(topics)}
    assert by_code["316-TIMEOUT-ERR"]["endpoint"] == "/own"
    submitted = by_code["316-ORDER-SUBMIT-ERR"]
    assert submitted["exception"]["type"] == "ValueError"
    assert "in submit" in submitted["exception"]["stacktrace"]
    named = {key: submitted[key] for key in ("request_id", "user_id", "endpoint", "component", "version")}
    assert named == {
        "request_id": "r1", "user_id": "7", "endpoint": "/orders", "component": "basket", "version": "1.2",
    }  # fmt: skip
    assert by_code["316-OP-FAIL"]["exception"]["fingerprint"]
    assert "request_id" not in by_code["316-OP-FAIL"]


def test_what_is_wrong_is_counted_and_told(topics: WorkerSettings, reporter: BackgroundReporter) -> None:
    """No argument reaches the caller as an error; the faults given up are in the log as a number."""
    wrong: list[Callable[[], None]] = [
        lambda: reporter.report("not a code"),
        lambda: reporter.report(["316-A"]),  # type: ignore[arg-type]
        lambda: reporter.report("316-A", count=0),
        lambda: reporter.report("316-A", count="many"),  # type: ignore[arg-type]
        lambda: reporter.report("316-A", exception="text"),  # type: ignore[arg-type]
        lambda: reporter.report("316-A", mesage="typo"),  # type: ignore[call-arg]
        lambda: reporter.report("316-A", severity="P9"),
    ]
    for report in wrong:
        report()
    reporter.report("316-B")
    assert reporter.flush(FLUSH_S)
    assert (reporter.sent, reporter.dropped) == (1, len(wrong))
    events = log_of(topics)
    assert faults(events) == {"316-B": 1, "316-REPORTER-DROPPED": len(wrong)}
    told = [event["attributes"] for event in events if event["code"] == "316-REPORTER-DROPPED"]
    assert sum(reasons["invalid"] for reasons in told) == len(
        wrong
    )  # in one event, or first one and then the rest


def test_a_program_that_just_ends_has_sent_its_faults(topics: WorkerSettings, tmp_path: Path) -> None:
    run_script(
        "import fault316\n"
        "fault316.init('job')\n"
        "for n in range(100): fault316.report('316-OP-FAIL', user_id=n)\n",
        topics,
        tmp_path,
    )
    assert faults(log_of(topics)) == {"316-OP-FAIL": 100}


POOL = """
import multiprocessing, fault316
fault316.init("job")
def work(n): fault316.report("316-CHILD", user_id=n)
children = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range(3)]
for child in children: child.start()
for child in children: child.join()
"""


def test_a_child_of_multiprocessing_that_ends_has_sent_its_faults(
    topics: WorkerSettings, tmp_path: Path
) -> None:
    """It leaves by `os._exit`, so nothing that is registered with atexit is called."""
    run_script(POOL, topics, tmp_path)
    assert faults(log_of(topics)) == {"316-CHILD": 3}


FORKING = """
import os, sys, fault316
reporter = fault316.init("shop", free_per_s=None, spool_dir=sys.argv[1] if sys.argv[1:] else None)
fault316.report("316-BEFORE")
assert reporter.flush(60)
for n in range(50): fault316.report("316-QUEUED")
children = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        for n in range(100): fault316.report("316-CHILD")
        assert fault316.flush(60)
        assert (reporter.sent, reporter.dropped) == (100, 0), (reporter.sent, reporter.dropped)
        if child == 0:
            os._exit(0)
        sys.exit(0)
    children.append(pid)
for n in range(100): fault316.report("316-PARENT")
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
for n in range(100): fault316.report("316-PARENT")
assert fault316.flush(60)
assert (reporter.sent, reporter.dropped) == (251, 0), (reporter.sent, reporter.dropped)
"""


@pytest.mark.parametrize("arguments", [[], ["spool"]])
def test_a_fork_sends_nothing_twice_and_leaves_the_parents_connection_alone(
    topics: WorkerSettings, tmp_path: Path, arguments: list[str]
) -> None:
    """The parent has a live connection and a full queue when it forks; children end both hard and properly."""
    said = run_script(FORKING, topics, tmp_path, *arguments)
    for complaint in ("Traceback", "Unclosed", "Exception ignored", "was destroyed"):
        assert complaint not in said
    assert faults(log_of(topics)) == {
        "316-BEFORE": 1, "316-QUEUED": 50, "316-CHILD": 300, "316-PARENT": 200,
    }  # fmt: skip


def test_a_sample_stands_for_all(topics: WorkerSettings) -> None:
    """Half of 4,000 are sent, each with a count of 2; the seed is fixed, 5 sigma are 316."""
    with BackgroundReporter("shop", connection=topics, sample_rate=0.5, free_per_s=None) as reporter:
        reporter._random = random.Random(1)
        for _ in range(4_000):
            reporter.report("316-A")
        assert reporter.flush(FLUSH_S)
    events = log_of(topics)
    assert {event["count"] for event in events} == {2}
    assert abs(faults(events)["316-A"] - 4_000) < 316


def test_before_send_changes_and_holds_back(topics: WorkerSettings) -> None:
    def before_send(event: FaultEvent) -> FaultEvent | None:
        if event.user_id == "secret":
            return None
        if event.user_id == "broken":
            raise ZeroDivisionError
        return event.model_copy(update={"component": "changed", "message": "password=hunter2"})

    with BackgroundReporter("shop", connection=topics, before_send=before_send) as reporter:
        for user in ("secret", "broken", "plain"):
            reporter.report("316-A", user_id=user)
        assert reporter.flush(FLUSH_S)
        assert (reporter.sent, reporter.filtered, reporter.dropped) == (1, 1, 1)
    events = {event["code"]: event for event in log_of(topics)}
    assert (events["316-A"]["user_id"], events["316-A"]["component"]) == ("plain", "changed")
    assert "hunter2" not in events["316-A"]["message"]
    assert events["316-REPORTER-DROPPED"]["attributes"] == {"before_send_failed": 1}


def test_with_a_spool_all_is_sent_once_and_nothing_is_left_behind(
    topics: WorkerSettings, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    with BackgroundReporter("shop", connection=topics, spool_dir=spool, free_per_s=None) as reporter:
        for number in range(3_000):
            reporter.report("316-OP-FAIL", user_id=number)
        assert reporter.flush(FLUSH_S)
        assert (reporter.sent, reporter.dropped) == (3_000, 0)
    assert sorted(int(event["user_id"]) for event in log_of(topics)) == list(range(3_000))
    assert list(spool.iterdir()) == []


KILLED = """
import os, signal, sys, time, pathlib, fault316
reporter = fault316.init("shop", spool_dir="spool", free_per_s=None, resources=False)
start = int(sys.argv[1])
for n in range(start, start + 200): fault316.report("316-A", user_id=n)
while reporter._sender.outbox.pending < 200: time.sleep(0.01)
if start:
    sys.exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not shutil.which("java"), reason="needs a Kafka of its own to stop and start")
async def test_what_is_in_the_spool_outlives_its_process_and_is_sent_once_in_order(tmp_path: Path) -> None:
    """Kafka is away; one process is killed, one ends; the next one with the same folder sends it all."""
    own = Embedded(tmp_path / "servers", kafka_port=0, redis_port=0)
    try:
        endpoints = await asyncio.to_thread(own.up)
        settings = WorkerSettings(
            _env_file=None,
            bootstrap_servers=endpoints.bootstrap_servers,
            redis_url=endpoints.redis_url,
            events_partitions=1,
        )
        await ensure_topics(settings)
        await asyncio.to_thread(own.stop_kafka, kill=True)
        (tmp_path / "service.py").write_text(KILLED)
        environment = {"PATH": "/usr/bin:/bin", "FAULT316_BOOTSTRAP_SERVERS": settings.bootstrap_servers}
        for start, code in ((0, -9), (200, 0)):
            ended = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "service.py", str(start)],
                cwd=tmp_path,
                env=environment,
                timeout=120,
                check=False,
            )
            assert ended.returncode == code
        spool = tmp_path / "spool"
        assert len(list(spool.iterdir())) == 2
        reporter = BackgroundReporter("shop", connection=settings, spool_dir=spool, free_per_s=None)
        for number in range(400, 600):
            reporter.report("316-A", user_id=number)
        assert not await asyncio.to_thread(reporter.flush, 0.5)
        await asyncio.to_thread(own.start_kafka)
        assert await asyncio.to_thread(reporter.flush, FLUSH_S)
        assert (reporter.sent, reporter.dropped) == (600, 0)
        await asyncio.to_thread(reporter.close)
        events = await asyncio.to_thread(log_of, settings)
        assert [int(event["user_id"]) for event in events] == list(range(600))
        assert list(spool.iterdir()) == []
    finally:
        await asyncio.to_thread(own.down, wipe=True)


@pytest.mark.skipif(not shutil.which("java"), reason="needs a Kafka of its own to stop and start")
async def test_an_outage_blocks_nobody_and_every_fault_is_sent_or_counted(tmp_path: Path) -> None:
    """Kafka is away when the service starts, comes, goes and comes: what the queue could not hold is told."""
    own = Embedded(tmp_path, kafka_port=0, redis_port=0)
    try:
        endpoints = await asyncio.to_thread(own.up)
        settings = WorkerSettings(
            _env_file=None, bootstrap_servers=endpoints.bootstrap_servers, redis_url=endpoints.redis_url
        )
        await ensure_topics(settings)
        await asyncio.to_thread(own.stop_kafka, kill=True)
        reporter = BackgroundReporter("shop", connection=settings, free_per_s=None, queue_max=500)
        for number in range(50):
            reporter.report("316-EARLY", user_id=number)
        assert not await asyncio.to_thread(reporter.flush, 0.5)
        await asyncio.to_thread(own.start_kafka)
        assert await asyncio.to_thread(reporter.flush, FLUSH_S)
        assert (reporter.sent, reporter.dropped) == (50, 0)

        await asyncio.to_thread(own.stop_kafka, kill=True)
        for number in range(20_000):
            reporter.report("316-STORM", user_id=number)
        assert reporter.dropped > 0  # 500 wait; nobody waits for the thread
        await asyncio.to_thread(own.start_kafka)
        assert await asyncio.to_thread(reporter.flush, FLUSH_S)
        dropped = reporter.dropped
        await asyncio.to_thread(reporter.close)
        events = await asyncio.to_thread(log_of, settings)
        assert faults(events) == {
            "316-EARLY": 50, "316-STORM": 20_000 - dropped, "316-REPORTER-DROPPED": dropped,
        }  # fmt: skip
        assert len({event["id"] for event in events}) == len(events)
    finally:
        await asyncio.to_thread(own.down, wipe=True)
