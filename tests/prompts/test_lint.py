"""What a prompt's lint says, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from treadle.prompts.blocks import NEAREST
from treadle.prompts.lint import lint
from treadle.prompts.types import Example, Examples, Message, Version

BOUND: dict[str, Any] = {"type": "object", "properties": {"input": {"type": "string", "maxLength": 2000}}}


def rules(*texts: str, variables: tuple[str, ...] = ("input",), **more: Any) -> list[str]:
    roles = ("system", "user") if len(texts) == 2 else ("user",)
    version = Version(
        prompt_version_id="prv_x",
        prompt_name="x",
        version=1,
        messages=[
            Message.model_validate({"role": role, "template": text}) for role, text in zip(roles, texts, strict=True)
        ],
        variables=list(variables),
        message="",
        digest="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **more,
    )
    return [advice.rule for advice in lint(version)]


@pytest.mark.parametrize(
    "text",
    [
        "Summarise the text.\n<text>\n{{input}}\n</text>",
        "Summarise:\n```\n{{input}}\n```",
        'Summarise the text "{{input}}" now.',
        "Summarise the text.\n---\n{{input}}\n---",
        "{{input}}",
    ],
)
def test_delimited_and_bounded(text: str) -> None:
    """
    Text of others between marks, or alone in its message, with a limit, is nothing to speak of.
    """
    assert [] == rules(text, input_schema=BOUND)


@pytest.mark.parametrize("text", ["Summarise this text: {{input}}", "Please answer {{ input | upper }} with care"])
def test_missing_delimiter(text: str) -> None:
    """
    Text of others among instructions needs something that says where it ends.
    """
    assert ["missing-delimiter"] == rules(text, input_schema=BOUND)


def test_unbounded_input() -> None:
    """
    A text without maxLength, or no schema at all, lets callers send as much as they like; an enum does not.
    """
    language: dict[str, Any] = {
        "type": "object",
        "properties": {"language": {"enum": ["en", "de"]}, "input": {"type": "string"}},
    }

    assert ["unbounded-input"] == rules("{{input}}")
    assert ["unbounded-input"] == rules(
        "Answer in {{language}} please.", "{{input}}", variables=("input", "language"), input_schema=language
    )


def test_secret_in_prompt() -> None:
    """
    A key in the text is an error, and comes first.
    """
    key = "AKIA" + "IOSFODNN7EXAMPLE"[:16]

    assert "secret" == rules(f"Summarise this text: {{{{input}}}} with {key}")[0]


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("Answer only in JSON. Answer in plain text.", {}),
        ("Answer with exactly one word.\nThink step by step before you answer.", {}),
        ("Use markdown for the answer, which is JSON.", {"output_schema": {"type": "object"}}),
        ("Say what it is.", {"output_schema": {"type": "object"}}),
    ],
)
def test_contradictory_format(text: str, more: dict[str, Any]) -> None:
    """
    Two formats at once, or another than the output schema's, are named.
    """
    assert ["contradictory-format"] == rules(text, variables=(), **more)


def test_one_format_is_no_contradiction() -> None:
    """
    JSON that is asked for and has a schema agrees with itself.
    """
    assert [] == rules("Answer only with one JSON object.", variables=(), output_schema={"type": "object"})


def test_examples_that_are_chosen_for_each_request() -> None:
    """
    Rows of the project's own dataset are no text of others: they need no marks and no limit.
    """
    examples = Examples(selection="nearest", count=1, rows=[Example(input="a", output="b")])
    text = "Sort these messages by topic:\n" + NEAREST["mustache"]

    assert [] == rules(text, variables=("examples",), examples=examples)


def test_item_of_a_list_is_called_by_its_list() -> None:
    """
    What stands in a section as {{.}} is advised about under the section's name.
    """
    version = Version(
        prompt_version_id="prv_x", prompt_name="x", version=1, variables=["notes"], message="", digest="",
        messages=[Message(role="user", template="Look at each note well: {{#notes}}and {{.}} too, {{/notes}} please")],
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    words = [advice.words for advice in lint(version) if advice.rule == "missing-delimiter"]

    assert 1 == len(words)
    assert "'notes' stands among instructions" in words[0]


def test_thousands_of_delimited_variables() -> None:
    """
    Marks are looked for around each variable only, so a long prompt of many variables is read as quickly as others.
    """
    names = tuple(f"v{number}" for number in range(2_000))
    text = "Read all of this. " + "".join(f"<{name}>{{{{{name}}}}}</{name}> some words around here " for name in names)

    assert "missing-delimiter" not in rules(text, variables=names)
