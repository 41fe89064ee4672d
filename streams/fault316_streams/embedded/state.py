"""What `up` leaves behind for the next command and for every program started in the same folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import SecretStr

from fault316_schemas import Connection
from fault316_streams.embedded.process import Child


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Kafka and Redis answer."""

    bootstrap_servers: str
    redis_url: str

    def as_env(self) -> dict[str, str]:
        """The environment variables that make every fault316 program use them."""
        return {"FAULT316_BOOTSTRAP_SERVERS": self.bootstrap_servers, "FAULT316_REDIS_URL": self.redis_url}

    def connection(self) -> Connection:
        """Just these addresses: what the environment says of TLS and passwords is meant for other servers."""
        return Connection.model_construct(
            bootstrap_servers=self.bootstrap_servers, redis_url=SecretStr(self.redis_url)
        )


Which = Literal["kafka", "redis"]
"""One of the pair."""


class State(msgspec.Struct, kw_only=True):
    """`.fault316/state.json`: the ports that were chosen, and the processes that were started on them."""

    mode: Literal["embedded", "docker"]
    ports: dict[Which, int]
    controller_port: int = 0
    children: dict[Which, Child] = {}
    compose_file: str | None = None

    @property
    def active(self) -> bool:
        """Whether there is anything to come back to; not after an `up` that failed."""
        return bool(self.children) or self.compose_file is not None

    @property
    def endpoints(self) -> Endpoints:
        """The ports as others write them."""
        return Endpoints(f"127.0.0.1:{self.ports['kafka']}", f"redis://127.0.0.1:{self.ports['redis']}/0")


def read_state(file: Path) -> State | None:
    """None where there is none, or none that this version wrote."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_file(file: Path, data: bytes) -> None:
    """Replace it as a whole: readers see the old or the new one, a crash leaves no half."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(file)


def write_state(file: Path, state: State) -> None:
    """Keep `state`."""
    write_file(file, msgspec.json.format(msgspec.json.encode(state)) + b"\n")


def write_env(file: Path, endpoints: Endpoints) -> None:
    """Write `NAME=value` lines, as `Connection` reads them."""
    lines = "".join(f"{name}={value}\n" for name, value in endpoints.as_env().items())
    write_file(file, lines.encode())
