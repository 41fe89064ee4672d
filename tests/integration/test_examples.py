"""The programs of examples/ do what they say: in processes of their own, with a real Kafka, Redis and worker."""

import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from example_programs import EXAMPLES, Webhook, order, program, shop, view
from fault316_streams.embedded import Endpoints
from fault316_streams.embedded.process import free_port
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherView
from support import eventually, own_settings, until
from web_load import Answers, Request, customers_of, put_load
from worker_process import Workers, environment

ORDERS, POOL = "316-ORDER-SUBMIT-ERR", "316-DB-POOL-EXHAUSTED"
QUICK_STORMS = """
[storm.default]
short_s = 3
long_s = 6
hold_s = 2
"""
REQUESTS_OF_A_KIND = 60
COLD = 80
"""Requests of them that come first, when the shop and its reporter are still importing: their times are not shown."""
MISSING: Request = ("missing", "GET", "/no/such/page", None)

SCHEMA = orjson.loads((EXAMPLES.parent / "schemas/json/fault-event.v1.schema.json").read_bytes())
FAULTS = 300
"""Of each of the producers."""
INSTALL_LIMIT_S = 150
TOOLS = {"node": ("node", "npm"), "go": ("go",), "java": ("javac", "mvn")}
COMMANDS = {
    "node": ("npm ci --prefer-offline --ignore-scripts --omit=optional", "node producer.js"),
    "go": ("go run .",),
    "java": ("mvn -B -q dependency:copy-dependencies", "java -cp target/dependency/* Producer.java"),
}
"""The last one is the producer."""


@pytest.fixture(scope="module")
def settings(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerSettings]:
    """A worker that counts what all tests here report, each by codes of its own."""
    settings = own_settings(servers).model_copy(update={"events_partitions": 1})
    folder = tmp_path_factory.mktemp("examples")
    policy = folder / "policy.toml"
    policy.write_text(QUICK_STORMS)
    with Workers(folder) as workers:
        workers.start(settings, "--policy", str(policy)).ready()
        yield settings


@pytest.fixture
def counts(settings: WorkerSettings) -> Iterator[OtherView]:
    """What has been counted. Tests share it, and look at what they have added."""
    found = OtherView(settings)
    yield found
    found.close()


def alert_consumer(webhook: Webhook) -> list[object]:
    """Its command."""
    return [sys.executable, EXAMPLES / "alert_consumer.py", "--webhook", webhook.url]


async def shown_storm(settings: WorkerSettings, code: str) -> str:
    """What the query script prints of a code, once that storms."""
    script = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLES / "query_counters.py", code),
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
    )
    said = (await script.communicate())[0].decode()
    assert f"({code}, P0)" in said.partition(" active storms\n")[2], said
    return said


def events(settings: WorkerSettings, code: str) -> list[dict[str, Any]]:
    """All that are in the log by now with this code."""
    reader = OtherConsumer(settings, settings.topics.events)
    try:
        reader.read_all()
        return reader.alerts(code)
    finally:
        reader.close()


async def test_a_storm_in_the_shop_reaches_the_webhook_and_every_failed_order_is_counted(
    settings: WorkerSettings, counts: OtherView, tmp_path: Path
) -> None:
    """A promotion's slow query exhausts the pool. The webhook fails once, and is told again."""
    port, before, consumer_log = free_port(), counts.totals(), tmp_path / "consumer.log"
    calm, storm, over = Answers(), Answers(), asyncio.Event()

    def customers() -> Iterator[Request]:
        for number in count():
            if over.is_set():
                return
            yield order(number) if number % 2 else view(number)

    with (
        Webhook(failing=1) as webhook,
        program(shop(port), environment(settings), tmp_path / "shop.log"),
        program(alert_consumer(webhook), environment(settings), consumer_log) as consumer,
    ):
        async with customers_of(port) as client:
            await put_load(client, islice(customers(), 100), at_a_time=10, answers=calm)
            await eventually(lambda: "waiting for alerts" in consumer_log.read_text(), deadline_s=60)
            await client.put("/switches/promotion")
            async with asyncio.TaskGroup() as load:
                load.create_task(put_load(client, customers(), at_a_time=50, answers=storm))
                await eventually(lambda: "opened" in webhook.taken(ORDERS), deadline_s=60)
                shown = await eventually(lambda: shown_storm(settings, ORDERS), deadline_s=60)
                await client.delete("/switches/promotion")
                over.set()
        await eventually(lambda: webhook.taken(ORDERS)[-1] == "resolved", deadline_s=60)
        failed = storm.statuses["order", 503]
        await eventually(lambda: counts.totals() - before == {ORDERS: failed, POOL: failed})
    assert calm.statuses == {("view", 200): 50, ("order", 201): 50}
    assert storm.statuses.keys() == {("view", 200), ("order", 201), ("order", 503)}
    assert webhook.posts[0][0] in [key for key, _, status in webhook.posts if status == 200]
    assert consumer.returncode == 0
    assert "opened P0 Orders cannot be submitted" in consumer_log.read_text()
    assert f"{ORDERS}: " in shown


async def test_answers_are_the_same_with_and_without_a_reporter_and_wherever_kafka_is(
    settings: WorkerSettings,
    counts: OtherView,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """And what the two shops without Kafka have left in the spool is counted, once, by the next one with it."""
    before = counts.totals()
    requests: list[Request] = [
        request
        for number in range(REQUESTS_OF_A_KIND)
        for request in (
            view(number),
            order(number),
            ("invalid", *order(number)[1:3], {"user_id": ""}),
            MISSING,
        )
    ]
    expected = dict.fromkeys(
        (("view", 200), ("order", 504), ("invalid", 422), ("missing", 404)), REQUESTS_OF_A_KIND
    )
    codes = ("316-TIMEOUT-ERR", "316-CONN-ERR", "316-VALIDATION-ERR", ORDERS)

    def all_counted() -> bool:
        return counts.totals() - before == dict.fromkeys(codes, 3 * REQUESTS_OF_A_KIND)

    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and says nothing
        shops: dict[str, dict[str, str]] = {
            "no reporter": {"SHOP_REPORTS": "off"},
            "Kafka refuses": {"FAULT316_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
            "Kafka is mute": {"FAULT316_BOOTSTRAP_SERVERS": f"127.0.0.1:{mute.getsockname()[1]}"},
            "Kafka answers": {},
        }
        for name, own in shops.items():
            port, cold, answers = free_port(), Answers(), Answers()
            faults = {"SHOP_FAULTS": "payment-hangs,cache-away", "SHOP_SPOOL_DIR": str(tmp_path / "spool")}
            with program(shop(port), environment(settings) | faults | own, tmp_path / f"{name}.log"):
                async with customers_of(port) as client:
                    await put_load(client, requests[:COLD], at_a_time=10, answers=cold)
                    await put_load(client, requests[COLD:], at_a_time=10, answers=answers)
                if not own:
                    await eventually(all_counted, deadline_s=60)
            record_property(name, answers.figures())
            print(f"{name}: {answers.figures()}")
            assert cold.statuses + answers.statuses == expected, name


async def test_a_bug_and_a_hang_say_where_they_are(
    settings: WorkerSettings, counts: OtherView, tmp_path: Path
) -> None:
    """The application itself tells where it hangs, although it cannot answer anybody meanwhile."""
    port = free_port()
    with program(shop(port), environment(settings) | {"SHOP_FAULTS": "price-bug"}, tmp_path / "shop.log"):
        async with customers_of(port) as client:
            _, _, path, body = order(7)
            assert (await client.post(path, json=body, headers={"Connection": "close"})).status_code == 500
            await client.put("/switches/loop-hangs")
            assert (await client.get("/products/1")).status_code == 200
            await eventually(lambda: counts.totals()["316-HANG-ERR"] > 0)
    [bug] = [event for event in events(settings, ORDERS) if event["exception"]["type"] == "KeyError"]
    assert (bug["endpoint"], bug["user_id"]) == ("/orders", "u7")
    assert "in _price" in bug["exception"]["stacktrace"]
    assert any("in view" in hang["exception"]["stacktrace"] for hang in events(settings, "316-HANG-ERR"))


@pytest.mark.parametrize("language", ["node", "go", "java"])
def test_a_producer_in_another_language_is_counted_exactly(
    language: str, settings: WorkerSettings, counts: OtherView, tmp_path: Path
) -> None:
    """With the packages that its lock file names; the second time they come from the tool's own cache."""
    for tool in TOOLS[language]:
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    folder, code = tmp_path / language, f"316-FROM-{language.upper()}"
    shutil.copytree(EXAMPLES / "producers" / language, folder)
    for command in COMMANDS[language]:
        subprocess.run(
            [*command.split(), *((code, str(FAULTS)) if command is COMMANDS[language][-1] else ())],
            env=environment(settings),
            cwd=folder,
            timeout=INSTALL_LIMIT_S,
            check=True,
        )
    until(lambda: counts.totals()[code] == FAULTS)
    found = events(settings, code)
    assert len({event["id"] for event in found}) == len(found) == FAULTS
    for event in found:
        jsonschema.validate(event, SCHEMA)
