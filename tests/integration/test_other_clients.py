"""Programs that use nothing of ours: confluent-kafka, plain JSON, and the redis commands of docs/contracts.md."""

import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import own_settings, until
from worker_process import Workers

ROOT = Path(__file__).parents[2]
CONTRACTS = (ROOT / "docs/contracts.md").read_text()
REDIS_SECTION = CONTRACTS.partition("\n## Redis\n")[2].partition("\n## ")[0]
DOCUMENTED = re.findall(r"^\| `(316:[^`]+)` \| (.+?) \| `redis-cli ([^`]+)` \|$", REDIS_SECTION, re.MULTILINE)
"""(key, what it holds, command to try) of each row."""

CALM, STORMY = "316-OP-FAIL", "316-ORDER-SUBMIT-ERR"
QUICK_STORMS = """
[storm.default]
short_s = 3
long_s = 6
hold_s = 2
"""


@dataclass
class Told:
    """What another program saw of a storm that opened and ended."""

    settings: WorkerSettings
    view: OtherView
    answers: dict[str, Any]
    """Documented key → what its documented command answered during the storm."""
    storms_during: list[str]
    alerts: list[Any]
    """Records of the alert topic."""


@pytest.fixture(scope="module")
def told(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    settings = own_settings(servers)
    folder = tmp_path_factory.mktemp("told")
    policy = folder / "policy.toml"
    policy.write_text(QUICK_STORMS)
    with Workers(folder) as workers:
        workers.start(settings, "--policy", str(policy)).ready()
        view = OtherView(settings)
        alerts = OtherConsumer(settings, settings.topics.alerts)
        producer = OtherProducer(settings)
        producer.send_all([fault(CALM), fault(CALM, count=3, severity="P0"), fault(CALM, severity="P3")])
        producer.send_all([fault(STORMY, host=f"h{n % 2}", user_id=f"u{n}") for n in range(200)])
        until(lambda: view.totals() == {CALM: 5, STORMY: 200} and view.redis.exists(f"{view.prefix}storms"))
        storms_during = view.redis.zrange(f"{view.prefix}storms", 0, -1)
        answers = {
            key: view.redis.execute_command(*command_words(command, view, storms_during[0]))
            for key, _, command in DOCUMENTED
        }
        until(lambda: [alert["transition"] for alert in alerts.alerts()][-1:] == ["resolved"])
        until(lambda: not view.redis.exists(f"{view.prefix}storms"))
        yield Told(settings, view, answers, storms_during, alerts.records)
        alerts.close()
        view.close()


def command_words(command: str, view: OtherView, storm_id: str) -> list[str]:
    """The documented command, with this test's prefix and the present hour and storm."""
    command = command.replace("<storm id>", storm_id).replace("2026031603", f"{datetime.now(UTC):%Y%m%d%H}")
    return [re.sub("^316:", view.prefix, word) for word in shlex.split(command)]


def names(held: str) -> set[str]:
    """Field names in a documented row: what stands in backticks, outside of parentheses."""
    return set(re.findall("`([^`]+)`", re.sub(r"\(.*?\)", "", held)))


def test_plain_events_are_counted_by_count_and_severity(told: Told) -> None:
    counter = told.view.counter(CALM)
    assert {name: counter[name] for name in ("total", "P0", "P1", "P2", "P3", "late", "skewed")} == {
        "total": "5", "P0": "3", "P1": "0", "P2": "1", "P3": "1", "late": "0", "skewed": "0",
    }  # fmt: skip


def test_alerts_are_plain_json_by_the_published_schema_keyed_by_storm(told: Told) -> None:
    schema = orjson.loads((ROOT / "schemas/json/storm-alert.v1.schema.json").read_bytes())
    alerts = [orjson.loads(record.value()) for record in told.alerts]
    for alert, record in zip(alerts, told.alerts, strict=True):
        jsonschema.validate(alert, schema)
        assert record.key().decode() == alert["storm_id"]
    assert [alert["transition"] for alert in alerts] == ["opened", "resolved"]
    assert len({alert["storm_id"] for alert in alerts}) == 1
    assert len({alert["alert_id"] for alert in alerts}) == 2
    resolved = alerts[1]
    assert resolved["events"] == 200
    assert {facet["value"]: facet["events"] for facet in resolved["facets"]["hosts"]} == {
        "h0": 100,
        "h1": 100,
    }
    assert 190 <= resolved["users"] <= 210


def test_every_documented_key_answers_its_documented_command(told: Told) -> None:
    """And holds the fields that its row names, no more and no less."""
    assert len(DOCUMENTED) == 7
    held = {key: row for key, row, _ in DOCUMENTED}
    for key in ("316:counter:{CODE}", "316:series:{CODE}:<yyyymmddhh>"):
        assert isinstance(told.answers[key], dict)
    assert set(told.answers["316:counter:{CODE}"]) == names(held["316:counter:{CODE}"])
    assert set(told.view.rate(CALM)) == names(held["316:rate:{CODE}"])
    assert float(told.answers["316:rate:{CODE}"]) > 0
    assert sum(map(int, told.answers["316:series:{CODE}:<yyyymmddhh>"].values())) == 5
    assert dict(told.answers["316:codes"]).keys() == {CALM, STORMY}
    assert [storm for storm, _ in told.answers["316:storms"]] == told.storms_during
    assert orjson.loads(told.answers["316:storm:<storm id>"])["storm_id"] == told.storms_during[0]
    [(_, fields)] = told.answers["316:alerts"]
    assert orjson.loads(fields["alert"])["code"] == STORMY


def test_an_ended_storm_is_no_longer_active_but_can_be_read(told: Told) -> None:
    assert told.view.redis.zrange(f"{told.view.prefix}storms", 0, -1) == []
    latest = orjson.loads(told.view.redis.get(f"{told.view.prefix}storm:{told.storms_during[0]}"))
    assert latest["transition"] == "resolved"
    stream = told.view.redis.xrange(f"{told.view.prefix}alerts")
    assert [orjson.loads(fields["alert"]) for _, fields in stream] == [
        orjson.loads(record.value()) for record in told.alerts
    ]


def test_the_state_of_a_code_is_quiet_again(told: Told) -> None:
    until(lambda: told.view.rate(STORMY)["state"] == "quiet")


def test_every_key_has_a_ttl(told: Told) -> None:
    """Those that guard others, too. Looked at for longer than the writer's turns, so that none comes and goes."""
    seen: set[str] = set()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        for key in told.view.all_keys():
            ttl = told.view.redis.ttl(key)
            assert ttl > 0 or (ttl == -2 and not told.view.redis.exists(key)), f"{key} has no TTL"
            seen.add(key)
    prefix = told.view.prefix
    for key in (
        "codes",
        f"counter:{{{CALM}}}",
        f"rate:{{{CALM}}}",
        "alerts",
        f"storm:{told.storms_during[0]}",
    ):
        assert f"{prefix}{key}" in seen
    assert any("seen" in key for key in seen), "the guards were looked at"
