"""Secrets go, everything else stays readable, and no text can make it slow."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fault316_schemas import FaultEvent
from fault316_schemas.event import ATTRIBUTE_CHARS_MAX, NAME_CHARS_MAX, STACKTRACE_CHARS_MAX
from fault316_schemas.scrub import SCRUBBED, scrub_bytes, scrub_event, scrub_fields, scrub_text

# Not real ones, and in parts: scanners of repositories look for whole ones.
JWT: Final = (
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
AWS_ID: Final = "AKIA" + "IOSFODNN7EXAMPLE"
AWS_SECRET: Final = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
STRIPE: Final = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
GITHUB: Final = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
HEX: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
KEY_BODY: Final = "MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aozN3tihPmUWRRgFn2Zz"
PRIVATE_KEY: Final = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n{KEY_BODY}\n-----END RSA PRIVATE KEY-----"

HIDDEN: Final[list[tuple[str, str]]] = [
    # text → what must be left of it; `*` is where the secret was
    ("login failed: password=hunter2 user=bob", "login failed: password=* user=bob"),
    ("password: hunter2", "password: *"),
    ("PASSWORD = 'hunter 2, too' next", "PASSWORD = '*' next"),
    ('{"password": "hun\\"ter2", "n": 1}', '{"password": "*", "n": 1}'),
    ("{'api_key': 'abc', 'n': 1}", "{'api_key': '*', 'n': 1}"),
    (r"{\"secret\":\"x\\\"y\",\"n\":1}", r"{\"secret\":\"*\",\"n\":1}"),
    ('{"pin":1234,"n":1}', '{"pin":*,"n":1}'),
    ('{"password": {"is": "x"}, "n": 1}', '{"password": *, "n": 1}'),
    ("b'password': b'hunter2'", "b'password': b'*'"),
    ('password="hunter2 is cut', 'password="*'),
    ("password => hunter2", "password => *"),
    ("params[password]=hunter2&x=1", "params[password]=*&x=1"),
    ("<password>hunter2</password>", "<password>*</password>"),
    ("mysql --password hunter2 --user bob", "mysql --password * --user bob"),
    ("run --api-key=abc123 -v", "run --api-key=* -v"),
    ("DB_PASSWORD=hunter2\nDB_USER=bob", "DB_PASSWORD=*\nDB_USER=bob"),
    ("spring.datasource.password: hunter2", "spring.datasource.password: *"),
    ("userPassword=a,b,c, userName=bob", "userPassword=*, userName=bob"),
    ("Server=db;Pwd=hunter2;Database=x", "Server=db;Pwd=*;Database=x"),
    ("connect(host='db', passwd=hunter2)", "connect(host='db', passwd=*)"),
    (r'"message":"token=abc123\nTraceback"', r'"message":"token=*\nTraceback"'),
    ("GET /orders?page=2&access_token=abc123&x=1 failed", "GET /orders?page=2&access_token=*&x=1 failed"),
    ("/login%3Ftoken%3Dabc123%26x", "/login%3Ftoken%3D*"),
    ("Authorization: Bearer abc123 rejected", "Authorization: * rejected"),
    ("'Authorization': 'Basic dXNlcjpwYXNz'", "'Authorization': '*'"),
    ('Authorization: Digest username="bob", response="abc"', "Authorization: *"),
    ("X-Api-Key: abc123", "X-Api-Key: *"),
    ('Cookie: sid=abc; theme="dark blue"; x=1\nHost: a', "Cookie: *\nHost: a"),
    ("Set-Cookie: sid=abc; Path=/; HttpOnly", "Set-Cookie: *"),
    ("sent Bearer abc123def456 to b", "sent Bearer * to b"),
    ("sent basic dXNlcjpwYXNz", "sent basic *"),
    (f"aws_secret_access_key = {AWS_SECRET}", "aws_secret_access_key = *"),
    (f"client_secret={HEX}", "client_secret=*"),
    (f"session={HEX}", "session=*"),
    (f"key: {HEX[:32]}", "key: *"),
    (f"AccountKey={AWS_SECRET}==;EndpointSuffix=x", "AccountKey=*;EndpointSuffix=x"),
    (f"token {JWT} expired", "token * expired"),
    (f"id {AWS_ID}.", "id *."),
    (f"charged with {STRIPE}", "charged with *"),
    (f"clone https://{GITHUB}@github.com/x", "clone https://*@github.com/x"),
    ("postgres://shop:hunter2@db:5432/orders", "postgres://shop:*@db:5432/orders"),
    ("redis://:p@ss@cache:6379/0", "redis://:*@cache:6379/0"),
    ("amqp://shop:a/b+c@mq/%2f", "amqp://shop:*@mq/%2f"),
    (r'"postgres:\/\/shop:hunter2@db\/orders"', r'"postgres:\/\/shop:*@db\/orders"'),
    (f"before\n{PRIVATE_KEY}\nafter", "before\n*\nafter"),
    (json.dumps({"k": PRIVATE_KEY, "n": 1}), '{"k": "*", "n": 1}'),
    (f"private_key: {PRIVATE_KEY[:90]}", "private_key: *"),
    ("card 4111 1111 1111 1111 declined", "card * declined"),
    ("cards 5500-0000-0000-0004, 378282246310005", "cards *, *"),
    ("amex 3782 822463 10005", "amex *"),
    ('"user_id":6011111111111117}', '"user_id":*}'),
]

LEFT_ALONE: Final = [
    "",
    "Could not acquire a connection within 30 s: pool db-main (size=20, overflow=10) exhausted",
    "Invalid password for user bob",
    "password: must not be empty",
    "password=None, token=null, secret: ''",
    "token: expired",
    "token_count=512 max_tokens: 4096 tokens: 123456 token_type=Bearer",
    "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "Unexpected token: '}'",
    "password=*** user=bob",
    "KeyError: 'password'",
    "missing fields: 'password', 'email'",
    "AuthenticationError: Basic authentication failed, bearer token required",
    "author: Bob; authority=example.org; tokenizer=bpe; compass=north; passed=12 failed=3",
    "pass=12 fail=3",
    "PWD=/srv/app HOME=/root",
    "primary_key=order_17 cache_key=user:17 key: name",
    "duplicate key value violates unique constraint: Key (id)=(17) already exists.",
    "session=42 session: closed",
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
    f"sha256:{HEX} commit 9f86d081884c7d659a2feaa0c55ad015",
    "order 550e8400-e29b-41d4-a716-446655440000, 12345678-1234-1234-1234-123456789012",
    "at 1710559000000 ms, 1710559000000000 us, 1710559000000000000 ns",
    "order 4111111111111112, EAN 4006381333931, tel +49 30 1234567890123",
    "took 0.4111111111111111 s",
    "http://host:8080/x@y https://example.org/@user git@github.com:a/b.git mailto:bob@example.org",
    "ssh://git@github.com/x kafka://broker-1:9092 http://[::1]:80/",
    "ratio 3:4, 12:34:56, C:\\Users\\bob, a=b, x: y, <b>bold</b>",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
    "sk-learn-pipeline-of-the-shop, task-based-scheduling-of-orders",
    '  File "/srv/app/auth/token.py", line 42, in refresh_token\n    raise TokenExpired(token)',
    "org.example.security.token.TokenService$Refresher.run(TokenService.java:42)",
    "Токен истёк: 令牌已过期 🔥 \x00\x1b[31m",
]


@pytest.mark.parametrize(("text", "left"), HIDDEN)
def test_a_secret_is_replaced_and_nothing_else(text: str, left: str) -> None:
    scrubbed = scrub_text(text)
    assert scrubbed == left.replace("*", SCRUBBED)
    assert scrub_text(scrubbed) == scrubbed


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert scrub_text(text) == text


WORDS: Final = ("password", "token", "key", "cookie", "Authorization", "Bearer", "Digest", "hunter2")
MARKS: Final = ("amqp://a:b@c/", "--", "=>", ": ", '\\"', "4111111111111111", JWT, AWS_ID, STRIPE, SCRUBBED)
FRAGMENTS = st.sampled_from([*WORDS, *MARKS, *PRIVATE_KEY.split("\n"), *"=:\"'\\&,\n []{})@<>é\x00"])


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@example('password=" hunter2')
def test_scrubbing_again_changes_nothing(text: str) -> None:
    """Clients scrub and intake scrubs: the second time must not eat what the first one left."""
    once = scrub_text(text)
    assert scrub_text(once) == once


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_named_password_is_found_between_any_texts(before: str, after: str) -> None:
    """Unless the text around makes it part of another word."""
    assert "hunter2" not in scrub_text(f"{before} password=hunter2 {after}")


ADVERSARIES: Final[dict[str, Callable[[int], str]]] = {
    "one run": lambda n: "a" * n,
    "digits": lambda n: "4" * n,
    "digits apart": lambda n: "4111 " * (n // 5),
    "spaces": lambda n: "password" + " " * n,
    "names": lambda n: "password" * (n // 8),
    "hyphens": lambda n: "a-" * (n // 2),
    "dashes": lambda n: "-" * n,
    "flags": lambda n: "--token" * (n // 7),
    "separators": lambda n: "=" * n,
    "empty values": lambda n: "token=" * (n // 6),
    "open quotes": lambda n: "token='token=\"" * (n // 14),
    "escaped quotes": lambda n: 'token="' + '\\"token=' * (n // 8),
    "more and more backslashes": lambda n: (
        "".join('token="'.replace('"', "\\" * i + '"') for i in range(8)) * (n // 84)
    ),
    "backslashes": lambda n: 'token="' + "\\" * n,
    "commas": lambda n: "token=" + ",a" * (n // 2),
    "brackets": lambda n: "token=[" * (n // 7),
    "cookies": lambda n: 'cookie: a="' * (n // 11),
    "bearers": lambda n: "bearer " * (n // 7),
    "jwt heads": lambda n: "eyJ" * (n // 3),
    "jwt heads in words": lambda n: "eyJ_" * (n // 4),
    "jwt parts": lambda n: "eyJa." * (n // 5),
    "URLs": lambda n: "://a:" * (n // 5),
    "URLs without an end": lambda n: "://" + "a:" * (n // 2),
    "at signs": lambda n: "://a:b" + "@" * n,
    "key heads": lambda n: "-----BEGIN PRIVATE KEY-----" * (n // 27),
    "key heads without a key": lambda n: "-----BEGIN " * (n // 11) + "PRIVATE KEY",
    "key ids": lambda n: "AKIA" * (n // 4),
    "vendors": lambda n: "sk-" * (n // 3),
    "everything": lambda n: "".join(text for text, _ in HIDDEN) * (n // 3_000),
}
SMALL, LARGE = 16 * 1024, 64 * 1024


@pytest.mark.parametrize("name", ADVERSARIES)
def test_time_is_proportional_to_the_text(name: str) -> None:
    """Four times the text takes about four times as long; what is quadratic would take sixteen times."""
    small, large = ADVERSARIES[name](SMALL), ADVERSARIES[name](LARGE)
    ratio = min(_seconds(large) / _seconds(small) for _ in range(3))
    assert ratio < 9, f"{ratio:.1f} times as long for {len(large) / len(small):.1f} times the text"


def _seconds(text: str) -> float:
    """CPU time, the best of some: what else the machine does is left out."""

    def once() -> float:
        began = time.process_time()
        scrub_text(text)
        return time.process_time() - began

    return max(1e-5, min(once() for _ in range(5)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"\xff\xfea",
        b"\x00\xff",
        "password must be \u00e9".encode("latin-1"),
        b'{"a": "\xff',
    ],
)
def test_bytes_without_secrets_stay_as_they_are(data: bytes) -> None:
    assert scrub_bytes(data) is data


@given(st.binary(max_size=60), st.binary(max_size=60))
@example(b"\xff\xfe\xd8", b"")
def test_broken_bytes_hide_no_secret_and_stay_around_it(before: bytes, after: bytes) -> None:
    data = before + b" password=hunter2 " + after
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        scrub_bytes(data)  # it need only not fail
    elif scrub_bytes(before) is before and scrub_bytes(after) is after:
        assert scrub_bytes(data) == before + f" password={SCRUBBED} ".encode() + after


def test_utf_16_is_no_hiding_place() -> None:
    assert scrub_bytes("password=hunter2".encode("utf-16")).decode("utf-16") == f"password={SCRUBBED}"


def test_fields_are_scrubbed_by_their_names_and_inside_of_texts() -> None:
    fields: dict[str, Any] = {
        "attributes": {
            "db.password": "x",
            "pin": 1234,
            "has_password": True,
            "tokens": 7,
            "url": "http://a:b@c",
        },
        "exception": {"message": "token=abc"},
        "count": 3,
        "4111111111111111": None,
    }
    assert scrub_fields(fields) == {
        "attributes": {
            "db.password": SCRUBBED,
            "pin": SCRUBBED,
            "has_password": True,
            "tokens": 7,
            "url": f"http://a:{SCRUBBED}@c",
        },
        "exception": {"message": f"token={SCRUBBED}"},
        "count": 3,
        SCRUBBED: None,
    }


def test_an_event_within_its_limits_stays_within_them() -> None:
    """`[scrubbed]` is longer than many a secret."""
    many = "pwd=a&" * 20_000
    event = FaultEvent.from_json(
        json.dumps(
            {
                "id": "pin=999 " * 16,
                "code": "316-4111111111111111",
                "service": many[:NAME_CHARS_MAX],
                "occurred_at": "2026-03-16T03:16:00Z",
                "endpoint": "/o?token=abc",
                "exception": {"type": many[:NAME_CHARS_MAX], "stacktrace": many[:STACKTRACE_CHARS_MAX]},
                "attributes": {many[:NAME_CHARS_MAX]: many[:ATTRIBUTE_CHARS_MAX], "secret": "a"},
            }
        ).encode()
    )
    clean = scrub_event(event)
    assert (clean.code, clean.endpoint, clean.occurred_at) == (
        event.code,
        f"/o?token={SCRUBBED}",
        event.occurred_at,
    )
    assert clean.attributes
    assert clean.attributes["secret"] == SCRUBBED
    assert "pwd=a" not in clean.model_dump_json()
    assert scrub_event(clean) == clean


def test_an_event_without_secrets_is_itself() -> None:
    event = FaultEvent.from_json(
        b'{"id":"1","code":"316-A","service":"s","occurred_at":"2026-03-16T03:16:00Z"}'
    )
    assert scrub_event(event) is event
