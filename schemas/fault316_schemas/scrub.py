"""Takes secrets out of texts: what must not leave a service, and must not be shown or kept if it did.

Two ways lead to a secret. A telling name stands before it (`password=…`, `"api_key": "…"`, `Cookie: …`), or it looks
like nothing else (a card number, a JWT, a private key). Clients scrub before they send; intake scrubs again before
it shows or keeps anything. Both take time proportional to the text: what a pattern looked at, it consumes, or no
other attempt begins in it, and repetitions give nothing back (`++`, `*+`).

Texts stay readable, which is a judgement: a secret with neither name nor form stays, too.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fault316_schemas.event import ID_CHARS_MAX, FaultEvent
from fault316_schemas.secret_forms import BLOCKS, FORMS, SCRUBBED, Form, Telling, is_secret, telling

__all__ = ["SCRUBBED", "scrub_bytes", "scrub_event", "scrub_fields", "scrub_text"]

_QUOTE: Final = r"""\\{0,7}["'`]"""  # JSON inside of JSON has \", and once more inside \\\"

_NAME = re.compile(
    rf"\b(\w++)(?:{_QUOTE})?+\]?+(?:[ \t]{{0,16}}+(?:=>|:=|[:=])[ \t]{{0,16}}+|%3[Dd]|>)", re.ASCII
)
"""A name's last word and what binds it to a value: `name=`, `"name": `, `name => `, `f[name]=`, `name%3D`, `<name>`."""

_FLAG = re.compile(r"--([A-Za-z0-9_-]{2,40}+)[ \t]{1,16}+(?![\s-])", re.ASCII)
"""`--name value`."""

_HYPHENATED: Final = 16
"""Characters before a word that are looked at as parts of its name: `x-api-` of `x-api-key`."""

_VALUE = re.compile(
    rf"""
    [bfru]{{0,2}}(?P<quote>{_QUOTE})(?P<quoted>[^\n]*?)(?:(?<!\\)(?P=quote)|$)  # a text that was cut may not end it
  | (?P<many>[\[{{][^\]}}\n]*+[\]}}]?+
            |(?:digest|hawk|oauth|aws4-hmac-sha256)[ ][^\n]*+)  # credentials that are a list
  | (?P<bare>(?:(?:bearer|basic|token|negotiate|ntlm|apikey)[ ]++)?+
             (?:[^\s"'`&;<>,\\]|\\(?![\\"'`nrt])|,(?![\s"'\\]|$|[\w.-]{{1,64}}[=:]))++)  # a comma may be part of it
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)

_COOKIES = re.compile(r"""(?:="[^"\n\\]*+"|[^\n\\"'`])*+""")
"""A header line: `a=b; c="d"; Path=/`."""

_CLOSING: Final = ")]}.:"
"""At the end of a bare value they belong to the text around it."""


def scrub_text(text: str) -> str:
    """`text` with `[scrubbed]` in the place of each secret. Scrubbing it again changes nothing."""
    text = _without(text, BLOCKS)
    text = _without_named(text, _NAME)
    if "--" in text:
        text = _without_named(text, _FLAG)
    return _without(text, FORMS)


def scrub_bytes(data: bytes) -> bytes:
    """The same for bytes that should be UTF-8 but may be anything; what is not secret stays as it is, to the byte."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding, errors, whole = "utf-16", "surrogatepass", len(data) & ~1
    else:
        encoding, errors, whole = "utf-8", "surrogateescape", len(data)
    text = data[:whole].decode(encoding, errors)
    scrubbed = scrub_text(text)
    return data if scrubbed == text else scrubbed.encode(encoding, errors) + data[whole:]


def scrub_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An event's fields, also nested ones, without secrets: by their names, and inside of texts.

    No text grows beyond 128 characters by it, the smallest limit that a text of the contract has; so what was within
    its limit stays so.
    """
    return {_fit(scrub_text(name), name): _scrubbed(name, value) for name, value in fields.items()}


def scrub_event(event: FaultEvent) -> FaultEvent:
    """The event without secrets. Its code stays: that is a constant of a program, and what is counted by."""
    fields = event.model_dump(exclude_unset=True)
    clean = scrub_fields(fields) | {"code": event.code}
    return event if clean == fields else FaultEvent.model_validate(clean)


def _scrubbed(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return scrub_fields(value)
    if isinstance(value, str):
        return SCRUBBED if is_secret(telling(name), name, value) else _fit(scrub_text(value), value)
    if isinstance(value, int) and not isinstance(value, bool):
        return SCRUBBED if is_secret(telling(name), name, str(value)) else value
    return value


def _fit(scrubbed: str, text: str) -> str:
    return scrubbed if scrubbed is text else scrubbed[: max(len(text), ID_CHARS_MAX)]


def _without(text: str, forms: Sequence[Form]) -> str:
    """What needs no name."""
    for form in forms:
        for sign in form.signs:
            if sign in text:
                text = form.pattern.sub(form.replace, text)
                break
    return text


def _without_named(text: str, names: re.Pattern[str]) -> str:
    """What follows a telling name."""
    parts, kept, at = [], 0, 0
    while found := names.search(text, at):
        at = found.end()
        name = found[1]
        begin = found.start(1)
        if begin and text[begin - 1] == "-":
            name = text[max(0, begin - _HYPHENATED) : found.end(1)]
        what = telling(name)
        if what is Telling.NOTHING:
            continue
        begin, end = _value(text, at, what)
        if begin < end and is_secret(what, name, text[begin:end]):
            parts += [text[kept:begin], SCRUBBED]
            kept = at = end
    return "".join(parts) + text[kept:] if parts else text


def _value(text: str, at: int, what: Telling) -> tuple[int, int]:
    """Where the value is that begins at `at`, without its quotes."""
    value = _VALUE.match(text, at)
    if value is None:
        return at, at
    if value["quote"]:
        return value.span("quoted")
    if value["many"]:
        return value.span("many")
    if what is Telling.COOKIES and "=" in value["bare"]:
        cookies = _COOKIES.match(text, at)
        return cookies.span() if cookies else (at, at)
    return at, at + len(value["bare"].rstrip(_CLOSING))
