"""A Kafka and a Redis with a proxy before each, for the workers; tests themselves connect directly. Imported as
`proxied`.

Clients learn from Kafka where it is, so it has a listener of its own for those that come through the proxy, and tells
them the proxy's port.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from pydantic import SecretStr

from fault316_streams.embedded import Endpoints, process
from fault316_streams.embedded.health import kafka_error, redis_error
from fault316_streams.embedded.kafka_server import prepare as prepare_kafka
from fault316_streams.embedded.redis_server import prepare as prepare_redis
from fault316_streams.settings import WorkerSettings
from proxy import Proxy
from support import until

START_LIMIT_S: Final = 60.0
HOST: Final = process.LOOPBACK

PROPERTIES: Final = f"""
# What is said twice, the later one holds.
listeners=PLAINTEXT://{HOST}:{{port}},FAR://{HOST}:{{far}},CONTROLLER://{HOST}:{{controller}}
advertised.listeners=PLAINTEXT://{HOST}:{{port}},FAR://{HOST}:{{proxy}}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class Proxied:
    """Both servers, both proxies."""

    def __init__(self, folder: Path) -> None:
        """They run inside of `with`. `folder` for data and logs."""
        self._folder = folder
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            port, far, controller, redis_port = (process.free_port() for _ in range(4))
            self.kafka = starting.enter_context(Proxy(far))
            self.redis = starting.enter_context(Proxy(redis_port))
            self.endpoints = Endpoints(f"{HOST}:{port}", f"redis://{HOST}:{redis_port}/0")
            log = self._folder / "kafka.log"
            command = prepare_kafka(self._folder / "kafka", log, port, controller, print)
            with (self._folder / "kafka" / "server.properties").open("a") as properties:
                properties.write(
                    PROPERTIES.format(port=port, far=far, controller=controller, proxy=self.kafka.port)
                )
            self._start(starting, command, log)
            self._start(
                starting, prepare_redis(self._folder / "redis", redis_port), self._folder / "redis.log"
            )
            connection = self.endpoints.connection()
            for error in (kafka_error, redis_error):
                until(lambda error=error: not error(connection), deadline_s=START_LIMIT_S)  # type: ignore[misc]
            self._closing = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def far(self, near: WorkerSettings) -> WorkerSettings:
        """The same, through the proxies."""
        return near.model_copy(
            update={
                "bootstrap_servers": f"{HOST}:{self.kafka.port}",
                "redis_url": SecretStr(f"redis://{HOST}:{self.redis.port}/0"),
            }
        )

    @staticmethod
    def _start(starting: ExitStack, command: list[str], log: Path) -> None:
        starting.callback(process.kill, process.start(command, log))
