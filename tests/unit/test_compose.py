"""docker-compose.yml and Dockerfile say what the documents promise; checked without an engine."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fault316_streams.embedded.compose import SERVICES as STARTED_BY_UP
from fault316_streams.embedded.jars import kafka_version
from fault316_streams.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PINNED = re.compile(r"^[a-z0-9/]+:\d+\.\d+\.\d+(-[a-z-]+)?$")


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


def test_the_base_image_is_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(PINNED.match(base) for base in bases)


def test_containers_run_the_kafka_that_embedded_runs() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_what_up_starts_is_there_with_health_checks() -> None:
    """`up --wait` waits for nothing where there is no health check."""
    assert all("test" in SERVICES[name]["healthcheck"] for name in STARTED_BY_UP)


def test_the_worker_is_checked_by_healthz_on_its_default_port() -> None:
    assert "build" in SERVICES["worker"]
    check = DOCKERFILE.split("HEALTHCHECK", 1)[1]
    assert f"http://127.0.0.1:{WorkerSettings.model_fields['http_port'].default}/healthz" in check


def test_the_worker_is_not_root() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)
    assert users
    assert users[-1] != "root"


def test_data_outlives_the_containers() -> None:
    for name in STARTED_BY_UP:
        volume, _, _ = SERVICES[name]["volumes"][0].partition(":")
        assert volume in COMPOSE["volumes"]


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_environment_names_are_real_settings() -> None:
    """A misspelt variable would be ignored in silence."""
    named = {name for service in SERVICES.values() for name in service.get("environment", {})}
    named |= set(re.findall(r"\bFAULT316_[A-Z_]+", DOCKERFILE))
    ours = {name for name in named if name.startswith("FAULT316_")}
    assert ours
    assert ours <= {f"FAULT316_{field.upper()}" for field in WorkerSettings.model_fields}


def test_kafka_creates_no_topic_by_itself() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_a_service_waits_only_for_services_that_exist() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
