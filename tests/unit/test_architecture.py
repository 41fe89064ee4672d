"""The architecture as a test: who may import whom, and what the pure core may not touch.

The tables are the rules; read them first. Below them stands the small checker, with tests of its own.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("schemas/fault316_schemas", "clients/fault316", "streams/fault316_streams")

LINES_MAX = 250
"""About 150 is the aim; beyond this a module does two things."""

# Package or module → what of ours it may import, besides itself. The longest name that fits decides.
MAY_IMPORT = {
    "fault316_schemas": [],
    "fault316": ["fault316_schemas"],
    # Redis clients are made in one place, for programs and for the worker.
    "fault316_streams": ["fault316_schemas", "fault316_streams", "fault316.redis_client"],
    "fault316_streams.cli": ["fault316_schemas", "fault316_streams", "fault316"],
    # The bench measures the client, too.
    "fault316_streams.bench": ["fault316_schemas", "fault316_streams", "fault316"],
    # The stages, in the order of the data's way: each knows the contracts and what comes before it.
    "fault316_streams.errors": [],
    "fault316_streams.versioned": [],
    "fault316_streams.partial": ["fault316_streams.versioned"],
    "fault316_streams.intake": ["fault316_schemas", "fault316_streams.partial"],
    "fault316_streams.intake.service": ["fault316_schemas", "fault316_streams"],
    "fault316_streams.window": ["fault316_schemas", "fault316_streams.partial"],
    "fault316_streams.detect": [
        "fault316_schemas",
        "fault316_streams.errors",  # a wrong policy file is a person's mistake
        "fault316_streams.window",
    ],
    "fault316_streams.alert": ["fault316_schemas", "fault316_streams.window", "fault316_streams.detect"],
}

# Imported by nobody but themselves: the outermost layer.
OUTERMOST = ["fault316_streams.cli"]

# What may be installed alone has only these dependencies, besides the standard library.
LIGHT = {
    "fault316_schemas": ["pydantic", "pydantic_core", "pydantic_settings"],
    "fault316": ["aiokafka", "orjson", "pydantic", "pydantic_core", "pydantic_settings", "redis"],
}
INTEGRATIONS = "fault316.integrations"  # each imports the framework that it is for
PYTEST_PLUGIN = "fault316.pytest_plugin"  # nobody but pytest loads it

CORE = [
    f"fault316_streams.{stage}" for stage in ("versioned", "partial", "intake", "window", "detect", "alert")
]
NOT_CORE = ["fault316_streams.intake.service"]

TAKE_NOW = "take the time as an argument: it comes in messages"
TAKE_RNG = "derive it from the data (a hash), so that a repeat says the same"
MOVE_IO = "do it in intake/service.py, sinks or the Faust adapter, and pass in the result"

# In the core: banned import (all under it too) → what to do instead.
BANNED = {
    "time": TAKE_NOW,
    "datetime.datetime.now": TAKE_NOW,
    "datetime.datetime.utcnow": TAKE_NOW,
    "datetime.datetime.today": TAKE_NOW,
    "datetime.date.today": TAKE_NOW,
    "random": TAKE_RNG,
    "secrets": TAKE_RNG,
    "uuid": TAKE_RNG,
    "os": MOVE_IO,
    "io": MOVE_IO,
    "socket": MOVE_IO,
    "subprocess": MOVE_IO,
    "threading": MOVE_IO,
    "asyncio": MOVE_IO,
    "logging": MOVE_IO,
    "structlog": MOVE_IO,
    "faust": MOVE_IO,
    "mode": MOVE_IO,
    "aiokafka": MOVE_IO,
    "redis": MOVE_IO,
    "aiohttp": MOVE_IO,
}

# Builtins, and methods of whatever object, that do IO.
BANNED_CALLS = dict.fromkeys(("open", "print", "input"), MOVE_IO)
BANNED_METHODS = dict.fromkeys(("read_text", "read_bytes", "write_text", "write_bytes"), MOVE_IO)

EXEMPT = {
    ("fault316_streams.detect.policy", "read_text"): "PolicyBook.load reads the policy file, once, at start",
}


def modules() -> dict[str, Path]:
    """Every module of ours by its dotted name."""
    found = {}
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            dotted = ".".join(path.relative_to((ROOT / source).parent).with_suffix("").parts)
            found[dotted.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def within(name: str, package: str) -> bool:
    """Whether `name` is `package` or something in it."""
    return name == package or name.startswith(f"{package}.")


def imports(tree: ast.AST) -> dict[str, str]:
    """Names that a module's imports bind, also those inside functions → the dotted name of what they are."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: write imports in full"
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def forbidden_imports(module: str, imported: set[str]) -> list[str]:
    """Which of a module's imports its place in MAY_IMPORT does not allow."""
    place = max((name for name in MAY_IMPORT if within(module, name)), key=len)
    allowed = [place, *MAY_IMPORT[place]]
    ours = [
        name
        for name in imported
        if any(within(name, root) for root in ("fault316_schemas", "fault316", "fault316_streams"))
    ]
    outer = [name for name in OUTERMOST if not within(module, name)]
    return sorted(
        name
        for name in ours
        if not any(within(name, other) for other in allowed) or any(within(name, other) for other in outer)
    )


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression like that, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def impurities(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """The banned names that a module uses, also without calling them, as (name, what to do instead)."""
    bound = imports(tree)
    used = set(bound.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in BANNED_METHODS:
            yield node.attr, BANNED_METHODS[node.attr]
        if isinstance(node, ast.Call) and (name := dotted(node.func)) in BANNED_CALLS.keys() - bound.keys():
            yield name, BANNED_CALLS[name]
        if isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node)):
            first, _, rest = name.partition(".")
            if first in bound:  # else it is a local variable, which may be called `time`
                used.add(f"{bound[first]}.{rest}".rstrip("."))
    for name in sorted(used):
        yield from ((name, instead) for banned, instead in BANNED.items() if within(name, banned))


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_imports_follow_the_arrows(module: str) -> None:
    """schemas ← clients, schemas ← streams, never clients ↔ streams but for the cli; each stage knows only earlier ones."""
    assert forbidden_imports(module, set(imports(parsed(module)).values())) == []


@pytest.mark.parametrize("module", [name for name in MODULES if any(within(name, light) for light in LIGHT)])
def test_the_light_part_needs_only_its_own_dependencies(module: str) -> None:
    """`pip install fault316` must be enough to report a fault and to read an alert."""
    if within(module, INTEGRATIONS) or module == PYTEST_PLUGIN:
        pytest.skip("imports the framework that it is for")
    place = next(light for light in LIGHT if within(module, light))
    roots = {name.partition(".")[0] for name in imports(parsed(module)).values()}
    foreign = {
        root for root in roots if root not in sys.stdlib_module_names and not root.startswith("fault316")
    }
    assert foreign <= set(LIGHT[place])


@pytest.mark.parametrize(
    "module",
    [
        name
        for name in MODULES
        if any(within(name, core) for core in CORE) and not any(within(name, other) for other in NOT_CORE)
    ],
)
def test_the_core_reads_no_clock_no_chance_and_no_network(module: str) -> None:
    """What the core says is a function of its arguments: replays, tests and crashes then agree."""
    found = [
        f"{name}: {instead}" for name, instead in impurities(parsed(module)) if (module, name) not in EXEMPT
    ]
    assert found == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_in_one_sitting(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LINES_MAX, f"{lines} lines: split it by what it does"


def test_the_tables_name_only_what_exists() -> None:
    """A rule for a module that was renamed protects nothing."""
    for name in [*MAY_IMPORT, *CORE, *NOT_CORE, *OUTERMOST]:
        assert name in MODULES, name
    for module, name in EXEMPT:
        assert name in {found for found, _ in impurities(parsed(module))}, (
            f"{module} needs no exemption any more"
        )


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "import time as t\nt.monotonic()",
        "from time import monotonic as clock\nclock()",
        "from datetime import datetime\nx = field(default_factory=datetime.now)",
        "import datetime as dt\ndt.datetime.utcnow()",
        "def f():\n    import random\n    random.random()",
        "from uuid import uuid4\nuuid4()",
        "import os\nos.urandom(8)",
        "import asyncio\nasyncio.sleep(0)",
        "open('x')",
        "path.read_text()",
        "from socket import socket\nsocket()",
        "import redis.asyncio",
    ],
)
def test_the_checker_sees_every_spelling(code: str) -> None:
    assert list(impurities(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(now_s, UTC)",
        "time = event.time\nx = time.seconds",
        "def f(random): return random",
        "open = partials[0]\nopen.upto",
    ],
)
def test_the_checker_leaves_pure_code_alone(code: str) -> None:
    assert not list(impurities(ast.parse(code)))


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("fault316_schemas.event", "fault316.reporter"),
        ("fault316.reporter", "fault316_streams.partial"),
        ("fault316_streams.sinks.alerts", "fault316.Reporter"),
        ("fault316_streams.sinks.alerts", "fault316_streams.cli.errors"),
        ("fault316_streams.window.panes", "fault316_streams.detect.judge"),
        ("fault316_streams.intake.event", "fault316_streams.settings"),
    ],
)
def test_the_checker_sees_an_arrow_that_points_back(module: str, imported: str) -> None:
    assert forbidden_imports(module, {imported}) == [imported]
