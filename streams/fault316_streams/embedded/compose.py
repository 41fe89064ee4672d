"""Kafka and Redis in containers, by the project's docker-compose.yml."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from fault316_streams.errors import Failure

FILE: Final = "docker-compose.yml"
SERVICES: Final = ("kafka", "redis")
UP_LIMIT_S: Final = 600
"""Pulling the images included."""


def engine_error() -> str | None:
    """None if a docker engine with compose answers, else what is missing."""
    if shutil.which("docker") is None:
        return "there is no docker in PATH"
    if _run("info").returncode != 0:
        return "no docker engine answers `docker info`"
    if _run("compose", "version").returncode != 0:
        return "docker has no compose plugin, e.g. `apt-get install docker-compose-plugin`"
    return None


def find_file(start: Path) -> Path | None:
    """The compose file in `start` or the nearest folder above it."""
    return next((file for folder in (start, *start.parents) if (file := folder / FILE).is_file()), None)


def up(file: Path) -> dict[str, int]:
    """Start both and wait until they are healthy. Returns the published ports by service.

    Raises:
        Failure: compose could not.
    """
    _compose(file, "up", "--detach", "--wait", *SERVICES)
    listed = _compose(file, "ps", "--format", "json", *SERVICES)
    # One array in older versions of compose, one object a line in newer ones.
    rows: list[Any] = (
        json.loads(listed) if listed.startswith("[") else [json.loads(row) for row in listed.splitlines()]
    )
    return {
        row["Service"]: next(p["PublishedPort"] for p in row["Publishers"] if p["PublishedPort"])
        for row in rows
    }


def down(file: Path, *, wipe: bool) -> None:
    """Stop and remove the containers, with `wipe` their volumes too."""
    _compose(file, "down", *(["--volumes"] if wipe else []))


def _compose(file: Path, *arguments: str) -> str:
    done = _run("compose", "--file", str(file), *arguments)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no output"]
        raise Failure(f"docker compose {arguments[0]} failed: {said[-1]} (file: {file})")
    return done.stdout.strip()


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=UP_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise Failure(f"docker {arguments[0]} did not end within {UP_LIMIT_S} s") from None
