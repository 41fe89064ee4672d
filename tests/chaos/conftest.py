"""What the tests that break things share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from support import own_settings

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
