"""What `up` leaves behind is found again, whole or not at all."""

from pathlib import Path

import pytest

from fault316_schemas import Connection
from fault316_streams.embedded.process import Child
from fault316_streams.embedded.state import Endpoints, State, read_state, write_env, write_state

STATE = State(
    mode="embedded",
    ports={"kafka": 9092, "redis": 6379},
    controller_port=20_001,
    children={"kafka": Child(7, 1.5)},
)


def test_state_survives_the_disk(tmp_path: Path) -> None:
    write_state(tmp_path / "new" / "state.json", STATE)
    assert read_state(tmp_path / "new" / "state.json") == STATE
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"mode": "other"}'])
def test_a_broken_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert read_state(tmp_path / "state.json") is None


def test_the_env_file_is_what_connection_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program started in the folder finds the servers without being told."""
    endpoints = Endpoints("127.0.0.1:20000", "redis://127.0.0.1:20001/0")
    for name in endpoints.as_env():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    write_env(tmp_path / ".fault316" / "env", endpoints)
    found = Connection()
    assert found.bootstrap_servers == endpoints.bootstrap_servers
    assert found.redis_url.get_secret_value() == endpoints.redis_url
