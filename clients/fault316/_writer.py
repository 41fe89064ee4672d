"""From a record to the event that is sent, in the sending thread: nothing that a report holds can end it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from fault316._build import Identity, build
from fault316._record import Record
from fault316._resources import ResourceProbe
from fault316._tally import Tally, Why
from fault316_schemas import FaultEvent
from fault316_schemas.scrub import scrub_event, scrub_text

REASON_CHARS_MAX = 300

BeforeSend = Callable[[FaultEvent], FaultEvent | None]


class Writer:
    """Builds, scrubs and asks `before_send`. For one thread."""

    def __init__(
        self, identity: Identity, tally: Tally, before_send: BeforeSend | None, probe: ResourceProbe | None
    ) -> None:
        self.filtered = 0
        """Faults that `before_send` held back."""
        self._identity = identity
        self._tally = tally
        self._before_send = before_send
        self._probe = probe

    def write(self, record: Record) -> FaultEvent | None:
        """The event; None where there is none to send, which is counted."""
        try:
            event = self._event(record)
        except Exception as error:
            self.refuse(record, Why.INVALID, error)
            return None
        if self._before_send is None:
            return event
        try:
            kept = self._before_send(event)
            if kept is not None and kept is not event:  # pydantic makes copies without validation
                kept = scrub_event(FaultEvent.model_validate(kept.model_dump(warnings=False)))
        except Exception as error:  # what it was to take out may still be in there
            self.refuse(record, Why.BEFORE_SEND, error)
            return None
        if kept is None:
            self.filtered += record.count
        return kept

    def refuse(self, record: Record, why: Why, error: Exception) -> None:
        """Count a record that cannot be sent."""
        self._tally.add(why, record.count, reason(error))

    def _event(self, record: Record) -> FaultEvent:
        details: Any = {"occurred_at": datetime.fromtimestamp(record.at_s, UTC)}
        details |= {key: value for key, value in record.details.items() if value is not None}
        details["count"] = record.count
        if self._probe is not None and "resources" not in details:
            details["resources"] = self._probe.read()
        described = record.captured.describe() if record.captured else None
        return build(self._identity, record.code, details, described)


def reason(error: Exception) -> str:
    """What was wrong, without the values that were given: they may be secret."""
    if isinstance(error, ValidationError):
        wrong = error.errors(include_input=False, include_url=False)
        said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong)
    else:
        said = f"{type(error).__name__}: {error}"
    return scrub_text(said[:REASON_CHARS_MAX])
