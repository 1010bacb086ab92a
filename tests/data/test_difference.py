"""Two versions of a dataset held against each other, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from treadle.data.difference import Difference, find_difference
from treadle.data.files import VersionWriter

Pair = tuple[str, str | None]


def write(folder: Path, name: str, rows: Sequence[tuple[str, str | None, str | None, int | None]]) -> Path:
    writer = VersionWriter(folder, name)
    for text, expected, part, parent in rows:
        writer.add(text, expected, part=part, parent_row=parent)
    return writer.finish().path


def plain(*pairs: Pair) -> list[tuple[str, str | None, str | None, int | None]]:
    return [(text, expected, None, None) for text, expected in pairs]


def shown(found: Difference) -> list[tuple[str, str | None, str | None]]:
    return [
        (row.kind, row.before.input if row.before else None, row.after.input if row.after else None)
        for _, row in found.rows
    ]


def test_rows_pair_by_content_then_by_input(tmp_path: Path) -> None:
    """
    A row that only moved is the same; one with the same input and another label changed; repeats count one by one.
    """
    before = write(tmp_path, "before", plain(("a", "x"), ("b", "x"), ("c", "x"), ("c", "x")))
    after = write(tmp_path, "after", plain(("c", "x"), ("a", "y"), ("d", "x"), ("b", "x")))

    found = find_difference(before, after, is_child=False, kind=None, behind=0, limit=10)

    assert {"same": 2, "changed": 1, "added": 1, "removed": 1} == found.counts
    assert [("changed", "a", "a"), ("added", None, "d"), ("removed", "c", None)] == shown(found)
    assert ["expected_output"] == found.rows[0][1].fields


def test_rows_of_a_child_pair_by_where_they_came_from(tmp_path: Path) -> None:
    """
    A version that was made of the other knows which row each was, so a new input is a change and not one row less and one more.
    """
    before = write(tmp_path, "before", plain(("a", "x"), ("b", "x"), ("c", "x")))
    after = write(tmp_path, "after", [("A", "x", None, 1), ("b", "x", "test", 2), ("d", "x", None, None)])

    found = find_difference(before, after, is_child=True, kind=None, behind=0, limit=10)

    assert {"changed": 1, "moved": 1, "added": 1, "removed": 1} == found.counts
    assert ("changed", "a", "A") == shown(found)[0]
    assert ["part"] == found.rows[3][1].fields


def test_pages_and_kinds(tmp_path: Path) -> None:
    """
    Pages follow each other by place, and a kind narrows them; the counts are of all rows either way.
    """
    before = write(tmp_path, "before", plain(("a", "x"), ("b", "x")))
    after = write(tmp_path, "after", plain(("a", "y"), ("b", "y"), ("c", "x")))

    first = find_difference(before, after, is_child=False, kind=None, behind=0, limit=2)
    second = find_difference(before, after, is_child=False, kind=None, behind=first.rows[-1][0], limit=2)
    added = find_difference(before, after, is_child=False, kind="added", behind=0, limit=2)

    assert ["changed", "changed", "added"] == [row.kind for _, row in (*first.rows, *second.rows)]
    assert [("added", None, "c")] == shown(added)
    assert first.counts == added.counts


def test_a_version_without_rows(tmp_path: Path) -> None:
    """
    Against nothing everything is added.
    """
    before = write(tmp_path, "before", [])
    after = write(tmp_path, "after", plain(("a", None)))

    assert {"added": 1} == find_difference(before, after, is_child=False, kind=None, behind=0, limit=2).counts
