"""Rows of a version that say the same, or nearly: found while it is explored, kept as a file beside it, read group by group.

A group holds rows alike and what is alike to those, so two of its rows may be less alike than the threshold. The file holds
numbers of rows and no texts: what is shown is read from the version itself. Plain functions: call them from a thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from treadle.data.files import Row
from treadle.data.labels import same_text_key
from treadle.data.near import group_similar
from treadle.data.versions.types import DuplicateGroup, DuplicateRow

MOST_ROWS = 100
"""Rows of a group that are read at most."""
MOST_CHARACTERS = 2_000
"""Of a text, shown at most."""


class Member(NamedTuple):
    """A row of a group."""

    row: Row
    like: int | None
    """The earlier row that it is most like; None for the first of the group."""
    similarity: float | None
    """How much, 0-1; 1 for the same text."""


class Group(NamedTuple):
    """Rows alike, in order."""

    members: list[Member]
    """Two at least."""
    least: float
    """Least similarity that holds the group together, 0-1."""


class SimilarRows(NamedTuple):
    """What was found in a version."""

    groups: list[Group]
    """Largest first."""
    near: list[Group]
    """The same without further rows of the same text; largest first."""
    num_exact: int
    """Rows whose text an earlier row has."""


def find_similar(rows: Sequence[Row], threshold: float) -> SimilarRows:
    """Group rows by likeness. threshold: similarity from which two rows are alike. Cost: see `near.py`."""
    first: dict[str, Row] = {}
    copies: defaultdict[int, list[Member]] = defaultdict(list)
    num_exact = 0
    for row in rows:
        key = same_text_key(row.input)
        if key and (earlier := first.setdefault(key, row)) is not row:
            copies[earlier.row].append(Member(row, earlier.row, 1.0))
            num_exact += 1
    kept = list(first.values())
    group_of, pairs = group_similar([row.input for row in kept], threshold)
    best: dict[int, tuple[float, int]] = {}
    least: dict[int, float] = {}
    for pair in pairs:
        best[pair.later] = max(best.get(pair.later, (0.0, 0)), (pair.similarity, kept[pair.earlier].row))
        group = group_of[pair.later]
        least[group] = min(least.get(group, 1.0), pair.similarity)
    members: defaultdict[int, list[Member]] = defaultdict(list)
    for place, (row, group) in enumerate(zip(kept, group_of, strict=True)):
        similarity, like = best.get(place, (None, None))
        members[group].append(Member(row, like, similarity))
    near = [Group(found, least.get(group, 1.0)) for group, found in members.items()]
    whole = [
        Group(sorted([*found, *(copy for one in found for copy in copies[one.row.row])], key=_number), low)
        for found, low in near
    ]
    return SimilarRows(_large(whole), _large(near), num_exact)


def write_duplicates(path: Path, groups: Sequence[Group]) -> None:
    """Write groups as Parquet, one row for each member; numbers only."""
    import polars

    rows = [
        (number, member.row.row, member.like, member.similarity, len(group.members), group.least)
        for number, group in enumerate(groups, 1)
        for member in group.members
    ]
    polars.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(path)


def read_duplicates(path: Path, examples: Path, *, after: int, limit: int) -> list[DuplicateGroup]:
    """Return the groups behind `after`, with the rows of the version as they stand."""
    import polars

    found = (polars.scan_parquet(path).filter(polars.col("group").is_between(after + 1, after + limit)).collect()).rows(
        named=True
    )
    groups: defaultdict[int, list[dict[str, object]]] = defaultdict(list)
    for one in found:
        groups[int(str(one["group"]))].append(one)
    wanted = [int(str(one["row"])) for members in groups.values() for one in members[:MOST_ROWS]]
    columns = ["row", "example_id", "part", "input", "expected_output"]
    texts = polars.scan_parquet(examples).filter(polars.col("row").is_in(wanted)).select(columns).collect()
    by_row = {int(row["row"]): row for row in texts.iter_rows(named=True)}
    return [
        DuplicateGroup(
            group=number,
            num_rows=int(str(members[0]["num_rows"])),
            similarity=round(float(str(members[0]["least"])), 4),
            rows=[
                DuplicateRow.model_validate(
                    {
                        **by_row[int(str(one["row"]))],
                        "input": by_row[int(str(one["row"]))]["input"][:MOST_CHARACTERS],
                        "like_row": one["like"],
                        "similarity": one["similarity"],
                    }
                )
                for one in members[:MOST_ROWS]
            ],
        )
        for number, members in sorted(groups.items())
    ]


_SCHEMA = {"group": int, "row": int, "like": int, "similarity": float, "num_rows": int, "least": float}


def _large(groups: list[Group]) -> list[Group]:
    return sorted(
        (group for group in groups if len(group.members) > 1),
        key=lambda group: (-len(group.members), group.members[0].row.row),
    )


def _number(member: Member) -> int:
    return member.row.row
