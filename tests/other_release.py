"""Another release of fault316 to run beside this one: a copy of its source with edits. Imported as `other_release`."""

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import msgspec

import fault316_streams
from fault316_streams.partial import FORMAT_VERSION
from fault316_streams.settings import WorkerSettings
from fault316_streams.state import STATE_VERSION
from other_client import OtherConsumer
from worker_process import FAULT316, WorkerProcess

SOURCE: Final = Path(fault316_streams.__file__).parent

READ_PARTIAL: Final = """
def by_name(struct, values):
    return dict(zip(struct.__struct_fields__, values))


def _read_older(data):
    message = msgspec.msgpack.decode(data)
    of = Progress if message[0] else Contribution
    message[-1] = {key: by_name(of, values) for key, values in message[-1].items()}
    return _decoder.decode(msgspec.msgpack.encode(message))


"""
READ_STATE: Final = """
def _read_older(data):
    from fault316_streams.partial import Contribution, by_name

    entry = msgspec.msgpack.decode(data)
    for ranges in (entry[3][0], *entry[7].values()):
        for known in ranges.values():
            known[2] = by_name(Contribution, known[2])
    return _decoder.decode(msgspec.msgpack.encode(entry))


"""
MAPS: Final = {
    "partial.py": [
        ("FORMAT_VERSION: Final = [0-9]+", f"FORMAT_VERSION: Final = {FORMAT_VERSION + 1}"),
        (r"(class Contribution\(msgspec.Struct), array_like=True", r"\1"),
        (r"(class Progress\(msgspec.Struct), array_like=True", r"\1"),
        ("_format = ", READ_PARTIAL + "_format = "),
        (
            r"\{(.*)FORMAT_VERSION: _decoder.decode\}",
            r"dict.fromkeys(range(1, FORMAT_VERSION), _read_older) | {FORMAT_VERSION: _decoder.decode}",
        ),
    ],
    "state.py": [
        ("STATE_VERSION: Final = [0-9]+", f"STATE_VERSION: Final = {STATE_VERSION + 1}"),
        ("_format = ", READ_STATE + "_format = "),
        (
            r"\{(.*)STATE_VERSION: _decoder.decode\}",
            r"dict.fromkeys(range(1, STATE_VERSION), _read_older) | {STATE_VERSION: _decoder.decode}",
        ),
    ],
}
"""The edits (patterns and what comes instead) of a release that breaks with this one: both formats have the next
version, contributions and progress are written as maps instead of arrays. With the upgrade functions to it."""


def installed(folder: Path) -> Path:
    """This release, installed in a folder of its own."""
    shutil.copytree(SOURCE, folder / SOURCE.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def with_more_fields(folder: Path) -> Path:
    """Make it a release that has one more field, with a default, in all that is sent or kept."""
    edited = 0
    for file in (folder / SOURCE.name).rglob("*.py"):
        text = file.read_text()
        lines = text.splitlines(keepends=True)
        for line in sorted(_ends_of_fields(ast.parse(text)), reverse=True):
            lines.insert(line, "    added: int = 316\n")
            edited += 1
        file.write_text("".join(lines))
    assert edited > 10, "all structs that are written as arrays"
    return folder


def with_next_versions(folder: Path) -> Path:
    """Make it a release that breaks with this one, see `MAPS`."""
    for name, edits in MAPS.items():
        file = folder / SOURCE.name / name
        text = file.read_text()
        for pattern, new in edits:
            text, found = re.subn(pattern, new, text)
            assert found == 1, f"{name}: {pattern}"
        file.write_text(text)
    return folder


def run_from(folder: Path) -> Callable[..., WorkerProcess]:
    """Workers of the release in a folder, for `Workers.start(kind=…)`."""

    class Release(WorkerProcess):
        command: ClassVar = ["env", f"PYTHONPATH={folder}", *FAULT316, "worker"]

    return Release


def written(settings: WorkerSettings, topic: str) -> list[list[Any]]:
    """All that was written to a topic's first partition, undone from msgpack only."""
    consumer = OtherConsumer(settings, topic)
    try:
        return [msgspec.msgpack.decode(record.value()) for record in consumer.read(1.0) if record.value()]
    finally:
        consumer.close()


def _ends_of_fields(module: ast.Module) -> Iterator[int]:
    """The last line of the fields of each struct that is written as an array; heads (`_Head`) never change."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and any(word.arg == "array_like" for word in node.keywords):
            if node.name.startswith("_"):
                continue
            last = max(n for n, child in enumerate(node.body) if isinstance(child, ast.AnnAssign))
            explained = [child for child in node.body[last + 1 : last + 2] if isinstance(child, ast.Expr)]
            yield (explained or node.body[last:])[0].end_lineno or 0
