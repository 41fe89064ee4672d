"""The registry of 316 codes: what a code means when its event does not say."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from fault316_schemas.event import Layer, Severity

Pattern = Annotated[str, StringConstraints(pattern=r"^316-[A-Z0-9*?-]+$", max_length=64)]
"""A code, or a shell-style pattern over codes: `316-DB-*`."""


class CodeInfo(BaseModel):
    """What is known of the codes that match `pattern`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: Pattern
    layer: Layer
    severity: Severity
    title: Annotated[str, Field(min_length=1, max_length=120)]
    runbook: Annotated[str, Field(min_length=1, max_length=2_000)]


def specificity(pattern: str) -> tuple[int, int]:
    """Order of patterns: an exact code beats a pattern, a longer literal beats a shorter one."""
    wildcards = pattern.count("*") + pattern.count("?")
    return (0 if wildcards else 1, len(pattern) - wildcards)


class Registry:
    """Finds the most specific entry for a code. Always finds one: `316-*` is built in."""

    def __init__(self, entries: Iterable[CodeInfo] = ()) -> None:
        """`entries` are a user's own; they win over built-in ones as specific as they are."""
        own = {entry.pattern: entry for entry in entries}
        # The user's stand first: the sort is stable, so they also win over equally specific patterns.
        by_pattern = own | {entry.pattern: entry for entry in BUILT_IN if entry.pattern not in own}
        self.entries: tuple[CodeInfo, ...] = tuple(
            sorted(by_pattern.values(), key=lambda entry: specificity(entry.pattern), reverse=True)
        )
        self.get = lru_cache(maxsize=4_096)(self._get)

    @classmethod
    def built_in(cls) -> Self:
        """The registry without a user's own codes."""
        return cls()

    def _get(self, code: str) -> CodeInfo:
        return next(entry for entry in self.entries if fnmatchcase(code, entry.pattern))


def _info(pattern: str, layer: Layer, severity: Severity, title: str, runbook: str) -> CodeInfo:
    return CodeInfo(pattern=pattern, layer=layer, severity=severity, title=title, runbook=runbook)


BUILT_IN: tuple[CodeInfo, ...] = (
    _info("316-CONN-ERR", Layer.NETWORK, Severity.P1, "Connection failed",
          "Check that the peer is up and reachable (DNS, port, firewall, TLS); compare by host to tell one bad node from a bad peer."),
    _info("316-TIMEOUT-ERR", Layer.NETWORK, Severity.P1, "Call timed out",
          "Find the slow dependency by endpoint; check its latency and queue; shed load or raise capacity before raising the timeout."),
    _info("316-DB-*", Layer.DATA, Severity.P1, "Database error",
          "Check the database's health, replication and slow queries; look for a migration or deploy since started_at."),
    _info("316-DB-POOL-EXHAUSTED", Layer.DATA, Severity.P0, "Database connection pool exhausted",
          "Compare checked-out with pool size; find long transactions and leaked connections; kill the blockers, then raise the pool."),
    _info("316-DB-DEADLOCK", Layer.DATA, Severity.P1, "Database deadlock",
          "Read the deadlock graph; find the two statements and make them take their locks in the same order; retry is safe meanwhile."),
    _info("316-*-POOL-HIGH", Layer.DATA, Severity.P2, "Connection pool nearly exhausted",
          "Find what holds connections for long (transactions, slow calls, leaks) before the pool is empty; compare by host and version."),
    _info("316-REDIS-POOL-EXHAUSTED", Layer.DATA, Severity.P1, "Redis connection pool exhausted",
          "Find slow commands and connections that are not given back; use a pool that waits; then raise max_connections."),
    _info("316-MEM-*", Layer.INFRASTRUCTURE, Severity.P1, "Memory pressure",
          "Find the growing process by host; take a heap profile, then restart it; look for a deploy or a cache without a bound."),
    _info("316-LOCK-*", Layer.APPLICATION, Severity.P2, "Lock contention",
          "Find who holds the lock and for how long; check for a crashed holder whose lease has not run out."),
    _info("316-VALIDATION-ERR", Layer.APPLICATION, Severity.P3, "Input refused",
          "Group by endpoint and client version: one client release or one form sends what the service does not take."),
    _info("316-RETRY-EXHAUSTED", Layer.APPLICATION, Severity.P1, "Retries exhausted",
          "The dependency behind the call has been failing for longer than the retries last: look at its own faults first."),
    _info("316-CIRCUIT-OPEN", Layer.APPLICATION, Severity.P1, "Circuit breaker open",
          "The breaker protects a failing dependency: fix that one; the breaker closes by itself."),
    _info("316-OP-FAIL", Layer.APPLICATION, Severity.P2, "Operation failed",
          "Group by exception type and endpoint; compare with the last deploy."),
    _info("316-ORDER-SUBMIT-ERR", Layer.APPLICATION, Severity.P0, "Orders cannot be submitted",
          "Customers cannot buy. Look at the exception types: database, cache or validation; check the database pool first; "
          "consider pausing the promotion."),
    _info("316-HANG-ERR", Layer.APPLICATION, Severity.P0, "Process hangs",
          "Read the blocking stack in the event; take the instance out of the balancer; restart it after saving a thread dump."),
    _info("316-REPORTER-DROPPED", Layer.APPLICATION, Severity.P2, "Faults that could not be reported",
          "The attributes say why: Kafka away for longer than the buffer lasts (give the reporter a spool_dir), or faults faster than it takes."),
    _info("316-OTHER*", Layer.APPLICATION, Severity.P2, "Faults of codes beyond the limit",
          "More distinct codes than the limit: look for ids or free text in codes, and fix that producer."),
    _info("316-*", Layer.APPLICATION, Severity.P2, "Fault",
          "No runbook yet: add one for this code under [[code]] in the policy file."),
)  # fmt: skip
"""The codes that fault316 knows by itself."""
