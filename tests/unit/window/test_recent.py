"""Facets and users of the last minutes."""

from datasketches import hll_sketch

from fault316_streams.partial import Contribution
from fault316_streams.window.recent import OTHER, VALUES_MAX, Recent, union


def sketch(users: range) -> bytes:
    made = hll_sketch(10)
    for user in users:
        made.update(f"u{user}")
    return bytes(made.serialize_compact())


def test_users_seen_by_two_partitions_count_once() -> None:
    """Union, not sum: 3,000 and 3,000 with 1,000 in common are about 5,000."""
    recent = Recent()
    recent.present.add(Contribution(users=sketch(range(3_000))), None)
    recent.present.add(Contribution(users=sketch(range(2_000, 5_000))), None)
    assert 0.9 * 5_000 < recent.users() < 1.1 * 5_000


def test_few_users_are_counted_nearly_exactly() -> None:
    """A dozen users are a dozen."""
    assert union(b"", sketch(range(12))) == sketch(range(12))
    recent = Recent()
    recent.present.add(Contribution(users=sketch(range(12))), None)
    assert recent.users() == 12


def test_facet_values_beyond_the_limit_are_counted_as_other() -> None:
    """Bounded memory, and no event vanishes from the shares."""
    recent = Recent()
    for i in range(100):
        recent.present.add(Contribution(hosts={f"host-{i}": 1}), None)
    hosts = recent.facet("hosts")
    assert len(hosts) == VALUES_MAX + 1
    assert hosts[OTHER] == 100 - VALUES_MAX
    assert sum(hosts.values()) == 100


def test_what_is_two_minutes_old_is_forgotten() -> None:
    """Each turn keeps one earlier generation, and a long silence none."""
    recent = Recent()
    recent.turn(1_000)
    recent.present.add(Contribution(services={"shop": 1}), None)
    recent.turn(1_060)
    assert recent.facet("services") == {"shop": 1}
    recent.turn(1_500)
    assert recent.facet("services") == {}
