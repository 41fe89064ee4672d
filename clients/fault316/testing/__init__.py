"""For your own tests: the clients without servers. The fixtures of `fault316.pytest_plugin` use them, too."""

from fault316.testing._feed import DeadLetter, MemoryAlerts, MemoryFeed, storm_alert
from fault316.testing._reporter import MemoryReporter

__all__ = ["DeadLetter", "MemoryAlerts", "MemoryFeed", "MemoryReporter", "storm_alert"]
