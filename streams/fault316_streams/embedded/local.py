"""Kafka and Redis for whoever works in this folder: yours, in containers, or embedded; which, and whether they answer."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from fault316_schemas import Connection
from fault316_streams.embedded import compose, health
from fault316_streams.embedded.servers import Embedded
from fault316_streams.embedded.state import Endpoints, State, read_state, write_env, write_state
from fault316_streams.errors import Failure, Misuse

VARIABLES: Final = ("FAULT316_BOOTSTRAP_SERVERS", "FAULT316_REDIS_URL")


class Mode(StrEnum):
    """Where Kafka and Redis come from."""

    AUTO = "auto"
    YOURS = "yours"
    DOCKER = "docker"
    EMBEDDED = "embedded"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """Where a program started here looks, and whether it finds something. An error of None: it answers."""

    mode: Mode
    connection: Connection
    kafka_pid: int | None
    redis_pid: int | None
    kafka_error: str | None
    redis_error: str | None

    @property
    def healthy(self) -> bool:
        """Both answer."""
        return self.kafka_error is None and self.redis_error is None


class Local:
    """The servers of one data folder (`.fault316` by default), in whichever mode."""

    def __init__(self, directory: Path, progress: Callable[[str], None] = lambda _: None) -> None:
        """`progress` hears each step that takes time."""
        self.directory = directory.resolve()
        self._progress = progress
        self._embedded = Embedded(self.directory, progress=progress)

    def up(self, mode: Mode = Mode.AUTO) -> tuple[Mode, Connection]:
        """Bring them up; returns the mode that was taken, and the way to them.

        Raises:
            Misuse: the environment names only one of the two, or what runs here is of another mode.
            Failure: they cannot be started, or yours do not answer.
        """
        taken = self._choose() if mode is Mode.AUTO else mode
        state = self._state()
        if (
            state is not None
            and state.active
            and taken in (Mode.DOCKER, Mode.EMBEDDED)
            and state.mode != taken.value
        ):
            raise Misuse(
                f"{self.directory} has {state.mode} servers: run `fault316 down` before --mode {taken}"
            )
        if taken is Mode.YOURS:
            return taken, self._check_yours()
        endpoints = self._up_docker() if taken is Mode.DOCKER else self._embedded.up()
        return taken, endpoints.connection()

    def down(self, *, wipe: bool = False) -> bool:
        """Stop what `up` started. Returns whether there was anything."""
        state = self._state()
        if state is not None and state.compose_file is not None:
            self._progress("stopping the containers")
            compose.down(Path(state.compose_file), wipe=wipe)
        return self._embedded.down(wipe=wipe)

    def status(self) -> LocalStatus:
        """Look and ask."""
        state = self._state()
        if self._given() is not None:
            return _asked(Mode.YOURS, Connection())
        if state is None:  # whatever may answer at the default address is not of this folder
            return LocalStatus(Mode.NONE, Connection(), None, None, "not started", "not started")
        if state.mode == "docker":
            return _asked(Mode.DOCKER, state.endpoints.connection())
        found = self._embedded.status()
        return LocalStatus(
            Mode.EMBEDDED,
            state.endpoints.connection(),
            found.kafka_pid,
            found.redis_pid,
            found.kafka_error,
            found.redis_error,
        )

    def _choose(self) -> Mode:
        """Yours where the environment says so, else what is here already, else docker, else embedded."""
        if self._given() is not None:
            return Mode.YOURS
        if (state := self._state()) is not None and state.active:
            return Mode(state.mode)
        if compose.find_file(Path.cwd()) and compose.engine_error() is None:
            return Mode.DOCKER
        return Mode.EMBEDDED

    def _given(self) -> Endpoints | None:
        """What the environment names, unless it is what `up --env` printed for this very folder."""
        kafka, redis = (os.environ.get(name) for name in VARIABLES)
        if not kafka and not redis:
            return None
        if not kafka or not redis:
            have, lack = VARIABLES if kafka else reversed(VARIABLES)
            raise Misuse(f"{have} is set and {lack} is not: set both to use your own servers, or neither")
        given, state = Endpoints(kafka, redis), self._state()
        return None if state and state.endpoints == given else given

    def _check_yours(self) -> Connection:
        connection = Connection()
        for name, variable, error in (
            ("Kafka", VARIABLES[0], health.kafka_error(connection)),
            ("Redis", VARIABLES[1], health.redis_error(connection)),
        ):
            if error is not None:
                raise Failure(f"your {name} ({variable}) does not answer: {error}")
        return connection

    def _up_docker(self) -> Endpoints:
        file = compose.find_file(Path.cwd())
        if file is None:
            raise Misuse(f"--mode docker needs {compose.FILE} in this folder or one above it")
        if (error := compose.engine_error()) is not None:
            raise Failure(f"--mode docker: {error}")
        self._progress("starting the containers")
        ports = compose.up(file)
        state = State(
            mode="docker", ports={"kafka": ports["kafka"], "redis": ports["redis"]}, compose_file=str(file)
        )
        write_state(self.directory / "state.json", state)
        write_env(self._embedded.env_file, state.endpoints)
        return state.endpoints

    def _state(self) -> State | None:
        return read_state(self.directory / "state.json")


def _asked(mode: Mode, connection: Connection) -> LocalStatus:
    return LocalStatus(
        mode, connection, None, None, health.kafka_error(connection), health.redis_error(connection)
    )
