"""Mustache templates, logic-less and without surprises: parse, list the variables, render.

    {{name}} {{{name}}} {{&name}}   the value as text, never HTML-escaped: a model reads it, not a browser
    {{a.b}}                         `b` of `a`
    {{#name}}…{{/name}}             once per item of a list; once for any other value; not at all for null, false, 0, "", [] and {}
    {{^name}}…{{/name}}             when the section above would not be shown
    {{.}}                           the item itself

Names outside sections must be given, dotted ones to their end: what lacks is an error that names it, never an empty string. A section's
own name and what is inside follow Mustache's rule: a name is looked for in the item, then further out, and what is nowhere is not shown. Text is put in as
it is; numbers, lists and objects as JSON, null as nothing. Values are looked up in objects only, so a template reaches nothing but what was
given to it. Partials are refused: there is nothing to include them from. `chevron` splits the template into its tags; pure; microseconds.

Sections within sections multiply, and so does a long value that is named often: a render has bounds (`Allowance`), and what goes past
them is refused while it is filled in, before it is large or slow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from chevron.tokenizer import ChevronError, tokenize

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue
from treadle.prompts.types import Message

MOST_NESTED = 20
"""Sections within sections."""
MOST_TAGS = 2_000
"""In one message, with all that it includes."""
MAX_OUTPUT = 4_000_000
"""Characters of a whole prompt, filled in: about a million tokens."""
MOST_SHOWN = 200_000
"""Tags and texts that one render fills in, counted again for each item of a list; about 0.2 s."""
ABSENT = object()


class TemplateInvalid(InvalidInput):
    """The template is not Mustache that we accept."""

    code = "prompts.template_invalid"


class VariableMissing(InvalidInput):
    """A template uses a variable that was not given."""

    code = "prompts.variable_missing"


class RenderRefused(InvalidInput):
    """A prompt could not be filled in within its limits."""

    code = "prompts.render_refused"


class Allowance:
    """What is left of the bounds of one render."""

    def __init__(self) -> None:
        self._characters = MAX_OUTPUT
        self._shown = MOST_SHOWN

    def take(self, characters: int, shown: int = 1) -> None:
        """Count what was filled in. Raises RenderRefused once it is too much."""
        self._characters -= characters
        self._shown -= shown
        if self._characters < 0:
            raise RenderRefused(
                f"the prompt would be longer than {MAX_OUTPUT:,} characters when it is filled in; give it shorter values, or "
                f"name them less often"
            )
        if self._shown < 0:
            raise RenderRefused(
                f"the prompt would fill in more than {MOST_SHOWN:,} tags and texts; give it shorter lists, or take out a "
                f"section that stands in another one of the same list"
            )


class Variable(NamedTuple):
    """A value to put in."""

    path: tuple[str, ...]
    """Its name, split at the dots; empty for the item itself."""


class Section(NamedTuple):
    """What is shown once per item, or not at all."""

    path: tuple[str, ...]
    is_inverted: bool
    inside: list[Node]


Node: TypeAlias = "str | Variable | Section"


def parse(template: str) -> list[Node]:
    """Read a template. Raises TemplateInvalid."""
    root: list[Node] = []
    open_lists = [root]
    tags = 0
    try:
        for kind, value in tokenize(template):
            tags += kind != "literal"
            if tags > MOST_TAGS:  # the splitter's time grows with tags x length
                raise TemplateInvalid(
                    f"the template has more than {MOST_TAGS:,} tags; use a section over a list instead"
                )
            if kind == "literal":
                open_lists[-1].append(value)
            elif kind in ("variable", "no escape"):
                open_lists[-1].append(Variable(_path(value)))
            elif kind in ("section", "inverted section"):
                section = Section(_path(value), kind == "inverted section", [])
                open_lists[-1].append(section)
                open_lists.append(section.inside)
                if len(open_lists) > MOST_NESTED:
                    raise TemplateInvalid(f"the template nests more than {MOST_NESTED - 1} sections; make it flatter")
            elif kind == "end":
                open_lists.pop()
            elif kind == "partial":
                raise TemplateInvalid(
                    f"the template includes '{value}'; partials are not supported, write the text in place"
                )
            elif kind != "set delimiter":
                raise TemplateInvalid(f"the template opens '{{{{{{{value}' and does not close it with '}}}}}}'")
    except (ChevronError, IndexError, ValueError) as error:  # the last two for an empty tag or delimiter
        why = str(error).splitlines()[0] if isinstance(error, ChevronError) else "a tag is empty"
        raise TemplateInvalid(
            f"the template is not valid Mustache: {why}; every {{{{#section}}}} needs its {{{{/section}}}}, every tag a name"
        ) from error
    return root


def variables_of(template: str) -> list[str]:
    """Return the names that a template uses outside of sections, and those of its sections, sorted. Raises TemplateInvalid."""
    return sorted({node.path[0] for node in parse(template) if not isinstance(node, str) and node.path})


def render(messages: Sequence[Message], variables: Mapping[str, JsonValue]) -> list[dict[str, str]]:
    """Return the messages as they are sent: [{'role', 'content'}]. Raises VariableMissing naming all that lack, TemplateInvalid,
    RenderRefused."""
    parsed = [parse(message.template) for message in messages]
    texts = fill(parsed, variables, Allowance())
    return [{"role": message.role, "content": text} for message, text in zip(messages, texts, strict=True)]


def fill(parsed: Sequence[Sequence[Node]], variables: Mapping[str, JsonValue], allowance: Allowance) -> list[str]:
    """Return the texts of messages that were read before. Raises VariableMissing naming all that lack, RenderRefused."""
    missing = sorted(
        {".".join(path) for nodes in parsed for path in _needed(nodes) if _find(path, [variables]) is ABSENT}
    )
    if missing:
        raise VariableMissing(
            f"the prompt needs {', '.join(repr(name) for name in missing)}, which was not given; given were "
            f"{', '.join(repr(name) for name in sorted(variables)) or 'none'}",
            missing=missing,
        )
    return [_shown(nodes, [variables], allowance) for nodes in parsed]


def _path(name: str) -> tuple[str, ...]:
    path = () if name == "." else tuple(name.split("."))
    if not all(path):
        raise TemplateInvalid(f"'{name}' is not a name; write {{{{name}}}}, {{{{a.b}}}} or {{{{.}}}}")
    return path


def _needed(nodes: Sequence[Node]) -> list[tuple[str, ...]]:
    """Return the paths outside sections."""
    return [node.path for node in nodes if isinstance(node, Variable) and node.path]


def _find(path: tuple[str, ...], scopes: Sequence[JsonValue]) -> JsonValue:
    """Return the value at a path, or ABSENT. The innermost scope that knows the first name decides."""
    if not path:
        return scopes[0]
    for scope in scopes:
        if isinstance(scope, Mapping) and path[0] in scope:
            value: JsonValue = scope
            for name in path:
                if not isinstance(value, Mapping) or name not in value:
                    return ABSENT
                value = value[name]
            return value
    return ABSENT


def _shown(nodes: Sequence[Node], scopes: Sequence[JsonValue], allowance: Allowance) -> str:
    pieces = []
    for node in nodes:
        if isinstance(node, Section):
            value = _find(node.path, scopes)
            is_there = value is not ABSENT and bool(value)
            allowance.take(0)
            if node.is_inverted:
                pieces.append("" if is_there else _shown(node.inside, scopes, allowance))
            elif is_there:
                for item in value if isinstance(value, list) else [value]:
                    allowance.take(0)
                    pieces.append(_shown(node.inside, [item, *scopes], allowance))
        else:
            pieces.append(node if isinstance(node, str) else _as_text(_find(node.path, scopes)))
            allowance.take(len(pieces[-1]))
    return "".join(pieces)


def _as_text(value: JsonValue) -> str:
    if value is ABSENT or value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
