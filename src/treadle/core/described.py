"""What the fields of a class mean: the text below each in its source, read when somebody asks for the contract.

pydantic would read it when the class is made, which is a fifth of the time that the server needs to start.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap


def fields_described(kind: type) -> dict[str, str | None]:
    """Return what is said of each field that a class declares itself; None where nothing is. Empty where there is no source."""
    try:
        lines = linecache.getlines(inspect.getfile(kind))
    except (OSError, TypeError):
        return {}
    opening = re.compile(rf"\s*class {re.escape(kind.__name__)}\b")
    start = next((number for number, line in enumerate(lines) if opening.match(line)), None)
    if start is None:
        return {}
    (found,) = ast.parse(textwrap.dedent("".join(inspect.getblock(lines[start:])))).body
    assert isinstance(found, ast.ClassDef)
    return {
        field.target.id: _text(below)
        for field, below in zip(found.body, [*found.body[1:], None], strict=True)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _text(below: ast.stmt | None) -> str | None:
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
        return inspect.cleandoc(below.value.value)
    return None
