"""`fault316 bench peers` runs whoever keeps the contract of bench/peers/README.md, and tells what they counted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fault316_streams.embedded import Endpoints
from worker_process import FAULT316

RUN = f'''#!{sys.executable}
"""Counts in a dictionary; leaves out each LOSES-th event, if there are that many."""
import json, os
from collections import Counter
from datetime import datetime
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

LOSES = 0
env = {{name.removeprefix("PEER_"): value for name, value in os.environ.items() if name.startswith("PEER_")}}
events, window_s = int(env["EVENTS"]), int(env["WINDOW_S"])
consumer = Consumer({{"bootstrap.servers": env["BOOTSTRAP"], "group.id": env["GROUP"]}})
partitions = range(int(env["PARTITIONS"]))
consumer.assign([TopicPartition(env["TOPIC"], number, OFFSET_BEGINNING) for number in partitions])
assert not os.listdir(env["STATE_DIR"])
print("ready", flush=True)
counts, read = Counter(), 0
producer = Producer({{"bootstrap.servers": env["BOOTSTRAP"]}})
def write():
    for (code, window), number in counts.items():
        value = {{"code": code, "window": window, "events": number}}
        producer.produce(env["OUTPUT_TOPIC"], json.dumps(value))
    producer.flush()
while read < events:
    for message in consumer.consume(5_000, 1.0):
        event = json.loads(message.value())
        window = int(datetime.fromisoformat(event["occurred_at"]).timestamp()) // window_s * window_s
        read += 1
        if not LOSES or read % LOSES:
            counts[event["code"], window] += event.get("count", 1)
    write()  # an update: what comes later of the same window holds
    print(json.dumps({{"read": read}}), flush=True)
print(json.dumps({{"read": read, "done": True}}), flush=True)
'''


def executable(file: Path, text: str) -> None:
    """A program."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.mark.timeout(300)  # two workers and two peers, one after the other
def test_peers_stand_between_two_runs_of_fault316_with_what_they_counted(
    servers: Endpoints, tmp_path: Path
) -> None:
    nothing = "#!/bin/sh\n"
    executable(tmp_path / "exact" / "run", RUN)
    executable(tmp_path / "exact" / "setup", nothing)
    executable(tmp_path / "loser" / "run", RUN.replace("LOSES = 0", "LOSES = 10"))
    executable(tmp_path / "loser" / "setup", nothing)
    (tmp_path / "loser" / "peer.toml").write_text('title = "Loser 1"\nevents_max = 50_000')
    executable(tmp_path / "missing" / "run", nothing)
    executable(tmp_path / "missing" / "setup", f"{nothing}echo 'needs a compiler' >&2; exit 1")

    first, exact, loser, missing, last = peers(servers, tmp_path, "-n", "200000", "--partitions", "4")

    for row in (first, exact, last):
        assert not row["problem"]
        assert row["counted"] == row["events"] == 200_000
    assert first["name"] == last["name"] == "fault316"
    assert (loser["title"], loser["events"], loser["counted"]) == ("Loser 1", 50_000, 45_000)
    mean = (first["events_per_s"] + last["events_per_s"]) / 2
    assert exact["ratio"] == round(mean / exact["events_per_s"], 2)
    assert exact["cpu_us"] > 0
    assert exact["peak_mb"] > 5
    assert missing["problem"].startswith("not installed: needs a compiler")
    assert missing["ratio"] is None


def peers(servers: Endpoints, folder: Path, *options: str) -> list[dict[str, Any]]:
    """The rows."""
    where = {
        "FAULT316_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "FAULT316_REDIS_URL": servers.redis_url,
    }
    done = subprocess.run(
        [*FAULT316, "bench", "peers", str(folder), *options, "--json"],
        env=os.environ | where,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
