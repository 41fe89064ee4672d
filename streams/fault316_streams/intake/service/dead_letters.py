"""Puts refused records on the dead-letter topic: the original bytes but for secrets, with the reason in the headers."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from fault316_schemas.dead_letter import DEAD_LETTER_BYTES_MAX
from fault316_schemas.scrub import scrub_bytes
from fault316_streams.intake.reject import SLACK_CHARS
from fault316_streams.intake.source import Letter
from fault316_streams.intake.stats import IntakeStats
from fault316_streams.settings import WorkerSettings

BATCH_MAX: Final = 256
"""Letters under way at a time, so that a flood of them is bounded by what is waiting, not by what is sent."""

HEADER_BYTES_MAX: Final = 4_096
"""Room for key and headers: 300 characters of error, three short texts, a topic of at most 249."""

SMALL_BYTES: Final = 64 * 1024
"""What is kept of a letter that the topic does not take whole: no topic is set smaller than this."""

REJECTED_BY: Final = version("fault316").encode()


class DeadLetters:
    """A producer of its own: one refused batch breaks an idempotent producer's sequence for good."""

    def __init__(self, settings: WorkerSettings, stats: IntakeStats) -> None:
        self.producer = AIOKafkaProducer(
            **settings.kafka_options(),
            client_id="fault316-dead-letters",
            acks="all",
            max_request_size=DEAD_LETTER_BYTES_MAX + HEADER_BYTES_MAX,
        )
        self._events = settings.topics.events
        self._topic = settings.topics.dead_letters
        self._stats = stats

    async def publish(self, letters: Sequence[Letter]) -> None:
        """Return once all are acknowledged.

        Raises:
            KafkaError: some are not; they come again when their records are read again, under the same keys.
        """
        for begin in range(0, len(letters), BATCH_MAX):
            batch = letters[begin : begin + BATCH_MAX]
            outcomes = await asyncio.gather(
                *(self._publish(letter, DEAD_LETTER_BYTES_MAX) for letter in batch), return_exceptions=True
            )
            for letter, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, MessageSizeTooLargeError):
                    await self._publish(letter, SMALL_BYTES)
                elif isinstance(outcome, BaseException):
                    raise outcome
            self._stats.dead_letters += len(batch)

    async def _publish(self, letter: Letter, bytes_max: int) -> None:
        await self.producer.send_and_wait(self._topic, **record(self._events, letter, bytes_max))


def record(topic: str, letter: Letter, bytes_max: int) -> dict[str, Any]:
    """Key, value and headers of a letter; see `fault316_schemas.dead_letter.DeadLetter`. Pure."""
    source = f"{topic}:{letter.partition}:{letter.offset}".encode()
    original = letter.value or b""
    begin = original[: bytes_max + SLACK_CHARS]
    kept = scrub_bytes(begin)
    headers = [
        ("reason", letter.rejected.reason.encode()),
        ("error", letter.rejected.error.encode()),
        ("source", source),
        ("original-bytes", str(len(original)).encode()),
        ("truncated", b"true" if len(original) > bytes_max else b"false"),
        ("scrubbed", b"false" if kept is begin else b"true"),
        ("rejected-by", REJECTED_BY),
    ]
    # A tombstone is kept as an empty value: a null one would delete the letter, the topic being compacted.
    return {"key": source, "value": kept[:bytes_max], "headers": headers}
