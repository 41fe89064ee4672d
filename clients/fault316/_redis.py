"""Where Redis is, for people: without its password."""

from urllib.parse import urlsplit

from redis.exceptions import RedisError

from fault316_schemas import Connection


def place(connection: Connection) -> str:
    """`Redis at host:port/database`."""
    url = urlsplit(connection.redis_url.get_secret_value())
    where = url.path if url.scheme == "unix" else f"{url.hostname}:{url.port or 6379}{url.path}"
    return f"Redis at {where}"


def words(error: RedisError) -> str:
    """What it said, or what kind of error it was."""
    return str(error) or type(error).__name__


ADVICE = "check FAULT316_REDIS_URL, or start a local one with `fault316 up`"
