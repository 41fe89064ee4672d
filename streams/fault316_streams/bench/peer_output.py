"""What a peer has counted: its output topic, summed."""

import time
from typing import Final, Self

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from fault316_streams.errors import Failure

TAKE: Final = 10_000
TAKE_S: Final = 0.2
"""Records at a time; fewer, the end of the topic among them, are handed out only when this is over."""
SILENCE_LIMIT_S: Final = 30.0
"""From a broker on the same machine."""


class Result(msgspec.Struct, frozen=True):
    """The events of one code in one window."""

    code: str
    window: int
    """Its beginning, epoch seconds."""
    events: int

    @classmethod
    def of(cls, value: bytes) -> Self:
        """Of a record's value.

        Raises:
            Failure: it is something else.
        """
        try:
            return msgspec.json.decode(value, type=cls)
        except msgspec.DecodeError as error:
            raise Failure(f"writes {value[:200]!r}, which is no result: {error}") from error


def create_topic(bootstrap_servers: str, topic: str) -> None:
    """With one partition, so that what was written last is read last.

    Raises:
        KafkaException: Kafka refuses.
    """
    # log_level: errors only; it would tell that it is thrown away with an event in its queue.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 3})
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])[topic].result()


def total_of(bootstrap_servers: str, topic: str) -> int:
    """The sum over all codes and windows, of each the last record.

    Raises:
        Failure: a record is no result, or Kafka is silent.
        KafkaException: Kafka refuses.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": topic,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    counted: dict[tuple[str, int], int] = {}
    heard_s = time.monotonic()
    try:
        while time.monotonic() - heard_s < SILENCE_LIMIT_S:
            for message in consumer.consume(TAKE, TAKE_S):
                heard_s = time.monotonic()
                if _is_end(message):
                    return sum(counted.values())
                result = Result.of(message.value() or b"")
                counted[result.code, result.window] = result.events
    finally:
        consumer.close()
    raise Failure(f"Kafka says nothing of {topic} for {SILENCE_LIMIT_S:.0f} s")


def _is_end(message: Message) -> bool:
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    return error is not None
