"""The embedded pair: one real Kafka and one real Redis as children, kept by pid, at home in one folder."""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fault316_streams.embedded import process
from fault316_streams.embedded.pair import BOTH, Pair, pid
from fault316_streams.embedded.state import Endpoints, State, Which, write_env
from fault316_streams.errors import Failure


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
        self._wishes: dict[Which, int] = {"kafka": kafka_port, "redis": redis_port}
        self._progress = progress
        self._pair = Pair(self.directory, progress)

    def up(self) -> Endpoints:
        """Adopt what runs, end what hangs, start what is missing; return when both answer."""
        with self._locked():
            state = self._pair.state() or State(mode="embedded", ports=dict(self._wishes))
            missing = [which for which in BOTH if not self._pair.adopt(state, which)]
            for which in missing:
                state.ports[which] = process.free_port(state.ports[which])
            self._pair.start(state, missing)
            write_env(self.env_file, state.endpoints)
            return state.endpoints

    def down(self, *, wipe: bool = False) -> bool:
        """Stop both; `wipe` deletes data and logs too. Returns whether there was anything to stop."""
        with self._locked():
            state = self._pair.state()
            if state is not None:
                self._pair.stop(state, BOTH)
            self.env_file.unlink(missing_ok=True)
            self._pair.state_file.unlink(missing_ok=True)
            if wipe:
                for which in BOTH:
                    shutil.rmtree(self.directory / which, ignore_errors=True)
                shutil.rmtree(self._pair.log_folder, ignore_errors=True)
            return state is not None

    def status(self) -> Status:
        """Look and ask."""
        state = self._pair.state()
        if state is None:
            return Status(None, None, None, "not started", "not started")
        return Status(
            endpoints=state.endpoints,
            kafka_pid=pid(state, "kafka"),
            redis_pid=pid(state, "redis"),
            kafka_error=self._pair.error(state, "kafka"),
            redis_error=self._pair.error(state, "redis"),
        )

    @property
    def kafka_pid(self) -> int | None:
        """The broker's pid while it runs."""
        state = self._pair.state()
        return pid(state, "kafka") if state else None

    @property
    def redis_pid(self) -> int | None:
        """The redis-server's pid while it runs."""
        state = self._pair.state()
        return pid(state, "redis") if state else None

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
            self._pair.stop(self._known(), [which], kill=kill)

    def _start_one(self, which: Which) -> None:
        with self._locked():
            state = self._known()
            if not self._pair.adopt(state, which):
                self._pair.start(state, [which])

    def _known(self) -> State:
        if (state := self._pair.state()) is None:
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
