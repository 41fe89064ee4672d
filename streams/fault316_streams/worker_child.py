"""A worker as a child process, for the demo and the bench: the very command that an operator runs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from fault316_streams.embedded.process import free_port
from fault316_streams.errors import Failure

READY_LIMIT_S: Final = 40.0
STOP_LIMIT_S: Final = 12.0


class WorkerChild:
    """`fault316 worker` with a log file, stopped by its own pid."""

    def __init__(self, environment: dict[str, str], options: list[str], log: Path) -> None:
        """It does not start yet."""
        self._environment = {**os.environ, **environment}
        self._options = options
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.http_port = free_port(0)

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it in a session of its own: a Ctrl-C is ours to pass on, and `--keep` lets it live."""
        command = [sys.executable, "-m", "fault316_streams.cli", "worker", *self._options]
        command += ["--http-port", str(self.http_port), "--log-format", "json"]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait_ready(self) -> None:
        """Return once /readyz says so.

        Raises:
            Failure: it ended, or is not ready in time; with the last thing it said.
        """
        assert self._process is not None
        deadline = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise Failure(f"the worker ended with {self._process.returncode}: {self._last_words()}")
            if self._ready():
                return
            time.sleep(0.1)
        raise Failure(f"the worker is not ready after {READY_LIMIT_S:g} s: {self._last_words()}")

    def stop(self) -> None:
        """End it; does nothing if it is not there."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def metrics(self) -> dict[str, float]:
        """Each metric's samples summed; of a histogram also each bucket, as `name_bucket<le>`.

        Raises:
            OSError: it does not answer.
        """
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name + sample.labels.get("le", "")
                sums[name] = sums.get(name, 0.0) + sample.value
        return sums

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=2) as answer:
                return bool(json.load(answer)["ready"])
        except (urllib.error.URLError, OSError, ValueError):
            return False

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (log: {self._log})"
