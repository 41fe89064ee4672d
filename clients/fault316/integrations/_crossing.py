"""A level that rises too high is one fault, however often it is looked at."""


class Crossing:
    """Tells once that a level is above `high`, and again only after it was at `low` or below.

    Without the space between the two, a level that swings around its limit would be told at each swing.

    Raises:
        ValueError: not 0 < `low` <= `high`.
    """

    def __init__(self, high: float, low: float) -> None:
        if not 0 < low <= high:
            raise ValueError("the limit should be above 0")
        self.high = high
        self.low = low
        # A dict's pop is atomic: of several threads one is told, and there is no lock that a fork could leave held.
        self._armed = {"armed": True}

    def look(self, level: float) -> bool:
        """Whether to tell now."""
        if level <= self.low:
            self._armed["armed"] = True
        return level > self.high and self._armed.pop("armed", False)
