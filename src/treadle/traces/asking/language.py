"""The language of filters: what a person types becomes a tree, and a tree becomes text again. Pure.

    filter  = any ;
    any     = all, { "or", all } ;
    all     = one, { ["and"], one } ;
    one     = ("-" | "not"), one | "(", any, ")" | term | word | phrase ;
    term    = [scope, "."], field, operator, value, { ",", value } ;
    operator = ":" | "=" | "!=" | "<" | "<=" | ">" | ">=" ;
    value   = phrase | characters up to a space, a comma or a bracket ;
    phrase  = '"', characters with \\" and \\\\, '"' ;

`:` and `=` mean the same: equal, where `*` stands for any characters unless the value is in quotes; several values are
alternatives; `1..2` is from 1 to 2; `*` alone asks whether there is anything. What is printed is parsed to the same tree again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn, TypeAlias

from treadle.core.errors import InvalidInput
from treadle.traces.asking.fields import FIELDS, NAMED, SCOPES, SCORE
from treadle.traces.asking.values import number_of, range_of, time_of
from treadle.traces.words import wanted_of

Operator = Literal[":", "<", "<=", ">", ">="]
MAX_CHARS = 2_000
MAX_TERMS = 64
MAX_DEPTH = 24
_OPERATOR = re.compile(r"!=|<=|>=|[:=<>]")
_FIELD = re.compile(r"[A-Za-z_][\w./\-\[\]@]*")
_BARE = re.compile(r'[^\s(),"]+')
_PHRASE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NEVER = re.compile("[\x00\ud800-\udfff]")
_KEYWORDS = ("and", "or", "not")
_GUIDE = "the language is described in docs/filters.md"


class FilterRefused(InvalidInput):
    """A filter that cannot be read; `at` says where, from 0."""

    code = "traces.filter"


class Value(NamedTuple):
    """What a field is compared with."""

    text: str
    is_literal: bool = False
    """In quotes: `*` is a star."""


@dataclass(frozen=True)
class Words:
    """Words to find in a span's texts."""

    text: str
    is_phrase: bool = False
    """As they stand, one after the other."""


@dataclass(frozen=True)
class Term:
    """A field compared with values; with several, one of them is enough."""

    field: str
    operator: Operator
    values: tuple[Value, ...]
    name: str = ""
    """Of a score or an attribute."""
    scope: str = ""
    """'root', 'span', or '' for what the field is by itself."""


@dataclass(frozen=True)
class Not:
    """What its part is not."""

    part: Node


@dataclass(frozen=True)
class All:
    """What all of its parts are; without parts: everything."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Any:
    """What one of its parts is."""

    parts: tuple[Node, ...]


Node: TypeAlias = Words | Term | Not | All | Any


def parse(text: str) -> Node:
    """Read a filter; an empty one asks for everything. Raises FilterRefused, and nothing else, with the place."""
    return _Reader(text).read()


def render(node: Node) -> str:
    """Print a tree; `parse` gives the same tree again."""
    match node:
        case Words(text, is_phrase):
            return _quoted(text) if is_phrase or _needs_quotes(text) else text
        case Term(field, operator, values, name, scope):
            spelt = ".".join(part for part in (scope, field, name) if part)
            return spelt + operator + ",".join(_value(value) for value in values)
        case Not(part):
            return f"-({render(part)})" if isinstance(part, (All, Any)) else f"-{render(part)}"
        case All(parts):
            return " ".join(f"({render(part)})" if isinstance(part, (All, Any)) else render(part) for part in parts)
        case Any(parts):
            return " or ".join(f"({render(part)})" if isinstance(part, (All, Any)) else render(part) for part in parts)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._terms = 0
        self._depth = 0

    def read(self) -> Node:
        if len(self._text) > MAX_CHARS:
            self._refuse(MAX_CHARS, f"a filter has at most {MAX_CHARS} characters, this one has {len(self._text)}")
        found = _NEVER.search(self._text)
        if found:
            self._refuse(found.start(), "this character cannot be in any stored text; leave it out")
        self._skip()
        if self._ended():
            return All()
        tree = self._any()
        if not self._ended():
            extra = self._text[self._at]
            self._refuse(self._at, f"'{extra}' has nothing that it belongs to; leave it out, or put it in quotes")
        return tree

    def _any(self) -> Node:
        parts = [self._all()]
        while self._keyword("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while True:
            joined = self._keyword("and")
            if not joined and (self._ended() or self._text[self._at] in "),"):
                break
            if not joined and self._is_keyword("or"):
                break
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(self._at, f"a filter is nested at most {MAX_DEPTH} deep; make it flatter")
        try:
            return self._inner()
        finally:
            self._depth -= 1

    def _inner(self) -> Node:
        if self._ended():
            self._refuse(self._at, "something is missing here: a word, or a field such as status:error")
        if self._text[self._at] == "-":
            begin = self._at
            self._at += 1
            if self._ended() or self._text[self._at].isspace():
                self._refuse(begin, "after '-' comes what is left out, without a space; to look for a dash write \"-\"")
            return Not(self._one())
        if self._keyword("not"):
            return Not(self._one())
        if self._text[self._at] == "(":
            begin = self._at
            self._at += 1
            self._skip()
            inner = self._any()
            if self._ended() or self._text[self._at] != ")":
                self._refuse(begin, "this bracket is not closed; add ')'")
            self._at += 1
            self._skip()
            return inner
        for word in ("or", "and"):
            if self._is_keyword(word):
                self._refuse(
                    self._at, f"'{word}' joins two things, and one is missing; to look for it write \"{word}\""
                )
        return self._term()

    def _term(self) -> Node:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._refuse(self._at, f"a filter has at most {MAX_TERMS} parts")
        begin = self._at
        if self._text[begin] == '"':
            return self._words(begin, self._phrase(), is_phrase=True)
        field = _FIELD.match(self._text, begin)
        operator = _OPERATOR.match(self._text, field.end()) if field else None
        if field and operator:
            self._at = operator.end()
            return self._compared(begin, field[0], operator[0])
        bare = _BARE.match(self._text, begin)
        if bare is None:
            self._refuse(begin, f"'{self._text[begin]}' cannot stand here; leave it out, or put it in quotes")
        if "*" in bare[0]:
            self._refuse(
                begin, "words are found whole, and '*' stands in values of fields only, such as error:timeout*"
            )
        if field and field[0] == bare[0] and "." in bare[0] and bare[0].split(".")[0] in NAMED:
            self._refuse(begin, f"'{bare[0]}' is compared with something: {bare[0]}:* finds whatever has it; to look for it "
                                f'write "{bare[0]}"')  # fmt: skip
        self._at = bare.end()
        self._skip()
        return self._words(begin, bare[0], is_phrase=False)

    def _words(self, begin: int, text: str, *, is_phrase: bool) -> Words:
        if not wanted_of(text).words:
            self._refuse(begin, f"'{text}' has no letter or digit to look for; leave it out")
        return Words(text, is_phrase)

    def _compared(self, begin: int, spelt: str, operator: str) -> Node:
        scope, field, name = self._field(begin, spelt)
        values = [self._value()]
        while not self._ended() and self._text[self._at] == ",":
            self._at += 1
            values.append(self._value())
        self._skip()
        is_negated = operator == "!="
        plain: Operator = ":" if operator in ("=", "!=") else operator  # type: ignore[assignment]
        for at, value in values:
            self._check(at, field, plain, value)
        if plain != ":" and len(values) > 1:
            self._refuse(values[1][0], f"'{plain}' compares with one value; write {spelt}:a,b for alternatives")
        term = Term(field, plain, tuple(value for _, value in values), name, scope)
        return Not(term) if is_negated else term

    def _field(self, begin: int, spelt: str) -> tuple[str, str, str]:
        scope, field, name = "", spelt, ""
        head, dot, rest = spelt.partition(".")
        if dot and head in SCOPES:
            scope, field = head, rest
            head, dot, rest = rest.partition(".")
        if dot and head in NAMED:
            field, name = head, rest
        if field in NAMED and not name:
            self._refuse(
                begin,
                f"'{spelt}' goes on with a name: {field}.correct"
                if field == SCORE
                else f"'{spelt}' goes on with a name: {field}.http.route",
            )
        if field == SCORE and scope:
            self._refuse(begin, f"scores belong to whole traces: write {spelt.removeprefix(scope + '.')}")
        if field not in FIELDS and field not in NAMED:
            near = difflib.get_close_matches(field, [*FIELDS, *NAMED], 1, 0.6)
            hint = f"did you mean '{near[0]}'?" if near else f"fields are: {', '.join(FIELDS)}, score.NAME, attr.NAME."
            self._refuse(begin, f"there is no field '{field}'; {hint} To look for these characters put them in quotes")
        return scope, field, name

    def _value(self) -> tuple[int, Value]:
        begin = self._at
        if not self._ended() and self._text[begin] == '"':
            return begin, Value(self._phrase(skip=False), True)
        bare = _BARE.match(self._text, begin)
        if bare is None:
            self._refuse(begin, 'a value is missing here; write it without a space before it, or "" for an empty one')
        self._at = bare.end()
        return begin, Value(bare[0])

    def _check(self, at: int, field: str, operator: Operator, value: Value) -> None:
        known = FIELDS.get(field)
        has_any = operator == ":" and value == Value("*")
        if has_any:
            return
        try:
            if known is None:
                if operator != ":":
                    number_of(value.text, "number")
                return
            if known.sort in ("text", "list"):
                if operator != ":":
                    raise ValueError(f"'{field}' is a text and cannot be greater or less; write {field}:{value.text}")
                if known.choices and value.text not in known.choices and (value.is_literal or "*" not in value.text):
                    raise ValueError(f"'{field}' is one of: {', '.join(known.choices)}")
                return
            if known.sort == "time":
                time_of(value.text)
            elif operator == ":":
                low, high = range_of(value.text, known.sort)
                if low > high:
                    raise ValueError("a range goes from the smaller to the larger")
            else:
                number_of(value.text, known.sort)
            if known.sort in ("time", "age") and operator == ":":
                raise ValueError(
                    f"'{field}' is compared with < or >, such as {field}{'<24h' if field == 'age' else '>=2026-11-21'}"
                )
        except ValueError as error:
            self._refuse(at, f"'{value.text}' does not fit '{field}': {error}")

    def _phrase(self, *, skip: bool = True) -> str:
        found = _PHRASE.match(self._text, self._at)
        if found is None:
            self._refuse(self._at, "this quote is not closed; add '\"'")
        self._at = found.end()
        if skip:
            self._skip()
        return re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)

    def _is_keyword(self, word: str) -> bool:
        found = _BARE.match(self._text, self._at)
        return found is not None and found[0].lower() == word and self._text[found.end() : found.end() + 1] != '"'

    def _keyword(self, word: str) -> bool:
        if not self._is_keyword(word):
            return False
        self._at += len(word)
        self._skip()
        return True

    def _skip(self) -> None:
        while not self._ended() and self._text[self._at].isspace():
            self._at += 1

    def _ended(self) -> bool:
        return self._at >= len(self._text)

    def _refuse(self, at: int, why: str) -> NoReturn:
        near = _NEVER.sub("?", self._text[max(0, at - 12) : at + 20])
        raise FilterRefused(f"the filter cannot be read at character {at + 1} ('{near}'): {why}; {_GUIDE}", at=at)


def _value(value: Value) -> str:
    plain = not value.is_literal and _BARE.fullmatch(value.text)
    return value.text if plain else _quoted(value.text)


def _needs_quotes(text: str) -> bool:
    field = _FIELD.match(text)
    is_term = field is not None and _OPERATOR.match(text, field.end()) is not None
    return not _BARE.fullmatch(text) or text[0] == "-" or text.lower() in _KEYWORDS or is_term


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def flat(node: Node) -> Sequence[Node]:
    """Return the parts that all must be."""
    return [one for part in node.parts for one in flat(part)] if isinstance(node, All) else [node]


def leaves(node: Node) -> list[Words | Term]:
    """Return everything that is compared, in order."""
    match node:
        case Not(part):
            return leaves(part)
        case All(parts) | Any(parts):
            return [leaf for part in parts for leaf in leaves(part)]
        case _:
            return [node]
