"""What somebody on duty keeps who may do nothing twice. Imported as `handled_once`."""

from pathlib import Path
from typing import Self


class HandledOnce:
    """A line for every time that an alert was handled, and beside it a mark for each that had none yet.

    The mark stands for what is done about an alert. It is one line, written at once: no crash parts the two.
    """

    def __init__(self, file: Path) -> None:
        """Goes on with what an earlier process of the same file has written."""
        marks = marks_of(file)
        marks.touch()
        self._marked = set(marks.read_text().split())
        self._file, self._marks = file.open("a"), marks.open("a")

    def write(self, alert_id: str) -> None:
        """This alert is being handled."""
        print(alert_id, file=self._file, flush=True)
        if alert_id not in self._marked:
            self._marked.add(alert_id)
            print(alert_id, file=self._marks, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._marks.close()


def marks_of(file: Path) -> Path:
    """Where the marks are."""
    return file.with_suffix(".marks")
