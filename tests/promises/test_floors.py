"""The house: who may know whom. Every import counts, also under TYPE_CHECKING and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "treadle"

FLOORS = {
    "core": 1,
    "storage": 2, "guards": 2, "embeddings": 2,
    "http": 3,
    "governance": 4, "lineage": 4,
    "jobs": 5, "comments": 5, "live": 5,
    "traces": 6, "prompts": 6, "models": 6, "engines": 6,
    "feedback": 7, "gateway": 7,
    "data": 8,
    "retrieval": 9, "evals": 9,
    "choosing": 10, "playground": 10, "training": 10, "monitoring": 10,
    "optimize": 11, "releases": 11,
    "pipelines": 12,
    "client": 13,
    "server": 14,
    "cli": 15,
    "testing": 15,
}  # fmt: skip
"""design.md, with http one floor above storage, and jobs one above governance and below traces, which
start runs: see design/context-carries-the-database.md."""


def test_every_room_has_a_floor() -> None:
    """
    A new slice is put on a floor on purpose.
    """
    slices = {folder.name for folder in SOURCE.iterdir() if (folder / "__init__.py").exists()}

    assert set() == slices - set(FLOORS)


def test_knowledge_runs_down() -> None:
    """
    A slice imports only slices on floors strictly below its own.
    """
    upward = [
        f"{importer} imports {imported}"
        for importer, imported in _imports()
        if _slice(importer) and _slice(imported) and _slice(importer) != _slice(imported)
        and FLOORS[_slice(importer)] <= FLOORS[_slice(imported)]
    ]  # fmt: skip

    assert [] == upward


def test_stores_are_private() -> None:
    """
    Nobody but its own slice and the roof's list of schemas touches a slice's store.
    """
    foreign = [
        f"{importer} imports {imported}"
        for importer, imported in _imports()
        if imported.endswith(".store") and _slice(importer) != _slice(imported) and importer != "treadle.server.slices"
    ]

    assert [] == foreign


def test_client_knows_types_only() -> None:
    """
    The SDK knows the ground floor, every slice's types, the pure searches that mask what applications say, and how a
    prompt is filled in.
    """
    masks = (
        "treadle.guards.capture",
        "treadle.guards.pii",
        "treadle.guards.secrets",
        "treadle.prompts.render",
    )
    beyond = [
        f"{importer} imports {imported}"
        for importer, imported in _imports()
        if _slice(importer) == "client"
        and _slice(imported) not in ("core", "client")
        and not imported.endswith((".types", "_types"))
        and imported not in masks
    ]

    assert [] == beyond


def test_no_circles() -> None:
    """
    No file can be reached from itself.
    """
    graph: dict[str, set[str]] = {}
    for importer, imported in _imports():
        graph.setdefault(importer, set()).add(imported)

    circles = [name for name in graph if _reaches(graph, name)]

    assert [] == circles


def test_faces_are_empty() -> None:
    """
    A slice's __init__ holds its docstring and nothing else, so that imports name the file that defines a thing.
    """
    faces = {path: ast.parse(path.read_text()).body for path in SOURCE.glob("*/**/__init__.py")}

    assert [] == [str(path) for path, body in faces.items() if len(body) != 1 or not isinstance(body[0], ast.Expr)]


def _imports() -> Iterator[tuple[str, str]]:
    modules = {_module(path): path for path in SOURCE.rglob("*.py")}
    for importer, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if name in modules and name != importer and modules[name].name != "__init__.py":
                    yield importer, name


def _module(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _slice(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else ""


def _reaches(graph: dict[str, set[str]], start: str) -> bool:
    waiting, seen = list(graph.get(start, ())), set()
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return False
