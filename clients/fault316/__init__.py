"""Report faults, read storm alerts, query the counters.

Names are imported when first used, so that a service that only reports never loads the Redis client,
and `import fault316` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fault316._context import context
    from fault316._process import close, flush, guard, init, report, report_exception
    from fault316.alerts import AlertFeed
    from fault316.background import BackgroundReporter
    from fault316.counters import AsyncCounters, Counters
    from fault316.errors import CountersUnavailable, KafkaUnavailable, RedisUnavailable, Unavailable
    from fault316.reporter import Reporter
    from fault316.sync_alerts import SyncAlertFeed
    from fault316.views import Counter, Rates, State, Update
    from fault316_schemas import Connection, FaultEvent, Severity, StormAlert

__all__ = [
    "AlertFeed",
    "AsyncCounters",
    "BackgroundReporter",
    "Connection",
    "Counter",
    "Counters",
    "CountersUnavailable",
    "FaultEvent",
    "KafkaUnavailable",
    "Rates",
    "RedisUnavailable",
    "Reporter",
    "Severity",
    "State",
    "StormAlert",
    "SyncAlertFeed",
    "Unavailable",
    "Update",
    "close",
    "context",
    "flush",
    "guard",
    "init",
    "report",
    "report_exception",
]

_HOMES = {
    "fault316._context": ("context",),
    "fault316._process": ("close", "flush", "guard", "init", "report", "report_exception"),
    "fault316.background": ("BackgroundReporter",),
    "fault316.alerts": ("AlertFeed",),
    "fault316.counters": ("AsyncCounters", "Counters"),
    "fault316.errors": ("CountersUnavailable", "KafkaUnavailable", "RedisUnavailable", "Unavailable"),
    "fault316.reporter": ("Reporter",),
    "fault316.sync_alerts": ("SyncAlertFeed",),
    "fault316.views": ("Counter", "Rates", "State", "Update"),
    "fault316_schemas": ("Connection", "FaultEvent", "Severity", "StormAlert"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fault316' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
