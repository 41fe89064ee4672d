"""What secrets look like: the names that stand before them, and the forms that need no name. Data for `scrub`."""

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

SCRUBBED: Final = "[scrubbed]"
"""Stands where a secret stood."""

NAME_CHARS: Final = 64
"""The end of a name that is looked at; the words that tell are the last ones."""


class Telling(Enum):
    """What a name says about the value after it."""

    NOTHING = "nothing"
    MAYBE = "maybe"  # a key, a session: secret where the value looks random
    SURELY = "surely"
    COOKIES = "cookies"  # surely, and as a header it holds many values


_COOKIES = re.compile(r"cookies?\Z", re.IGNORECASE)
_SECRET = re.compile(
    r"""(?:
    pass(?:word|wd|phrase|code)s? (?:[_-]?(?:hash|digest|salt))?
  | pwd | secrets? | token | csrf | xsrf | authori[sz]ation | sessid | session[_-]?id
  | (?:api|access|secret|private|signing|encryption|master|shared|account|storage)[_-]?key (?:[_-]?id)?
  | card[_-]?(?:number|num|no)
  | (?:\A|[_-]) (?:pass|pin|otp|cvv2?|cvc2?|ssn|jwt)  # short ones only as words of their own
    )\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_MAYBE = re.compile(r"(?:key|auth|session|sid|sig|signature|nonce|tokens)\Z", re.IGNORECASE)

_PLAIN = re.compile(
    r"""\[scrubbed\] | \W{0,3} | \*+ | [0-9]{1,2}
  | null | none | nil | undefined | true | false | yes | no | ok | set | unset | empty | absent | missing | required
  | invalid | incorrect | expired | revoked | denied | forbidden | unauthorized | failed | wrong | unknown | mismatch
  | expected | unexpected | must | should | cannot | may | is | was | not | has | the | this | field | too | for | and""",
    re.VERBOSE | re.IGNORECASE,
)
"""What follows a telling name in prose and in settings that are not set: `token: expired`, `password=None`."""

_RANDOM = re.compile(
    r"[0-9a-f]{32,}|[0-9A-F]{32,}|(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/_=%-]{32,}"
)


@lru_cache(maxsize=4_096)
def telling(name: str) -> Telling:
    """Whether `name`, such as `db.userPassword` or `X-Api-Key`, announces a secret. `token_count` does not."""
    name = name[-NAME_CHARS:]
    if _COOKIES.search(name):
        return Telling.COOKIES
    if _SECRET.search(name):
        return Telling.SURELY
    return Telling.MAYBE if _MAYBE.search(name) else Telling.NOTHING


def is_secret(what: Telling, name: str, value: str) -> bool:
    """Whether the value after a name is worth hiding."""
    if what is Telling.NOTHING:
        return False
    if what is Telling.MAYBE:
        return _RANDOM.fullmatch(value) is not None
    working_directory = name.lower() == "pwd" and value.startswith("/")
    return not working_directory and _PLAIN.fullmatch(value) is None


class Form(NamedTuple):
    """A secret that is known by its looks."""

    signs: tuple[str, ...]
    """A text without one of these holds no such secret: a quick test that saves the pattern."""
    pattern: re.Pattern[str]
    replace: str | Callable[[re.Match[str]], str]


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812: the check digit that every card number ends with."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _card(match: re.Match[str]) -> str:
    digits = re.sub(r"[^0-9]", "", match[0])
    return SCRUBBED if _ISSUERS.match(digits) and _luhn(digits) else match[0]


_ISSUERS = re.compile(r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3(?:[4-8]|0[0-5])|6(?:011|2|4[4-9]|5)")
"""Visa, Mastercard, Amex, Diners, JCB, Discover, UnionPay. Times in ms, µs or ns since 1970 begin with 1."""


def _credentials(match: re.Match[str]) -> str:
    """`Bearer xyz`, but neither `bearer token` nor `Basic authentication-failed`: no words of a language."""
    prose = len(match[2]) < 20 and re.fullmatch(r"[A-Za-z][a-z]*(?:[-./_][a-z]+)*[.]?", match[2])
    return match[0] if prose else match[1] + SCRUBBED


def _jwt(match: re.Match[str]) -> str:
    return SCRUBBED if len(match[0]) >= 24 and "." in match[0] else match[0]


def _vendor(match: re.Match[str]) -> str:
    return SCRUBBED if re.search(r"[0-9]", match[0]) else match[0]


_VENDORS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "npm_", "pypi-", "hvs."),
    *("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "sk_live_", "sk_test_", "rk_live_", "rk_test_"),
    *("sk-", "AIza", "ya29.", "SG."),
)
_IN_URL = r"""[^\s"'`<>\\"""

BLOCKS: Final = (
    # A private key, also one that was cut, also with its line ends escaped. Before all else: a name would hide its head.
    Form(
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
            r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----|\Z)",
            re.DOTALL,
        ),
        SCRUBBED,
    ),
)

FORMS: Final = (
    # The password of a URL. One with a slash in it is told from a port and a path by not being a number.
    Form(
        ("@",),
        re.compile(
            rf"(:\\?/\\?/{_IN_URL}/?#@:]{{0,256}}+:)"
            rf"(?:{_IN_URL}/?#]{{1,256}}|(?![0-9]{{1,5}}[/?#]){_IN_URL}@]{{1,256}})@"
        ),
        rf"\1{SCRUBBED}@",
    ),
    Form(
        ("earer", "EARER", "asic", "ASIC"),
        re.compile(r"\b((?:bearer|basic)[ \t]++)([A-Za-z0-9._~+/\\=-]{8,}+)", re.IGNORECASE | re.ASCII),
        _credentials,
    ),
    Form(("eyJ",), re.compile(r"eyJ[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+){0,4}"), _jwt),
    Form(("AKIA", "ASIA", "ABIA", "ACCA"), re.compile(r"A(?:KI|SI|BI|CC)A[A-Z0-9]{16,}+"), SCRUBBED),
    Form(
        ("",),  # begins with a digit, which is a quick search by itself
        re.compile(
            r"[2-6](?<![0-9]{2})(?<![0-9]\.[0-9])"
            r"(?:[0-9]{13,18}+|[0-9]{3}([ .-])(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?|[0-9]{6}\1[0-9]{4,5}))"
            r"(?![0-9])"
        ),
        _card,
    ),
    Form(
        _VENDORS,
        re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, _VENDORS))})[\w.-]{{16,}}+", re.ASCII),
        _vendor,
    ),
)
