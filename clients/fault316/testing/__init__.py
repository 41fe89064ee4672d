"""For your own tests: the clients without servers."""

from fault316.testing._feed import DeadLetter, MemoryAlerts, MemoryFeed, storm_alert

__all__ = ["DeadLetter", "MemoryAlerts", "MemoryFeed", "storm_alert"]
