"""What made an answer, and what was made of it: the walk from a trace through the graph of lineage, both ways."""

from __future__ import annotations

from treadle.core.errors import NotFound
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.lineage.types import Edge, Graph, Node
from treadle.traces import service


async def get_lineage(ctx: Context, trace_id: str) -> Graph:
    """Return what made an answer (release, model, run, data) and which data it became part of. Raises TraceNotFound.

    No edge is stored per trace: the step from release to trace is read from the trace itself.
    """
    ctx.require("lineage.read")
    trace = await ctx.db.read(lambda db: service.require_trace(db, trace_id))
    title = f"{trace.name} at {trace.started_at:%Y-%m-%d %H:%M:%S} UTC"
    nodes = {trace_id: Node(node_id=trace_id, kind="trace", title=title)}
    edges: list[Edge] = []
    complete = True
    if trace.release_id is not None:
        edges.append(
            Edge(source_id=trace.release_id, target_id=trace_id, relation="answered", created_at=trace.started_at)
        )
        origin = await _graph_or_none(ctx, trace.release_id)
        if origin is not None:
            behind = [node for node in origin.nodes if node.distance <= 0]
            nodes |= {node.node_id: node.model_copy(update={"distance": node.distance - 1}) for node in behind}
            edges += origin.edges
            complete = complete and origin.is_complete
    onward = await _graph_or_none(ctx, trace_id)
    if onward is not None:
        nodes |= {node.node_id: node for node in onward.nodes if node.distance > 0 and node.node_id not in nodes}
        edges += onward.edges
        complete = complete and onward.is_complete
    joined = {(edge.source_id, edge.target_id, edge.relation): edge for edge in edges}
    return Graph(
        node_id=trace_id,
        nodes=sorted(nodes.values(), key=lambda node: (node.distance, node.kind, node.title)),
        edges=[edge for edge in joined.values() if edge.source_id in nodes and edge.target_id in nodes],
        is_complete=complete,
    )


async def _graph_or_none(ctx: Context, node_id: str) -> Graph | None:
    try:
        return await lineage.get_graph(ctx, node_id)
    except NotFound:
        return None
