"""What a type refused, in our words: the field, what came, and what would have been right.

The one room that knows pydantic's kinds of fault; CLI, API and SDK say the same. A value is shown only where it cannot be somebody's
text or secret: numbers, names, ids and choices of a closed set, and never of a field that holds a key. A kind of fault that is not
listed here keeps pydantic's sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Told: TypeAlias = "Callable[[Mapping[str, Any]], str]"

PLACES = frozenset({"body", "path", "query", "header", "cookie"})
"""Where FastAPI says a field was; the field's name is enough."""
LONGEST_SHOWN = 60
SECRET = re.compile(r"key|secret|password|token|authorization|header", re.IGNORECASE)
"""Names of fields whose values are never shown."""
ID = re.compile(r"\^([a-z]+)_\[[^]]+\]\{(\d+)\}\$")
NAME = re.compile(r"\^\[([^]]+)\]\(?\[([^]]+)\]\{0,(\d+)\}(\[[^]]+\]\)\?)?\$")
"""The shape of our patterns of names: a first character, up to so many others, and perhaps a last one like the first."""
KNOWN = {
    r"^[^\x00]*$": "be text without NUL characters",
    r"^[\x20-\x7e]*$": "be printable ASCII",
    r"^[^\s]+$": "have no spaces",
    r"^[^\x00]+$": "be text without NUL characters",
    r"^[^\x00]{1,200}$": "be 1 to 200 characters without NUL",
    r"^[0-9a-f]{16}$": "be 16 hexadecimal digits in lower case",
    r"^[^\s@,;<>\"\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,190}$": "be an e-mail address like ann@example.org",
    r"^[^\s/:@]+[/:@]\S+$": "be a model like mistral/open-mistral-nemo, triage@3 or endpoint:support",
    r"^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$": "be an origin like https://shop.example.org, without a path",
    r"^qit_[0-9a-z]+$": "be an id like 'qit_…'",
    r"^com_[a-z0-9]{1,40}$": "be an id like 'com_…'",
    r"^[^\x00/]+/[^\x00]+$": "be a target as the gateway tells it, such as openai/gpt-5",
    r"^/[^\x00-\x1f\x7f?#]{0,299}$": "be the path of a page like /prompts/support, without its query",
    r"^[0-9a-f]{32}$": "be 32 hexadecimal digits in lower case",
    r"^sha256:[0-9a-f]{64}$": "be 'sha256:' and 64 hexadecimal digits in lower case",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}$": "be a file name like model.gguf or adapter/weights.bin",
    r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*@sha256:[0-9a-f]{64}$": "be a code entry like shop.answers:reply@sha256:…",
    r"^[0-9]+(Ki|Mi|Gi|Ti)$": "be an amount of memory like 512Mi or 2Gi",
    r"^[0-9]+(\.[0-9]+)?m?$": "be a number of cores like 2, 0.5 or 500m",
}
"""Patterns of another shape, and what they ask for."""


def faults_of(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return what was refused, field by field. errors: `ValidationError.errors()`; `field` is empty for the whole."""
    return [{"field": _field(error), "fault": _told(error)} for error in errors]


def in_words(errors: Iterable[Mapping[str, Any]], *, most: int = 5) -> str:
    """Return what was refused as one sentence without its end; what is beyond `most` is counted."""
    return joined(faults_of(errors), most=most)


def joined(faults: Sequence[Mapping[str, str]], *, most: int = 5) -> str:
    """Return faults, as `faults_of` gives them, as one sentence without its end."""
    told = [fault["fault"] for fault in faults]
    more = [f"and {len(told) - most} more"] if len(told) > most else []
    return "; ".join([*told[:most], *more])


def _field(error: Mapping[str, Any]) -> str:
    parts = [str(part) for part in error.get("loc", ())]
    if parts and parts[0] in PLACES:
        parts = parts[1:]
    if error["type"] == "json_invalid":  # the place is a count of characters
        parts = []
    return ".".join(part for part in parts if "[" not in part)


def _told(error: Mapping[str, Any]) -> str:
    field = _field(error)
    told = WORDS.get(error["type"])
    if told is None:
        return f"{_named(error)} is refused: {_lower(str(error['msg']))}"
    if error["type"] in ("value_error", "assertion_error"):
        return f"'{field}': {told(error)}" if field else told(error)
    return f"{_named(error)} {told(error)}"


def _named(error: Mapping[str, Any]) -> str:
    field, value = _field(error), error.get("input")
    if not field:
        return "the request" if error.get("loc") else "what was given"
    is_shown = error["type"] in SHOWN and not SECRET.search(field) and isinstance(value, str | int | float)
    if error["type"] == "string_pattern_mismatch" and _like(_limit(error, "pattern")) is None:
        is_shown = False
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return f"'{field}' is {text}, but it" if is_shown and len(text) <= LONGEST_SHOWN else f"'{field}'"


def _limit(error: Mapping[str, Any], name: str) -> Any:
    found = error.get("ctx", {}).get(name)
    return f"{found:g}" if isinstance(found, float) else found


def _should(words: str) -> Told:
    return lambda error: f"should be {words}"


def _bound(words: str, name: str) -> Told:
    return lambda error: f"should be {words} {_limit(error, name)}"


def _size(words: str, name: str, what: str) -> Told:
    def told(error: Mapping[str, Any]) -> str:
        count = _limit(error, name)
        return f"should have {words} {count} {what}{'' if count == 1 else 's'}"

    return told


def _pattern(error: Mapping[str, Any]) -> str:
    pattern = str(_limit(error, "pattern"))
    return f"should {_like(pattern) or KNOWN.get(pattern) or f'match {pattern}'}"


def _like(pattern: str) -> str | None:
    """Return what one of our patterns asks for in words, None where it is neither of an id nor of a name."""
    if found := ID.fullmatch(pattern):
        return f"be an id like '{found[1]}_…', with {found[2]} letters and digits at its end"
    if found := NAME.fullmatch(pattern):
        first, rest = _characters(found[1]), _characters(found[2])
        which = "first and last" if found[4] else "first"
        return f"be 1 to {int(found[3]) + (2 if found[4] else 1)} of {rest}, the {which} of {first}"
    return None


def _characters(inside: str) -> str:
    """Return the inside of a character class in words: 'a-z, 0-9, '.' and '-''."""
    found = re.findall(r"\w-\w|.", inside)
    each = [part if len(part) == 3 else f"'{part}'" for part in found]
    return each[0] if len(each) == 1 else f"{', '.join(each[:-1])} and {each[-1]}"


def _own(error: Mapping[str, Any]) -> str:
    """Return the words of a check of ours: they are whole already."""
    return str(_limit(error, "error") or error["msg"].partition(", ")[2] or error["msg"])


def _json(error: Mapping[str, Any]) -> str:
    why = _limit(error, "error") or ""
    return f"is not JSON: {_lower(str(why))}" if why else "is not JSON"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


WORDS: dict[str, Told] = {
    "missing": lambda error: "is missing" if _field(error) else "has no body; send one as JSON",
    "extra_forbidden": lambda error: "is not known here; check its spelling, or leave it out",
    "value_error": _own,
    "assertion_error": _own,
    "json_invalid": _json,
    "string_pattern_mismatch": _pattern,
    "literal_error": lambda error: f"should be {_limit(error, 'expected')}",
    "enum": lambda error: f"should be {_limit(error, 'expected')}",
    "union_tag_invalid": lambda error: (
        f"should have a {_limit(error, 'discriminator')} of {_limit(error, 'expected_tags')}"
    ),
    "union_tag_not_found": lambda error: f"should say what it is in {_limit(error, 'discriminator')}",
    "string_type": _should("text"),
    "string_too_short": _size("at least", "min_length", "character"),
    "string_too_long": _size("at most", "max_length", "character"),
    "too_short": _size("at least", "min_length", "item"),
    "too_long": _size("at most", "max_length", "item"),
    "bool_type": _should("true or false"),
    "bool_parsing": _should("true or false"),
    "int_type": _should("a whole number"),
    "int_parsing": _should("a whole number"),
    "int_from_float": _should("a whole number"),
    "float_type": _should("a number"),
    "float_parsing": _should("a number"),
    "decimal_type": _should("a number"),
    "decimal_parsing": _should("a number"),
    "finite_number": _should("a finite number"),
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "datetime_type": _should("a time like 2026-11-21T14:30:00Z"),
    "datetime_parsing": _should("a time like 2026-11-21T14:30:00Z"),
    "datetime_from_date_parsing": _should("a time like 2026-11-21T14:30:00Z"),
    "timezone_aware": _should("a time with its zone, like 2026-11-21T14:30:00Z"),
    "list_type": _should("a list"),
    "tuple_type": _should("a list"),
    "set_type": _should("a list"),
    "frozen_set_type": _should("a list"),
    "dict_type": _should("an object"),
    "model_type": _should("an object"),
    "model_attributes_type": _should("an object"),
    "none_required": _should("null"),
}
"""Kind of fault -> what follows the name of the field."""

SHOWN = frozenset(
    {"string_pattern_mismatch", "literal_error", "enum", "int_from_float"}
    | {"finite_number", "greater_than", "greater_than_equal", "less_than", "less_than_equal"}
)
"""Kinds of fault that say which value they met; what was meant as a number or an object may be anybody's text."""
