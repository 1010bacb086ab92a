"""Jinja templates: what they need, found by reading them. They are compiled and run in `jinja_child`, never in this process.

Parsing is linear. Whatever comes after it is not: Jinja's compiler works constants out, so `{{ 9**9**9 }}` never ends, and its own
`meta.find_undeclared_variables` compiles. So names are found here by a walk over what was parsed. Includes are resolved before (see
`compiling`): whatever would load another template is refused, as are macros and anything else that defines code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from treadle.core.errors import MissingExtra
from treadle.prompts.render import MOST_TAGS, TemplateInvalid

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """Return the sandbox: values cannot be changed, private attributes not reached, what lacks is an error."""
    try:
        from jinja2 import StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtra("server", needed_for="a Jinja prompt") from error
    sandbox = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    sandbox.globals.clear()  # range, lipsum, cycler, joiner, namespace: ways to loop over nothing that was given
    return sandbox


def variables_of(template: str) -> list[str]:
    """Return the names that must be given to a template, sorted. Raises TemplateInvalid."""
    from jinja2 import TemplateSyntaxError

    if template.count("{{") + template.count("{%") > MOST_TAGS:
        raise TemplateInvalid(f"the template has more than {MOST_TAGS:,} tags; loop over a list instead")
    found: set[str] = set()
    try:
        _read(environment().parse(template), [{"self"}], found)
    except TemplateSyntaxError as error:
        raise TemplateInvalid(f"the template is not valid Jinja at line {error.lineno}: {error.message}") from error
    except RecursionError as error:
        raise TemplateInvalid("the template nests too deeply, or adds up too much at once; make it flatter") from error
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise TemplateInvalid("the template holds a number that is too long; write a shorter one") from error
    return sorted(found)


_Known = Sequence[set[str]]
"""Names that the template has set so far, by scope, the innermost first."""


def _read(node: nodes.Node, known: _Known, found: set[str]) -> None:
    """Add to `found` the names that are read and not set before; what the node sets joins the innermost scope. Jinja's own rules:
    a loop, a block, `with` and a captured text have scopes of their own, an `if` has none."""
    from jinja2 import nodes

    if isinstance(node, nodes.Name | nodes.NSRef):
        if getattr(node, "ctx", "load") == "store":
            known[0].add(node.name)
        elif not any(node.name in scope for scope in known):
            found.add(node.name)
    elif isinstance(node, nodes.Assign):
        _read_all([node.node, node.target], known, found)
    elif isinstance(node, nodes.AssignBlock):
        _read_all([*([] if node.filter is None else [node.filter]), *node.body], [set(), *known], found)
        _read(node.target, known, found)
    elif isinstance(node, nodes.For):
        _read(node.iter, known, found)
        tests = [] if node.test is None else [node.test]
        _read_all([node.target, *tests, *node.body], [{"loop"}, *known], found)
        _read_all(node.else_, [set(), *known], found)
    elif isinstance(node, nodes.If):
        _read_branches(node, known, found)
    elif isinstance(node, nodes.With):
        _read_all(node.values, known, found)
        _read_all([*node.targets, *node.body], [set(), *known], found)
    elif isinstance(node, nodes.Block):
        _read_all(node.body, [{"self", "super"}, *(known if node.scoped else ())], found)
    elif isinstance(node, nodes.FilterBlock | nodes.Scope):
        _read_all(node.iter_child_nodes(), [set(), *known], found)
    elif isinstance(
        node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends | nodes.Macro | nodes.CallBlock
    ):
        raise TemplateInvalid(
            f"the template uses Jinja's {type(node).__name__.lower()}, which prompts may not; include another prompt with "
            """{% include "name@1" %} and a constant name"""
        )
    else:
        _read_all(node.iter_child_nodes(), known, found)


def _read_all(every: Iterable[nodes.Node], known: _Known, found: set[str]) -> None:
    for node in every:
        _read(node, known, found)


def _read_branches(node: nodes.If, known: _Known, found: set[str]) -> None:
    """After an `if` a name is set when each of its ways sets it."""
    ways: list[set[str]] = []
    for test, body in [*((each.test, each.body) for each in (node, *node.elif_)), (None, node.else_)]:
        if test is not None:
            _read(test, known, found)
        ways.append(set())
        _read_all(body, [ways[-1], *known], found)
    known[0].update(set.intersection(*ways))
