"""Somebody who is slow to handle alerts, or not there at all, has a place in the log, and stands in nobody's way."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AdminClient

from fault316_streams.settings import WorkerSettings
from support import until
from trial import Trial
from worker_process import Workers, environment

PROGRAM: Final = Path(__file__).parents[1] / "feed_process.py"
SLOW_S: Final = 4.0
"""For one alert; a storm has two or three, and lasts some seconds."""
STORMS: Final = 2
CATCH_UP_LIMIT_S: Final = 60.0
"""For a session that has ended to be noticed, a group to be joined again, and what waited to be handled."""


class OnDuty:
    """A program that handles alerts, in a group of its own."""

    def __init__(self, settings: WorkerSettings, group: str, folder: Path, alert_s: float = 0.0) -> None:
        """It starts at once; `alert_s` is how long it takes for each."""
        self._group = group
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
        self._handled = folder / f"{group}.txt"
        self._handled.touch()
        with (folder / f"{group}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), group, str(self._handled), str(alert_s)],
                env=environment(settings),
                stdout=log,
                stderr=log,
            )

    def handled(self) -> list[str]:
        """The ids of alerts, in order."""
        assert self._process.poll() is None
        return self._handled.read_text().split()

    def pause(self) -> None:
        """Until `wake` it does not even tell Kafka that it is there."""
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """It goes on where it was paused, and does not know."""
        self._process.send_signal(signal.SIGCONT)

    def members(self) -> int:
        """How many Kafka counts in its group."""
        described = self._admin.describe_consumer_groups([self._group])[self._group].result()
        return len(described.members)

    def kill(self) -> None:
        """Whether paused or not."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def on_duty(impatient: WorkerSettings, tmp_path: Path) -> Iterator[Callable[..., OnDuty]]:
    """Starts such programs, in a group of the name given, and leaves none."""
    with ExitStack() as started:

        def start(name: str, alert_s: float = 0.0) -> OnDuty:
            # Groups are of the whole server; others share it.
            program = OnDuty(impatient, f"{impatient.topic_prefix}{name}", tmp_path, alert_s)
            started.callback(program.kill)
            return program

        yield start


def test_who_is_slow_holds_up_nobody(
    impatient: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    on_duty: Callable[..., OnDuty],
) -> None:
    """While storms come and go, the one has handled all when the other still handles the first: each once, in order."""
    worker = workers.start(impatient, "--policy", calm).ready()
    slow, quick = on_duty("slow", SLOW_S), on_duty("quick")
    with trial(impatient, "alert consumer slow: 4 s for each") as run:
        for _ in rounds:
            for _ in range(STORMS):
                with run.injected(), run.storm() as code:
                    until(lambda code=code: heard(quick, code))  # type: ignore[misc]
                    run.counting()
                run.resolved(code)
            until(lambda: quick.handled() == run.ids())
            print(f"{len(run.ids()) - len(slow.handled())} alerts behind")
        until(lambda: slow.handled() == run.ids(), deadline_s=CATCH_UP_LIMIT_S + SLOW_S * len(run.ids()))
    assert worker.stop() == 0


def test_who_was_paused_past_the_session_gets_every_alert(
    impatient: WorkerSettings,
    workers: Workers,
    calm: str,
    rounds: range,
    trial: Callable[..., Trial],
    on_duty: Callable[..., OnDuty],
) -> None:
    """It is dropped from its group, wakes, is let in again, and nothing it had not handled was taken for handled."""
    worker = workers.start(impatient, "--policy", calm).ready()
    sleeper, other = on_duty("sleeper", SLOW_S), on_duty("other")
    with trial(impatient, "alert consumer paused past its session") as run:
        for _ in rounds:
            with run.storm() as code:
                until(lambda code=code: heard(sleeper, code), deadline_s=CATCH_UP_LIMIT_S)  # type: ignore[misc]
                with run.injected():
                    sleeper.pause()
                    until(lambda: sleeper.members() == 0)
            run.resolved(code)
            until(lambda: other.handled() == run.ids())
            sleeper.wake()
            until(lambda: sleeper.handled() == run.ids(), deadline_s=CATCH_UP_LIMIT_S)
    assert worker.stop() == 0


def heard(program: OnDuty, code: str) -> bool:
    """Whether it has handled an alert of this code."""
    return any(alert_id.startswith(f"{code}@") for alert_id in program.handled())
