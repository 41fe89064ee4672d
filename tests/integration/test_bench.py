"""`fault316 bench` measures on servers, topics and workers of its own, and what it counts is right."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fault316_streams.embedded import Endpoints
from worker_process import FAULT316


def run(servers: Endpoints, *arguments: str) -> Any:
    """A `CompletedProcess` of text, on the tests' servers."""
    where = {
        "FAULT316_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "FAULT316_REDIS_URL": servers.redis_url,
    }
    command = [*FAULT316, "bench", *arguments, "--json"]
    return subprocess.run(
        command, env=os.environ | where, capture_output=True, text=True, timeout=150, check=False
    )


def bench(servers: Endpoints, *arguments: str) -> list[dict[str, Any]]:
    """Its rows."""
    done = run(servers, *arguments)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.mark.parametrize(("options", "workers"), [((), 1), (("--by-stage",), 2)])
def test_throughput_is_of_events_that_were_all_counted(
    servers: Endpoints, options: tuple[str, ...], workers: int
) -> None:
    [row] = bench(servers, "throughput", "-n", "400000", "--partitions", "4", *options)
    assert row["exact"]
    assert row["events"] == 400_000
    assert row["events_per_s"] > 0
    assert len(row["cpu_us"]) == len(row["peak_mb"]) == workers
    assert all(mb > 50 for mb in row["peak_mb"])


def test_too_few_events_are_one_line_that_says_so(servers: Endpoints) -> None:
    done = run(servers, "throughput", "-n", "1000")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()[-1:]
    assert "1,000 events are too few" in line


def test_latency_is_of_probes_that_were_all_seen(servers: Endpoints, tmp_path: Path) -> None:
    plot = tmp_path / "latency.png"
    [row] = bench(servers, "latency", "--rate", "200", "--seconds", "5", "--plot", str(plot))
    assert row["probes"] == 25
    for spread in (row["to_alert_ms"], row["to_counter_ms"]):
        assert 0 < spread["p50"] <= spread["p95"] <= spread["p99"] <= spread["max"]
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_backlog_is_worked_off_and_drawn(servers: Endpoints, tmp_path: Path) -> None:
    plot = tmp_path / "backlog.svg"
    [row] = bench(servers, "backlog", "-n", "400000", "--plot", str(plot))
    assert row["exact"]
    assert "<svg" in plot.read_text()


def test_what_a_report_costs_is_measured_beside_another_client(servers: Endpoints) -> None:
    rows = {(row["client"], row["call"], row["kafka"]): row for row in bench(servers, "client", "-n", "100")}
    ours = ("report", "report_exception", "guard, passed", "guard, raised")
    assert rows.keys() == {
        ("-", "nothing", "-"),
        *(("fault316", call, kafka) for call in ours for kafka in ("up", "down", "mute")),
        ("sentry-sdk", "capture_event", "-"),
        ("sentry-sdk", "capture_exception", "-"),
    }
    for row in rows.values():
        assert row["calls"] == 100
        assert 0 < row["cpu_us"]["p50"] <= row["cpu_us"]["p95"] <= row["cpu_us"]["p99"]
        assert row["burst_us"] > 0
        assert row["process_us"] > 0
