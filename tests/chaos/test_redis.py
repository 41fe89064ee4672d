"""Redis is a view: emptied, killed or away from the start, it costs nothing but a look."""

from pathlib import Path
from typing import Any

import pytest

from event_flow import CALM, EventFlow
from fault316_streams.embedded import Embedded
from fault316_streams.settings import WorkerSettings
from other_client import OtherView
from support import until
from worker_process import Workers

STORM = "316-STORM"


@pytest.fixture
def lasting_storms(tmp_path: Path) -> str:
    """A policy file by which storms last for as long as the test."""
    policy = tmp_path / "lasting.toml"
    policy.write_text("[storm.default]\nhold_s = 120\n")
    return str(policy)


def shown(view: OtherView) -> dict[str, Any]:
    """All that the view says which does not move with time."""
    codes = sorted(view.totals())
    moving = {"version"}
    return {
        "counters": {
            code: {name: value for name, value in view.counter(code).items() if name not in moving}
            for code in codes
        },
        "series": {code: view.series(code) for code in codes},
        "storms": dict(view.redis.zrange(f"{view.prefix}storms", 0, -1, withscores=True)),
        "latest": {key: view.redis.get(key) for key in view.redis.scan_iter(f"{view.prefix}storm:*")},
        "states": {code: view.rate(code)["state"] for code in codes},
    }


def test_an_emptied_view_is_stated_anew_as_it_was(
    pair: Embedded, fragile: WorkerSettings, workers: Workers, lasting_storms: str
) -> None:
    """FLUSHALL, then a restart without its data while events keep coming."""
    worker = workers.start(fragile, "--policy", lasting_storms).ready()
    view = OtherView(fragile)
    with EventFlow(fragile) as flow:
        flow.storm = STORM
        until(lambda: flow.produced[STORM] > 200)
    until(lambda: view.totals() == flow.produced)
    until(lambda: len(shown(view)["storms"]) == len(CALM) + 1)
    before = shown(view)
    assert STORM in before["states"]

    view.redis.flushall()
    until(lambda: shown(view) == before)

    pair.stop_redis(kill=True)
    for file in (pair.directory / "redis").glob("*.aof"):
        file.unlink()
    with EventFlow(fragile) as more:
        said = until(lambda: worker.waits_for("redis"))
        assert said.startswith("waiting: ")
        until(lambda: more.produced.total() > 500)
    pair.start_redis()
    until(lambda: view.totals() == flow.produced + more.produced)
    until(lambda: shown(view)["storms"] == before["storms"])
    worker.ready()
    assert all(view.redis.ttl(key) > 0 for key in view.all_keys())
    assert worker.stop() == 0
    view.close()


def test_a_worker_starts_and_counts_without_redis(
    pair: Embedded, fragile: WorkerSettings, workers: Workers, lasting_storms: str
) -> None:
    """/readyz says what is missing; when Redis comes, the view catches up."""
    pair.stop_redis()
    worker = workers.start(fragile, "--policy", lasting_storms)
    try:
        with EventFlow(fragile) as flow:
            until(lambda: worker.waits_for("redis").startswith("waiting: "))
            until(lambda: worker.metric("fault316_events_total") > 500)
        assert worker.exit_code is None
        components = worker.readyz()["components"]
        assert [name for name, said in components.items() if not said["ready"]] == ["redis"]
    finally:
        pair.start_redis()
    view = OtherView(fragile)
    until(lambda: view.totals() == flow.produced)
    worker.ready()
    view.close()
