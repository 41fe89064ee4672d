"""Kafka with TLS, SCRAM and access lists, Redis with TLS and users: all works with the rights that docs/security.md
lists, and what is wrong is said in one line.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import redis
import trustme
from confluent_kafka import Producer

from fault316 import AlertFeed, AsyncCounters, Counters, Reporter, Unavailable
from fault316_schemas.export import SOURCE
from fault316_streams.errors import Failure
from fault316_streams.topics import ensure_topics
from other_client import fault
from secured import Acl, Secured
from support import eventually, until
from worker_process import Workers, fault316

DOCS: Final = (SOURCE.parent / "docs" / "security.md").read_text(encoding="utf-8")
README: Final = (SOURCE.parent / "README.md").read_text(encoding="utf-8")
ROLES: Final = ("producer", "consumer", "worker", "operator", "reader", "nobody")
LACKING: Final = {
    f"no-{name}": f"316.{name}" for name in ("intake", "detect", "events", "partials", "alerts", "events.dlq")
}
"""Users with all of a worker's rights but those of one name."""
CODE: Final = "316-OP-FAIL"


def documented_acls() -> list[Acl]:
    """The table of docs/security.md; a role is a user of that name."""
    rows = re.findall(
        r"^\| (\w+) \| (topic|group|cluster) \| `([^`]+)` \| ([A-Z_, ]+) \|$", DOCS, re.MULTILINE
    )
    return [
        Acl(user, resource, name, tuple(operations.split(", "))) for user, resource, name, operations in rows
    ]


def documented_users() -> str:
    """Its ACL file; `nobody` may do nothing."""
    found = re.search(r"```text\n(user worker .*?)```", DOCS, re.DOTALL)
    assert found is not None
    # `{316:*}` is a key, `{worker}` a password.
    users = found[1].replace("{316:*}", "{{316:*}}")
    passwords = "".join(f"user {role} on >{{{role}}}\n" for role in ROLES if role not in ("worker", "reader"))
    return users + passwords


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Servers, users, rights and topics."""
    with Secured(
        tmp_path_factory.mktemp("secured"), (*ROLES, *LACKING, "reads-only"), documented_users()
    ) as servers:
        servers.kafka.allow(documented_acls())
        done = fault316_as(servers, "operator", "topics")
        assert done.returncode == 0, done.stderr
        yield servers


def fault316_as(secured: Secured, user: str, *arguments: str) -> Any:
    """Run a command as this user."""
    return fault316(secured.settings(user), *arguments, sasl_password=secured.passwords[user])


def test_the_docs_list_every_role() -> None:
    assert {acl.user for acl in documented_acls()} == {"producer", "consumer", "worker", "operator"}


def test_the_readme_lists_the_same_rights() -> None:
    section = README.split("\n## Security\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| (\w+)(?: reader)? \| (.*)$", section, re.MULTILINE))
    for acl in documented_acls():
        if acl.user != "consumer" or acl.resource != "group":
            assert f"`{acl.name}`" in rows[acl.user], acl
        for operation in acl.operations:
            assert operation.replace("_", "").title() in rows[acl.user].title(), acl
    for user, row in (("worker", "worker"), ("reader", "counters")):
        [line] = re.findall(rf"^user {user} .*$", DOCS, re.MULTILINE)
        assert re.findall(r" ([+~]\S+)", line) == re.findall(r"[`\s]([+~][^\s`]+)", rows[row])


async def test_the_whole_pipeline_works_with_the_documented_rights(secured: Secured, tmp_path: Path) -> None:
    """Service, worker, consumer, dashboard and operator: each as a user of its own, none with more than is listed."""
    with Workers(tmp_path) as workers:
        worker = workers.start(secured.settings("worker"), sasl_password=secured.passwords["worker"]).ready()
        async with AlertFeed(secured.settings("consumer"), group="pager") as feed:
            async with Reporter("shop", connection=secured.settings("producer")) as reporter:
                await reporter.report(CODE, count=500)
                assert await reporter.flush()
            alert = await anext(feed)
        assert (alert.transition, alert.code) == ("opened", CODE)
        raw = Producer(secured.kafka.options("producer"))
        raw.produce("316.events", fault(CODE))
        raw.produce("316.events", b"not JSON")
        assert raw.flush(30) == 0

        def counted() -> bool:
            with Counters(secured.settings("reader")) as counters:
                counter = counters.get(CODE)
                return bool(counter and counter.total == 501 and counters.active_storms())

        until(counted)
        async with AsyncCounters(secured.settings("reader")) as counters:
            assert [rates.code for rates in await counters.top()] == [CODE]
            assert (await counters.storm(alert.storm_id)) is not None
        await eventually(lambda: worker.metric("fault316_dead_letters_total") == 1)
        listed = fault316_as(secured, "operator", "dlq", "list", "--json")
        assert orjson.loads(listed.stdout)["reasons"] == {"invalid_json": 1}
        retried = fault316_as(secured, "operator", "dlq", "retry", "--all", "--yes", "--json")
        assert len(orjson.loads(retried.stdout)["retried"]) == 1
        tailed = fault316_as(secured, "operator", "tail", "--from-beginning", "-n", "1", "--json")
        assert orjson.loads(tailed.stdout)["alert_id"] == alert.alert_id
        shown = fault316_as(secured, "reader", "counters", CODE)
        assert "501" in shown.stdout
        assert worker.stop() == 0
        assert [word for word in secured.passwords.values() if word in worker.log.read_text()] == []
        # They were refused nothing in all that, but for how redis-py introduces itself.
        refused = secured.redis.admin(secured.passwords["admin"]).acl_log()
        assert {entry["object"] for entry in refused} <= {"client"}
        assert "AuthorizationFailed" not in worker.log.read_text()


async def test_the_whole_pipeline_works_with_certificates_instead_of_passwords(
    secured: Secured, tmp_path: Path
) -> None:
    """The broker knows its users by name all the same: they have the same rights, and no more."""
    code = "316-CERT-ERR"
    with Workers(tmp_path) as workers:
        worker = workers.start(secured.certified("worker")).ready()
        async with Reporter("shop", connection=secured.certified("producer")) as reporter:
            await reporter.report(code, count=500)
            assert await reporter.flush()
        async with AlertFeed(secured.certified("consumer"), group="pager", from_beginning=True) as feed:
            assert code in [(await anext(feed)).code, (await anext(feed)).code]
        assert fault316(secured.certified("operator"), "topics").returncode == 0
        assert worker.stop() == 0
    with pytest.raises(Unavailable, match=r"no topic '316.events'"):
        await Reporter("shop", connection=secured.certified("nobody")).start(3.0)


@pytest.mark.parametrize("what", ["none", "untrusted"])
async def test_a_missing_or_wrong_certificate_is_one_line_that_names_the_setting(
    secured: Secured, what: str
) -> None:
    if what == "none":
        settings = secured.settings("producer", **secured.mutual)
    else:
        settings = secured.certified("producer", ca=trustme.CA())
    with pytest.raises(Unavailable, match=r"^[^\n]*FAULT316_KAFKA_CERT_FILE[^\n]*$"):
        await Reporter("shop", connection=settings).start(3.0)
    with pytest.raises(Failure, match=r"^[^\n]*FAULT316_KAFKA_CERT_FILE[^\n]*$"):
        await ensure_topics(settings)


def wrong(secured: Secured, what: str, folder: Path) -> dict[str, Any]:
    """Settings with one thing wrong."""
    other = folder / "other-ca.pem"
    trustme.CA().cert_pem.write_to_path(other)
    url = secured.redis.url("worker", secured.passwords["worker"])
    settings: dict[str, dict[str, Any]] = {
        "password": {
            "sasl_password": "hunter2-wrong",
            "redis_url": secured.redis.url("worker", "hunter2-wrong"),
        },
        "user": {"sasl_username": "ghost", "redis_url": secured.redis.url("ghost", "hunter2-wrong")},
        "mechanism": {"sasl_mechanism": "PLAIN"},
        "CA": {"kafka_ca_file": other, "redis_ca_file": other},
        "no CA": {"kafka_ca_file": None, "redis_ca_file": None},
        "no TLS": {
            "security_protocol": "SASL_PLAINTEXT",
            "redis_url": url.replace("rediss", "redis"),
            "redis_ca_file": None,
        },
        "host name": {
            "bootstrap_servers": f"[::ffff:127.0.0.1]:{secured.kafka.port}",
            "redis_url": url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        },
    }
    return settings[what]


SAYS: Final = {
    "password": ("FAULT316_SASL_PASSWORD", "password"),
    "user": ("FAULT316_SASL_USERNAME", "username"),
    "mechanism": ("FAULT316_SASL_MECHANISM", None),
    "CA": ("FAULT316_KAFKA_CA_FILE", "certificate"),
    "no CA": ("FAULT316_KAFKA_CA_FILE", "certificate"),
    "no TLS": ("FAULT316_SECURITY_PROTOCOL", "closed|reset"),
    "host name": ("FAULT316_KAFKA_CA_FILE", "certificate"),
}
"""What is wrong → what the line about Kafka names, and that about Redis."""


@pytest.mark.parametrize("what", SAYS)
async def test_a_wrong_setting_is_one_line_that_names_it(secured: Secured, tmp_path: Path, what: str) -> None:
    settings = secured.settings("worker", **wrong(secured, what, tmp_path))
    kafka_line, redis_line = SAYS[what]
    said = []
    with pytest.raises(Unavailable) as reporting:
        await Reporter("shop", connection=settings).start(3.0)
    with pytest.raises(Unavailable) as listening:
        await AlertFeed(settings).start(3.0)
    with pytest.raises(Failure) as preparing:
        await ensure_topics(settings)
    said += [str(error.value) for error in (reporting, listening, preparing)]
    assert [line for line in said if kafka_line not in line] == []
    if redis_line:
        with pytest.raises(Unavailable, match=redis_line) as reading, Counters(settings) as counters:
            counters.codes()
        said.append(str(reading.value))
    assert [line for line in said if "hunter2" in line or "\n" in line] == []


@pytest.mark.parametrize("what", ["password", "CA"])
def test_a_command_with_a_wrong_setting_ends_with_that_line(
    secured: Secured, tmp_path: Path, what: str
) -> None:
    settings = secured.settings("worker", **wrong(secured, what, tmp_path))
    password = "hunter2-wrong" if what == "password" else secured.passwords["worker"]
    for command, names in ((("topics",), SAYS[what][0]), (("counters",), SAYS[what][1])):
        done = fault316(settings, *command, sasl_password=password)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert names in done.stderr
        assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("what", ["password", "CA"])
def test_a_worker_with_a_wrong_setting_waits_and_says_for_what(
    secured: Secured, tmp_path: Path, what: str
) -> None:
    settings = secured.settings("worker", **wrong(secured, what, tmp_path))
    password = "hunter2-wrong" if what == "password" else secured.passwords["worker"]
    with Workers(tmp_path) as workers:
        worker = workers.start(settings, sasl_password=password)
        worker.until_waiting("kafka", SAYS[what][0])
        assert "hunter2" not in str(worker.readyz())
        assert worker.stop() == 0
        assert SAYS[what][0] in worker.log.read_text()
        assert "hunter2" not in worker.log.read_text()


def test_a_worker_with_a_wrong_redis_password_counts_and_says_what_to_check(
    secured: Secured, tmp_path: Path
) -> None:
    """Redis is only a view: it waits for that alone."""
    wrong_url = secured.redis.url("worker", "hunter2-wrong")
    with Workers(tmp_path) as workers:
        worker = workers.start(
            secured.settings("worker", redis_url=wrong_url), sasl_password=secured.passwords["worker"]
        )
        worker.until_waiting("redis", "password")
        assert "FAULT316_REDIS_URL" in worker.waits_for("redis")
        until(
            lambda: (
                [name for name, part in worker.readyz()["components"].items() if not part["ready"]]
                == ["redis"]
            )
        )
        assert "hunter2" not in str(worker.readyz())
        assert worker.stop() == 0
        assert "waiting for redis" in worker.log.read_text()
        assert "hunter2" not in worker.log.read_text()


async def test_without_a_right_it_is_one_line(secured: Secured) -> None:
    settings = secured.settings("nobody")
    with pytest.raises(Unavailable, match=r"no topic '316.events' \(or does not show it to this user\)"):
        await Reporter("shop", connection=settings).start(3.0)
    with pytest.raises(Failure, match=r"^topic 316\.\S+ is not there, or hidden .*docs/security.md[^\n]*$"):
        await ensure_topics(settings)
    with pytest.raises(Unavailable, match=r"^[^\n]*permission[^\n]*$"), Counters(settings) as counters:
        counters.codes()


@pytest.mark.parametrize("user", LACKING)
def test_a_worker_without_one_of_its_rights_ends_and_says_which(
    secured: Secured, tmp_path: Path, user: str
) -> None:
    """It could only wait for ever. Somebody has to give it the right, or see that it is another's settings."""
    secured.kafka.allow(
        Acl(user, acl.resource, acl.name, acl.operations)
        for acl in documented_acls()
        if acl.user == "worker" and acl.name != LACKING[user]
    )
    with Workers(tmp_path) as workers:
        worker = workers.start(secured.settings(user), sasl_password=secured.passwords[user])
        until(lambda: worker.exit_code is not None)
        assert worker.exit_code == 1
        assert f" {LACKING[user]} " in worker.last_words().splitlines()[-1]
        assert "docs/security.md" in worker.last_words()
        assert "hunter2" not in worker.log.read_text()


def test_a_worker_that_may_not_write_waits_and_says_so(secured: Secured, tmp_path: Path) -> None:
    """That shows only when it writes; nothing is lost meanwhile."""
    user = "reads-only"
    secured.kafka.allow(
        Acl(user, acl.resource, acl.name, tuple(op for op in acl.operations if op != "WRITE"))
        for acl in documented_acls()
        if acl.user == "worker"
    )
    with Workers(tmp_path) as workers:
        worker = workers.start(secured.settings(user), sasl_password=secured.passwords[user])
        until(lambda: "AuthorizationFailed" in worker.log.read_text())
        assert not worker.readyz()["ready"]


def test_redis_gives_the_reader_no_way_to_write(secured: Secured) -> None:
    settings = secured.settings("reader")
    with Counters(settings) as counters:
        assert isinstance(counters.codes(), list)
    client: Any = redis.from_url(**settings.redis_options())
    for command in (
        ("SET", "316:x", "1"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("GET", "other:x"),
        ("KEYS", "*"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)
