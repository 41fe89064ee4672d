"""Secrets are planted in every field of events, good and bad. Then every output is searched for them."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import pytest
import redis
from confluent_kafka import Consumer, TopicPartition

from fault316 import FaultEvent, Reporter
from fault316._build import Details
from fault316_schemas.scrub import SCRUBBED
from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings
from other_client import OtherProducer, OtherView, fault
from support import own_settings, until
from worker_process import WorkerProcess, Workers, fault316

WORD: Final = "c4nary-h0rse-st4ple"
KEY_BODY: Final = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
CARD: Final = "4111111111111111"
JWT: Final = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiJjYW5hcnkifQ" + ".c4n4ryc4n4ryc4n4ry"
AWS_ID: Final = "AKIA" + "C4NARYC4NARYC4NA"
STRIPE: Final = "sk_live_" + "c4n4ryc4n4ryc4n4ry"

SECRETS: Final[dict[str, str]] = {
    "PASSWORD": f"login failed: password={WORD} for bob",
    "JSON": json.dumps({"api_key": WORD, "n": 1}),
    "QUERY": f"POST /login?next=%2F&access-token={WORD}&x=1",
    "HEADER": f"Authorization: Bearer {WORD}",
    "COOKIE": f"Set-Cookie: sid={WORD}; Path=/",
    "URL": f"postgres://shop:{WORD}@db:5432/orders",
    "FLAG": f"exec mysql --password {WORD} --user bob",
    "JWT": f"token {JWT} expired",
    "CARD": f"card {CARD} declined",
    "AWS": f"key id {AWS_ID} refused",
    "VENDOR": f"charged with {STRIPE}",
    "ESCAPES": f"\x1b[2J\x9b31m\r\n12:00:00 paid\u2028[red]\u202e password={WORD}",
    "KEY": f"-----BEGIN PRIVATE KEY-----\n{KEY_BODY}\n-----END PRIVATE KEY-----",
}
"""Kind → a text with a secret of it; each kind reports under a code of its own."""

CANARIES: Final = (WORD, KEY_BODY, CARD, JWT.rpartition(".")[2], AWS_ID, STRIPE)
TEXTS: Final = (
    *("id", "service", "component", "host", "version", "environment", "message", "request_id", "user_id"),
    *("endpoint", "trace_id", "span_id"),
)
CONTROLS: Final = ("\x1b", "\r", "\x9b", "\u2028", "\u202e")
"""What clears a screen, ends a line or turns a text round. Nowhere behind the intake, in no encoding of JSON's."""
EACH: Final = 5
"""Events alike, so that every code has enough of them for a storm."""


def code(kind: str) -> str:
    """The code that a kind reports under."""
    return f"316-CANARY-{kind}"


def valid(kind: str) -> Iterator[bytes]:
    """A secret in each field in turn, in all at once, in attributes and in fields of newer producers."""
    text = SECRETS[kind]
    exception = dict.fromkeys(("type", "message", "stacktrace", "fingerprint"), text)
    fields: list[dict[str, Any]] = [
        *({name: text} for name in TEXTS),
        dict.fromkeys(TEXTS, text) | {"exception": exception},
        {"exception": exception},
        {"attributes": {"note": text, text: 1, "db.password": WORD, "cvv": 123, "x-api-key": WORD}},
        {"newer": {"note": [text]}, "password": WORD},
    ]
    for each in fields:
        yield fault(code(kind), **each)


def invalid(kind: str) -> Iterator[bytes]:
    """A secret in what is refused, whatever it is refused for."""
    text = SECRETS[kind]
    whole = fault(code(kind), message=text)
    for name in ("id", "code", "service", "occurred_at", "severity", "count", "host", "endpoint", "user_id"):
        for wrong in ([text], text if name in ("severity", "count") else text * 60):
            fields: dict[str, Any] = {"code": code(kind), "message": text, name: wrong}
            yield fault(**fields)
    yield fault(code(kind), exception={text: text})
    yield whole[:-1]
    yield b"[" + whole + b"]"
    yield json.dumps(text).encode()
    yield text.encode()
    yield text.encode() + b"\xff"
    yield text.encode("utf-16")
    yield b"{'message': '" + text.encode() + b"'}"
    yield whole[:-1] + b',"note":' + json.dumps(json.dumps({"nested": text})).encode() + b',"count":NaN}'
    yield whole + b" " * 1_100_000


def records(settings: WorkerSettings, topic: str) -> list[Any]:
    """All of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": settings.bootstrap_servers, "group.id": "unused", "log_level": 0}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[1] for p in partitions]
    found: list[Any] = []
    while any(
        max(0, p.offset) < end for p, end in zip(consumer.position(consumer.assignment()), ends, strict=True)
    ):
        found += [record for record in consumer.consume(1_000, timeout=1) if record.error() is None]
    consumer.close()
    return found


def spoken(records: list[Any]) -> bytes:
    """All that is in records: keys, values, headers; UTF-16 read as what it says."""
    parts = []
    for record in records:
        value = record.value() or b""
        parts += [record.key() or b"", value, repr(record.headers()).encode()]
        parts += [value.decode("utf-16", "replace").encode("utf-8", "replace")] * (value[:2] == b"\xff\xfe")
    return b"\n".join(parts)


def told(text: bytes | str) -> list[str]:
    """The canaries in it."""
    data = text.encode() if isinstance(text, str) else text
    return [canary for canary in CANARIES if canary.encode() in data]


def moves(text: bytes | str) -> list[str]:
    """The control characters in it, as themselves or, where it is JSON, as that escapes them.

    An escape that is part of a text, as ours are, has its own backslash escaped there.
    """
    data = text.encode() if isinstance(text, str) else text
    escaped = data.replace(b"\\\\", b"") if data.startswith(b"{") else b""
    return [
        repr(control)
        for control in CONTROLS
        if control.encode() in data or json.dumps(control)[1:-1].encode() in escaped
    ]


def redis_dump(settings: WorkerSettings) -> str:
    """Every key of the prefix with its value."""
    client: Any = redis.from_url(**settings.redis_options())
    read = {"string": client.get, "hash": client.hgetall, "stream": client.xrange}
    read["zset"] = lambda key: client.zrange(key, 0, -1, withscores=True)
    keys = sorted(client.scan_iter(f"*{settings.redis_prefix}*"))
    dump = "\n".join(f"{key} {read[client.type(key)](key)}" for key in keys)
    client.close()
    return dump


@pytest.fixture
async def reported(topics: WorkerSettings) -> WorkerSettings:
    """All kinds by the Reporter: in what it is told, in who it is, and in events made elsewhere."""
    for kind, text in SECRETS.items():
        who: dict[str, Any] = {"host": text, "version": text, "environment": text, "component": text}
        async with Reporter(text, connection=topics, **who) as reporter:
            for name in ("message", "endpoint", "user_id", "request_id", "trace_id", "span_id", "component"):
                details: Details = {name: text}  # type: ignore[misc]  # one of those that are texts
                await reporter.report(code(kind), **details)
            try:
                raise ConnectionError(text)
            except ConnectionError as error:
                await reporter.report(code(kind), exception=error, message="x" * 8_180 + text)
            await reporter.report(
                code(kind), attributes={"note": text, "db.password": WORD, "cvv": 123, text: 1}
            )
            for event in valid(kind):
                await reporter.report_event(FaultEvent.from_json(event))
            assert await reporter.flush()
            assert reporter.dropped == 0
    return topics


async def test_nothing_that_the_reporter_sends_holds_a_secret(reported: WorkerSettings) -> None:
    sent = records(reported, reported.topics.events)
    assert len(sent) == len(SECRETS) * (9 + len(list(valid("JWT"))))
    assert told(spoken(sent)) == []
    assert SCRUBBED.encode() in spoken(sent)


@pytest.fixture(scope="module")
def flooded(
    servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WorkerSettings, WorkerProcess]]:
    """A worker that has seen all kinds from a producer which knows nothing of secrets; each code storms."""
    settings = own_settings(servers)
    with Workers(tmp_path_factory.mktemp("canary")) as workers:
        worker = workers.start(settings, log_level="debug").ready()
        producer = OtherProducer(settings)
        good = {code(kind): [*valid(kind)] * EACH for kind in SECRETS}
        bad = [value for kind in SECRETS for value in invalid(kind)]
        producer.send_all([value for values in good.values() for value in values])
        producer.send_all(bad)
        view = OtherView(settings)
        until(lambda: view.totals() == {code: len(values) for code, values in good.items()})
        until(lambda: worker.metric("fault316_dead_letters_total") == len(bad))
        until(lambda: len(view.redis.zrange(f"{view.prefix}storms", 0, -1)) == len(good))
        view.close()
        yield settings, worker


@pytest.mark.parametrize("topic", ["partials", "alerts", "dead_letters", "changelog"])
def test_no_topic_behind_the_intake_holds_a_secret(
    flooded: tuple[WorkerSettings, WorkerProcess], topic: str
) -> None:
    settings, _ = flooded
    assert set(told(spoken(records(settings, settings.topics.events)))) == set(
        CANARIES
    )  # they would be found
    names = {"changelog": f"{settings.topics.detect_group}-codes-changelog"}
    found = records(settings, names.get(topic) or getattr(settings.topics, topic))
    assert found
    assert told(spoken(found)) == []
    if topic == "dead_letters":  # the value is the refused record to the byte; the words about it are ours
        words = [value for record in found for _, value in record.headers()]
    else:
        words = [record.value() or b"" for record in found]
    # In what is binary, the short ones may be numbers.
    binary = {repr(control) for control in CONTROLS[:2]} if topic in ("partials", "changelog") else set()
    assert {control for each in words for control in moves(each)} <= binary
    assert SCRUBBED.encode() in spoken(found)


def test_a_letter_with_a_secret_says_that_it_was_scrubbed(
    flooded: tuple[WorkerSettings, WorkerProcess],
) -> None:
    settings, _ = flooded
    letters = records(settings, settings.topics.dead_letters)
    scrubbed = [record for record in letters if dict(record.headers())["scrubbed"] == b"true"]
    assert len(scrubbed) == len(letters) == sum(len([*invalid(kind)]) for kind in SECRETS)


def test_redis_holds_no_secret(flooded: tuple[WorkerSettings, WorkerProcess]) -> None:
    dump = redis_dump(flooded[0])
    assert told(dump) == []
    assert moves(dump) == []
    assert SCRUBBED in dump


def test_the_worker_tells_no_secret(flooded: tuple[WorkerSettings, WorkerProcess]) -> None:
    """Neither its log at debug level nor its HTTP port."""
    _, worker = flooded
    log = worker.log.read_text()
    assert log.count('"event": "alert"') >= len(SECRETS)
    assert told(log) == []
    assert moves(log) == []
    for path in ("metrics", "readyz", "healthz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.http_port}/{path}", timeout=5) as answer:
            said = answer.read()
        assert told(said) + moves(said) == []


@pytest.mark.parametrize(
    "command",
    [
        ("tail", "--from-beginning", "-n", str(len(SECRETS))),
        ("counters",),
        ("counters", code("CARD")),
        ("top", "--once"),
        ("dlq", "list", "-n", "1000"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_no_command_shows_a_secret(
    flooded: tuple[WorkerSettings, WorkerProcess], command: tuple[str, ...], form: tuple[str, ...]
) -> None:
    done = fault316(flooded[0], *command, *form)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert told(done.stdout + done.stderr) + moves(done.stdout) == []


@pytest.mark.parametrize("form", [(), ("--json",), ("--raw",)])
def test_no_letter_shows_a_secret(
    flooded: tuple[WorkerSettings, WorkerProcess], form: tuple[str, ...]
) -> None:
    settings, _ = flooded
    letters = records(settings, settings.topics.dead_letters)
    hostile = next(letter for letter in letters if b"\\u001b" in letter.value() or b"\x1b" in letter.value())
    no_text = next(letter for letter in letters if letter.value().endswith(b"\xff"))
    for letter in (*letters[::160], hostile, no_text):
        done = fault316(settings, "dlq", "show", letter.key().decode(), *form)
        assert done.returncode == 0, done.stderr
        assert told(done.stdout + done.stderr) == []
        if not form:  # for programs, the letter is as it is
            assert done.stdout.replace("\n", "").isprintable()
