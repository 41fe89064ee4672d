"""Storm policies: what counts as a storm, per code pattern, validated once."""

import tomllib
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fault316_schemas import CodeInfo, Registry
from fault316_schemas.codes import Pattern, specificity
from fault316_streams.errors import Misuse, explain
from fault316_streams.window.panes import SECONDS_KEPT_S


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(_Frozen):
    """A fixed threshold, as a Prometheus rule would say it: above `per_s` over `window_s` for `for_s`."""

    per_s: Annotated[float, Field(gt=0)]
    window_s: Annotated[int, Field(ge=1, le=SECONDS_KEPT_S)] = 300
    for_s: Annotated[int, Field(ge=0, le=SECONDS_KEPT_S)] = 120


class StormPolicy(_Frozen):
    """When a storm opens, escalates and ends. The defaults need no file."""

    short_s: Annotated[int, Field(ge=1, le=300)] = 10
    """The window that makes it quick: both windows must exceed what the baseline explains."""
    long_s: Annotated[int, Field(ge=1, le=SECONDS_KEPT_S)] = 60
    """The window that makes it sure."""
    alpha: Annotated[float, Field(gt=0, le=0.1)] = 1e-6
    """Tail probability below which the baseline no longer explains a count. A code is judged about 86,400
    times a day, so 1e-6 is at most one false alarm in 12 days for a code that always runs above its floor."""
    floor: Annotated[int, Field(ge=1)] = 20
    """Fewer events than this in the short window are never a storm."""
    factor: Annotated[float, Field(gt=1)] = 3.0
    """The short window's rate must be this many times the baseline."""
    resolve_factor: Annotated[float, Field(gt=1)] = 2.0
    """It ends below this many times the baseline (or below half the floor, whichever is more) …"""
    hold_s: Annotated[int, Field(ge=1, le=SECONDS_KEPT_S // 2)] = 30
    """… for this long without a break."""
    escalate_factor: Annotated[float, Field(gt=1)] = 4.0
    """A rate class: the rate that was last reported, times this."""
    severity_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """The worst severity that at least this share of recent events has is the storm's."""
    learn_delay_s: Annotated[int, Field(ge=10, le=600)] = 60
    """The baseline learns this late, so that a storm which is only beginning is not learnt."""
    half_life_s: Annotated[int, Field(ge=60)] = 1_800
    """How fast the baseline forgets."""
    new_normal_s: Annotated[int, Field(ge=0)] = 3_600
    """A storm that lasts longer becomes the new baseline; 0: never."""
    rules: tuple[Rule, ...] = ()
    """Fixed thresholds beside the baseline."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.long_s < self.short_s:
            raise ValueError(f"long_s ({self.long_s}) should be at least short_s ({self.short_s})")
        if self.resolve_factor > self.factor:
            raise ValueError(
                f"resolve_factor ({self.resolve_factor:g}) should not exceed factor ({self.factor:g}), "
                "or a storm would end as it opens"
            )
        return self


class _File(_Frozen):
    code: tuple[CodeInfo, ...] = ()
    storm: dict[Pattern | Annotated[str, Field(pattern="^default$")], dict[str, object]] = {}


class _Policies(_Frozen):
    storm: dict[str, StormPolicy]


class PolicyBook:
    """The registry of codes and the policy for each of them, from one TOML file.

    ```toml
    [[code]]                      # a code of your own
    pattern = "316-CART-*"
    layer = "application"
    severity = "P1"
    title = "Cart broken"
    runbook = "Look at the cart service first."

    [storm.default]               # for every code
    floor = 50

    [storm."316-DB-*"]            # on top of the default, the most specific pattern wins
    alpha = 1e-9
    rules = [{ per_s = 0.05, window_s = 300, for_s = 120 }]
    ```
    """

    def __init__(
        self, registry: Registry | None = None, policies: dict[str, StormPolicy] | None = None
    ) -> None:
        """`policies` by pattern; the one named `default` is for codes that match no other."""
        policies = dict(policies or {})
        self.registry = registry or Registry()
        self.default = policies.pop("default", StormPolicy())
        self._patterns = sorted(policies, key=specificity, reverse=True)
        self._policies = policies
        self.policy = lru_cache(maxsize=4_096)(self._policy)

    def _policy(self, code: str) -> StormPolicy:
        for pattern in self._patterns:
            if fnmatchcase(code, pattern):
                return self._policies[pattern]
        return self.default

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """Read a policy file; None gives the defaults.

        Raises:
            Misuse: the file is missing, is not TOML, or a field is wrong; one line that names it.
        """
        if path is None:
            return cls()
        try:
            return cls.parse(tomllib.loads(path.read_text()))
        except OSError as error:
            raise Misuse(f"policy file {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misuse(f"policy file {path}: not TOML: {error}") from None
        except ValidationError as error:
            raise Misuse(f"policy file {path}: {explain(error, prefix='')}") from None

    @classmethod
    def parse(cls, content: dict[str, object]) -> Self:
        """The same from parsed TOML. Raises pydantic.ValidationError, whose locations name the fields."""
        file = _File.model_validate(content)
        default = file.storm.get("default", {})
        layered = {pattern: {**default, **own} for pattern, own in file.storm.items()}
        return cls(Registry(file.code), _Policies.model_validate({"storm": layered}).storm)
