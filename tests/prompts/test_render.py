"""Rendering: pure, complete, and deaf to what values say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonValue
from treadle.prompts.render import RenderRefused, TemplateInvalid, VariableMissing, render, variables_of
from treadle.prompts.types import Message


@given(st.text())
def test_value_is_left_as_it_is(value: str) -> None:
    """
    A value arrives in the text exactly as given: not escaped, not read as a template.
    """
    rendered = render([Message(role="user", template="<{{input}}>")], {"input": value})

    assert [{"role": "user", "content": f"<{value}>"}] == rendered


def test_triple_braces() -> None:
    """
    Mustache's own way to leave text as it is does just that.
    """
    rendered = render([Message(role="user", template="{{{a}}}|{{a}}|{{{ a }}}")], {"a": "<&>"})

    assert "<&>|<&>|<&>" == rendered[0]["content"]


def test_every_missing_variable_is_named() -> None:
    """
    Missing variables are an error that names them all, never an empty string.
    """
    with pytest.raises(VariableMissing) as caught:
        render([Message(role="user", template="{{a}} {{b}} {{c}}")], {"b": "x"})

    assert ["a", "c"] == caught.value.values["missing"]


def test_variables_of_sections() -> None:
    """
    A section's name is a variable; names inside it belong to its items.
    """
    assert ["items", "title"] == variables_of("{{title}}{{#items}}{{name}}{{/items}}")


def _shown(template: str, **variables: JsonValue) -> str:
    return render([Message(role="user", template=template)], variables)[0]["content"]


def test_variables_of_dotted_names() -> None:
    """
    Of dotted names the first is the variable, of sections too.
    """
    assert ["order", "user"] == variables_of("{{user.name}}{{#order.items}}{{title.short}}{{/order.items}}{{.}}")


@pytest.mark.parametrize(
    ("template", "variables", "shown"),
    [
        ("{{a.b}}", {"a": {"b": "deep"}}, "deep"),
        ("{{#items}}<{{name}}>{{/items}}", {"items": [{"name": "x"}, {"name": "y"}]}, "<x><y>"),
        ("{{#items}}<{{.}}>{{/items}}", {"items": ["x", 2]}, "<x><2>"),
        ("{{#user}}{{name}} of {{team}}{{/user}}", {"user": {"name": "Ada"}, "team": "ops"}, "Ada of ops"),
        ("{{#a.b}}yes{{/a.b}}{{^a.b}}no{{/a.b}}", {"a": {"b": []}}, "no"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": True}, "yes"),
        ("{{#on}}yes{{/on}}{{^on}}no{{/on}}", {"on": None}, "no"),
        ("Hi{{#tone}}, {{tone}}{{/tone}}{{^tone}}!{{/tone}}", {}, "Hi!"),
        ("{{#items}}{{nickname}}.{{/items}}", {"items": [{"name": "x"}]}, "."),
        ("{{#a}}{{b.c}}{{/a}}", {"a": {"b": {}}, "b": {"c": "outer"}}, ""),
        ("{{n}} {{yes}} {{list}} {{none}}|", {"n": 0, "yes": True, "list": ["é"], "none": None}, '0 true ["é"] |'),
        ("{{=<% %>=}}<% x %>", {"x": "<&>"}, "<&>"),
        ("a\n{{#on}}\nb\n{{/on}}\nc", {"on": True}, "a\nb\nc"),
    ],
)
def test_mustache(template: str, variables: dict[str, JsonValue], shown: str) -> None:
    """
    Names are looked for in the item, then further out; the first name decides; values other than text are JSON.
    """
    assert shown == _shown(template, **variables)


def test_dotted_name_that_ends_early() -> None:
    """
    Outside sections a dotted name must be given to its end.
    """
    with pytest.raises(VariableMissing) as caught:
        _shown("{{user.name.first}}", user={"name": {}})

    assert ["user.name.first"] == caught.value.values["missing"]


@pytest.mark.parametrize("name", ["input.upper", "input.__class__", "items.0", "items.append"])
def test_template_reaches_only_what_was_given(name: str) -> None:
    """
    A name never reaches into Python: attributes, methods and positions are no names.
    """
    with pytest.raises(VariableMissing):
        _shown("{{" + name + "}}{{#" + name + "}}x{{/" + name + "}}", input="text", items=["x"])


@pytest.mark.parametrize(
    "template", ["{{}}", "{{#a}}", "{{/a}}", "{{>other}}", "{{a", "{{{a}}", "{{a..b}}", "{{=}}", "{{#a}}" * 50]
)
def test_template_that_is_none(template: str) -> None:
    """
    What is not Mustache is refused in words when it is saved, not when it is used.
    """
    with pytest.raises(TemplateInvalid):
        variables_of(template)


@given(st.text(alphabet="{}#/^&!>=.ab \n", max_size=40))
def test_any_text_is_a_template_or_refused(template: str) -> None:
    """
    Whatever is saved as a template, it renders or is refused; nothing else happens.
    """
    try:
        _shown(template, a={"b": "x"}, b=["y"])
    except InvalidInput:
        return


def test_sections_of_one_list_within_each_other() -> None:
    """
    What multiplies is refused while it is filled in: seven sections of ten items would be ten million texts.
    """
    with pytest.raises(RenderRefused) as caught:
        _shown("{{#a}}" * 7 + "x" + "{{/a}}" * 7, a=list(range(10)))

    assert "prompts.render_refused" == caught.value.error_code
    assert "200,000 tags" in caught.value.message


def test_long_value_named_often() -> None:
    """
    A prompt is filled in up to four million characters, all its messages together.
    """
    often = [Message(role="user", template="{{a}}" * 30), Message(role="user", template="{{a}}" * 30)]

    assert 3_000_000 == sum(len(said["content"]) for said in render(often, {"a": "x" * 50_000}))
    with pytest.raises(RenderRefused):
        render(often, {"a": "x" * 100_000})


def test_long_list() -> None:
    """
    A list of ten thousand rows with three fields each is nothing unusual.
    """
    rows: list[JsonValue] = [{"a": str(at), "b": at, "c": None} for at in range(10_000)]

    assert 10_000 == _shown("{{#rows}}{{a}} {{b}} {{c}}\n{{/rows}}", rows=rows).count("\n")


def test_template_of_too_many_tags() -> None:
    """
    A message has at most two thousand tags.
    """
    with pytest.raises(TemplateInvalid):
        variables_of("{{a}}" * 2_001)

    assert ["a"] == variables_of("{{a}}" * 2_000)
