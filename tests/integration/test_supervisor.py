"""Several workers on one machine: one that ends is started again, and all end together."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from fault316_streams.errors import Failure
from fault316_streams.settings import WorkerSettings
from fault316_streams.supervisor import RestartPolicy, RestartState, Supervisor
from support import eventually
from worker_process import FAULT316, environment

SOON = RestartPolicy(first_s=0.05, longest_s=0.2)


def test_pauses_grow_to_a_limit_and_start_anew_after_a_long_run() -> None:
    """0.5, 1, 2, … 30 s for one that keeps ending; 0.5 s for one that had run for a minute."""
    state = RestartState(RestartPolicy())
    assert [state.ended(1.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert state.ended(61.0) == 0.5


def noting(file: Path) -> list[str]:
    """A worker that notes its pid and waits."""
    note = f"import os, time; open({str(file)!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    return ["-c", note]


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()] if file.exists() else []


async def test_a_killed_worker_is_started_again_and_a_stop_ends_all(tmp_path: Path) -> None:
    """kill -9 of one leaves the other alone; afterwards none is left."""
    files = [tmp_path / "one", tmp_path / "two"]
    supervisor, stop = Supervisor([noting(file) for file in files], SOON), asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    await eventually(lambda: all(pids(file) for file in files))
    os.kill(pids(files[0])[0], signal.SIGKILL)
    await eventually(lambda: len(pids(files[0])) == 2)
    assert len(pids(files[1])) == 1
    assert supervisor.restarts == 1
    stop.set()
    await asyncio.wait_for(running, 10)
    for pid in (*pids(files[0]), *pids(files[1])):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_worker_whose_settings_are_wrong_is_not_started_again(tmp_path: Path) -> None:
    """Exit code 2 ends the others, too, with one line."""
    commands = [noting(tmp_path / "one"), ["-c", "raise SystemExit(2)"]]
    with pytest.raises(Failure, match="worker 1 cannot start"):
        await Supervisor(commands, SOON).run(asyncio.Event())
    for pid in pids(tmp_path / "one"):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("by", ["SIGTERM", "Ctrl-C"])
async def test_the_command_runs_real_workers_and_ends_with_them(
    topics: WorkerSettings, tmp_path: Path, by: str
) -> None:
    """`fault316 worker --processes 2`: both join, and SIGTERM ends it with 0. So does Ctrl-C, by which a terminal
    tells the workers, too, before the supervisor does: none of them takes that for impatience.
    """
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *FAULT316, "worker", "--processes", "2",
            env=environment(topics, http_port=0, log_format="json"), stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
    try:
        await eventually(lambda: log.read_text().count('"event": "assigned"') >= 2, deadline_s=120)
        if by == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            os.killpg(process.pid, signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0, log.read_text()
        said = log.read_text()
        assert said.count('"event": "stopped"') == 2, said
        assert "worker ended" not in said
        assert "Traceback" not in said
    finally:
        if process.returncode is None:
            process.kill()
