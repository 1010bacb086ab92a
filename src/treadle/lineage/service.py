"""Say who was made from what, and walk it both ways.

Slices call `describe` and `add_edge` inside the transaction that makes the thing, so lineage is never behind.
"""

from __future__ import annotations

from collections import Counter

from treadle.core.errors import NotFound
from treadle.core.types import Page
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.lineage import store
from treadle.lineage.types import Edge, Graph, Node
from treadle.storage.database import Connection

MOST_NAMED = 100


def describe(db: Connection, node_id: str, *, kind: str, title: str) -> None:
    """Give a node its kind and the name people know it by. Safe to repeat."""
    store.put_node(db, node_id, kind, title)


def add_edge(db: Connection, *, source_id: str, target_id: str, relation: str, run_id: str | None = None) -> None:
    """Record that source went into making target. Safe to repeat."""
    store.put_edge(db, source_id, target_id, relation, run_id)


async def get_graph(ctx: Context, node_id: str) -> Graph:
    """Return everything a node came from and everything that came of it. Raises NotFound for an id without a node."""
    ctx.require("lineage.read")

    def read(db: Connection) -> Graph:
        backward = store.walk(db, [node_id], forward=False)
        forward = store.walk(db, [node_id], forward=True)
        traces = store.traces_into(db, list(backward))
        # Farthest first, so that a trace that went into several things stands beside the nearest.
        beside = {
            trace: -backward[node] - 1
            for node in reversed(backward)
            if node in traces
            for trace in traces[node].examples
        }
        distances = beside | forward | {key: -value for key, value in backward.items()}
        nodes = store.nodes_of(db, distances)
        if not any(node.node_id == node_id for node in nodes):
            raise NotFound(
                f"nothing with lineage has the id '{node_id}'; list what has, for example, with: treadle model list",
                code="lineage.not_found",
            )
        edges = store.edges_among(db, list(distances))
        return Graph(
            node_id=node_id,
            nodes=_counted(sorted(nodes, key=lambda node: (node.distance, node.kind, node.title)), edges, traces),
            edges=edges,
            is_complete=all(
                len(walked) < store.MAX_NODES and max(walked.values()) < store.MAX_DISTANCE
                for walked in (backward, forward)
            ),
        )

    return await ctx.db.read(read)


async def find_nodes(ctx: Context, text: str, *, limit: int = 50, cursor: str | None = None) -> Page[Node]:
    """Return what people call so, or what has that id: datasets, prompts, models, releases, endpoints, rollouts, experiments.

    Whole names first, then beginnings; of versions the newest.
    """
    ctx.require("lineage.read")
    after = decode_cursor(cursor, int, str, str)
    key = (int(after[0]), str(after[1]), str(after[2])) if after else None
    found = await ctx.db.read(lambda db: store.find_nodes(db, text.strip(), key, limit + 1))
    page = page_of(found, limit, lambda one: (one.rank, one.node.title, one.node.node_id))
    return Page(items=[one.node for one in page.items], next_cursor=page.next_cursor)


async def list_nodes(ctx: Context, node_ids: list[str]) -> Page[Node]:
    """Return what people call some ids, MOST_NAMED at most; ids without a node are left out."""
    ctx.require("lineage.read")
    wanted = dict.fromkeys(node_ids[:MOST_NAMED], 0)
    return Page(items=await ctx.db.read(lambda db: store.nodes_of(db, wanted)), next_cursor=None)


def _counted(nodes: list[Node], edges: list[Edge], traces: dict[str, store.Traces]) -> list[Node]:
    """Say of each node how many of its traces are not among the nodes."""
    drawn = {node.node_id for node in nodes if node.kind == "trace"}
    joined = {(edge.source_id, edge.target_id) for edge in edges if edge.source_id in drawn}
    shown = Counter(target for _, target in joined)
    more = {node_id: found.total - shown[node_id] for node_id, found in traces.items()}
    return [node.model_copy(update={"num_more_traces": more.get(node.node_id, 0)}) for node in nodes]
