"""The topics as data: names are a contract, sizes let an event through every hop."""

from fault316_streams.settings import WorkerSettings
from fault316_streams.topic_specs import topic_specs

SETTINGS = WorkerSettings(_env_file=None, events_partitions=6, partials_partitions=3)
SPECS = {spec.name: spec for spec in topic_specs(SETTINGS)}


def test_names_are_the_documented_ones() -> None:
    """The changelog's is the one that Faust derives from its app id and table."""
    assert list(SPECS) == [
        "316.events",
        "316.partials",
        "316.detect-codes-changelog",
        "316.alerts",
        "316.alerts.dlq",
        "316.events.dlq",
    ]


def test_state_is_cut_as_the_partials_are() -> None:
    """Faust assigns a table's changelog partition with the source's of the same number."""
    assert SPECS["316.events"].partitions == 6
    assert SPECS["316.partials"].partitions == SPECS["316.detect-codes-changelog"].partitions == 3


def test_lateness_is_measured_by_the_brokers_clock() -> None:
    assert SPECS["316.events"].config["message.timestamp.type"] == "LogAppendTime"
    assert "message.timestamp.type" in SPECS["316.events"].required


def test_a_dead_letter_has_room_for_the_largest_event() -> None:
    events, letters = (
        int(SPECS[name].config["max.message.bytes"]) for name in ("316.events", "316.events.dlq")
    )
    assert letters >= events
