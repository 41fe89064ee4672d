"""What the replies of Redis streams mean."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from fault316._alert_source import RECALLED_MAX

DEAD_LETTERS_MAX: Final = 1_000
"""About; at some 3 KB that is 3 MB. So many alerts that nobody can handle say the same."""
DEAD_LETTERS_TTL_S: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream."""

    id: str
    fields: dict[str, str]
    """Empty where it was trimmed meanwhile."""


def first_of(reply: Any) -> Entry | None:
    """The entry in a reply of XREAD or XREADGROUP with COUNT 1, as RESP 2 or 3 and all redis-py of ours shape it."""
    if not reply:
        return None
    entries = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
    if entries and isinstance(entries[0], list):
        entries = entries[0]
    if not entries:
        return None
    entry_id, fields = entries[0]
    return Entry(entry_id, dict(fields or {}))


async def recall(redis: Redis, stream: str, group: str) -> list[str]:
    """The ids of the last alerts that the group has handled, so that a repeat of one is told after a restart."""
    groups = await redis.xinfo_groups(stream)
    upto = next((item["last-delivered-id"] for item in groups if item["name"] == group), "0-0")
    entries: Any = await redis.xrevrange(stream, max=upto, count=RECALLED_MAX)
    if not entries:
        return []
    oldest = entries[-1][0]
    unfinished = await redis.xpending_range(stream, group, oldest, upto, RECALLED_MAX)
    pending = {item["message_id"] for item in unfinished}
    handled = []
    for entry_id, fields in reversed(entries):
        with suppress(orjson.JSONDecodeError, KeyError, TypeError):
            if entry_id not in pending:
                handled.append(orjson.loads(fields["alert"])["alert_id"])
    return handled
