"""A filter asked of single spans as they were stored, by what each says itself: for whoever follows what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from treadle.storage.database import Connection
from treadle.traces.asking.compiled import compiled_apart, decide
from treadle.traces.asking.content import check_of
from treadle.traces.asking.fields import SCORE
from treadle.traces.asking.language import FilterRefused, Node, Term, leaves, parse


def parse_single(q: str) -> Node:
    """Return a filter that a single span can be asked. Raises FilterRefused for parts that are not its own: roots, scores."""
    tree = parse(q)
    for leaf in leaves(tree):
        if isinstance(leaf, Term) and (leaf.field == SCORE or leaf.scope == "root"):
            said = f"root.{leaf.field}" if leaf.scope == "root" else f"{leaf.field}.{leaf.name}"
            raise FilterRefused(
                f"'{said}' is not known of a span when it is stored: scores and the trace's root come later; ask for what the"
                f" span says itself, such as kind:llm or attr.deployment:eu"
            )
    return tree


def matching(db: Connection, tree: Node, day: date, spans: Sequence[tuple[int, bytes]], now: datetime) -> set[int]:
    """Return which spans of one block match, by position. spans: position and packed span. One look at narrow rows."""
    if not spans:
        return set()
    asked = compiled_apart(tree, "span", now)
    told = [one for one in asked.sql if one is not None]
    known = ", ".join(f"({one.text}) is true" for one in told)
    rows = db.execute(
        f"select s.seq, array[{known}]::boolean[] as known from spans s"
        f" where s.day = %s and s.seq between %s and %s and {asked.where.text}",
        [*(value for one in told for value in one.values), day, spans[0][0], spans[-1][0], *asked.where.values],
    ).fetchall()
    packed = dict(spans)
    checks = {id(leaf): check_of(leaf) for leaf, sql in zip(asked.leaves, asked.sql, strict=True) if sql is None}
    found = set[int]()
    for row in rows:
        if row["seq"] not in packed:
            continue
        at_known = iter(row["known"])
        by_leaf = {
            id(leaf): checks[id(leaf)](packed[row["seq"]]) if sql is None else next(at_known)
            for leaf, sql in zip(asked.leaves, asked.sql, strict=True)
        }
        if decide(asked.tree, by_leaf):
            found.add(row["seq"])
    return found
