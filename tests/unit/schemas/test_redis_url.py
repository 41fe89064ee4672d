"""Redis URLs of several servers: what they say, and what is said of those that say nothing."""

import traceback

import pytest
from pydantic import ValidationError

from fault316_schemas import Connection
from fault316_schemas.redis_url import Topology, parse_redis_url


def test_a_cluster_is_found_by_several_of_its_nodes() -> None:
    url = parse_redis_url("redis+cluster://app:p%2Fw@one:7000,two,[::1]:7002?socket_timeout=2")
    assert url.topology is Topology.CLUSTER
    assert url.nodes == (("one", 7000), ("two", 6379), ("::1", 7002))
    assert url.server_url == "redis://app:p%2Fw@one:7000/0?socket_timeout=2"
    assert not url.tls


def test_a_master_is_found_by_its_name_at_sentinels_which_have_a_password_of_their_own() -> None:
    url = parse_redis_url(
        "redis+sentinel://app:secret@one,two:26380/my-master.1/2?sentinel_username=s&sentinel_password=p%26w"
    )
    assert url.topology is Topology.SENTINEL
    assert url.nodes == (("one", 26379), ("two", 26380))
    assert (url.service, url.db) == ("my-master.1", 2)
    assert (url.sentinel_username, url.sentinel_password) == ("s", "p&w")
    assert url.server_url == "redis://app:secret@one:26379/2"


@pytest.mark.parametrize(
    "url", ["redis+sentinel://one/m", "redis+sentinel://one/m/", "redis+sentinel://one/m/0"]
)
def test_the_database_is_0_where_none_is_named(url: str) -> None:
    assert (parse_redis_url(url).service, parse_redis_url(url).db) == ("m", 0)


@pytest.mark.parametrize("url", ["rediss+cluster://one,two", "rediss+sentinel://one/m"])
def test_two_s_are_tls(url: str) -> None:
    assert parse_redis_url(url).tls
    assert (
        Connection(_env_file=None, redis_url=url, redis_ca_file=__file__).redis_options()["ssl_ca_certs"]
        == __file__
    )


def test_a_ca_file_without_tls_is_refused() -> None:
    with pytest.raises(ValidationError, match="redis_ca_file needs"):
        Connection(_env_file=None, redis_url="redis+cluster://one", redis_ca_file=__file__)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+cluster://", "should name hosts"),
        ("redis+cluster://one,,two", "should name hosts"),
        ("redis+cluster://one:0", "should name hosts"),
        ("redis+cluster://one:70000", "should name hosts"),
        ("redis+cluster://one/3", "a cluster has database 0 only"),
        ("redis+cluster://one?db=3", "a cluster has database 0 only"),
        ("redis+cluster://one/mymaster", "a database's number"),
        ("redis+cluster://one?sentinel_password=hunter2", "behind the [?] there may be"),
        ("redis+cluster://one?colour=red", "behind the [?] there may be"),
        ("redis+cluster://user:hunter2/x@one", "should name hosts"),
        ("redis+cluster://user:hunter2#x@one", "in a password write"),
        ("redis+cluster://user:hunter2?x@one", "in a password write"),
        ("redis+cluster://user:hunter2@one,user:hunter2@two", "stand once"),
        ("redis+sentinel://one", "needs the master's name"),
        ("redis+sentinel://one/0", "needs the master's name"),
        ("redis+sentinel://one/m/zero", "needs the master's name"),
        ("redis+sentinel://one/m/0/1", "needs the master's name"),
        ("redis+sentinel://user:hunter2/x@one/m", "should name hosts"),
        ("redis+sentinel://hunter2/x@one/m", "needs the master's name"),
        ("redis://one:1,two:2/0", "several hosts need"),
        ("redis-cluster://one", "should start with"),
        ("redis+sentinels://one/m", "should start with"),
    ],
)
def test_a_wrong_url_is_one_line_that_says_what_is_wrong_and_tells_no_password(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        Connection(_env_file=None, redis_url=url)
    [error] = refused.value.errors(include_input=False, include_url=False)
    assert "\n" not in error["msg"]
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


def test_for_people_it_has_no_password() -> None:
    cluster = parse_redis_url("redis+cluster://app:hunter2@one:7000,[::1]:7001")
    master = parse_redis_url("redis+sentinel://app:hunter2@one/mymaster/2?sentinel_password=hunter2")
    assert str(cluster) == "Redis Cluster at one:7000,[::1]:7001"
    assert str(master) == "Redis master 'mymaster' of the Sentinels at one:26379"
