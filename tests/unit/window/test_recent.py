"""Facets and users of the last minutes."""

from datasketches import hll_sketch

from fault316_streams.partial import USERS_LG_K, USERS_MINUTES_MAX, Contribution
from fault316_streams.window.recent import OTHER, USERS_MINUTES, VALUES_MAX, Recent, union


def sketch(users: range) -> bytes:
    made = hll_sketch(USERS_LG_K)
    for user in users:
        made.update(f"u{user}")
    return bytes(made.serialize_compact())


def heard(*minutes: tuple[int, range]) -> Recent:
    """What remains of contributions with these users in these minutes."""
    recent = Recent()
    for minute, users in minutes:
        recent.add(Contribution(users={minute: sketch(users)}), None)
    return recent


def test_users_seen_by_two_partitions_count_once() -> None:
    """Union, not sum: 3,000 and 3,000 with 1,000 in common are about 5,000."""
    recent = heard((100, range(3_000)), (100, range(2_000, 5_000)))
    assert 0.9 * 5_000 < recent.users(6_000) < 1.1 * 5_000


def test_few_users_are_counted_nearly_exactly() -> None:
    """A dozen users are a dozen."""
    assert union(b"", sketch(range(12))) == sketch(range(12))
    assert heard((100, range(12))).users(6_000) == 12


def test_only_users_since_the_storm_started_are_its_users() -> None:
    """Those who were hit a minute before are not."""
    assert heard((99, range(50)), (100, range(40, 60))).users(6_000) == 20


def test_a_long_storm_forgets_no_user_and_stays_small() -> None:
    """Its older minutes become one; minutes from before it go."""
    recent = heard(*((minute, range(minute, minute + 2)) for minute in range(90, 160)))
    recent.gather(6_000, 9_600)
    assert recent.users(6_000) == 61
    assert len(recent.user_sketches) <= USERS_MINUTES + 1


def test_facet_values_beyond_the_limit_are_counted_as_other() -> None:
    """Bounded memory, and no event vanishes from the shares."""
    recent = Recent()
    for i in range(100):
        recent.add(Contribution(hosts={f"host-{i}": 1}), None)
    hosts = recent.facet("hosts")
    assert len(hosts) == VALUES_MAX + 1
    assert hosts[OTHER] == 100 - VALUES_MAX
    assert sum(hosts.values()) == 100


def test_a_new_codes_first_events_outlast_the_first_look() -> None:
    """The first tick comes within a second of them, and the alert often after it."""
    recent = Recent()
    recent.add(Contribution(hosts={"web-1": 19}), None)
    recent.turn(1_790_000_000)
    assert recent.facet("hosts") == {"web-1": 19}


def test_what_is_two_minutes_old_is_forgotten() -> None:
    """Each turn keeps one earlier generation, and a long silence none."""
    recent = Recent()
    recent.turn(1_000)
    recent.add(Contribution(services={"shop": 1}), None)
    recent.turn(1_060)
    assert recent.facet("services") == {"shop": 1}
    recent.turn(1_500)
    assert recent.facet("services") == {}


def test_in_a_backlog_no_user_of_a_storm_is_lost_and_the_minutes_stay_few() -> None:
    """The judge is still at the storm's beginning, while hours of what came later have been heard."""
    recent = heard(*((minute, range(minute, minute + 2)) for minute in range(90, 300)))
    recent.gather(6_000, 6_060)
    assert recent.users(6_000) >= 0.95 * 201
    assert len(recent.user_sketches) <= USERS_MINUTES_MAX


def test_late_users_do_not_push_out_those_of_the_present() -> None:
    """Whoever sends a day again: its minutes are those that become one."""
    recent = heard((2_000, range(20)), *((minute, range(minute, minute + 2)) for minute in range(500, 1_900)))
    assert recent.users(120_000) == 20
    assert len(recent.user_sketches) <= USERS_MINUTES_MAX
