"""Child processes that outlive us: started in their own session, known by pid *and* birth, never by name."""

import contextlib
import os
import random
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

LOOPBACK: Final = "127.0.0.1"

PORTS: Final = range(20_000, 32_000)
"""Where ports are chosen. Below the range that systems take outgoing ports from (Linux: 32768 up), because a
client that keeps reconnecting to a stopped server there can, by chance, connect to itself and hold the port."""

BIRTH_TOLERANCE_S: Final = 1.0
"""The kernel counts birth in ticks since boot; boot itself is only known to about a second."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process that we started. `created` (epoch s) tells it from a later one that got the same pid."""

    pid: int
    created: float


def start(command: list[str], log: Path) -> Child:
    """Start `command` in a session of its own (a Ctrl-C here does not reach it), output appended to `log`."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Child(pid, psutil.Process(pid).create_time())


def find(child: Child) -> psutil.Process | None:
    """The process, if it is still running and still ours."""
    with contextlib.suppress(ChildProcessError):  # of an earlier run: whoever adopted it reaps it
        os.waitpid(child.pid, os.WNOHANG)
    try:
        process = psutil.Process(child.pid)
        ours = abs(process.create_time() - child.created) <= BIRTH_TOLERANCE_S
        # Its first thread may be gone while others still hold its ports: only the last one makes it dead.
        dead = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process if ours and not dead else None
    except psutil.NoSuchProcess:
        return None


def stop(child: Child, grace_s: float) -> None:
    """End it: politely first, by force after `grace_s`. Returns when it is gone; does nothing if it already is."""
    _end(child, signal.SIGTERM, grace_s)
    kill(child)


def kill(child: Child) -> None:
    """End it at once, as a crash would."""
    _end(child, signal.SIGKILL, 10.0)


def _end(child: Child, sign: signal.Signals, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    if (process := find(child)) is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(sign)
    while find(child) is not None and time.monotonic() < deadline:
        time.sleep(0.02)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT counts as free
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def listens(child: Child, port: int) -> bool:
    """Whether this very process listens on the port, and not another that was faster."""
    try:
        connections = psutil.Process(child.pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def free_port(preferred: int = 0) -> int:
    """`preferred` if it is free, else any free one of `PORTS`."""
    if preferred and is_free(preferred):
        return preferred
    return next(port for port in random.sample(PORTS, len(PORTS)) if is_free(port))
