"""Whatever is written to the events topic: it is counted or kept with its reason, and stops nothing."""

import time
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pytest

from fault316_streams.embedded import Endpoints
from fault316_streams.settings import WorkerSettings
from other_client import OtherConsumer, OtherProducer, OtherView, fault
from support import own_settings, until
from worker_process import Workers

GOOD: Final = "316-OP-FAIL"
PARTITION: Final = 1
DEAD_LETTER_BYTES_MAX: Final = 1 << 20

BAD: Final[dict[str, tuple[bytes | None, str]]] = {
    "invalid JSON": (b'{"id": "e", ', "invalid_json"),
    "not UTF-8": (b'{"id": "\xff"}', "not_utf8"),
    "empty": (b"", "empty"),
    "blank": (b" \n", "empty"),
    "tombstone": (None, "null"),
    "JSON null": (b"null", "null"),
    "array": (b"[" + fault(GOOD) + b"]", "not_an_object"),
    "2 MB": (fault(GOOD, message="x" * 2_000_000), "too_large"),
    "nested bomb": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    "nested arrays": (fault(GOOD)[:-1] + b',"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "too_deep"),
    "missing field": (
        b'{"id":"e","code":"316-OP-FAIL","occurred_at":"2026-03-16T03:16:00Z"}',
        "missing_field",
    ),
    "wrong code": (fault("317-OP-FAIL"), "wrong_code"),
    "lower case code": (fault("316-op-fail"), "wrong_code"),
    "naive timestamp": (fault(GOOD, occurred_at="2026-03-16T03:16:00"), "naive_timestamp"),
    "no timestamp": (fault(GOOD, occurred_at="yesterday"), "invalid_timestamp"),
    "NaN": (fault(GOOD)[:-1] + b',"count":NaN}', "not_finite"),
    "negative count": (fault(GOOD, count=-1), "invalid_count"),
    "endless count": (fault(GOOD)[:-1] + b',"count":' + b"9" * 400 + b"}", "invalid_count"),
    "wrong host": (fault(GOOD, host=7), "invalid_field"),
}


@pytest.fixture(scope="module")
def told(
    servers: Endpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[OtherView, dict[int, Any]]]:
    """A good event, then each bad one followed by a good one, all on one partition. The view; letters by offset."""
    settings = own_settings(servers)
    with Workers(tmp_path_factory.mktemp("bad")) as workers:
        worker = workers.start(settings).ready()
        producer = OtherProducer(settings)
        producer.send(fault(GOOD), PARTITION)
        for value, _ in BAD.values():
            producer.send(value, PARTITION, key=b"shop", headers={"ce_id": "1"})
            producer.send(fault(GOOD), PARTITION)
        producer.flush()
        letters = OtherConsumer(settings, settings.topics.dead_letters)
        until(lambda: len(letters.read()) >= len(BAD))
        view = OtherView(settings)
        until(lambda: view.totals() == {GOOD: len(BAD) + 1})
        assert worker.exit_code is None
        events = settings.topics.events
        by_offset = {
            int(record.key().decode().removeprefix(f"{events}:{PARTITION}:")): record
            for record in letters.records
        }
        assert len(by_offset) == len(letters.records) == len(BAD)
        yield view, by_offset
        view.close()
        letters.close()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_kept_with_its_reason_and_its_bytes(
    told: tuple[OtherView, dict[int, Any]], name: str
) -> None:
    _, letters = told
    value, reason = BAD[name]
    record = letters[1 + 2 * list(BAD).index(name)]
    headers = {header: data.decode() for header, data in record.headers()}
    original = value or b""
    assert headers["reason"] == reason
    assert headers["source"] == record.key().decode()
    assert headers["original-bytes"] == str(len(original))
    assert headers["truncated"] == ("true" if len(original) > DEAD_LETTER_BYTES_MAX else "false")
    assert 0 < len(headers["error"]) <= 300
    assert headers["error"].isprintable()
    assert record.value() == original[:DEAD_LETTER_BYTES_MAX]


def test_good_events_among_bad_ones_are_counted_exactly(told: tuple[OtherView, dict[int, Any]]) -> None:
    view, _ = told
    assert view.totals() == {GOOD: len(BAD) + 1}


@pytest.mark.parametrize("year", [1970, 2099])
def test_a_clock_that_cannot_be_right_is_counted_at_the_brokers_time(
    told: tuple[OtherView, dict[int, Any]], settings: WorkerSettings, workers: Workers, year: int
) -> None:
    """As `skewed`; and no event of the future moves time for the others."""
    code = f"316-SKEWED-{year}"
    workers.start(settings).ready()
    before_s = time.time()
    producer, view = OtherProducer(settings), OtherView(settings)
    producer.send_all([fault(code, occurred_at=f"{year}-01-01T00:00:00Z", count=3), fault(code)])
    until(lambda: view.totals() == {code: 4})
    counter = view.counter(code)
    assert (counter["skewed"], counter["late"]) == ("3", "0")
    assert before_s - 1 <= float(counter["first_seen"]) <= float(counter["last_seen"]) <= time.time() + 1
    minutes = view.series(code)
    assert minutes.total() == 4
    assert all(before_s // 60 <= minute <= time.time() // 60 for minute in minutes)
    assert float(view.rate(code)["1m"]) > 0
    alerts = OtherConsumer(settings, settings.topics.alerts)
    producer.send_all([fault(code)] * 30)
    until(alerts.read)
    opened = orjson.loads(alerts.records[0].value())
    assert opened["started_at"][:4] not in ("1970", "2099")
    view.close()
