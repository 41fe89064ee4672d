"""What a Redis URL says: one server, a cluster, or a master that Sentinels watch.

    redis://user:password@host:6379/0
    redis+cluster://user:password@host1:6379,host2:6379
    redis+sentinel://user:password@host1:26379,host2:26379/mymaster/0?sentinel_password=…

`rediss` instead of `redis` is TLS, also to the Sentinels. The form for Sentinels is that of redis-sentinel-url, limits,
RedisVL and Prefect; user and password are those of the data servers.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit


class Topology(StrEnum):
    """What stands behind a Redis URL."""

    SINGLE = "single"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


SINGLE_SCHEMES: Final = ("redis", "rediss", "unix")
SEVERAL: Final = {
    f"{scheme}+{topology}": (scheme, topology, port)
    for scheme in ("redis", "rediss")
    for topology, port in ((Topology.CLUSTER, 6379), (Topology.SENTINEL, 26379))
}
"""Scheme → that of each server, what stands behind it, the port where none is given."""

SCHEMES_SAID: Final = "redis://, rediss://, unix://, redis+cluster:// or redis+sentinel:// (rediss+… for TLS)"
ESCAPE_SAID: Final = "in a password write %2F for /, %3F for ?, %23 for #"

_SEVERAL_FORM: Final = re.compile(
    r"(?P<scheme>[^:/]+)://(?:(?P<user>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\])(?::(?P<port>\d{1,5}))?")
_SERVICE_PATH: Final = re.compile(r"/(?P<service>[A-Za-z0-9._-]+)(?:/(?P<db>\d*))?")
"""A master's name has the characters that Sentinel allows."""
PORT_MAX: Final = 65_535

# What may stand behind the `?` where there are several servers; of one, redis-py says itself what it takes.
_OPTIONS: Final = (
    *("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_cert_reqs", "ssl_check_hostname", "ssl_ciphers"),
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "health_check_interval"),
    *("db", "protocol", "client_name", "max_connections"),
)
_SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A Redis URL, taken apart."""

    topology: Topology
    nodes: tuple[tuple[str, int], ...]
    """Host and port of the cluster's nodes or of the Sentinels; empty for a single server."""
    server_url: str
    """A plain URL (`redis://`, `rediss://`, `unix://`) with all that holds for each server: user, password, database,
    TLS, options. Of a single server it is the URL itself; of several it names the first."""
    service: str = ""
    """The name by which the Sentinels know the master."""
    db: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = None

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.server_url.startswith("rediss://")

    def __str__(self) -> str:
        """For a person: `Redis at host:port/database`, and nothing that is secret."""
        if self.topology is Topology.SINGLE:
            url = urlsplit(self.server_url)
            return f"Redis at {url.path if url.scheme == 'unix' else f'{url.hostname}:{url.port or 6379}{url.path}'}"
        hosts = ",".join(f"{f'[{host}]' if ':' in host else host}:{port}" for host, port in self.nodes)
        if self.topology is Topology.CLUSTER:
            return f"Redis Cluster at {hosts}"
        return f"Redis master {self.service!r} of the Sentinels at {hosts}"


def parse_redis_url(url: str) -> RedisUrl:
    """Take a Redis URL apart.

    Raises:
        ValueError: it is none; one line for a person, which quotes nothing that may be a part of a password.
    """
    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in (*SINGLE_SCHEMES, *SEVERAL):
        raise ValueError(f"redis_url should start with {SCHEMES_SAID}")
    return _several(url) if scheme in SEVERAL else _single(url)


def _single(url: str) -> RedisUrl:
    """With a bare / in it, half of a password would pass for a host or a port, which errors quote."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        whole = False
    else:
        whole = not parts.fragment and (parts.scheme == "unix" or bool(re.fullmatch("/?[0-9]*", parts.path)))
    if not whole:
        raise ValueError(
            f"redis_url should be a URL whose path is a database's number; {ESCAPE_SAID}; "
            "several hosts need redis+cluster:// or redis+sentinel://"
        )
    return RedisUrl(Topology.SINGLE, (), url)


def _several(url: str) -> RedisUrl:
    found = _SEVERAL_FORM.fullmatch(url)
    nodes = found and _nodes(found["hosts"], SEVERAL[found["scheme"]][2])
    if not found or not nodes:
        raise ValueError(
            "redis_url should name hosts as user:password@host1:port,host2:port, with ports up to 65535; "
            f"{ESCAPE_SAID}"
        )
    if "@" in (found["user"] or ""):
        raise ValueError(
            "redis_url: user and password stand once, before the first host; in a password write %40 for @"
        )
    scheme, topology, _ = SEVERAL[found["scheme"]]
    options = _options(found["query"] or "", topology)
    path = found["path"] or ""
    service, number = _service(path) if topology is Topology.SENTINEL else ("", path.removeprefix("/"))
    number = options.pop("db", number) or "0"
    if not number.isdecimal():
        raise ValueError(f"redis_url: the path should be a database's number; {ESCAPE_SAID}")
    if topology is Topology.CLUSTER and int(number):
        raise ValueError("redis_url: a cluster has database 0 only: leave the database's number out")
    username, password = (options.pop(name, None) for name in _SENTINEL_OPTIONS)
    host, port = nodes[0]
    user = f"{found['user']}@" if found["user"] else ""
    server = f"{scheme}://{user}{f'[{host}]' if ':' in host else host}:{port}/{number}"
    query = f"?{urlencode(options)}" if options else ""
    return RedisUrl(topology, nodes, server + query, service, int(number), username, password)


def _nodes(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    """None where one of them cannot be: it may be a part of a password, so nothing is said of it."""
    found = [_HOST.fullmatch(host.strip()) for host in hosts.split(",")]
    nodes = tuple((each["host"].strip("[]"), int(each["port"] or default_port)) for each in found if each)
    return nodes if len(nodes) == len(found) and all(0 < port <= PORT_MAX for _, port in nodes) else ()


def _service(path: str) -> tuple[str, str]:
    found = _SERVICE_PATH.fullmatch(path.removesuffix("/"))
    if not found or (found["service"].isdecimal() and found["db"] is None):
        raise ValueError(
            "redis_url needs the master's name behind the hosts, as redis+sentinel://host:26379/mymaster/0; "
            f"{ESCAPE_SAID}"
        )
    return found["service"], found["db"] or ""


def _options(query: str, topology: Topology) -> dict[str, str]:
    try:
        options = dict(parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True))
    except ValueError:
        raise ValueError(
            f"redis_url: behind the ? options should stand as name=value; {ESCAPE_SAID}"
        ) from None
    known = (*_OPTIONS, *(_SENTINEL_OPTIONS if topology is Topology.SENTINEL else ()))
    if not options.keys() <= set(known):
        raise ValueError(f"redis_url: behind the ? there may be {', '.join(known)}; {ESCAPE_SAID}")
    return options
