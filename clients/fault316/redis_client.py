"""The one place that makes a Redis client from a `Connection`: for one server, a cluster, or a master behind Sentinels.

Each is redis-py's own client. It tries again as often as asked and no more, because only the caller knows what may be said
twice. After an error, `forget` or `look_again` make the next command find out anew where the masters are.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.connection
import redis.asyncio.retry
import redis.cluster
import redis.connection
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

from fault316._sentinel import AsyncSentinel, Sentinel
from fault316_schemas import Connection
from fault316_schemas.redis_url import Topology

REDIS_ERRORS: Final = (RedisError, RedisClusterException)
"""What a client raises where Redis is away or refuses. A cluster that cannot be found out is no `RedisError`."""
SENTINEL_TIMEOUT_S: Final = 1.0
"""For a Sentinel to answer. They are asked one by one: with two of three dark a master is still found within the 5 s
that a command may take."""


def sync_client(connection: Connection, retries: int) -> redis.Redis:
    """A client for threads. A cluster's connects at once, the others with the first command.

    Raises:
        redis.exceptions.RedisClusterException: the cluster cannot be reached.
    """
    retry = Retry(NoBackoff(), retries)
    address = connection.redis_address
    if address.topology is Topology.SINGLE:
        return redis.from_url(**connection.redis_options(), retry=retry)
    options = _each(connection, redis.connection.parse_url)
    if address.topology is Topology.CLUSTER:
        nodes = _nodes(connection, redis.cluster.ClusterNode)
        cluster = redis.cluster.RedisCluster(startup_nodes=nodes, **_tries(retry, retries), **options)
        return cast(redis.Redis, cluster)  # it has the same commands
    sentinel: Any = Sentinel(address.nodes, sentinel_kwargs=_for_sentinels(connection, options, Retry))  # type: ignore[no-untyped-call]
    client: redis.Redis = sentinel.master_for(address.service, **options, retry=retry)
    return client


def async_client(connection: Connection, retries: int) -> redis.asyncio.Redis:
    """A client for asyncio. It connects with the first command."""
    retry = redis.asyncio.retry.Retry(NoBackoff(), retries)
    address = connection.redis_address
    if address.topology is Topology.SINGLE:
        return redis.asyncio.from_url(**connection.redis_options(), retry=retry)
    options = _each(connection, redis.asyncio.connection.parse_url)
    if address.topology is Topology.CLUSTER:
        nodes = _nodes(connection, redis.asyncio.cluster.ClusterNode)
        cluster = redis.asyncio.cluster.RedisCluster(startup_nodes=nodes, **_tries(retry, retries), **options)
        return cast(redis.asyncio.Redis, cluster)
    sentinel_options = _for_sentinels(connection, options, redis.asyncio.retry.Retry)
    sentinel: Any = AsyncSentinel(address.nodes, sentinel_kwargs=sentinel_options)  # type: ignore[no-untyped-call]
    client: redis.asyncio.Redis = sentinel.master_for(address.service, **options, retry=retry)
    return client


async def forget(client: redis.asyncio.Redis) -> None:
    """After an error: drop the connections, and what the client knows of who is a master."""
    await client.aclose()
    if is_cluster(client):
        _also_by_url(client, cast(Any, client).startup_nodes)


def _also_by_url(cluster: Any, nodes: Iterable[Any]) -> None:
    """Ask the URL's nodes, too, who is a master: those found by them may have got new addresses, all at once.

    Not these alone: the URL may name one node, and that may be the one that is gone.
    """
    cluster.nodes_manager.startup_nodes.update({node.name: node for node in nodes})


def look_again(client: redis.Redis, connection: Connection) -> None:
    """After an error: redis-py finds out anew who is a master, by way of the nodes that it knows and the URL's."""
    if connection.redis_address.topology is Topology.CLUSTER:
        _also_by_url(client, _nodes(connection, redis.cluster.ClusterNode))


async def aclose(client: redis.asyncio.Redis) -> None:
    """Close it, with its connections to the Sentinels."""
    await client.aclose()
    if sentinel := _sentinel_of(client):
        await sentinel.aclose()


def ping(client: Any) -> None:
    """Ask whether it answers; of a cluster, all masters: a replica that is away hinders nobody."""
    client.ping(**({"target_nodes": redis.cluster.RedisCluster.PRIMARIES} if is_cluster(client) else {}))


def close(client: redis.Redis) -> None:
    """Close it, with its connections to the Sentinels."""
    client.close()
    if sentinel := _sentinel_of(client):
        sentinel.close()


async def masters_of(cluster: Any) -> frozenset[str]:
    """The masters of a cluster that have slots, as one of its nodes sees it now."""
    found = await cluster.execute_command("CLUSTER SLOTS")
    return frozenset(str(slots["primary"]) for slots in found.values())


def is_cluster(client: object) -> bool:
    """Whether its pipelines go to several servers at a time, in no order."""
    return isinstance(client, redis.asyncio.cluster.RedisCluster | redis.cluster.RedisCluster)


def _nodes(connection: Connection, kind: Callable[[str, int], Any]) -> list[Any]:
    return [kind(host, port) for host, port in connection.redis_address.nodes]


def _sentinel_of(client: Any) -> Any:
    return getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)


def _each(connection: Connection, parse_url: Callable[[str], Any]) -> dict[str, Any]:
    """Options for the connection to each server, whichever it is."""
    options = connection.redis_options()
    options |= parse_url(options.pop("url"))
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    if connection.redis_address.topology is Topology.CLUSTER:
        options.pop("db", None)
    return options | ({"ssl": True} if connection.redis_address.tls else {})


def _tries(retry: Retry | redis.asyncio.retry.Retry, retries: int) -> dict[str, Any]:
    """How often a cluster's client tries again. Before redis-py 6 a `retry` was for its connections only."""
    if int(redis.__version__.partition(".")[0]) >= 6:
        return {"retry": retry}
    return {"cluster_error_retry_attempts": retries, "retry": retry}


def _for_sentinels(
    connection: Connection, options: dict[str, Any], retry: Callable[..., Any]
) -> dict[str, Any]:
    """Options for the connection to each Sentinel: TLS as the servers have it, a user and password of their own."""
    address = connection.redis_address
    own: dict[str, Any] = {
        "decode_responses": True,
        "socket_connect_timeout": SENTINEL_TIMEOUT_S,
        "socket_timeout": SENTINEL_TIMEOUT_S,
        "username": address.sentinel_username,
        "password": address.sentinel_password,
        "retry": retry(NoBackoff(), 0),
    }
    return own | {name: value for name, value in options.items() if name.startswith("ssl")}
