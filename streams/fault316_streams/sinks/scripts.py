"""Lua scripts in Redis pipelines: sent by hash, and by text where Redis has forgotten them.

Everything that the view writes is a script, so that a value, its guard and its TTL are one step.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from itertools import chain, islice
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from fault316.redis_client import is_cluster

CALLS_PER_PIPELINE_MAX: Final = 64
"""Calls in one round trip. A code stated anew with a day of minutes is some 12 KB, so at most about 0.8 MB."""


@dataclass(frozen=True)
class Script:
    """One file of `lua/`."""

    name: str

    @cached_property
    def text(self) -> str:
        """What Redis runs."""
        return files(__package__).joinpath("lua", f"{self.name}.lua").read_text(encoding="utf-8")

    @cached_property
    def sha(self) -> str:
        """What Redis calls it; SHA-1 by its protocol."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Call:
    """A script with its keys, all of one cluster slot, and arguments."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | int | bytes]


async def run(redis: "Redis", rounds: Iterable[Iterable[Call]]) -> list[int]:
    """Run the calls round by round, in pipelines of bounded size; every script here answers with an int.

    No call is done before all of the earlier rounds. Within one, a cluster's servers each take theirs when they get to
    it. The calls are consumed pipeline by pipeline, so that building many does not hold up the loop either.

    Raises:
        redis.exceptions.RedisError: a call or the connection failed; any of the calls may have been done.
        redis.exceptions.RedisClusterException: a cluster's servers cannot be found out.
    """
    if not is_cluster(redis):  # one server keeps the order by itself, in fewer pipelines
        rounds = [chain.from_iterable(rounds)]
    answers: list[int] = []
    for calls in rounds:
        remaining = iter(calls)
        while chunk := list(islice(remaining, CALLS_PER_PIPELINE_MAX)):
            answers += await _run_chunk(redis, chunk)
    return answers


async def _run_chunk(redis: "Redis", calls: Sequence[Call]) -> list[int]:
    answers = await _pipeline(redis, calls, by_text=False)
    forgotten = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if forgotten:  # a restart, a fail-over, SCRIPT FLUSH. The text works always, and Redis keeps it again.
        again = await _pipeline(redis, [calls[i] for i in forgotten], by_text=True)
        for i, answer in zip(forgotten, again, strict=True):
            answers[i] = answer
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


async def _pipeline(redis: "Redis", calls: Sequence[Call], *, by_text: bool) -> list[Any]:
    async with redis.pipeline(transaction=False) as pipe:
        for call in calls:
            script = ("EVAL", call.script.text) if by_text else ("EVALSHA", call.script.sha)
            # Not `pipe.evalsha`: a cluster's refuses, because a node may not know the script. Then we send its text.
            pipe.execute_command(*script, len(call.keys), *call.keys, *call.args)
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers
