"""What is likely wrong with a prompt, found by reading it: pure, microseconds, and only ever advice.

    secret               a key or a password stands in the text (an error: whoever can make the model repeat it has it)
    unbounded-input      a text variable without maxLength, or a list without maxItems, or no input schema at all
    missing-delimiter    text of others stands among instructions with nothing around it that says where it ends
    contradictory-format the prompt asks for two formats at once, or for other than its output schema
    empty-message        a message says nothing
    no-examples          the block for examples stands in it, and there are none yet

A variable is taken for text of others unless the schema makes it an enum, a number or a boolean, or says
`"x-trusted": true`. A message that is nothing but one variable needs no delimiter: its role is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.guards.secrets import find_secrets
from treadle.prompts.blocks import NEAREST
from treadle.prompts.types import Advice, Version

_TAG = re.compile(r"\{\{[{&]?\s*([\w.]+)(?:\s*\|[^}]*)?\s*\}?\}\}")
_ENDS_OPEN = re.compile(r"(<[\w-]+[^<>]*>|```\w*|\"\"\"|'''|<<<|\[\[|^-{3,}|^={3,}|^#{3,}|[\"“«`'])\s*$", re.MULTILINE)
_BEGINS_CLOSED = re.compile(r"^\s*(</[\w-]+>|```|\"\"\"|'''|>>>|\]\]|-{3,}|={3,}|#{3,}|[\"”»`'])")
_FORMATS = {
    "JSON": re.compile(
        r"\b(?:answer|reply|respond|output|return|write|format)\b[^.\n]{0,40}\b(?:in|as|with|one|valid|only)\b[^.\n]{0,20}\bJSON\b",
        re.I,
    ),
    "Markdown": re.compile(r"\b(?:in|as|use|using)\s+markdown\b", re.I),
    "plain text": re.compile(r"\b(?:in|as|only)\s+plain\s+text\b", re.I),
    "XML": re.compile(r"\b(?:in|as|only|valid)\s+XML\b", re.I),
    "YAML": re.compile(r"\b(?:in|as|only|valid)\s+YAML\b", re.I),
    "CSV": re.compile(r"\b(?:in|as|only|valid)\s+CSV\b", re.I),
    "one word": re.compile(r"\b(?:with|in|only)\s+(?:a\s+single|one|exactly\s+one)\s+word\b", re.I),
    "reasoning in words": re.compile(
        r"\bthink step by step before you answer\b|\bexplain your reasoning\b|\bshow your work\b", re.I
    ),
}
_FEW_WORDS = 2
"""A message with fewer words than this around its variable holds no instructions."""
_AROUND = 200
"""Characters before and behind a variable in which marks are looked for."""


def lint(version: Version) -> list[Advice]:
    """Return what to look at, errors first, in the order of the messages."""
    found = [
        *_secrets(version), *_empty(version), *_no_examples(version), *_undelimited(version), *_formats(version),
        *_unbounded(version),
    ]  # fmt: skip
    return sorted(found, key=lambda advice: (advice.level != "error", -1 if advice.message is None else advice.message))


def _secrets(version: Version) -> Iterator[Advice]:
    for number, message in enumerate(version.messages):
        for finding in find_secrets(message.template):
            yield Advice(
                rule="secret",
                level="error",
                message=number,
                words=f"something like a secret ({finding.kind}) stands at character {finding.start}; take it out of the "
                f"prompt and change it where it is used: versions are kept for good",
            )


def _empty(version: Version) -> Iterator[Advice]:
    for number, message in enumerate(version.messages):
        if not message.template.strip():
            yield Advice(
                rule="empty-message", level="warning", message=number, words="the message says nothing; leave it out"
            )


def _no_examples(version: Version) -> Iterator[Advice]:
    for number, message in enumerate(version.written):
        if version.examples is None and "treadle/examples" in message.template:
            yield Advice(
                rule="no-examples",
                level="warning",
                message=number,
                words="the block 'treadle/examples' stands here and there are no examples; fill them from a dataset with: "
                f"treadle prompt examples {version.prompt_name} --dataset DATASET",
            )


def _undelimited(version: Version) -> Iterator[Advice]:
    is_nearest = version.examples is not None and version.examples.selection == "nearest"
    shown = NEAREST[version.engine] if is_nearest else None  # rows of the project's own dataset, chosen for the request
    for number, message in enumerate(version.messages):
        text = message.template if shown is None else message.template.replace(shown, " ")
        around = re.findall(r"[^\W\d_]{2,}", re.sub(r"\{\{[^}]*\}\}|\{%.*?%\}", " ", text))
        if message.role == "assistant" or len(around) < _FEW_WORDS:
            continue
        told: set[str] = set()
        for tag in _TAG.finditer(text):
            name = tag[1].split(".")[0] or _section_around(text[: tag.start()])
            if not name or name in told or _is_harmless(_schema_of(version, name)):
                continue
            before, behind = text[max(tag.start() - _AROUND, 0) : tag.start()], text[tag.end() : tag.end() + _AROUND]
            if _ENDS_OPEN.search(before) and _BEGINS_CLOSED.search(behind):
                continue
            told.add(name)
            yield Advice(
                rule="missing-delimiter",
                level="warning",
                message=number,
                words=f"'{name}' stands among instructions with nothing around it; put it between marks such as <{name}> and "
                f"</{name}>, and say that it is data (the block 'treadle/untrusted-input' does)",
            )


def _section_around(before: str) -> str:
    """Return the list whose item `{{.}}` is; empty where no section is open."""
    opened: list[str] = []
    for mark, name in re.findall(r"\{\{\s*([#^/])\s*([\w.]+)\s*\}\}", before):
        opened = opened[:-1] if mark == "/" else [*opened, name]
    return opened[-1].split(".")[0] if opened else ""


def _formats(version: Version) -> Iterator[Advice]:
    text = "\n".join(message.template for message in version.messages if message.role != "assistant")
    asked = [name for name, pattern in _FORMATS.items() if pattern.search(text)]
    if version.output_schema is not None and version.output_schema.get("type") != "string" and "JSON" not in asked:
        asked.insert(0, "JSON")
    if len(asked) > 1:
        yield Advice(
            rule="contradictory-format",
            level="warning",
            message=None,
            words=f"the prompt asks for {' and for '.join(asked)}; ask for one, or say which part of the answer is which",
        )
    if version.output_schema is not None and "JSON Schema" not in text and "JSON" not in text:
        yield Advice(
            rule="contradictory-format",
            level="warning",
            message=None,
            words="the prompt has an output schema and never asks for JSON; include the block 'treadle/structured-output'",
        )


def _unbounded(version: Version) -> Iterator[Advice]:
    variables = [name for name in version.variables if name != "examples"]
    if version.input_schema is None:
        if variables:
            yield Advice(
                rule="unbounded-input",
                level="warning",
                message=None,
                words=f"there is no input schema, so {_listed(variables)} may be as long as a caller likes; add one "
                f"with maxLength",
            )
        return
    for name in variables:
        schema = _schema_of(version, name)
        limit = "maxItems" if schema.get("type") == "array" else "maxLength"
        if limit not in schema and not _is_harmless(schema, trusted_counts=False):
            yield Advice(
                rule="unbounded-input",
                level="warning",
                message=None,
                words=f"'{name}' may be as long as a caller likes; give it {limit} in the input schema",
            )


def _schema_of(version: Version, name: str) -> Mapping[str, Any]:
    properties: Any = (version.input_schema or {}).get("properties", {})
    found = properties.get(name)
    return found if isinstance(found, dict) else {}


def _is_harmless(schema: Mapping[str, Any], *, trusted_counts: bool = True) -> bool:
    kinds = {"integer", "number", "boolean", "null"}
    return "enum" in schema or "const" in schema or schema.get("type") in kinds or (
        trusted_counts and schema.get("x-trusted") is True
    )  # fmt: skip


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
