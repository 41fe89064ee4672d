"""`fault316 worker` as a process of its own, as an operator runs it. Imported as `worker_process`."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil

from fault316_streams.embedded.process import free_port
from fault316_streams.settings import WorkerSettings
from support import until

FAULT316 = [sys.executable, "-m", "fault316_streams.cli"]
READY_LIMIT_S = 60.0
"""3 s on an idle machine; after a kill, Kafka first has to give up the dead worker's session."""
STOP_LIMIT_S = 10.0
"""What a container is given."""


def environment(settings: WorkerSettings, **more: object) -> dict[str, str]:
    """The environment of a program that uses `settings`; `more` are FAULT316_* settings in lower case."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FAULT316_")}
    values = settings.model_dump(exclude_unset=True, exclude={"http_port"}) | more
    values["redis_url"] = more.get("redis_url", settings.redis_url.get_secret_value())
    return own | {f"FAULT316_{name.upper()}": str(value) for name, value in values.items()}


def fault316(settings: WorkerSettings, *arguments: str, stdin: str = "", **more: object) -> Any:
    """Run a command to its end, as a person would; a `CompletedProcess` of text, as far as it is any."""
    return subprocess.run(
        [*FAULT316, *arguments],
        env=environment(settings, **more) | {"COLUMNS": "200"},
        input=stdin,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=90,
        check=False,
    )


class WorkerProcess:
    """One worker, with its log in a file and its own HTTP port."""

    command: ClassVar[list[str]] = [*FAULT316, "worker"]

    def __init__(self, settings: WorkerSettings, log: Path, *options: str, **more: object) -> None:
        """It starts at once. `options` of the command line; `more` settings."""
        self.http_port = free_port(0)
        self.log = log
        chosen = {"http_port": self.http_port, "log_format": "json"} | more
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [*self.command, *options],
                env=environment(settings, **chosen),
                cwd=log.parent,
                stdout=file,
                stderr=file,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def ready(self) -> "WorkerProcess":
        """Return itself once it is ready."""

        def is_ready() -> bool:
            assert self.exit_code is None, self.last_words()
            answer = self.readyz()
            assert answer["ready"], answer
            return True

        until(is_ready, deadline_s=READY_LIMIT_S)
        return self

    def readyz(self) -> dict[str, Any]:
        """What /readyz says. An AssertionError while nobody listens."""
        try:
            with urllib.request.urlopen(self._url("readyz"), timeout=5) as answer:
                said = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read()
        except OSError as error:
            raise AssertionError(f"no answer: {error}") from error
        parsed: dict[str, Any] = json.loads(said)
        return parsed

    def waits_for(self, component: str) -> str:
        """What a component waits for, in its own words; an AssertionError while it is ready."""
        said = self.readyz()["components"][component]
        assert not said["ready"], said
        return str(said["detail"])

    def until_waiting(self, component: str, what: str = "") -> str:
        """Return what it says once a component waits, and for that."""

        def says() -> str:
            said = self.waits_for(component)
            assert what in said, said
            return said

        return until(says)

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        with urllib.request.urlopen(self._url("metrics"), timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))
        )

    def stop(self) -> int:
        """SIGTERM; its exit code. Raises subprocess.TimeoutExpired where it takes longer than a container has."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_LIMIT_S)

    def pause(self) -> None:
        """It hangs, as on an overloaded machine, and does not know."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it was paused."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash would; does nothing where it is gone already."""
        self._process.kill()
        self._process.wait()

    def cpu_s(self) -> float:
        """CPU seconds so far, its children's with it, also of those that have ended."""
        own = psutil.Process(self._process.pid)
        living = [child.cpu_times()[:2] for child in own.children(recursive=True)]
        return sum(own.cpu_times()[:4]) + sum(sum(times) for times in living)

    def lines(self) -> int:
        """How many lines its log has."""
        return len(self.log.read_bytes().splitlines())

    def children(self) -> list[psutil.Process]:
        """What it runs itself; nothing once it has ended."""
        try:
            return psutil.Process(self._process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.http_port}/{path}"


class Workers:
    """Workers of one test or module. Each log's end is printed, for pytest to show where a test fails."""

    def __init__(self, folder: Path) -> None:
        """`folder` for the logs."""
        self._folder = folder
        self._started: list[WorkerProcess] = []

    def start(
        self,
        settings: WorkerSettings,
        *options: str,
        kind: Callable[..., WorkerProcess] = WorkerProcess,
        **more: object,
    ) -> WorkerProcess:
        """One more; it may not be ready yet. See `WorkerProcess`."""
        log = self._folder / f"worker-{len(self._started)}.log"
        worker = kind(settings, log, *options, **more)
        self._started.append(worker)
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._started:
            children = worker.children()
            worker.kill()
            for child in children:
                child.kill()
            print(f"{worker.log.name}: exit code {worker.exit_code}\n{worker.last_words()}")
