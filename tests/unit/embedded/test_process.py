"""Children are known by pid and birth, outlive nobody by accident, and end when told."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from fault316_streams.embedded import process
from fault316_streams.embedded.process import Child
from support import eventually

SH = shutil.which("sh") or "/bin/sh"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Child]:
    """A child that does nothing for a minute."""
    child = process.start([SH, "-c", "echo ready; exec sleep 60"], tmp_path / "log")
    yield child
    process.kill(child)


def test_a_child_has_a_session_of_its_own(sleeper: Child) -> None:
    """So that Ctrl-C in the terminal of `up` does not reach it."""
    assert os.getsid(sleeper.pid) == sleeper.pid != os.getsid(0)


async def test_output_is_appended_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    child = process.start([SH, "-c", "echo out; echo err >&2"], log)
    await eventually(lambda: process.find(child) is None)
    assert log.read_text() == "before\nout\nerr\n"


def test_a_stopped_child_is_gone_and_stopping_it_again_is_fine(sleeper: Child) -> None:
    process.stop(sleeper, grace_s=10)
    assert process.find(sleeper) is None
    assert not psutil.pid_exists(sleeper.pid)
    process.stop(sleeper, grace_s=10)


async def test_a_child_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "log"
    child = process.start([SH, "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], ready)
    await eventually(lambda: "ready" in ready.read_text())
    process.stop(child, grace_s=0.2)
    assert process.find(child) is None


def test_a_recycled_pid_is_never_touched(sleeper: Child) -> None:
    """Same pid, other birth: another program's process."""
    recycled = Child(sleeper.pid, sleeper.created - 60)
    assert process.find(recycled) is None
    process.stop(recycled, grace_s=0)
    process.kill(recycled)
    assert process.find(sleeper) is not None


def test_a_taken_port_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert not process.is_free(taken)
        assert process.free_port(taken) != taken


def test_a_wish_that_is_free_is_granted() -> None:
    wish = process.free_port()
    assert process.free_port(wish) == wish


def test_chosen_ports_are_none_that_outgoing_connections_get() -> None:
    """A client that reconnects to a stopped server must not be able to connect to itself."""
    linux_takes_from = 32_768
    assert max(process.PORTS) < linux_takes_from
    assert process.free_port() in process.PORTS


def test_only_the_process_that_listens_is_said_to(sleeper: Child) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert process.listens(Child(os.getpid(), psutil.Process().create_time()), port)
        assert not process.listens(sleeper, port)
