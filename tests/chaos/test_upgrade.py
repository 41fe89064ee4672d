"""A rolling restart from one release to the next under load, with storms on, and what two releases do side by side."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fault316_streams.partial import FORMAT_VERSION, Tick
from fault316_streams.settings import WorkerSettings
from fault316_streams.state import STATE_VERSION, CodeState
from other_release import installed, run_from, with_more_fields, with_next_versions, written
from support import until
from trial import Trial
from worker_process import WorkerProcess, Workers

PARTIAL_REFUSED = f"VersionError: partial of version {FORMAT_VERSION + 1}, this worker reads "
ENTRY_REFUSED = f"VersionError: table entry of version {STATE_VERSION + 1}, this worker reads "
CANNOT = "fault316: detect cannot go on: "


@pytest.fixture
def start(impatient: WorkerSettings, workers: Workers, calm: str) -> Callable[..., WorkerProcess]:
    """Starts a worker of this release, or of the `kind` given."""

    def started(*options: str, **more: Any) -> WorkerProcess:
        return workers.start(impatient, "--policy", calm, *options, **more)

    return started


@contextmanager
def stopped_at_the_end(supervisor: WorkerProcess) -> Iterator[None]:
    """A supervisor that is killed leaves its workers behind."""
    try:
        yield
    finally:
        supervisor.stop()


def test_a_release_with_more_fields_comes_and_goes_one_worker_at_a_time(
    impatient: WorkerSettings,
    start: Callable[..., WorkerProcess],
    tmp_path: Path,
    rounds: range,
    trial: Callable[..., Trial],
) -> None:
    """Each worker is restarted as the next release and, the rollback, as this one again; a storm is on all the while."""
    next_release = run_from(with_more_fields(installed(tmp_path / "next")))
    fleet = [start(), start()]
    for worker in fleet:
        worker.ready()
    with trial(impatient, "rolling restart to a release with more fields, and back") as run:
        run.counting()
        for _ in rounds:
            with run.storm():
                for release, place in product((next_release, WorkerProcess), range(len(fleet))):
                    with run.injected():
                        assert fleet[place].stop() == 0
                        fleet[place] = start(kind=release).ready()
    for worker in fleet:
        assert worker.stop() == 0
    ticks = [len(message) for message in written(impatient, impatient.topics.partials) if message[0] == 1]
    entries = [len(entry) for entry in written(impatient, f"{impatient.topics.detect_group}-codes-changelog")]
    for lengths, fields in (
        (ticks, len(Tick.__struct_fields__) + 1),
        (entries, len(CodeState.__struct_fields__)),
    ):
        assert set(lengths) == {fields, fields + 1}, "both releases wrote"


def test_workers_too_old_for_a_release_stop_and_what_they_did_is_read_by_it(
    impatient: WorkerSettings,
    start: Callable[..., WorkerProcess],
    tmp_path: Path,
    trial: Callable[..., Trial],
) -> None:
    """They end with 1 and one line that says why; so does one that is started when all are new."""
    breaking = run_from(with_next_versions(installed(tmp_path / "next")))
    old = [start(), start()]
    for worker in old:
        worker.ready()
    with trial(impatient, "a release of another format version") as run:
        run.counting()
        with run.storm():
            with run.injected():
                new = [start(kind=breaking), start(kind=breaking)]
                for worker in old:
                    until(lambda worker=worker: worker.exit_code == 1, deadline_s=60)  # type: ignore[misc]
                    assert CANNOT + PARTIAL_REFUSED in worker.last_words()
            for worker in new:
                worker.ready()
            with run.injected():
                late = start()
                until(lambda: late.exit_code == 1, deadline_s=60)
                assert CANNOT + ENTRY_REFUSED in late.last_words()
    for worker in new:
        assert worker.stop() == 0


def test_a_supervisor_starts_stopped_workers_as_the_release_that_is_installed_by_then(
    impatient: WorkerSettings,
    start: Callable[..., WorkerProcess],
    tmp_path: Path,
    trial: Callable[..., Trial],
) -> None:
    """Until that is the new one, with pauses that grow."""
    here = installed(tmp_path / "here")
    breaking = run_from(with_next_versions(installed(tmp_path / "there")))
    supervisor = start("--processes", "2", kind=run_from(here), http_port=0)
    with (
        stopped_at_the_end(supervisor),
        trial(impatient, "a release of another format version, under a supervisor") as run,
    ):
        run.counting()
        with run.storm():
            with run.injected():
                elsewhere = start(kind=breaking).ready()
                until(lambda: any(len(each) > 1 for each in pauses(supervisor)), deadline_s=90)
                with_next_versions(here)
            with run.injected():
                assert elsewhere.stop() == 0
    for each in pauses(supervisor):
        assert each == [0.5, 1, 2, 4, 8, 16][: len(each)]


def pauses(supervisor: WorkerProcess) -> list[list[float]]:
    """How long it waited (s) each time before it started a worker again, by worker."""
    lines = [json.loads(line) for line in supervisor.log.read_text().splitlines() if line.startswith("{")]
    ends = [line for line in lines if line.get("event") == "worker ended"]
    return [[end["starts_again_in_s"] for end in ends if end["worker"] == number] for number in range(2)]
