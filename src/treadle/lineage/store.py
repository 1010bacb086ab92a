"""Lineage in PostgreSQL: one row per node, one per edge, a recursive walk each way.

A walk leaves traces out, unless it begins at one: a dataset version comes from hundreds of them, which would crowd out the chain, and
no edge leads to a trace. Traces stand beside what they went into, a few as examples and all of them counted.
"""

from __future__ import annotations

from typing import NamedTuple

from treadle.lineage.types import Edge, Node
from treadle.storage.database import Connection, Migration

MAX_NODES = 500
MAX_DISTANCE = 100
TRACES_PER_NODE = 5


class Traces(NamedTuple):
    """The traces that went into one node."""

    examples: list[str]
    """TRACES_PER_NODE of their ids, or all when there are fewer."""
    total: int
    """How many there are."""


class Found(NamedTuple):
    """A thing that was searched for by its name."""

    node: Node
    """What it is."""
    rank: int
    """0 where the whole name is meant, 1 where it begins so, 2 where it holds the text."""


def put_node(db: Connection, node_id: str, kind: str, title: str) -> None:
    """Describe a node; safe to repeat."""
    db.execute(
        "insert into lineage_nodes (node_id, kind, title) values (%s, %s, %s)"
        " on conflict (project_id, node_id) do update set kind = excluded.kind, title = excluded.title",
        [node_id, kind, title],
    )


def put_edge(db: Connection, source_id: str, target_id: str, relation: str, run_id: str | None) -> None:
    """Join two nodes; safe to repeat."""
    db.execute(
        "insert into lineage_edges (source_id, target_id, relation, run_id) values (%s, %s, %s, %s) on conflict do nothing",
        [source_id, target_id, relation, run_id],
    )


def walk(db: Connection, node_ids: list[str], *, forward: bool, limit: int = MAX_NODES) -> dict[str, int]:
    """Return each id within MAX_DISTANCE edges with its distance (0 for the start), nearest first, at most `limit` of them.

    Traces are left out but for the start.
    """
    here, there = ("source_id", "target_id") if forward else ("target_id", "source_id")
    rows = db.execute(
        f"""
        with recursive reach(node_id, distance) as (
            select unnest(%s::text[]), 0
            union
            select edge.{there}, reach.distance + 1 from reach join lineage_edges edge on edge.{here} = reach.node_id
            left join lineage_nodes met on met.node_id = edge.{there}
            where reach.distance < {MAX_DISTANCE} and met.kind is distinct from 'trace'
        )
        select node_id, min(distance) as distance from reach group by node_id order by distance, node_id limit %s
        """,
        [node_ids, limit],
    )
    return {row["node_id"]: row["distance"] for row in rows}


def traces_into(db: Connection, node_ids: list[str]) -> dict[str, Traces]:
    """Return, for each of some nodes that traces went into, which and how many."""
    rows = db.execute(
        f"""
        select edge.target_id, (array_agg(distinct edge.source_id))[1:{TRACES_PER_NODE}] as examples,
            count(distinct edge.source_id) as total
        from lineage_edges edge join lineage_nodes node on node.node_id = edge.source_id and node.kind = 'trace'
        where edge.target_id = any(%s) group by edge.target_id
        """,
        [node_ids],
    )
    return {row["target_id"]: Traces(row["examples"], row["total"]) for row in rows}


def nodes_of(db: Connection, distances: dict[str, int]) -> list[Node]:
    """Return the described nodes among some ids."""
    rows = db.execute("select node_id, kind, title from lineage_nodes where node_id = any(%s)", [list(distances)])
    return [Node(**row, distance=distances[row["node_id"]]) for row in rows]


def edges_among(db: Connection, node_ids: list[str]) -> list[Edge]:
    """Return every edge with both ends among some ids, oldest first."""
    rows = db.execute(
        "select source_id, target_id, relation, run_id, created_at from lineage_edges"
        " where source_id = any(%s) and target_id = any(%s) order by created_at, source_id, target_id",
        [node_ids, node_ids],
    )
    return [Edge(**row) for row in rows]


def find_nodes(db: Connection, text: str, after: tuple[int, str, str] | None, limit: int) -> list[Found]:
    """Return things by what people call them: whole names first, then beginnings, then the rest.

    Of versions that match it is the newest; traces have no name. Cost: reads the project's nodes.
    """
    pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rank, title, node_id = after or (None, None, None)
    rows = db.execute(
        r"""
        with named as (
            select node_id, kind, title, regexp_replace(title, ' v\d+$', '') as name,
                coalesce(substring(title from ' v(\d+)$')::numeric, 0) as version,
                case when lower(title) = lower(%(text)s) or node_id = %(text)s then 0
                    when title ilike %(pattern)s || '%%' then 1 else 2 end as rank
            from lineage_nodes where kind <> 'trace' and (title ilike '%%' || %(pattern)s || '%%' or node_id = %(text)s)
        ), newest as (
            select distinct on (kind, name) node_id, kind, title, rank from named order by kind, name, rank, version desc
        )
        select node_id, kind, title, rank from newest
        where %(rank)s::int is null or (rank, title, node_id) > (%(rank)s::int, %(title)s::text, %(node_id)s::text)
        order by rank, title, node_id limit %(limit)s
        """,
        {"text": text, "pattern": pattern, "rank": rank, "title": title, "node_id": node_id, "limit": limit},
    )
    return [Found(Node(node_id=row["node_id"], kind=row["kind"], title=row["title"]), row["rank"]) for row in rows]


MIGRATIONS = (
    Migration(
        "nodes_and_edges",
        """
        create table lineage_nodes (
            project_id text not null default current_setting('treadle.project'),
            node_id text not null,
            kind text not null,
            title text not null,
            primary key (project_id, node_id)
        );
        create table lineage_edges (
            project_id text not null default current_setting('treadle.project'),
            source_id text not null,
            target_id text not null,
            relation text not null,
            run_id text,
            created_at timestamptz not null default now(),
            primary key (project_id, source_id, target_id, relation)
        );
        create index lineage_edges_backward on lineage_edges (project_id, target_id);
        select treadle_isolate('lineage_nodes'), treadle_isolate('lineage_edges');
        """,
    ),
)
