"""Others that do the same job: who they are, and setting them up. bench/peers/README.md is the contract."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fault316_streams.errors import Failure, Misuse, explain

SETUP_LIMIT_S: Final = 1_800.0
"""Downloads and a build, on a slow line."""


class Facts(BaseModel):
    """What its `peer.toml` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str = ""
    events_max: int | None = Field(default=None, ge=1_000)
    """More would take too long."""
    windows_per_event: int = Field(default=1, ge=1)
    """How often its results hold each event."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A folder with `setup` and `run`."""

    name: str
    folder: Path
    work: Path
    """Where it installs itself, and its logs are."""
    facts: Facts

    @property
    def title(self) -> str:
        """For a person."""
        return self.facts.title or self.name

    @classmethod
    def of(cls, folder: Path, root: Path) -> Self:
        """Read the facts.

        Raises:
            Misuse: they are none.
        """
        file = folder / "peer.toml"
        try:
            facts = Facts.model_validate(tomllib.loads(file.read_text()) if file.exists() else {})
        except tomllib.TOMLDecodeError as error:
            raise Misuse(f"{file}: {error}") from error
        except ValidationError as error:
            raise Misuse(f"{file}: {explain(error, prefix='')}") from error
        return cls(folder.name, folder, root / ".work" / folder.name, facts)


def find(root: Path, only: Sequence[str] = ()) -> list[Peer]:
    """All peers below a folder, or those named; in the order of their names.

    Raises:
        Misuse: there are none, or none of such a name.
    """
    root = root.absolute()
    folders = sorted(
        (run.parent for run in root.glob("**/run") if ".work" not in run.parts and run.is_file()),
        key=lambda folder: folder.name,
    )
    if not folders:
        raise Misuse(f"no peers in {root}: folders with `setup` and `run`")
    names = [folder.name for folder in folders]
    if unknown := set(only) - set(names):
        raise Misuse(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return [Peer.of(folder, root) for folder in folders if not only or folder.name in only]


def set_up(peer: Peer) -> None:
    """Let it make its environment; what it says is in `setup.log`.

    Raises:
        Failure: it can't; with the reason that it gives.
    """
    peer.work.mkdir(parents=True, exist_ok=True)
    log = peer.work / "setup.log"
    with log.open("wb") as output:
        try:
            process = subprocess.run(
                [peer.folder / "setup"],
                env={**os.environ, "PEER_PYTHON": sys.executable},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=SETUP_LIMIT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(f"not installed: {error}") from error
    if process.returncode:
        raise Failure(f"not installed: {last_words(log)} (exit code {process.returncode}, log: {log})")


def last_words(log: Path) -> str:
    """The last line that says something."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
