"""A Redis Cluster of three masters with a replica each, in processes of its own. Imported as `redis_cluster`."""

from pathlib import Path
from typing import Any, Final

from redis.exceptions import RedisError

from fault316_streams.embedded import process
from redis_servers import BUS, RedisServer, RedisServers
from support import until

MASTERS: Final = 3
SLOTS: Final = 16_384
NODE_TIMEOUT_MS: Final = 1_000
"""After this silence a master is given up: a replica takes its place about as long again later. Redis's default is 15 s."""


class RedisCluster(RedisServers):
    """Nodes 0 to 2 begin as masters with a third of the slots each, 3 to 5 as their replicas."""

    def __init__(self, folder: Path, **options: object) -> None:
        """It is whole when this returns. `options` of every node's configuration."""
        common: dict[str, object] = {
            "cluster_enabled": "yes",
            "cluster_node_timeout": NODE_TIMEOUT_MS,
            "cluster_replica_validity_factor": 0,
            "repl_diskless_sync": "yes",
            "repl_diskless_sync_delay": 0,
        }
        self.servers = [RedisServer(folder, f"node-{n}", common | options) for n in range(2 * MASTERS)]
        try:
            for server in self.servers:
                server.start()
            self._join()
        except BaseException:
            self.__exit__()
            raise

    def url(self, nodes: slice = slice(None), user: str = "") -> str:
        """For programs; some of the nodes will do."""
        hosts = ",".join(f"{process.LOOPBACK}:{server.port}" for server in self.servers[nodes])
        return f"redis+cluster://{user}{hosts}"

    def master_of(self, key: str) -> RedisServer:
        """The server that has a key now, as the others see it."""
        for server in self.servers:
            try:
                client = server.client()
                slot = client.cluster("KEYSLOT", key)
                for (first, last), found in client.cluster("SLOTS").items():
                    if int(first) <= int(slot) <= int(last):
                        return self._at(found["primary"][1])
            except RedisError:
                continue
        raise AssertionError(f"nobody knows who has {key}")

    def whole(self) -> bool:
        """Whether all running nodes agree that all slots are served, and each master has its replica in step."""
        for server in self.servers:
            try:
                client = server.client()
                assert client.cluster("INFO")["cluster_state"] == "ok"
                replication = client.info("replication")
                assert replication["role"] == "master" or replication["master_link_status"] == "up"
                assert replication["role"] != "master" or replication["connected_slaves"] >= 1
            except RedisError as error:
                raise AssertionError(f"{server.port}: {error}") from error
        return True

    def _at(self, port: int) -> RedisServer:
        return next(server for server in self.servers if server.port == int(port))

    def _join(self) -> None:
        first, share = self.servers[0], -(-SLOTS // MASTERS)
        clients = [server.client() for server in self.servers]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            if number < MASTERS:
                client.cluster("ADDSLOTS", *range(number * share, min((number + 1) * share, SLOTS)))
            if number:
                client.cluster("MEET", *first.address, first.port + BUS)
        ids = [client.cluster("MYID") for client in clients]
        for number in range(MASTERS, 2 * MASTERS):
            until(lambda number=number: _replicate(clients[number], ids[number - MASTERS]), every_s=0.02)  # type: ignore[misc]
        until(self.whole, every_s=0.02)


def _replicate(client: Any, master: str) -> bool:
    try:
        return bool(client.cluster("REPLICATE", master))
    except RedisError as error:  # it has not heard of it yet
        raise AssertionError(str(error)) from error
