"""From what somebody wrote to what is sent: includes put in their places and pinned, blocks filled, variables collected. Pure.

Done once, when a version is saved, so whoever serves a prompt never looks anything up. `{{> name}}` takes the newest
version, `{{> name@staging}}` a label's, `{{> name@3}}` that one; the version keeps the number it found. Only text prompts of
the same engine can be included. A prompt that is inside itself, at whatever version and however deep, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from treadle.core.errors import InvalidInput
from treadle.prompts import blocks, jinja, render
from treadle.prompts.types import Engine, Included, Message, NewVersion, Version

_INCLUDES: dict[Engine, re.Pattern[str]] = {
    "mustache": re.compile(r"\{\{>\s*([^\s{}]+)\s*\}\}"),
    "jinja": re.compile(r"""\{%-?\s*include\s+["']([^"']+)["']\s*-?%\}"""),
}
MAX_CHARACTERS = 400_000
"""Of a whole prompt with all that it includes."""
MOST_INCLUDED = 100
"""Different prompts in one, with those that they include."""

FindVersion = Callable[[str, str], Version]
"""Returns a version by prompt and number or label."""


class IncludeRefused(InvalidInput):
    """A prompt includes what it cannot."""

    code = "prompts.include_refused"


class Compiled(NamedTuple):
    """A prompt ready to keep."""

    messages: list[Message]
    """What is sent."""
    source: list[Message]
    """What was written, with every include pinned."""
    includes: list[Included]
    """Other prompts in it, also theirs."""
    variables: list[str]
    """Names that its templates use."""


def compile_prompt(name: str, new: NewVersion, find: FindVersion) -> Compiled:
    """Put a prompt together. Raises IncludeRefused, TemplateInvalid, BlockUnusable, and what `find` raises."""
    pattern = _INCLUDES[new.engine]
    given = blocks.Given(new.engine, new.output_schema, new.examples)
    included: dict[str, Included] = {}
    seen: dict[str, Version] = {}
    source, messages = [], []
    size = sum(len(part.template) for part in new.messages)
    _require_size(size)

    def look_up(what: str) -> Version:
        other, _, wanted = what.partition("@")
        version = find(other, wanted or "latest")
        _require_fitting(name, new.engine, version)
        here = Included(name=other, version=version.version, prompt_version_id=version.prompt_version_id)
        for each in (here, *version.includes):
            included.setdefault(each.prompt_version_id, each)
        if max(len(seen), len(included)) > MOST_INCLUDED:
            raise IncludeRefused(
                f"the prompt includes more than {MOST_INCLUDED} other prompts, with those inside of them; put some into one"
            )
        return version

    for part in new.messages:
        pinned: list[str] = []

        def put(match: re.Match[str], pinned: list[str] = pinned) -> str:
            nonlocal size
            what = match[1]
            if what.startswith(blocks.PREFIX):
                pinned.append(match[0])
                text = blocks.block(what.removeprefix(blocks.PREFIX), given)
            else:
                if what not in seen:
                    seen[what] = look_up(what)
                pinned.append(match[0].replace(what, f"{what.partition('@')[0]}@{seen[what].version}"))
                text = seen[what].messages[0].template
            size += len(text) - len(match[0])
            _require_size(size)  # at once: what is included often is never put together
            return text

        flat = pattern.sub(put, part.template)
        source.append(part.model_copy(update={"template": _pinned(pattern, part.template, pinned)}))
        messages.append(part.model_copy(update={"template": flat}))
    variables = sorted({variable for message in messages for variable in variables_of(message.template, new.engine)})
    _require_examples(new, source)
    return Compiled(messages, [] if source == messages else source, list(included.values()), variables)


def _require_size(size: int) -> None:
    if size > MAX_CHARACTERS:
        raise IncludeRefused(
            f"the prompt is longer than {MAX_CHARACTERS:,} characters with all it includes; shorten it"
        )


def included_names(new: NewVersion) -> set[str]:
    """Return the names of the prompts that a prompt includes itself, ready blocks left out."""
    found = {what for part in new.messages for what in _INCLUDES[new.engine].findall(part.template)}
    return {what.partition("@")[0] for what in found if not what.startswith(blocks.PREFIX)}


def _pinned(pattern: re.Pattern[str], template: str, tags: list[str]) -> str:
    waiting = iter(tags)
    return pattern.sub(lambda _: next(waiting), template)


def variables_of(template: str, engine: Engine) -> list[str]:
    """Return the names that a template needs. Raises TemplateInvalid."""
    return render.variables_of(template) if engine == "mustache" else jinja.variables_of(template)


def _require_fitting(name: str, engine: Engine, other: Version) -> None:
    inside = f"'{other.prompt_name}@{other.version}'"
    if other.prompt_name == name or any(each.name == name for each in other.includes):
        raise IncludeRefused(
            f"prompt '{name}' would be inside itself: it includes {inside}, which is or includes '{name}'; "
            f"put the text that both need into a third prompt"
        )
    if other.kind != "text":
        raise IncludeRefused(
            f"{inside} is a chat prompt, and only text prompts can be included; save its text as kind 'text'"
        )
    if other.engine != engine:
        raise IncludeRefused(f"{inside} is written in {other.engine} and this prompt in {engine}; write both in one")
    if other.examples is not None and other.examples.selection == "nearest":
        raise IncludeRefused(f"{inside} chooses its examples for each request, which only the outermost prompt can do")


def _require_examples(new: NewVersion, source: list[Message]) -> None:
    if new.examples is not None and not any("treadle/examples" in part.template for part in source):
        tag = "{{> treadle/examples}}" if new.engine == "mustache" else '{% include "treadle/examples" %}'
        raise IncludeRefused(f"the prompt has examples and shows them nowhere; put {tag} where they should stand")
