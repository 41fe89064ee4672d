"""What the tests that break things share."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from support import own_settings
from trial import CALM_POLICY, Trial

SESSION_TIMEOUT_S = 6
"""The shortest that Kafka allows: a killed worker's partitions move after this long."""


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A Kafka and a Redis that may be killed; each test leaves both running."""
    embedded = Embedded(tmp_path_factory.mktemp("pair"), kafka_port=0, redis_port=0)
    try:
        embedded.up()
        yield embedded
    finally:
        embedded.down(wipe=True)


@pytest.fixture
def fragile(pair: Embedded) -> WorkerSettings:
    """Settings on the pair that may be killed."""
    return own_settings(pair.up()).model_copy(update={"session_timeout_s": SESSION_TIMEOUT_S})


@pytest.fixture
def impatient(settings: WorkerSettings) -> WorkerSettings:
    """Settings on the shared servers, for tests that kill workers."""
    return settings.model_copy(update={"session_timeout_s": SESSION_TIMEOUT_S})


@pytest.fixture
def quick_storms(tmp_path: Path) -> str:
    """A policy file by which storms end within seconds."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[storm.default]\nshort_s = 3\nlong_s = 6\nhold_s = 3\n")
    return str(policy)


@pytest.fixture
def calm(tmp_path: Path) -> str:
    """A policy file for trials: storms end within seconds, and the calm codes never storm."""
    policy = tmp_path / "calm.toml"
    policy.write_text(CALM_POLICY)
    return str(policy)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> range:
    """How often to inject a fault: once, or as often as `--rounds` says."""
    return range(request.config.getoption("rounds"))


@pytest.fixture
def trial(record_property: Callable[[str, object], None]) -> Callable[..., Trial]:
    """Makes a `Trial` whose verdict is in the report."""
    return partial(Trial, record=record_property)
