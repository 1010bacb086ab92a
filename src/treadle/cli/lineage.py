"""`treadle lineage`: from an answer back to the rows that made it, and forward; and things by their names."""

from __future__ import annotations

import click

from treadle.cli.asking import full_id
from treadle.cli.output import connected, emit_json, emit_table, json_option, note, say
from treadle.lineage.types import Graph

MOST_OF_A_KIND = 12
"""Things of one kind that are listed: many turns leave many."""


@click.group("lineage")
def lineage_command() -> None:
    """What something was made from, and what came of it."""


@lineage_command.command("find", epilog="\b\nExample: treadle lineage find support")
@click.argument("text", metavar="NAME")
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 500), help="At most so many.")
@json_option
def find(text: str, limit: int, as_json: bool) -> None:
    """List what is called so: datasets, prompts, models, releases, endpoints, rollouts, experiments."""
    with connected() as client:
        page = client.lineage.find(text, limit=limit)
    if as_json:
        return emit_json(page)
    rows = [(node.title, node.kind, node.node_id) for node in page.items]
    return emit_table(["name", "kind", "id"], rows, empty=f"nothing is called '{text}' in this project")


@lineage_command.command("show", epilog="\b\nExample: treadle lineage show 01a1fc101c1599530e9c47eea008804b")
@click.argument("node_id", metavar="ID")
@json_option
def show(node_id: str, as_json: bool) -> None:
    """Print the chain of any id: a trace, release, model version, dataset version, run."""
    with connected() as client:
        graph = client.lineage.get(full_id(client, node_id))
    if as_json:
        return emit_json(graph)
    return print_chain(graph)


def print_chain(graph: Graph) -> None:
    """Print what came first at the top, what was asked for in the middle, what came of it below."""
    nodes = {node.node_id: node for node in graph.nodes}
    into: dict[str, set[str]] = {}
    for edge in graph.edges:
        source = nodes.get(edge.source_id)
        what = f"{source.title} ({source.kind})" if source else edge.source_id
        into.setdefault(edge.target_id, set()).add(f"{what} {edge.relation} this")
    for heading, found in (
        ("it was made from", [node for node in graph.nodes if node.distance < 0]),
        ("this", [node for node in graph.nodes if node.distance == 0]),
        ("it went into", [node for node in graph.nodes if node.distance > 0]),
    ):
        say((heading, "bold"), "" if found else "  nothing yet")
        shown: dict[str, int] = {}
        for node in found:
            shown[node.kind] = shown.get(node.kind, 0) + 1
            if shown[node.kind] > MOST_OF_A_KIND:
                continue
            say(f"  {node.kind:<16} {node.title}  ", (node.node_id, "dim"))
            reasons = sorted(into.get(node.node_id, ()))
            for reason in reasons[:MOST_OF_A_KIND]:
                say((f"      {reason}", "dim"))
            if len(reasons) > MOST_OF_A_KIND:
                say((f"      and {len(reasons) - MOST_OF_A_KIND:,} more", "dim"))
            if node.num_more_traces:
                traces = "trace" if node.num_more_traces == 1 else "traces"
                say((f"      and {node.num_more_traces:,} more {traces} went into this", "dim"))
        for kind, count in shown.items():
            if count > MOST_OF_A_KIND:
                say((f"  {kind:<16} and {count - MOST_OF_A_KIND:,} more; all of them with --json", "dim"))
    if not graph.is_complete:
        note("there is more; ask for an id nearer to what you look for")
