"""A Redis master with two replicas and three Sentinels, in processes of their own. Imported as `redis_sentinel`."""

from pathlib import Path
from typing import Final

from redis.exceptions import RedisError

from fault316_streams.embedded import process
from redis_servers import RedisServer, RedisServers
from support import until

SERVICE: Final = "mymaster"
QUORUM: Final = 2
DOWN_AFTER_MS: Final = 1_000
"""After this silence a master is given up. Redis's default is 30 s."""


class RedisSentinel(RedisServers):
    """`data[0]` begins as the master."""

    def __init__(
        self, folder: Path, password: str = "", sentinel_password: str = "", **options: object
    ) -> None:
        """All know one another when this returns. `options` of the configuration of each server with data."""
        common: dict[str, object] = {"repl_diskless_sync": "yes", "repl_diskless_sync_delay": 0} | options
        if password:
            common |= {"requirepass": password, "masterauth": password}
        protected: dict[str, object] = {"requirepass": sentinel_password} if sentinel_password else {}
        self.password, self.sentinel_password = password or None, sentinel_password or None
        self.data = [RedisServer(folder, f"data-{n}", common) for n in range(3)]
        self.sentinels = [RedisServer(folder, f"sentinel-{n}", protected, sentinel=True) for n in range(3)]
        self.servers = [*self.data, *self.sentinels]
        host, port = self.data[0].address
        try:
            for number, server in enumerate(self.data):
                server.start(*([f"replicaof {host} {port}"] if number else []))
            until(self.in_step, every_s=0.02)
            for server in self.sentinels:
                server.start(
                    f"sentinel monitor {SERVICE} {host} {port} {QUORUM}",
                    f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
                    f"sentinel failover-timeout {SERVICE} 5000",
                    *([f"sentinel auth-pass {SERVICE} {password}"] if password else []),
                )
            until(self.whole, every_s=0.05)
        except BaseException:
            self.__exit__()
            raise

    def url(self, service: str = SERVICE, db: int = 0) -> str:
        """For programs."""
        hosts = ",".join(f"{process.LOOPBACK}:{server.port}" for server in self.sentinels)
        user = f":{self.password}@" if self.password else ""
        query = f"?sentinel_password={self.sentinel_password}" if self.sentinel_password else ""
        return f"redis+sentinel://{user}{hosts}/{service}/{db}{query}"

    def master(self) -> RedisServer:
        """The master, as most Sentinels see it."""
        ports = [self._seen_by(sentinel) for sentinel in self.sentinels]
        port = max(set(ports), key=ports.count)
        assert ports.count(port) >= QUORUM, ports
        return next(server for server in self.data if server.port == port)

    def whole(self) -> bool:
        """Whether all Sentinels agree, and know one another, and the master has both replicas in step."""
        master = self.master()
        for sentinel in self.sentinels:
            with sentinel.client(password=self.sentinel_password) as client:
                seen = client.sentinel_master(SERVICE)
            assert int(seen["port"]) == master.port, seen
            assert (seen["num-other-sentinels"], seen["num-slaves"]) == (2, 2), seen
            assert not seen["is_sdown"], seen
            assert not seen["is_odown"], seen
        return self.in_step()

    def in_step(self) -> bool:
        """Whether there is one master, with two replicas that follow it."""
        roles = []
        for server in self.data:
            with server.client(password=self.password) as client:
                try:
                    replication = client.info("replication")
                except RedisError as error:
                    raise AssertionError(str(error)) from error
            assert replication["connected_slaves"] == 2 or replication.get("master_link_status") == "up", (
                replication
            )
            roles.append(replication["role"])
        return sorted(roles) == ["master", "slave", "slave"]

    def _seen_by(self, sentinel: RedisServer) -> int:
        try:
            with sentinel.client(password=self.sentinel_password) as client:
                return int(client.sentinel_get_master_addr_by_name(SERVICE)[1])
        except RedisError as error:
            raise AssertionError(str(error)) from error
