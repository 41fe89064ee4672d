"""Every code block of the README that a reader would copy is run, on a real Kafka and Redis."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fault316_streams.detect import PolicyBook
from fault316_streams.settings import WorkerSettings
from support import until
from worker_process import Workers, environment, fault316

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def storm(topics: WorkerSettings, workers: Workers) -> WorkerSettings:
    """A worker that has counted orders failing, and said so."""
    workers.start(topics).ready()
    sent = fault316(topics, "emit", "316-ORDER-SUBMIT-ERR", "-n", "200", "--user", "u{n}")
    assert sent.returncode == 0, sent.stderr

    def told() -> bool:
        return bool(fault316(topics, "top", "--once").stdout.count("Orders cannot be submitted (316-"))

    until(told, deadline_s=30)
    return topics


def run(settings: WorkerSettings, command: list[str], folder: Path) -> str:
    path = f"{BIN}:/usr/bin:/bin"
    done = subprocess.run(
        command,
        env=environment(settings) | {"PATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_blocks_do_what_the_text_says(storm: WorkerSettings, tmp_path: Path) -> None:
    """Report, consume, query: each as it stands."""
    report, consume, query = blocks("python")
    run(storm, [sys.executable, "-c", report], tmp_path)
    heard = run(storm, [sys.executable, "-c", consume], tmp_path)
    assert heard.startswith("opened P0 Orders cannot be submitted (316-ORDER-SUBMIT-ERR, P0): ")
    assert "what to do: Customers cannot buy." in heard
    counted = run(storm, [sys.executable, "-c", query], tmp_path)
    assert counted.startswith("200 {")
    assert "316-ORDER-SUBMIT-ERR" in counted
    assert "Orders cannot be submitted" in counted.splitlines()[-1]
    until(lambda: "316-DB-POOL-EXHAUSTED" in fault316(storm, "counters").stdout, deadline_s=30)


def test_the_shell_blocks_run(topics: WorkerSettings, tmp_path: Path) -> None:
    """But for pip, which would install the released version over this one."""
    for text in blocks("sh"):
        if not text.startswith("pip "):
            run(topics, ["bash", "-euo", "pipefail", "-c", text], tmp_path)


def test_the_policy_block_is_a_policy() -> None:
    """And says what its comments say."""
    (text,) = blocks("toml")
    book = PolicyBook.parse(tomllib.loads(text))
    assert book.registry.get("316-CART-FULL").title == "Cart broken"
    assert book.policy("316-TIMEOUT-ERR").floor == 50
    assert book.policy("316-DB-SLOW").rules[0].per_s == 0.05


def test_the_settings_named_are_settings() -> None:
    """Each FAULT316_* variable of the README exists."""
    named = set(re.findall(r"FAULT316_([A-Z_]+)", README.read_text()))
    assert named <= {name.upper() for name in WorkerSettings.model_fields}
