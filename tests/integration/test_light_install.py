"""`pip install fault316` without extras: what that brings, what importing it loads, and that the client works on it.

The environment is a real one, made without a network out of what is installed here: the files of each distribution
that the light requirements lead to, linked, and nothing else.
"""

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TESTS = "tests/unit/clients"
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "hypothesis")
"""What the tests themselves need."""


def brought_by(*wanted: str) -> dict[str, Distribution]:
    """The distributions that pip would install for these requirements, by name."""
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    todo = [Requirement(text) for text in wanted]
    while todo:
        one = todo.pop()
        if str(one) not in seen:
            seen.add(str(one))
            installed = found[canonicalize_name(one.name)] = distribution(one.name)
            todo += needed_by(installed, one.extras)
    return found


def needed_by(installed: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What it requires on this machine, with these extras of it."""
    for text in installed.requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield one


def link(installed: Distribution, site: Path) -> None:
    """Its modules and metadata, but no programs: those are outside of the folder."""
    for file in installed.files or ():
        if ".." not in file.parts:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).symlink_to(str(installed.locate_file(file)))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the light install in it, and the tools of the tests."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder, with_pip=False, symlinks=True)
    where = {"base": str(folder), "platbase": str(folder)}
    for installed in brought_by("fault316", *TOOLS).values():
        link(installed, Path(sysconfig.get_path("purelib", "venv", where)))
    return folder / "bin" / "python"


def ask(python: Path, code: str) -> Any:
    """What this program prints, as JSON."""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


NAMES = """
import importlib.metadata, json
print(json.dumps([one.metadata["Name"] for one in importlib.metadata.distributions()]))
"""

IMPORTED = """
import json, sys, time
before, began = set(sys.modules), time.process_time()
{statement}
took_s = time.process_time() - began
print(json.dumps([took_s, sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})]))
"""


def test_nothing_of_the_worker_is_installed(
    python: Path, record_property: Callable[[str, object], None]
) -> None:
    there = {canonicalize_name(name) for name in ask(python, NAMES)}
    light = brought_by("fault316").keys()
    assert "faust-streaming" in brought_by("fault316[streams]").keys() - light
    assert there == light | brought_by(*TOOLS).keys()
    record_property("light_install", sorted(light))


def test_importing_it_loads_the_standard_library_and_itself(
    python: Path, record_property: Callable[[str, object], None]
) -> None:
    for statement in ("import fault316", "from fault316 import AlertFeed, BackgroundReporter, Counters"):
        runs = [ask(python, IMPORTED.format(statement=statement)) for _ in range(3)]
        record_property(f"CPU ms: {statement}", round(1_000 * min(took_s for took_s, _ in runs), 1))
        if statement == "import fault316":
            for _, loaded in runs:
                assert set(loaded) - sys.stdlib_module_names == {"fault316"}


def test_the_command_says_in_one_line_what_it_needs(python: Path) -> None:
    command = [str(python), "-c", "from fault316_streams.cli import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "pip install 'fault316[streams]'" in line


def test_the_tests_of_the_client_pass_on_it(
    python: Path, record_property: Callable[[str, object], None]
) -> None:
    """But for those of the integrations, which need what they integrate with."""
    done = subprocess.run(
        [
            *(python, "-m", "pytest", TESTS, f"--ignore={TESTS}/integrations", f"--confcutdir={TESTS}"),
            *("-p", "no:cacheprovider", "--quiet"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record_property("tests", done.stdout.splitlines()[-1])
