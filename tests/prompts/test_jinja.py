"""Reading Jinja templates: the names that they need, and nothing that they say is worked out on the way."""

from __future__ import annotations

import subprocess
import sys

import pytest

from treadle.prompts.jinja import variables_of
from treadle.prompts.render import TemplateInvalid

_READS = "import sys; from treadle.prompts.jinja import variables_of; print(variables_of(sys.argv[1]))"


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{ x }}{% set x = 1 %}{{ x }}", ["x"]),
        ("{% set x = x %}", ["x"]),
        ("{% set a, b = c %}{{ a }}{{ b }}", ["c"]),
        ("{% set ns.x = 1 %}", ["ns"]),
        ("{% set x | upper %}a{{ y }}{% set q = 1 %}{% endset %}{{ x }}{{ q }}", ["q", "y"]),
        ("{% for x in xs if x.ok and y %}{{ x.y }}{{ loop.index }}{% else %}{{ z }}{% endfor %}", ["xs", "y", "z"]),
        ("{% for x in xs %}{% set t = x %}{% endfor %}{{ x }}{{ t }}", ["t", "x", "xs"]),
        ("{% for a, b in xs.items() recursive %}{{ loop(b) }}{% endfor %}", ["xs"]),
        ("{% if a %}{% set x = 1 %}{% elif b %}{% set x = 2 %}{% else %}{% set x = 3 %}{% endif %}{{ x }}", ["a", "b"]),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", ["a", "x"]),
        ("{% with a = b, c = a %}{{ a }}{% endwith %}{{ c }}", ["a", "b", "c"]),
        ("{% filter upper %}{{ y }}{% set k = 1 %}{% endfilter %}{{ k }}", ["k", "y"]),
        ("{{ [a, {b: c}] | join(d) }} {{ e is defined }} {{ f if g else h }}", list("abcdefgh")),
        ("{{ 'no {{ name }}' }}{# {{ nor }} #}{% raw %}{{ here }}{% endraw %}", []),
    ],
)
def test_names(template: str, names: list[str]) -> None:
    """
    A name must be given where it is read and nothing before it, in its scope, has set it on every way.
    """
    assert names == variables_of(template)


@pytest.mark.parametrize("template", ["{{ 9**9**9 }}", "{{ 'x' * 10**11 }}", "{{ 'x' | center(10**11) }}"])
def test_constants_are_not_worked_out(template: str) -> None:
    """
    Reading a template that says an endless sum is as quick as reading any: the process that keeps prompts computes nothing of it.
    """
    read = subprocess.run(
        [sys.executable, "-c", _READS, template], capture_output=True, text=True, timeout=120, check=False
    )

    assert (0, "[]\n") == (read.returncode, read.stdout)


@pytest.mark.parametrize(
    "template",
    [
        "{{ " + "+".join(["a"] * 3000) + " }}",
        "{{ " + "(" * 3000,
        "{% if a %}" * 1500 + "{% endif %}" * 400,
        "{{ " + "1" * 5000 + " }}",
        "{{ a }}" * 2001,
        "{% macro m() %}{% endmacro %}",
        "{% include 'other' %}",
        "{% if a %}",
    ],
)
def test_template_that_cannot_be_used(template: str) -> None:
    """
    What nests too deeply, is too long, defines code or is no Jinja is refused in words, whatever it is.
    """
    with pytest.raises(TemplateInvalid):
        variables_of(template)
