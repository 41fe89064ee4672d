"""What can go wrong outside the caller's control. Each message says what, where and what to do."""


class Unavailable(Exception):  # noqa: N818 - named for what happened
    """A server that fault316 needs does not answer."""


class KafkaUnavailable(Unavailable):
    """Kafka does not answer, or lacks a topic; raised when a client starts, not afterwards."""


class RedisUnavailable(Unavailable):
    """Redis does not answer, or refuses; raised when a feed starts, not afterwards."""


class CountersUnavailable(RedisUnavailable):
    """Redis does not answer, or refuses the query. The counts themselves are safe in Kafka."""
