"""Rows that differ in one group only: from rows that speak of a group, and from templates. Pure.

Each made row says in its metadata what it is: `bias_attribute`, `bias_group`, `bias_set` (rows of one set differ in the group
only) and `bias_source` (the row or template that sets came from). What could not be made is counted by its reason.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject, JsonValue
from treadle.data.files import Row
from treadle.evals.bias.substitute import make_texts, with_article
from treadle.evals.bias.types import Template, TermList

ATTRIBUTE, GROUP, SET, SOURCE = "bias_attribute", "bias_group", "bias_set", "bias_source"
_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?\}")


class BadTemplate(InvalidInput):
    """A template without a place for exactly one attribute's words."""

    code = "evals.bad_template"


class Variant(NamedTuple):
    """One row of a new version."""

    input: str
    expected_output: str | None
    messages: str | None
    metadata: JsonObject
    part: str | None
    parent_row: int | None


class Counts:
    """How many rows nothing was made of, by attribute and reason, and how many sets lack a group."""

    def __init__(self) -> None:
        self.left_out: dict[str, Counter[str]] = {}
        self.sets: Counter[str] = Counter()
        self.missing: dict[str, Counter[str]] = {}

    def facts(self) -> JsonObject:
        """Return the counts as JSON."""
        return {
            "sets": dict(self.sets),
            "left_out": {name: dict(counts) for name, counts in self.left_out.items()},
            "groups_without_a_word": {name: dict(counts) for name, counts in self.missing.items()},
        }


def from_rows(rows: Iterable[Row], lists: Mapping[str, TermList], counts: Counts) -> Iterator[Variant]:
    """Yield the sets of every row and attribute; rows that make none are counted."""
    for row in rows:
        turns: list[JsonValue] = json.loads(row.messages) if row.messages else []
        contents = [_content(turn) for turn in turns]
        metadata: JsonObject = json.loads(row.metadata) if row.metadata else {}
        for name, terms in lists.items():
            left_out = counts.left_out.setdefault(name, Counter())
            if any(content is None for content in contents):
                left_out["no plain text"] += 1
                continue
            texts = [row.input, row.expected_output or "", *(content or "" for content in contents)]
            made = make_texts(texts, terms)
            if made.reason is not None:
                left_out[made.reason] += 1
                continue
            counts.sets[name] += 1
            counts.missing.setdefault(name, Counter()).update(made.missing)
            for group, (asked, expected, *said) in made.texts.items():
                yield Variant(
                    asked,
                    None if row.expected_output is None else expected,
                    _with_contents(turns, said) if row.messages else None,
                    {**metadata, **_facts(name, group, f"r{row.row}.{name}", f"r{row.row}")},
                    row.part,
                    row.row,
                )


def from_templates(templates: Sequence[Template], lists: Mapping[str, TermList], counts: Counts) -> Iterator[Variant]:
    """Yield a set for every template and word of its attribute. Raises BadTemplate."""
    for number, template in enumerate(templates, start=1):
        name, rows = _words_for(number, template, lists)
        for place, row in enumerate(rows, start=1):
            counts.sets[name] += 1
            for group, form in row.items():
                yield Variant(
                    _filled(template.input, form),
                    None if template.expected_output is None else _filled(template.expected_output, form),
                    None,
                    _facts(name, group, f"t{number}.{place}", f"t{number}"),
                    None,
                    None,
                )


def _words_for(number: int, template: Template, lists: Mapping[str, TermList]) -> tuple[str, list[dict[str, str]]]:
    slots = {(found[1], found[2]) for found in _SLOT.finditer(template.input) if found[1] in lists}
    names = {name for name, _ in slots}
    if len(names) != 1:
        raise BadTemplate(
            f"template {number} has places for {', '.join(sorted(names)) or 'no attribute'}; it takes exactly one of "
            f"{', '.join(lists)}, such as {{{next(iter(lists))}}}"
        )
    (name,) = names
    terms = lists[name]
    wanted = {kind for _, kind in slots}
    if len(wanted) != 1 or (kind := wanted.pop()) not in {None, *terms.concepts}:
        raise BadTemplate(
            f"template {number} takes words of '{name}' of kinds that do not go together; use one of "
            f"{', '.join(f'{{{name}.{one}}}' for one in terms.concepts)}, or {{{name}}} for all of them"
        )
    kinds = terms.concepts if kind is None else {kind: terms.concepts[kind]}
    return name, [row for rows in kinds.values() for row in rows]


def _filled(text: str, form: str) -> str:
    made, at = "", 0
    for slot in _SLOT.finditer(text):
        before = with_article(made + text[at : slot.start()], form)
        starts = not before.strip() or before.rstrip()[-1] in ".!?\n"
        made = before + (form[0].upper() + form[1:] if starts else form)
        at = slot.end()
    return made + text[at:]


def _facts(attribute: str, group: str, of_set: str, source: str) -> JsonObject:
    return {ATTRIBUTE: attribute, GROUP: group, SET: of_set, SOURCE: source}


def _content(turn: JsonValue) -> str | None:
    content = turn.get("content") if isinstance(turn, dict) else None
    return content if isinstance(content, str) else None


def _with_contents(turns: Sequence[JsonValue], said: Sequence[str]) -> str:
    changed = [{**turn, "content": text} for turn, text in zip(turns, said, strict=True) if isinstance(turn, dict)]
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
