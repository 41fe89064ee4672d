"""The embedded pair: one real Kafka and one real Redis as children, kept by pid, at home in one folder."""

import contextlib
import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fault316_streams.embedded import health, kafka_server, process, redis_server
from fault316_streams.embedded.state import Endpoints, State, Which, read_state, write_env, write_state
from fault316_streams.errors import Failure

BOTH: Final[tuple[Which, Which]] = ("redis", "kafka")
NAMES: Final[dict[Which, str]] = {"redis": "Redis", "kafka": "Kafka"}

START_LIMIT_S: Final = 60.0
"""From start to answering. 3 s on an idle machine; recovery after a kill and a busy machine take longer."""
GRACE_S: Final = 20.0
"""From SIGTERM to SIGKILL. A clean stop takes Kafka 0.4 s; flushing much data to a slow disk takes longer."""
ADOPT_LIMIT_S: Final = 5.0
"""For a server of an earlier, interrupted `up`, which may still be starting."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is there, as of now. An error of None means that the server answers."""

    endpoints: Endpoints | None
    kafka_pid: int | None
    redis_pid: int | None
    kafka_error: str | None
    redis_error: str | None


class Embedded:
    """Starts, finds again and stops the pair that lives in `directory`.

    The servers outlive the program that started them; a later one finds them by the folder. All methods block,
    may be called inside an event loop too, and raise `Failure` with one line for a person.
    """

    def __init__(
        self,
        directory: Path,
        *,
        kafka_port: int = 9092,
        redis_port: int = 6379,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """The ports are wishes: one that is taken, or 0, becomes any free one. `progress` hears each step."""
        self.directory = directory.resolve()
        self.env_file = self.directory / "env"
        self.log_folder = self.directory / "logs"
        self._state_file = self.directory / "state.json"
        self._wishes: dict[Which, int] = {"kafka": kafka_port, "redis": redis_port}
        self._progress = progress

    def up(self) -> Endpoints:
        """Adopt what runs, end what hangs, start what is missing; return when both answer."""
        with self._locked():
            state = self._state() or State(mode="embedded", ports=dict(self._wishes))
            missing = [which for which in BOTH if not self._adopt(state, which)]
            for which in missing:
                state.ports[which] = process.free_port(state.ports[which])
            self._start(state, missing)
            write_env(self.env_file, state.endpoints)
            return state.endpoints

    def down(self, *, wipe: bool = False) -> bool:
        """Stop both; `wipe` deletes data and logs too. Returns whether there was anything to stop."""
        with self._locked():
            state = self._state()
            if state is not None:
                self._stop(state, BOTH)
            self.env_file.unlink(missing_ok=True)
            self._state_file.unlink(missing_ok=True)
            if wipe:
                for which in BOTH:
                    shutil.rmtree(self.directory / which, ignore_errors=True)
                shutil.rmtree(self.log_folder, ignore_errors=True)
            return state is not None

    def status(self) -> Status:
        """Look and ask."""
        state = self._state()
        if state is None:
            return Status(None, None, None, "not started", "not started")
        return Status(
            endpoints=state.endpoints,
            kafka_pid=_pid(state, "kafka"),
            redis_pid=_pid(state, "redis"),
            kafka_error=self._error(state, "kafka"),
            redis_error=self._error(state, "redis"),
        )

    @property
    def kafka_pid(self) -> int | None:
        """The broker's pid while it runs."""
        state = self._state()
        return _pid(state, "kafka") if state else None

    @property
    def redis_pid(self) -> int | None:
        """The redis-server's pid while it runs."""
        state = self._state()
        return _pid(state, "redis") if state else None

    def stop_kafka(self, *, kill: bool = False) -> None:
        """Stop only Kafka; `kill` as a crash would."""
        self._stop_one("kafka", kill=kill)

    def stop_redis(self, *, kill: bool = False) -> None:
        """Stop only Redis; `kill` as a crash would."""
        self._stop_one("redis", kill=kill)

    def start_kafka(self) -> None:
        """Start Kafka again, on the same port and data; return when it answers."""
        self._start_one("kafka")

    def start_redis(self) -> None:
        """Start Redis again, on the same port and data; return when it answers."""
        self._start_one("redis")

    def restart_kafka(self, *, kill: bool = False) -> None:
        """Stop and start Kafka."""
        self.stop_kafka(kill=kill)
        self.start_kafka()

    def restart_redis(self, *, kill: bool = False) -> None:
        """Stop and start Redis."""
        self.stop_redis(kill=kill)
        self.start_redis()

    def _stop_one(self, which: Which, *, kill: bool) -> None:
        with self._locked():
            self._stop(self._known(), [which], kill=kill)

    def _start_one(self, which: Which) -> None:
        with self._locked():
            state = self._known()
            if not self._adopt(state, which):
                self._start(state, [which])

    def _start(self, state: State, missing: Sequence[Which]) -> None:
        """Start them side by side, wait for all; on any failure leave none of them behind."""
        try:
            for which in missing:
                self._spawn(state, which)
            for which in missing:
                self._await(state, which)
        except BaseException:  # Ctrl-C too
            self._stop(state, missing)
            raise

    def _spawn(self, state: State, which: Which) -> None:
        port, log = state.ports[which], self._log(which)
        if not process.is_free(port):
            raise Failure(f"{NAMES[which]} cannot start: port {port} is taken by another program")
        log.parent.mkdir(parents=True, exist_ok=True)
        if which == "kafka":
            state.controller_port = process.free_port(state.controller_port)
            command = kafka_server.prepare(
                self.directory / which, log, port, state.controller_port, self._progress
            )
        else:
            command = redis_server.prepare(self.directory / which, port)
        state.children[which] = process.start(command, log)
        write_state(self._state_file, state)

    def _await(self, state: State, which: Which) -> None:
        self._progress(f"starting {NAMES[which]}")
        deadline = time.monotonic() + START_LIMIT_S
        while (error := self._error(state, which)) is not None:
            if process.find(state.children[which]) is None:
                raise Failure(f"{NAMES[which]} did not start: {self._last_words(which)}")
            if time.monotonic() > deadline:
                raise Failure(
                    f"{NAMES[which]} does not answer after {START_LIMIT_S:.0f} s: {error} (log: {self._log(which)})"
                )
            time.sleep(0.05)

    def _adopt(self, state: State, which: Which) -> bool:
        """Whether it runs and answers, be it of another program or an interrupted `up`. Ends it if it hangs."""
        deadline = time.monotonic() + ADOPT_LIMIT_S
        while _pid(state, which) is not None:
            if self._error(state, which) is None:
                return True
            if time.monotonic() > deadline:
                self._progress(f"{NAMES[which]} runs but does not answer: ending it")
                self._stop(state, [which], kill=True)
            time.sleep(0.05)
        return False

    def _stop(self, state: State, these: Sequence[Which], *, kill: bool = False) -> None:
        for which in these:
            if (child := state.children.pop(which, None)) is not None:
                self._progress(f"stopping {NAMES[which]}")
                process.kill(child) if kill else process.stop(child, GRACE_S)
        write_state(self._state_file, state)

    def _error(self, state: State, which: Which) -> str | None:
        """None if it is ours that answers, else why not."""
        child = state.children.get(which)
        if child is None or process.find(child) is None:
            return "not running"
        if not process.listens(child, state.ports[which]):
            return "not listening yet"
        ask = health.kafka_error if which == "kafka" else health.redis_error
        return ask(state.endpoints.connection())

    def _last_words(self, which: Which) -> str:
        lines = self._log(which).read_text(errors="replace").splitlines()
        telling = [
            line for line in lines[-200:] if any(mark in line for mark in ("ERROR", "FATAL", "Exception"))
        ]
        return f"{(telling or lines or ['it said nothing'])[-1].strip()} (log: {self._log(which)})"

    def _log(self, which: Which) -> Path:
        return self.log_folder / f"{which}.log"

    def _state(self) -> State | None:
        return read_state(self._state_file)

    def _known(self) -> State:
        if (state := self._state()) is None:
            raise Failure(f"nothing was started in {self.directory}: run `fault316 up` first")
        return state

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time in this folder; the kernel frees the lock of a program that dies."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._progress("waiting for another fault316 up or down")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _pid(state: State, which: Which) -> int | None:
    child = state.children.get(which)
    return child.pid if child and process.find(child) else None
