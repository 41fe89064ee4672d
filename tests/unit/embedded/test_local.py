"""Where Kafka and Redis come from is decided in the documented order."""

from pathlib import Path

import pytest

from fault316_streams.embedded import Endpoints, Local, Mode, compose
from fault316_streams.embedded.state import State, write_state
from fault316_streams.errors import Failure, Misuse

# Nothing listens on these: below the range of free ports, and reserved.
GIVEN = Endpoints("127.0.0.1:1", "redis://127.0.0.1:1/0")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, an environment that names nothing, a machine without docker."""
    for name in GIVEN.as_env():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".fault316"


def test_yours_must_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.as_env().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(
        Failure, match=r"your Kafka \(FAULT316_BOOTSTRAP_SERVERS\) does not answer: .*127.0.0.1:1"
    ):
        Local(folder).up()
    status = Local(folder).status()
    assert (status.mode, status.healthy) == (Mode.YOURS, False)
    assert status.connection.bootstrap_servers == GIVEN.bootstrap_servers


@pytest.mark.parametrize(("only", "other"), [GIVEN.as_env(), list(GIVEN.as_env())[::-1]])
def test_one_of_two_variables_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, only: str, other: str
) -> None:
    monkeypatch.setenv(only, GIVEN.as_env()[only])
    with pytest.raises(Misuse, match=f"{only} is set and {other} is not"):
        Local(folder).up()


def test_what_up_exported_is_not_yours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `eval "$(fault316 up --env)"` the next command still knows them as its own."""
    state = State(mode="embedded", ports={"kafka": 1, "redis": 1})
    write_state(folder / "state.json", state)
    for name, value in state.endpoints.as_env().items():
        monkeypatch.setenv(name, value)
    assert Local(folder).status().mode is Mode.EMBEDDED


def test_without_docker_it_is_embedded(folder: Path) -> None:
    """And says what embedded needs, as this PATH has no Java either."""
    with pytest.raises(Failure, match="needs Java"):
        Local(folder).up()


def test_docker_asked_for_and_missing_is_said(folder: Path) -> None:
    with pytest.raises(Misuse, match=r"needs docker-compose.yml in this folder"):
        Local(folder).up(Mode.DOCKER)
    Path(compose.FILE).touch()
    with pytest.raises(Failure, match="no docker in PATH"):
        Local(folder).up(Mode.DOCKER)


def test_the_mode_cannot_change_under_running_servers(folder: Path) -> None:
    write_state(
        folder / "state.json",
        State(mode="docker", ports={"kafka": 1, "redis": 1}, compose_file="docker-compose.yml"),
    )
    with pytest.raises(Misuse, match="has docker servers: run `fault316 down`"):
        Local(folder).up(Mode.EMBEDDED)


def test_nothing_up_is_not_healthy_and_nothing_to_stop(folder: Path) -> None:
    assert not Local(folder).down()
    assert Local(folder).status().mode is Mode.NONE


def test_an_up_that_failed_does_not_bind_the_next_one(folder: Path) -> None:
    """Without Java today, with docker tomorrow."""
    write_state(folder / "state.json", State(mode="embedded", ports={"kafka": 1, "redis": 1}))
    with pytest.raises(Misuse, match="--mode docker needs"):
        Local(folder).up(Mode.DOCKER)
