"""Prompt messages made ready for many requests say what `prompts.render` says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.gateway.template import Template
from treadle.gateway.types import PromptMessage
from treadle.prompts.render import Allowance, VariableMissing, render
from treadle.prompts.types import Message

PIECES = [
    "text ",
    "{{input}}",
    "{{&tone}}",
    "{{ input }}",
    "{{a.b}}",
    "{{#tone}}x{{/tone}}",
    "\n",
    "<&>",
    "}}",
]
VALUES: st.SearchStrategy[Any] = st.text() | st.sampled_from(["{{input}}", "<b>&amp;", 0, 7, 2.5, True, None, ["x"]])


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=6), given_input=VALUES, tone=VALUES)
def test_any_template_with_any_values(pieces: list[str], given_input: Any, tone: Any) -> None:
    """
    Whatever the template and the values, the quick way and the renderer give the same text.
    """
    template = "".join(pieces)
    variables = {"input": given_input, "tone": tone, "a": {"b": "deep"}}

    quick = Template(PromptMessage(role="user", template=template)).fill(variables, Allowance())

    assert render([Message(role="user", template=template)], variables)[0]["content"] == quick


def test_a_variable_that_lacks() -> None:
    """
    The error is the renderer's own, with its list of names.
    """
    with pytest.raises(VariableMissing):
        Template(PromptMessage(role="user", template="{{input}} {{tone}}")).fill({"input": "x"}, Allowance())


def test_three_braces() -> None:
    """
    Mustache's own way to leave text as it is.
    """
    assert "<b>" == Template(PromptMessage(role="user", template="{{{input}}}")).fill({"input": "<b>"}, Allowance())
