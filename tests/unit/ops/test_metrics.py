"""The metrics that dashboards and alerts rely on."""

import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from fault316_streams.metrics import Metrics

UNITS = ("total", "seconds", "records", "info", "codes", "active", "up")
LABELS = {"reason", "component", "stage", "partition", "outcome", "transition", "le", "version"}
"""None of these can grow without bound. `code` must never be among them."""


def full() -> Metrics:
    """Metrics with every one in use."""
    metrics = Metrics("1.2.3")
    for followed, labelled in (
        (metrics.events, False),
        (metrics.event_bytes, False),
        (metrics.rejected, True),
        (metrics.late, False),
        (metrics.skewed, False),
        (metrics.partials, False),
        (metrics.dead_letters, False),
        (metrics.intake_lag, True),
        (metrics.merges, True),
        (metrics.lost_partials, False),
        (metrics.codes, True),
        (metrics.codes_over_limit, False),
        (metrics.storms_active, False),
        (metrics.checkpoints, False),
        (metrics.waiting_seconds, True),
    ):
        followed.follow(lambda labelled=labelled: {"x": 2} if labelled else 1)  # type: ignore[misc]
    metrics.alerts.labels("opened", "above_baseline").inc()
    metrics.progress_age_seconds.labels("intake").set(0)
    return metrics


def ours(metrics: Metrics) -> list[Metric]:
    """Our metrics as a scraper reads them, without the times of creation that the library adds."""
    text = generate_latest(metrics.registry).decode()
    return [
        family
        for family in text_string_to_metric_families(text)
        if family.name.startswith("fault316_") and not family.name.endswith("_created")
    ]


def test_every_metric_is_named_explained_and_has_a_unit() -> None:
    families = ours(full())
    assert len(families) >= 20
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.endswith(UNITS), name
        assert len(family.documentation) > 10, name


def test_labels_are_bounded() -> None:
    for family in ours(full()):
        assert {label for sample in family.samples for label in sample.labels} <= LABELS, family.name


def test_a_stages_own_counters_are_read_at_each_scrape() -> None:
    metrics = Metrics("1.2.3")
    stats = {"events": 1}
    metrics.events.follow(lambda: stats["events"])
    assert metrics.registry.get_sample_value("fault316_events_total") == 1
    stats["events"] = 7
    assert metrics.registry.get_sample_value("fault316_events_total") == 7


def test_counters_by_reason_show_each_reason() -> None:
    metrics = Metrics("1.2.3")
    metrics.rejected.follow(lambda: {"not_json": 3, "bad_code": 1})
    read = metrics.registry.get_sample_value
    assert read("fault316_rejected_total", {"reason": "not_json"}) == 3
    assert read("fault316_rejected_total", {"reason": "bad_code"}) == 1


def test_a_stage_that_does_not_run_here_shows_no_zeros() -> None:
    """A detect-only worker must not look like an intake that reads nothing."""
    assert "fault316_events_total " not in generate_latest(Metrics("1.2.3").registry).decode()


def test_the_version_is_that_of_the_distribution() -> None:
    text = generate_latest(Metrics().registry).decode()
    assert re.search(r'fault316_build_info\{version="\d+\.\d+\.\d+"\} 1\.0', text)


@pytest.mark.parametrize("name", ["process_resident_memory_bytes", "process_cpu_seconds_total"])
def test_the_process_shows_its_own_use(name: str) -> None:
    assert Metrics("1.2.3").registry.get_sample_value(name) is not None
