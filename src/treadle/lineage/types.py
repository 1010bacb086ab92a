"""Edges between the ids of any slice, and the graph around one of them."""

from __future__ import annotations

from datetime import datetime

from treadle.core.types import Record


class Edge(Record):
    """One thing went into making another; data flows from source to target."""

    source_id: str
    """What was used."""
    target_id: str
    """What was made."""
    relation: str
    """How, in two words at most: 'prepared into', 'trained', 'evaluated', 'part of'."""
    run_id: str | None = None
    """The run that made it; None when a person did."""
    created_at: datetime
    """Aware UTC."""


class Node(Record):
    """A thing that has edges, described when it was made."""

    node_id: str
    """The id that its slice gave it."""
    kind: str
    """'dataset version', 'model version', 'release', 'trace' …"""
    title: str
    """What people call it: 'support v2'."""
    distance: int = 0
    """Edges from the node that was asked for; negative is where it came from, positive what came of it."""
    num_more_traces: int = 0
    """Traces that went into it and are not in the graph, which holds a few of them as examples."""


class Graph(Record):
    """What something was made from, and what was made from it."""

    node_id: str
    """The node that was asked for."""
    nodes: list[Node]
    """Every node within reach, those nearest the origin first; of the traces that went into one, at most 5."""
    edges: list[Edge]
    """Every edge between them."""
    is_complete: bool = True
    """False when the walk stopped at its limit: 500 nodes without traces, or 100 edges, one way."""
