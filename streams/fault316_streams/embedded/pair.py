"""The mechanics of the pair: start, watch, adopt and stop its servers. `Embedded` says when, and holds the lock."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from fault316_streams.embedded import health, kafka_server, process, redis_server
from fault316_streams.embedded.state import State, Which, read_state, write_state
from fault316_streams.errors import Failure

BOTH: Final[tuple[Which, Which]] = ("redis", "kafka")
NAMES: Final[dict[Which, str]] = {"redis": "Redis", "kafka": "Kafka"}

START_LIMIT_S: Final = 60.0
"""From start to answering. 2 s on an idle machine; recovery after a kill and a busy machine take longer."""
GRACE_S: Final = 20.0
"""From SIGTERM to SIGKILL. A clean stop takes Kafka 0.4 s; flushing much data to a slow disk takes longer."""
ADOPT_LIMIT_S: Final = 5.0
"""For a server of an earlier, interrupted `up`, which may still be starting."""


class Pair:
    """The two servers of one folder. Every start and stop is written to the state file."""

    def __init__(self, directory: Path, progress: Callable[[str], None]) -> None:
        """`progress` hears each step that takes time."""
        self.directory = directory
        self.log_folder = directory / "logs"
        self.state_file = directory / "state.json"
        self._progress = progress

    def state(self) -> State | None:
        """As the last command left it; None where nothing is up."""
        return read_state(self.state_file)

    def start(self, state: State, missing: Sequence[Which]) -> None:
        """Start them side by side, wait for all; on any failure leave none of them behind."""
        try:
            for which in missing:
                self._spawn(state, which)
            for which in missing:
                self._await(state, which)
        except BaseException:  # Ctrl-C too
            self.stop(state, missing)
            raise

    def _spawn(self, state: State, which: Which) -> None:
        port, log = state.ports[which], self._log(which)
        if not process.is_free(port):
            raise Failure(f"{NAMES[which]} cannot start: port {port} is taken by another program")
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():  # each start has a log of its own, so that its last words are its own
            log.replace(log.with_name(f"{which}.previous.log"))
        if which == "kafka":
            state.controller_port = process.free_port(state.controller_port)
            command = kafka_server.prepare(
                self.directory / which, log, port, state.controller_port, self._progress
            )
        else:
            command = redis_server.prepare(self.directory / which, port)
        state.children[which] = process.start(command, log)
        write_state(self.state_file, state)

    def _await(self, state: State, which: Which) -> None:
        self._progress(f"starting {NAMES[which]}")
        deadline = time.monotonic() + START_LIMIT_S
        while (error := self.error(state, which)) is not None:
            if process.find(state.children[which]) is None:
                raise Failure(f"{NAMES[which]} did not start: {self._last_words(which)}")
            if time.monotonic() > deadline:
                raise Failure(
                    f"{NAMES[which]} does not answer after {START_LIMIT_S:.0f} s: {error} (log: {self._log(which)})"
                )
            time.sleep(0.05)

    def adopt(self, state: State, which: Which) -> bool:
        """Whether it runs and answers, be it of another program or an interrupted `up`. Ends it if it hangs."""
        deadline = time.monotonic() + ADOPT_LIMIT_S
        while pid(state, which) is not None:
            if self.error(state, which) is None:
                return True
            if time.monotonic() > deadline:
                self._progress(f"{NAMES[which]} runs but does not answer: ending it")
                self.stop(state, [which], kill=True)
            time.sleep(0.05)
        return False

    def stop(self, state: State, these: Sequence[Which], *, kill: bool = False) -> None:
        """End them, politely unless `kill`."""
        for which in these:
            if (child := state.children.pop(which, None)) is not None:
                self._progress(f"stopping {NAMES[which]}")
                process.kill(child) if kill else process.stop(child, GRACE_S)
        write_state(self.state_file, state)

    def error(self, state: State, which: Which) -> str | None:
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


def pid(state: State, which: Which) -> int | None:
    """The pid while it runs."""
    child = state.children.get(which)
    return child.pid if child and process.find(child) else None
