"""The names that other programs depend on: Kafka topics and Redis keys."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """The Kafka topics and consumer groups under one prefix."""

    prefix: str = "316."

    @property
    def events(self) -> str:
        """JSON `FaultEvent`; key none or the service; any partition."""
        return f"{self.prefix}events"

    @property
    def partials(self) -> str:
        """Internal msgpack `Partial`; explicit partition = hash of the code."""
        return f"{self.prefix}partials"

    @property
    def alerts(self) -> str:
        """JSON `StormAlert`; key = storm id."""
        return f"{self.prefix}alerts"

    @property
    def dead_letters(self) -> str:
        """What did not decode: the original bytes; key `topic:partition:offset`."""
        return f"{self.prefix}events.dlq"

    @property
    def alert_dead_letters(self) -> str:
        """Alerts whose handler kept failing, as they were; key = storm id."""
        return f"{self.prefix}alerts.dlq"

    @property
    def intake_group(self) -> str:
        """Consumer group of the intake stage."""
        return f"{self.prefix}intake"

    @property
    def detect_group(self) -> str:
        """Consumer group (and Faust app id) of the detect stage."""
        return f"{self.prefix}detect"


@dataclass(frozen=True, slots=True)
class Keys:
    """The Redis keys under one prefix. `{CODE}` is a hash tag, so that a code's keys share a cluster slot."""

    prefix: str = "316:"

    @property
    def codes(self) -> str:
        """zset: code → last event time (epoch s)."""
        return f"{self.prefix}codes"

    @property
    def storms(self) -> str:
        """zset: active storm id → started_at (epoch s)."""
        return f"{self.prefix}storms"

    @property
    def alerts(self) -> str:
        """stream: each alert once, field `alert` holds the JSON."""
        return f"{self.prefix}alerts"

    @property
    def alert_dead_letters(self) -> str:
        """stream: alerts whose handler kept failing, field `alert` as it was, and why."""
        return f"{self.prefix}alerts.dlq"

    def counter(self, code: str) -> str:
        """hash: total, P0…P3, late, skewed, first_seen, last_seen, version."""
        return f"{self.prefix}counter:{{{code}}}"

    def rate(self, code: str) -> str:
        """hash: 10s 1m 5m 15m 1h (events per second), baseline, state, version."""
        return f"{self.prefix}rate:{{{code}}}"

    def series(self, code: str, hour: str) -> str:
        """hash of one hour (yyyymmddhh, UTC): minute 0…59 → events."""
        return f"{self.prefix}series:{{{code}}}:{hour}"

    def storm(self, storm_id: str) -> str:
        """string: the latest `StormAlert` JSON of this storm."""
        return f"{self.prefix}storm:{storm_id}"
