"""A wrong setting or policy file stops `fault316 worker` at once, with one line that names the field."""

import socket
from pathlib import Path
from typing import Any

import pytest

from fault316_streams.settings import WorkerSettings
from worker_process import fault316

NOWHERE: dict[str, Any] = {"bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}
"""What is checked first is checked without any server."""


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("flush_ms", "abc", "FAULT316_FLUSH_MS"),
        ("redis_url", "http://127.0.0.1", "redis_url"),
        ("http_host", "0.0.0.0", "FAULT316_HTTP_TOKEN"),
        ("policy_file", "/nowhere.toml", "/nowhere.toml"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(name: str, value: object, named: str) -> None:
    done = fault316(WorkerSettings(_env_file=None), "worker", **NOWHERE | {"http_port": 0, name: value})
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fault316: ")
    assert named in done.stderr


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("[storm.default]\nflor = 20\n", "storm.default.flor"),
        ('[storm."316-DB-*"]\nalpha = "small"\n', "316-DB-*.alpha"),
        ("[storm.default\n", "not TOML"),
    ],
)
def test_a_wrong_policy_file_is_one_line_that_names_file_and_field(
    tmp_path: Path, content: str, named: str
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(content)
    done = fault316(WorkerSettings(_env_file=None), "worker", "--policy", str(policy), http_port=0, **NOWHERE)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"fault316: policy file {policy}: ")
    assert named in done.stderr


def test_a_taken_port_is_one_line_that_says_what_to_set(settings: WorkerSettings) -> None:
    """Not misuse: it may be free the next time."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = fault316(settings, "worker", http_port=taken.getsockname()[1], log_level="error")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "FAULT316_HTTP_PORT" in done.stderr
