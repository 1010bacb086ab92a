"""What is compiled to machine code is written so that it stays the same there.

The compiler itself takes minutes, so `make compiled` runs it, and the gateway's tests on what comes out; here is looked for what
it would refuse, or change without a word.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tools.compiled import MODULES, compile_to

SOURCES = Path(__file__).resolve().parents[2] / "src"
TREES = {name: ast.parse((SOURCES / name).read_text()) for name in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_module_yields_nothing_asynchronously(module: str) -> None:
    """
    mypyc knows no asynchronous generators.
    """
    functions = (node for node in ast.walk(TREES[module]) if isinstance(node, ast.AsyncFunctionDef))

    assert [] == [each.name for each in functions if any(isinstance(inner, ast.Yield) for inner in _own(each))]


@pytest.mark.parametrize("module", MODULES)
def test_structs_lose_nothing(module: str) -> None:
    """
    A compiled Struct takes its fields in order and forgets their types: each without a default comes first, none has a
    default that a function makes, and nothing is decoded into one.
    """
    structs = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.ClassDef) and _is_struct(node)]

    for struct in structs:
        fields = [node for node in struct.body if isinstance(node, ast.AnnAssign)]
        has_default = [field.value is not None for field in fields]
        assert sorted(has_default) == has_default, f"{struct.name}: a field without a default comes after one with"
        made = [ast.unparse(field) for field in fields if isinstance(field.value, ast.Call)]
        assert [] == made, struct.name
    decoded = _decoded_in(TREES[module])
    assert set() == decoded & {struct.name for struct in structs}


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    """
    Nothing that is there is replaced.
    """
    (tmp_path / "letter.txt").write_text("mine")

    with pytest.raises(SystemExit, match="already holds something"):
        compile_to(tmp_path)

    assert "mine" == (tmp_path / "letter.txt").read_text()


def test_structs_are_found() -> None:
    """
    The tests above look at something.
    """
    found = {node.name for tree in TREES.values() for node in ast.walk(tree) if _is_struct(node)}

    assert {"Record", "Composed", "Attempts"} <= found


def _own(function: ast.AsyncFunctionDef) -> list[ast.AST]:
    """Return what stands in a function itself, not in functions within it."""
    found: list[ast.AST] = []
    rest: list[ast.AST] = list(function.body)
    while rest:
        node = rest.pop()
        found.append(node)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            rest += ast.iter_child_nodes(node)
    return found


def _is_struct(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(ast.unparse(base).split(".")[-1] == "Struct" for base in node.bases)


def _decoded_in(tree: ast.Module) -> set[str]:
    """Return the names that are given to decoders, within other types too."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    decoders = [call for call in calls if ast.unparse(call.func).split(".")[-1] in {"Decoder", "decode", "convert"}]
    return {
        node.id
        for call in decoders
        for given in (*call.args, *(keyword.value for keyword in call.keywords))
        for node in ast.walk(given)
        if isinstance(node, ast.Name)
    }
