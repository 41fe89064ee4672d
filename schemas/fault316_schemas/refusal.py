"""Why Kafka takes no connection. aiokafka tells only its log, and says `Unable to bootstrap` to its caller."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from fault316_schemas.connection import Connection

LOOK_LIMIT_S: Final = 3.0


class Refusal(NamedTuple):
    """What is wrong, and what to do about it; neither holds a secret."""

    problem: str
    advice: str

    def __str__(self) -> str:
        return f"{self.problem}: {self.advice}"


async def why_refused(connection: Connection, create_conn: Callable[..., Awaitable[Any]]) -> Refusal | None:
    """What the first server has against this connection's settings; None where nobody answers, or all is well.

    `create_conn` is aiokafka's; this package does not depend on it.
    """
    options = connection.kafka_options()
    for server in options.pop("bootstrap_servers"):
        host, _, port = server.rpartition(":")
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                (await create_conn(host.strip("[]"), int(port), **options)).close()
        except Exception as error:  # whatever it is: it is only looked at
            if refusal := _explained(connection, error):
                return refusal
        else:
            return None
    return None


def _explained(connection: Connection, error: Exception) -> Refusal | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refusal(
            f"its certificate is not trusted ({error.verify_message})", "check FAULT316_KAFKA_CA_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return Refusal("it does not speak TLS", "check FAULT316_SECURITY_PROTOCOL and the port")
    return {
        "SaslAuthenticationFailed": Refusal(
            "it refuses the user or the password", "check FAULT316_SASL_USERNAME and FAULT316_SASL_PASSWORD"
        ),
        "UnsupportedSaslMechanismError": Refusal(
            f"it does not take {connection.sasl_mechanism}", "check FAULT316_SASL_MECHANISM"
        ),
        "KafkaConnectionError": Refusal(  # after our first words: it listens for others, or is just stopping
            "it closed the connection",
            f"is FAULT316_SECURITY_PROTOCOL {connection.security_protocol} right?"
            # That it wants one, or another, is heard only after our side of the handshake is done.
            + " And does it trust FAULT316_KAFKA_CERT_FILE?" * (connection.security_protocol == "SSL"),
        ),
    }.get(type(error).__name__)
