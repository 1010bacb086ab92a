"""Lineage through its door: what something came from and what came of it, in this project and no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import RunningServer
from treadle.cli.lineage import print_chain
from treadle.core.errors import NotFound
from treadle.core.ids import new_id
from treadle.lineage import service
from treadle.lineage.store import MAX_DISTANCE, MAX_NODES, TRACES_PER_NODE
from treadle.storage.database import Connection

NUMBERS = st.integers(min_value=0, max_value=5)


def test_both_ways(server: RunningServer) -> None:
    """
    A graph names what a thing was made from (negative distances) and what was made from it, with every edge between them.
    """
    _join(server, [("rows", "dataset"), ("dataset", "model"), ("base", "model"), ("model", "release")])

    graph = server.client.lineage.get("model")

    assert {"rows": -2, "dataset": -1, "base": -1, "model": 0, "release": 1} == {
        n.node_id: n.distance for n in graph.nodes
    }
    assert [-2, -1, -1, 0, 1] == [node.distance for node in graph.nodes]
    assert 4 == len(graph.edges)
    assert graph.is_complete


def test_saying_it_twice(server: RunningServer) -> None:
    """
    Work that runs again leaves the same edges, and a node's newest name stays.
    """
    _join(server, [("dataset", "model"), ("dataset", "model")])
    _join(server, [("dataset", "model")], title="new name of")

    graph = server.client.lineage.get("model")

    assert [("dataset", "model", "made")] == [(edge.source_id, edge.target_id, edge.relation) for edge in graph.edges]
    assert ["new name of dataset", "new name of model"] == [node.title for node in graph.nodes]


def test_siblings_are_not_relatives(server: RunningServer) -> None:
    """
    What was made from the same source is neither an origin nor a result.
    """
    _join(server, [("dataset", "model"), ("dataset", "other model")])

    assert {"dataset", "model"} == {node.node_id for node in server.client.lineage.get("model").nodes}


def test_things_are_found_by_name(server: RunningServer) -> None:
    """
    The whole name comes first, then what begins so, then what holds it; of versions the newest, whatever the case; a trace has no name.
    """
    _name(server, "a1", "prompt version", "desk v2")
    _name(server, "a2", "prompt version", "desk v10")
    _name(server, "b", "endpoint", "Desk")
    _name(server, "c", "experiment", "the desk's weekly check")
    _name(server, "d", "trace", "desk trace")
    _name(server, "e", "release", "100% _odd\\")

    assert ["b", "a2", "c"] == [node.node_id for node in server.client.lineage.find("desk").items]
    assert ["a1"] == [node.node_id for node in server.client.lineage.find("desk v2").items]
    assert ["c"] == [node.node_id for node in server.client.lineage.find("c").items][:1]
    assert ["e"] == [node.node_id for node in server.client.lineage.find("% _odd\\").items]
    assert [] == server.client.lineage.find("d_sk").items


def test_found_things_are_paged(server: RunningServer) -> None:
    """
    Pages of what was found neither skip nor repeat.
    """
    for number in range(5):
        _name(server, f"n{number}", "endpoint", f"desk {number}")

    first = server.client.lineage.find("desk", limit=3)
    second = server.client.lineage.find("desk", limit=3, cursor=first.next_cursor)

    assert [f"n{number}" for number in range(5)] == [node.node_id for node in [*first.items, *second.items]]
    assert second.next_cursor is None


def test_ids_are_named(server: RunningServer) -> None:
    """
    Many ids are named in one request; what has no lineage, or belongs to another project, is left out.
    """
    _name(server, "rel_1", "release", "desk v1")
    _name(server, "mdv_1", "model version", "desk v3")
    _join(server, [("shared", "theirs")], project_id="prj_other")

    named = server.client.lineage.named(["rel_1", "mdv_1", "shared", "nobody"])

    assert {"rel_1": "desk v1", "mdv_1": "desk v3"} == {node.node_id: node.title for node in named}


def test_things_of_another_project_are_not_found(server: RunningServer) -> None:
    """
    A search finds this project's things alone.
    """
    _join(server, [("shared", "theirs")], project_id="prj_other")

    assert [] == server.client.lineage.find("theirs").items


def test_cycle(server: RunningServer) -> None:
    """
    Traffic that becomes data closes the loop; the walk ends and names everything once.
    """
    _join(server, [("dataset", "model"), ("model", "trace"), ("trace", "dataset")])

    graph = server.client.lineage.get("model")

    assert ["dataset", "model", "trace"] == sorted(node.node_id for node in graph.nodes)
    assert 3 == len(graph.edges)


def test_unknown_id(server: RunningServer) -> None:
    """
    An id that nothing has is not found, and the message says where ids are.
    """
    with pytest.raises(NotFound) as caught:
        server.client.lineage.get(new_id("mdv"))

    assert "lineage.not_found" == caught.value.error_code
    assert "treadle model list" in caught.value.message


def test_id_of_another_project(server: RunningServer) -> None:
    """
    Another project's thing is not found, and neither are its edges where both projects know an id.
    """
    _join(server, [("shared", "theirs")], project_id="prj_other")
    _join(server, [("ours", "shared")])

    with pytest.raises(NotFound):
        server.client.lineage.get("theirs")
    graph = server.client.lineage.get("shared")

    assert {"ours", "shared"} == {node.node_id for node in graph.nodes}
    assert ["ours"] == [edge.source_id for edge in graph.edges]


def test_long_chain(server: RunningServer) -> None:
    """
    A chain that goes on beyond the limit says that it does.
    """
    _join(server, pairwise(f"n{number}" for number in range(MAX_DISTANCE + 20)))

    start, middle = server.client.lineage.get("n0"), server.client.lineage.get("n60")

    assert (MAX_DISTANCE, False) == (max(node.distance for node in start.nodes), start.is_complete)
    assert (MAX_DISTANCE + 20, True) == (len(middle.nodes), middle.is_complete)


def test_wide_graph(server: RunningServer) -> None:
    """
    More results than the limit are cut, nearest first, and the graph says so.
    """
    far = [("n0", "far")]
    _join(server, [*(("root", f"n{number}") for number in range(MAX_NODES + 10)), *far])

    graph = server.client.lineage.get("root")

    assert not graph.is_complete
    assert MAX_NODES == len(graph.nodes)
    assert "far" not in {node.node_id for node in graph.nodes}


def test_hundreds_of_traces(server: RunningServer) -> None:
    """
    Traces never crowd out the chain: each thing shows a few of those that went into it, counts the others exactly, and the file is there.
    """
    first, second = ([f"t{turn}-{number}" for number in range(MAX_NODES + 10)] for turn in (1, 2))
    _join(server, [(trace, "v2") for trace in first], kinds=dict.fromkeys(first, "trace"))
    _join(server, [(trace, "v3") for trace in [*second, first[0]]], kinds=dict.fromkeys([*second, first[0]], "trace"))
    _join(server, [("file", "v1"), ("v1", "v2"), ("v2", "v3"), ("v3", "model")])

    graph = server.client.lineage.get("model")

    things = {node.node_id: node for node in graph.nodes if node.kind != "trace"}
    shown = {(edge.source_id, edge.target_id) for edge in graph.edges if edge.source_id.startswith("t")}
    assert {"file": -4, "v1": -3, "v2": -2, "v3": -1, "model": 0} == {
        name: node.distance for name, node in things.items()
    }
    assert graph.is_complete
    assert TRACES_PER_NODE <= len(shown) <= 2 * TRACES_PER_NODE + 1
    assert {"v2": len(first), "v3": len(second) + 1} == {
        name: things[name].num_more_traces + sum(target == name for _, target in shown) for name in ("v2", "v3")
    }
    assert {0} == {things[name].num_more_traces for name in ("file", "v1", "model")}


def test_from_a_trace_on(server: RunningServer) -> None:
    """
    A walk that begins at a trace goes on to what it became, without the traces beside it.
    """
    _join(server, [("t1", "v2"), ("t2", "v2"), ("v2", "model")], kinds={"t1": "trace", "t2": "trace"})

    graph = server.client.lineage.get("t1")

    assert {"t1": 0, "v2": 1, "model": 2} == {node.node_id: node.distance for node in graph.nodes}


def test_command_counts_traces(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is printed says how many more traces went into a thing than are listed.
    """
    traces = [f"t{number}" for number in range(1_300)]
    _join(server, [(trace, "v2") for trace in traces], kinds=dict.fromkeys(traces, "trace"))
    _join(server, [("file", "v2")])

    print_chain(server.client.lineage.get("v2"))

    assert f"and {1_300 - TRACES_PER_NODE:,} more traces went into this" in capsys.readouterr().out


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=10))
def test_any_graph(server: RunningServer, pairs: list[tuple[int, int]]) -> None:
    """
    In any graph, loops and cycles included, exactly the reachable things are there, at their shortest distance one way.
    """
    prefix = new_id("try")
    edges = [(f"{prefix}-{source}", f"{prefix}-{target}") for source, target in pairs]
    start = f"{prefix}-0"
    _join(server, [*edges, (start, f"{prefix}-end")])

    graph = server.client.lineage.get(start)

    forward, backward = _reach(start, edges), _reach(start, [(target, source) for source, target in edges])
    expected = {f"{prefix}-end": 1} | forward | {node: -distance for node, distance in backward.items()}
    assert expected == {node.node_id: node.distance for node in graph.nodes}


def _join(
    server: RunningServer,
    edges: Iterable[tuple[str, str]],
    *,
    title: str = "the",
    project_id: str | None = None,
    kinds: Mapping[str, str] | None = None,
) -> None:
    """Make edges as slices do, in one transaction with their nodes."""
    made = list(edges)

    def write(db: Connection) -> None:
        for node in dict.fromkeys(end for edge in made for end in edge):
            service.describe(db, node, kind=(kinds or {}).get(node, "thing"), title=f"{title} {node}")
        for source, target in made:
            service.add_edge(db, source_id=source, target_id=target, relation="made")

    database = server.platform.database
    asyncio.run(database.for_project(project_id or server.platform.local_context().project_id).write(write))


def _name(server: RunningServer, node_id: str, kind: str, title: str) -> None:
    """Describe one thing as its slice does."""
    context = server.platform.local_context()
    asyncio.run(context.db.write(lambda db: service.describe(db, node_id, kind=kind, title=title)))


def _reach(start: str, edges: list[tuple[str, str]]) -> dict[str, int]:
    """Breadth first, by hand."""
    found, edge_of_known, distance = {start: 0}, {start}, 0
    while edge_of_known:
        distance += 1
        edge_of_known = {target for source, target in edges if source in edge_of_known} - set(found)
        found |= dict.fromkeys(edge_of_known, distance)
    return found
