"""redis-py's Sentinels, which say why they name no master: away, or its name is not known to them, or it is down.

Both halves, because redis-py has two of them.
"""

from typing import Any

from redis.asyncio.sentinel import MasterNotFoundError as AsyncMasterNotFoundError
from redis.asyncio.sentinel import Sentinel as AsyncRedisSentinel
from redis.exceptions import AuthenticationError, RedisError
from redis.sentinel import MasterNotFoundError
from redis.sentinel import Sentinel as RedisSentinel


class Sentinel(RedisSentinel):
    """For threads."""

    def discover_master(self, service_name: str) -> Any:
        """Host and port of the master.

        Raises:
            MasterNotFoundError: none of the Sentinels names one; one line that says why.
        """
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError:
            refused: list[RedisError] = []
            for sentinel in self.sentinels:
                try:
                    reason = _why(service_name, sentinel.sentinel_masters())
                except RedisError as error:
                    refused.append(error)
                else:
                    raise MasterNotFoundError(reason) from None
            raise MasterNotFoundError(_away(self.sentinels, refused)) from None

    def close(self) -> None:
        """Close the connections to the Sentinels."""
        for sentinel in self.sentinels:
            sentinel.close()


class AsyncSentinel(AsyncRedisSentinel):
    """For asyncio."""

    async def discover_master(self, service_name: str) -> Any:
        """See `Sentinel.discover_master`."""
        try:
            return await super().discover_master(service_name)
        except AsyncMasterNotFoundError:
            refused: list[RedisError] = []
            for sentinel in self.sentinels:
                try:
                    reason = _why(service_name, await sentinel.sentinel_masters())
                except RedisError as error:
                    refused.append(error)
                else:
                    raise AsyncMasterNotFoundError(reason) from None
            raise AsyncMasterNotFoundError(_away(self.sentinels, refused)) from None

    async def aclose(self) -> None:
        """Close the connections to the Sentinels."""
        for sentinel in self.sentinels:
            await sentinel.aclose()


def _why(service: str, masters: Any) -> str:
    if service in masters:
        return f"the master {service!r} is down; its Sentinels have not put a replica in its place yet"
    known = ", ".join(repr(name) for name in sorted(masters)) or "none"
    return f"the Sentinels know no master {service!r}, but {known}: correct the name in the URL"


def _away(sentinels: list[Any], refused: list[RedisError]) -> str:
    places = [sentinel.connection_pool.connection_kwargs for sentinel in sentinels]
    hosts = ",".join(f"{place['host']}:{place['port']}" for place in places)
    last = f": {refused[-1]}" if refused else ""
    if any(isinstance(error, AuthenticationError) for error in refused):
        return f"the Sentinels at {hosts} refuse us{last}; see sentinel_username and sentinel_password in the URL"
    return f"no Sentinel answers at {hosts}{last}"
