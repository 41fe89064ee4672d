"""Several redis-servers of one set-up, as processes that a test may kill, stop and start. Imported as `redis_servers`."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from fault316_streams.embedded import process
from fault316_streams.embedded.redis_server import find_redis
from support import until

START_LIMIT_S: Final = 20.0
BUS: Final = 10_000
"""A cluster's nodes speak with one another on the port this far above, and so far up it must be free."""


class RedisServer:
    """One redis-server on loopback. Nothing is kept on disk unless asked for: a restarted one is empty."""

    def __init__(
        self, folder: Path, name: str, options: Mapping[str, object], sentinel: bool = False
    ) -> None:
        """Not started yet. `options` are of its configuration, with _ for -."""
        while True:
            self.port = process.free_port()
            if process.is_free(self.port + BUS):
                break
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self._log = folder / f"{name}.log"
        self._sentinel = sentinel
        self._options = {
            "bind": process.LOOPBACK,
            "dir": self.folder,
            "save": "",
            "port": self.port,
        } | dict(options)
        self._child: process.Child | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return process.LOOPBACK, self.port

    def client(self, **options: Any) -> Any:
        """A client for this very server, whatever it is now."""
        retry = Retry(NoBackoff(), 0)
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5, retry=retry, **options)

    def start(self, *lines: str) -> None:
        """Start it, and return when it answers. `lines` of configuration for the first start."""
        file = self.folder / "redis.conf"
        if not file.exists():  # Sentinels and clusters' nodes write into it, and begin from there again
            options = [f'{name.replace("_", "-")} "{value}"' for name, value in self._options.items()]
            file.write_text("\n".join([*options, *lines, ""]))
        command = [find_redis(), str(file), *(["--sentinel"] if self._sentinel else [])]
        self._child = process.start(command, self._log)
        until(self.answers, deadline_s=START_LIMIT_S, every_s=0.02)

    def answers(self) -> bool:
        """Whether it does, be it that it wants a password."""
        with self.client() as client:
            try:
                return bool(client.ping())
            except AuthenticationError:
                return True
            except (RedisConnectionError, RedisTimeoutError) as error:
                raise AssertionError(str(error)) from error

    def kill(self) -> None:
        """As a crash would; does nothing where it is gone."""
        if self._child is not None:
            process.kill(self._child)

    def pause(self) -> None:
        """It hangs."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, sign: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, sign)


class RedisServers:
    """Servers that end with the block."""

    servers: list[RedisServer]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.kill()
