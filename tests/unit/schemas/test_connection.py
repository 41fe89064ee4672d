"""Connection settings: what is wrong is said before anything connects, and no secret is said with it."""

import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fault316_schemas import Connection


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine that the tests run on."""
    monkeypatch.chdir(tmp_path)
    for name in Connection.model_fields:
        monkeypatch.delenv(f"FAULT316_{name.upper()}", raising=False)


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT316_BOOTSTRAP_SERVERS", "one:9092, two:9093")
    assert Connection().kafka_options()["bootstrap_servers"] == ["one:9092", "two:9093"]
    assert Connection(bootstrap_servers="[::1]:9092").kafka_options()["bootstrap_servers"] == ["[::1]:9092"]


def test_the_file_of_the_local_servers_is_found(tmp_path: Path) -> None:
    (tmp_path / ".fault316").mkdir()
    (tmp_path / ".fault316/env").write_text("FAULT316_BOOTSTRAP_SERVERS=localhost:31600\n")
    assert Connection().bootstrap_servers == "localhost:31600"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"bootstrap_servers": ""}, "bootstrap_servers"),
        ({"bootstrap_servers": "kafka"}, "bootstrap_servers"),
        ({"bootstrap_servers": "a:9092,,b:9092"}, "bootstrap_servers"),
        ({"topic_prefix": "316:"}, "topic_prefix"),
        ({"redis_prefix": "{316}"}, "redis_prefix"),
        ({"redis_url": "http://localhost"}, "redis_url"),
        ({"redis_ca_file": __file__}, "redis_ca_file"),
        ({"kafka_key_file": __file__}, "kafka_cert_file"),
        ({"kafka_ca_file": "/does/not/exist"}, "kafka_ca_file"),
        ({"security_protocol": "SASL_SSL"}, "sasl_username"),
        ({"security_protocol": "TLS"}, "security_protocol"),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Connection(**wrong)


def test_an_error_does_not_tell_the_password() -> None:
    with pytest.raises(ValidationError) as refused:
        Connection(redis_url="http://:hunter2@localhost", sasl_password="hunter2")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(Connection(redis_url="redis://:hunter2@localhost"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:hunter2/x@host:6379/0",
        "redis://user:hunter2#x@host",
        "redis://user:hunter2?x@host",
        "redis://hunter2/x@host",
        "redis://hunter2?x@host",
        "redis://hunter2#x@host",
        "redis://user:x@host:hunter2",
        "redis://user:hunter2@[::1",
        "redis://user:hunter2@host:70000",
        "redis://user:hunter2@host/zero",
    ],
)
def test_a_url_that_would_be_torn_in_a_password_is_refused_without_telling_it(url: str) -> None:
    with pytest.raises(
        ValidationError, match=r"redis_url should be a URL .* in a password write %2F"
    ) as refused:
        Connection(redis_url=url)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:p%2Fw@localhost/",
        "redis://[::1]:6379/15",
        "rediss://u:a@b:c@host:1/0?ssl_certfile=c.pem&ssl_keyfile=k.pem",
        "unix://u:p@/run/redis/redis.sock?db=3",
    ],
)
def test_a_whole_url_is_taken(url: str) -> None:
    assert Connection(redis_url=url).redis_options()["url"] == url


def test_sasl_reaches_the_kafka_client() -> None:
    options = Connection(security_protocol="SASL_SSL", sasl_username="u", sasl_password="p").kafka_options()
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    assert options["ssl_context"] is not None
