"""Writing prompts: includes, blocks, examples, schemas, Jinja, and labels that are protected, through the HTTP contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from treadle.client.client import Client
from treadle.core.errors import Denied, InvalidInput
from treadle.prompts.types import Engine, Example, Examples, Message, NewVersion

OBJECT: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def chat(text: str, **more: Any) -> NewVersion:
    return NewVersion(messages=[Message(role="user", template=text)], **more)


def said(client: Client, prompt: str, /, **variables: object) -> object:
    return client.prompts.render(prompt, variables=variables).messages[0]["content"]


def test_include_is_pinned(client: Client) -> None:
    """
    A prompt keeps the version that it included, whatever the other prompt says later.
    """
    client.prompts.save("house-style", chat("Be brief.", kind="text"))
    client.prompts.save("greeting", chat("{{> house-style}} Greet {{name}}."))

    client.prompts.save("house-style", chat("Be verbose.", kind="text"))

    kept = client.prompts.get_version("greeting")
    assert "Be brief. Greet Ada." == said(client, "greeting", name="Ada")
    assert "{{> house-style@1}} Greet {{name}}." == kept.source[0].template
    assert [("house-style", 1)] == [(each.name, each.version) for each in kept.includes]


def test_include_of_itself_through_another(client: Client) -> None:
    """
    A prompt that would be inside itself, however deep, is refused.
    """
    client.prompts.save("a", chat("A", kind="text"))
    client.prompts.save("b", chat("B {{> a}}", kind="text"))

    with pytest.raises(InvalidInput) as caught:
        client.prompts.save("a", chat("A {{> b}}", kind="text"))

    assert "prompts.include_refused" == caught.value.error_code
    assert 1 == client.prompts.get("a").latest_version


def test_fixed_examples_stand_in_the_text(client: Client) -> None:
    """
    Fixed examples are part of what is sent, the first `count` of them.
    """
    rows = [Example(input=f"q{number}", output=f"a{number}") for number in range(4)]
    examples = Examples(count=2, rows=rows)

    client.prompts.save("ask", chat("{{> treadle/examples}}\n{{input}}", examples=examples))

    assert "Input: q0\nOutput: a0\n\nInput: q1\nOutput: a1\n\nnow" == said(client, "ask", input="now")


def test_prompt_is_saved_before_its_examples(client: Client) -> None:
    """
    A prompt may say where its examples will stand before there are any; then it shows none, and lint says so.
    """
    client.prompts.save("ask", chat("{{> treadle/examples}}{{input}}"))

    assert "now" == said(client, "ask", input="now")
    assert "no-examples" in [advice.rule for advice in client.prompts.lint("ask")]


def test_structured_output_shows_the_schema(client: Client) -> None:
    """
    The block for structured output shows the model the prompt's own output schema, and needs one.
    """
    client.prompts.save("extract", chat("{{input}} {{> treadle/structured-output}}", output_schema=OBJECT))

    assert '"required": [\n    "name"\n  ]' in str(said(client, "extract", input="x"))
    with pytest.raises(InvalidInput) as caught:
        client.prompts.save("bare", chat("{{input}} {{> treadle/structured-output}}"))
    assert "prompts.block_unusable" == caught.value.error_code


@pytest.mark.parametrize(
    ("template", "engine", "schema", "fault"),
    [
        ("{{name}} {{age}}", "mustache", OBJECT, "uses 'age'"),
        ("hello", "mustache", OBJECT, "names 'name'"),
        ("{{name}}", "mustache", {"properties": {"name": {}}}, "does not require it"),
        (
            "{{name.first}}",
            "mustache",
            {"properties": {"name": {"properties": {}}}, "required": ["name"]},
            "leads nowhere",
        ),
        ("{{ name }} {{ age }}", "jinja", OBJECT, "uses 'age'"),
        ("{{name}}", "mustache", {"type": "nonsense"}, "no JSON Schema"),
    ],
)
def test_schema_and_template_disagree(
    client: Client, template: str, engine: Engine, schema: Mapping[str, Any], fault: str
) -> None:
    """
    A version is kept only when its variables, its schema and its templates agree; the refusal names what does not.
    """
    with pytest.raises(InvalidInput) as caught:
        client.prompts.save("greeting", chat(template, engine=engine, input_schema=dict(schema)))

    assert "prompts.disagreement" == caught.value.error_code
    assert fault in caught.value.message


def test_jinja_is_rendered(client: Client) -> None:
    """
    A Jinja prompt has conditions and loops.
    """
    client.prompts.save(
        "list", chat("{% for item in items if item %}{{ loop.index }}. {{ item }}\n{% endfor %}", engine="jinja")
    )

    assert "1. a\n2. b\n" == said(client, "list", items=["a", "", "b"])


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in x %}{% for b in x %}{% for c in x %}{% for d in x %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ 'a' * 10 ** 12 }}",
        "{{ x.__class__.__mro__ }}",
        "{{ x.append(1) }}",
    ],
)
def test_jinja_beyond_its_limits(client: Client, template: str) -> None:
    """
    A Jinja prompt that takes too long, needs too much memory or reaches out of its sandbox is refused, and the next one works.
    """
    client.prompts.save("bad", chat(template, engine="jinja"))
    client.prompts.save("good", chat("{{ x | length }}", engine="jinja"))

    with pytest.raises(InvalidInput):
        client.prompts.render("bad", variables={"x": list(range(2000))})

    assert "2000" == said(client, "good", x=list(range(2000)))


def test_production_needs_a_safety_evaluation(client: Client) -> None:
    """
    Nothing carries 'production' without a safety evaluation, unless somebody who may says why, and the audit keeps it.
    """
    client.prompts.save("greeting", chat("Hello"))

    with pytest.raises(Denied) as caught:
        client.prompts.publish("greeting", 1)
    client.prompts.publish("greeting", 1, override="first version, nobody calls it yet")

    assert "prompts.label_protected" == caught.value.error_code
    assert {"production": 1} == client.prompts.get("greeting").labels
    detail = next(entry.detail for entry in client.audit.list_().items if entry.action == "prompts.publish")
    assert "first version, nobody calls it yet" == detail["override"]


def test_label_for_some_roles(client: Client) -> None:
    """
    A protected label is moved by the roles that its policy names.
    """
    client.prompts.save("greeting", chat("Hello"))
    client.prompts.set_label_policy("staging", roles=["admin"])

    with pytest.raises(Denied) as caught:
        client.prompts.publish("greeting", 1, label="staging")

    assert "is moved by admin" in caught.value.message
    assert ["production", "staging"] == [policy.label for policy in client.prompts.list_label_policies()]


def test_parents(client: Client) -> None:
    """
    A version names what it was made from: the newest, or the one that is said.
    """
    for text in ("one", "two", "three"):
        client.prompts.save("greeting", chat(text))

    made = client.prompts.save("greeting", chat("four", parents=[1]))

    assert ([2], [1]) == (client.prompts.get_version("greeting", 3).parents, made.parents)
