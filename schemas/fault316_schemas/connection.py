"""Where Kafka and Redis are: `FAULT316_*` environment variables, shared by clients and workers."""

import ssl
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from fault316_schemas.names import Keys, Topics
from fault316_schemas.redis_url import RedisUrl, parse_redis_url

LOCAL_ENV_FILE = Path(".fault316/env")
"""Written by `fault316 up`, so that every program started in the same folder finds the local servers."""

TopicPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")]
"""The characters of a Kafka topic's name; of the 249 that it may have, the rest is left to suffixes."""

RedisPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{0,64}$")]
"""No braces: they would move the keys' hash tag."""


class Connection(BaseSettings):
    """Kafka and Redis endpoints with their security.

    Taken from arguments, then `FAULT316_*` environment variables, then `.fault316/env`, then defaults.

    Raises:
        pydantic.ValidationError: a value is wrong; the error names the field.
    """

    model_config = SettingsConfigDict(
        env_prefix="FAULT316_",
        env_file=LOCAL_ENV_FILE,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # the input holds passwords, and tracebacks end up in logs
    )

    bootstrap_servers: Annotated[str, Field(pattern=r"^\s*[^\s,]+:\d{1,5}(\s*,\s*[^\s,]+:\d{1,5})*\s*$")] = (
        "localhost:9092"
    )
    """`host:port`, several with commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    kafka_cert_file: Path | None = None
    kafka_key_file: Path | None = None
    redis_url: SecretStr = SecretStr("redis://localhost:6379/0")
    redis_ca_file: Path | None = None
    topic_prefix: TopicPrefix = "316."
    redis_prefix: RedisPrefix = "316:"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(
                f"security_protocol {self.security_protocol} needs sasl_username and sasl_password"
            )
        for name in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file", "redis_ca_file"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise ValueError(f"{name}: no such file: {path}")
        if self.kafka_key_file and not self.kafka_cert_file:
            raise ValueError("kafka_key_file needs kafka_cert_file")
        address = self.redis_address  # raises where it is none
        if self.redis_ca_file and not address.tls:
            raise ValueError("redis_ca_file needs a redis_url that starts with rediss")
        return self

    @cached_property
    def topics(self) -> Topics:
        """The topics under this connection's prefix."""
        return Topics(self.topic_prefix)

    @property
    def redis_address(self) -> RedisUrl:
        """`redis_url`, taken apart. Its text is for people and has no password."""
        return parse_redis_url(self.redis_url.get_secret_value())

    @cached_property
    def keys(self) -> Keys:
        """The Redis keys under this connection's prefix."""
        return Keys(self.redis_prefix)

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS for Kafka, or None where the protocol has none."""
        if "SSL" not in self.security_protocol:
            return None
        context = ssl.create_default_context(cafile=self.kafka_ca_file)
        if self.kafka_cert_file:
            context.load_cert_chain(self.kafka_cert_file, self.kafka_key_file)
        return context

    def kafka_options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        options: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",")],
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context(),
        }
        if self.security_protocol.startswith("SASL"):
            assert self.sasl_password is not None
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password.get_secret_value(),
            }
        return options

    def redis_options(self) -> dict[str, Any]:
        """Keyword arguments for `redis.from_url(**…)`, sync and async alike, for one server.

        Where `redis_url` names several servers, `fault316.redis_client` makes the client for them.
        """
        address = self.redis_address
        options: dict[str, Any] = {
            "url": address.server_url,
            "decode_responses": True,
            "socket_connect_timeout": 5.0,
            "socket_timeout": 5.0,
        }
        if address.tls:
            options["ssl_check_hostname"] = True  # redis-py before 6 does not by itself
        if self.redis_ca_file:
            options["ssl_ca_certs"] = str(self.redis_ca_file)
        return options
