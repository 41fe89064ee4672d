"""The lock files fit pyproject.toml, and can be installed from any index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"] + [line for extra in EXTRAS.values() for line in extra],
    "requirements.worker.lock": PROJECT["dependencies"] + EXTRAS["streams"],
}


def pins(file: str) -> set[tuple[str, str]]:
    """Name and exact version of everything in a lock. A name may come twice, for different Pythons."""
    return set(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE))


@pytest.mark.parametrize(("file", "line"), [(file, line) for file, lines in LOCKS.items() for line in lines])
def test_what_the_project_asks_for_is_locked(file: str, line: str) -> None:
    """Else: `make lock`."""
    wanted = Requirement(line)
    versions = [version for name, version in pins(file) if name == wanted.name.lower()]
    assert versions
    assert all(wanted.specifier.contains(version) for version in versions)


def test_the_worker_lock_is_a_part_of_the_lock() -> None:
    """One version of everything, in the image and in development."""
    assert pins("requirements.worker.lock") < pins("requirements.lock")


@pytest.mark.parametrize("file", LOCKS)
def test_locks_have_hashes_and_name_no_index(file: str) -> None:
    text = (ROOT / file).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert all("--hash=sha256:" in block for block in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:])
