"""The events of a bench are what services send, and known to the last one."""

from collections import Counter

import pytest

from fault316_schemas import FaultEvent
from fault316_streams.bench.load import Load, code_name, stamp_of

AT = stamp_of(1_790_000_000.5)


def test_each_is_an_event_of_about_700_bytes_with_an_id_of_its_own() -> None:
    values = [event.at(AT) for event in Load().events(500)]
    events = [FaultEvent.model_validate_json(value) for value in values]
    assert len({event.id for event in events}) == 500
    assert {event.occurred_at.timestamp() for event in events} == {1_790_000_000.5}
    assert all(event.exception and event.user_id and event.endpoint and event.host for event in events)
    assert 600 < sum(map(len, values)) / 500 < 800


@pytest.mark.parametrize(("codes", "hot_share"), [(1, 0.64), (10, 0.64), (10, 0.0), (1_000, 0.99)])
def test_the_hot_code_has_its_share_and_the_others_have_equal_ones(codes: int, hot_share: float) -> None:
    load = Load(codes=codes, hot_share=hot_share)
    events = 40_960
    counted = Counter(event.code for event in load.events(events))
    assert counted == Counter(event.code for event in load.events(events)), "the same each time"
    hot = counted.pop(code_name(0), 0)
    assert hot == pytest.approx(events * (hot_share if codes > 1 else 1), rel=0.01)
    if codes > 1 and counted:
        assert max(counted.values()) <= 1.3 * events * (1 - hot_share) / (codes - 1) + 20


def test_the_same_seed_makes_the_same_events() -> None:
    one, same, other = ([e.at(AT) for e in Load(seed=seed).events(100)] for seed in (1, 1, 2))
    assert one == same != other
