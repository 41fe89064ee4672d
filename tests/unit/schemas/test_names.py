"""The names that other programs depend on. A change here breaks them: it needs a new major version."""

from fault316_schemas import Keys, Topics


def test_topics_and_groups_are_as_documented() -> None:
    topics = Topics()
    assert (topics.events, topics.partials) == ("316.events", "316.partials")
    assert (topics.alerts, topics.dead_letters) == ("316.alerts", "316.events.dlq")
    assert (topics.intake_group, topics.detect_group) == ("316.intake", "316.detect")


def test_redis_keys_are_as_documented() -> None:
    keys = Keys()
    assert (keys.codes, keys.storms, keys.alerts) == ("316:codes", "316:storms", "316:alerts")
    assert keys.counter("316-OP-FAIL") == "316:counter:{316-OP-FAIL}"
    assert keys.rate("316-OP-FAIL") == "316:rate:{316-OP-FAIL}"
    assert keys.series("316-OP-FAIL", "2026031603") == "316:series:{316-OP-FAIL}:2026031603"
    assert keys.storm("s1") == "316:storm:s1"


def test_two_installations_share_servers_under_different_prefixes() -> None:
    assert Topics("test.").dead_letters == "test.events.dlq"
    assert Keys("test:").counter("316-A") == "test:counter:{316-A}"
