"""From the name of a check and its options to the check: the one list of what a guard may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.guards.attacks import AttackCheck
from treadle.guards.check import Check, CheckOptionsInvalid, Embeds
from treadle.guards.leak import LeakCheck
from treadle.guards.schema import Schema, SchemaCheck
from treadle.guards.shapes import PersonalDataCheck, SecretsCheck
from treadle.guards.topics import THRESHOLD, TopicsCheck

_LATE = frozenset({"deadline_seconds", "when_late"})
OPTIONS: dict[str, frozenset[str]] = {
    "pii": frozenset({"kinds"}),
    "secrets": frozenset({"kinds"}),
    "injection": frozenset({"model", "threshold"}) | _LATE,
    "jailbreak": frozenset({"model", "threshold"}) | _LATE,
    "topics": frozenset({"topics", "threshold"}) | _LATE,
    "leak": frozenset({"words"}),
    "schema": frozenset({"json_schema"}),
}
"""Check to the options that it takes."""


def make_check(
    name: str,
    options: Mapping[str, Any],
    *,
    embedder: Embeds | None = None,
    prompts: Sequence[str] = (),
    canary: str | None = None,
) -> Check:
    """Return a check made ready.

    embedder: for those that embed. prompts, canary: what `leak` must not find in answers. Raises CheckOptionsInvalid in
    words. Cheap: loads and embeds nothing.
    """
    if name not in OPTIONS:
        raise CheckOptionsInvalid(f"there is no check '{name}'; there are {', '.join(OPTIONS)}")
    unknown = sorted(set(options) - OPTIONS[name])
    if unknown:
        known = ", ".join(sorted(OPTIONS[name]))
        raise CheckOptionsInvalid(f"the check '{name}' has no option '{unknown[0]}'; it has {known}")
    _require_late(options)
    if embedder is None and needs_embedder(name, options):
        raise CheckOptionsInvalid(f"the check '{name}' embeds texts, and nothing that does was handed in")
    match name:
        case "pii":
            return PersonalDataCheck(_kinds(options))
        case "secrets":
            return SecretsCheck(_kinds(options))
        case "injection" | "jailbreak":
            uses_model = bool(options.get("model", True))
            return AttackCheck(name, embedder=embedder if uses_model else None, threshold=_share(options))
        case "topics":
            assert embedder is not None
            return TopicsCheck(_topics(options), embedder=embedder, threshold=_share(options) or THRESHOLD)
        case "leak":
            words = options.get("words", 8)
            if not isinstance(words, int) or not 4 <= words <= 50:
                raise CheckOptionsInvalid(f"`words` of the check 'leak' is {words!r}; give a number from 4 to 50")
            return LeakCheck(prompts, canary=canary, words=words)
        case _:
            document = options.get("json_schema")
            if not isinstance(document, dict):
                raise CheckOptionsInvalid("the check 'schema' needs `json_schema`, an object; give the schema to fit")
            return SchemaCheck(Schema(document))


def needs_embedder(name: str, options: Mapping[str, Any]) -> bool:
    """Say whether a check embeds."""
    return name == "topics" or (name in ("injection", "jailbreak") and bool(options.get("model", True)))


def _kinds(options: Mapping[str, Any]) -> list[str]:
    kinds = options.get("kinds", [])
    if not isinstance(kinds, list) or not all(isinstance(kind, str) for kind in kinds):
        raise CheckOptionsInvalid(f"`kinds` is {kinds!r}; give a list of names such as ['EMAIL', 'CARD']")
    return [kind.upper() for kind in kinds]


def _share(options: Mapping[str, Any]) -> float | None:
    threshold = options.get("threshold")
    if threshold is None:
        return None
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 < threshold < 1:
        raise CheckOptionsInvalid(f"`threshold` is {threshold!r}; give a number between 0 and 1")
    return float(threshold)


def _topics(options: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return name to texts; a topic is a description, a list of examples, or an object with both."""
    topics = options.get("topics")
    if not isinstance(topics, dict) or not topics:
        raise CheckOptionsInvalid("the check 'topics' needs `topics`: an object of name to description or examples")
    found: dict[str, list[str]] = {}
    for name, said in topics.items():
        parts = said
        if isinstance(said, dict):
            examples = said.get("examples", [])
            parts = [said.get("description", ""), *examples] if isinstance(examples, list) else None
        texts = [parts] if isinstance(parts, str) else parts
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise CheckOptionsInvalid(f"topic '{name}' is {said!r}; give a description, or a list of examples")
        found[str(name)] = [text for text in texts if text.strip()]
        if not found[str(name)]:
            raise CheckOptionsInvalid(f"topic '{name}' says nothing; give it a description or examples")
    return found


def _require_late(options: Mapping[str, Any]) -> None:
    if options.get("when_late") not in (None, "allow", "block"):
        raise CheckOptionsInvalid(f"`when_late` is {options['when_late']!r}; give 'allow' or 'block'")
    seconds = options.get("deadline_seconds", 1.0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 60:
        raise CheckOptionsInvalid(
            f"`deadline_seconds` is {seconds!r}; give a number of seconds, more than 0, at most 60"
        )
