"""Edits by hand: rows of a version that a person changed, took away or added become the rows of the next one. Pure.

An edit says which row it means by its number and by what stood in it, so that edits made on one version can be laid on a
later one: a row that moved is found by its content, one that is gone or differs is told instead of guessed at.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from treadle.data.curate import CuratedRow
from treadle.data.errors import EditsLost
from treadle.data.files import Row, metadata_json
from treadle.data.labels import excerpt_of
from treadle.data.mapping import read_conversation
from treadle.data.types import Change, ChangeAction
from treadle.data.versions.types import Edits, RowPlace, RowValues

DELETED, EDITED = "deleted_by_hand", "edited_by_hand"


class EditedVersion(NamedTuple):
    """The rows after the edits."""

    rows: list[CuratedRow]
    """The parent's rows in their order, then the added ones in theirs."""
    changes: list[Change]
    """Which rows were taken away or changed, by row."""


def apply_edits(parent: Sequence[Row], edits: Edits) -> EditedVersion:
    """Lay edits on the rows of a version. Raises EditsLost with the rows that are not there as they were."""
    found = _find_rows(parent, [*edits.changed, *edits.deleted])
    changed = {found[place.row]: place for place in edits.changed}
    deleted = {found[place.row] for place in edits.deleted}
    rows: list[CuratedRow] = []
    changes: list[Change] = []
    for row in parent:
        if row.row in deleted:
            changes.append(_change(row, "dropped", DELETED, "taken away by hand"))
            continue
        kept = CuratedRow(row.row, row.input, row.expected_output, row.messages, row.metadata, row.part)
        edit = changed.get(row.row)
        after = kept if edit is None else _row_of(edit.to, parent_row=row.row)
        rows.append(after)
        if after != kept:
            fields = [name for name in CuratedRow._fields if getattr(after, name) != getattr(kept, name)]
            told = ", ".join(field.replace("_", " ") for field in fields)
            changes.append(_change(row, "changed", EDITED, f"{told} changed by hand", after=after.text))
    rows += [_row_of(values, parent_row=None) for values in edits.added]
    return EditedVersion(rows, changes)


def _find_rows(parent: Sequence[Row], places: Iterable[RowPlace]) -> dict[int, int]:
    """Return where each named row stands now, by the number it was named with."""
    by_number = {row.row: row for row in parent}
    by_content: dict[str, list[int]] = defaultdict(list)
    for row in parent:
        by_content[row.example_id].append(row.row)
    found: dict[int, int] = {}
    taken: set[int] = set()
    moved: list[RowPlace] = []
    for place in places:
        there = by_number.get(place.row)
        if there is not None and there.example_id == place.example_id:
            found[place.row] = there.row
            taken.add(there.row)
        else:
            moved.append(place)
    lost: list[int] = []
    for place in moved:
        free = [number for number in by_content[place.example_id] if number not in taken]
        if free:
            # The copy that is nearest to where it stood; copies are alike, so either would do.
            found[place.row] = min(free, key=lambda number: (abs(number - place.row), number))
            taken.add(found[place.row])
        else:
            lost.append(place.row)
    if lost:
        raise EditsLost(sorted(lost))
    return found


def _row_of(values: RowValues, *, parent_row: int | None) -> CuratedRow:
    text, expected, messages = values.input, values.expected_output, None
    if values.messages is not None:
        text, expected = read_conversation(values.messages)
        turns = [message.model_dump() for message in values.messages]
        messages = json.dumps(turns, ensure_ascii=False, separators=(",", ":"))
    return CuratedRow(parent_row, text, expected, messages, metadata_json(values.metadata), values.part)


def _change(row: Row, action: ChangeAction, reason: str, detail: str, *, after: str | None = None) -> Change:
    return Change(
        row=row.row,
        example_id=row.example_id,
        action=action,
        reason=reason,
        detail=detail,
        before=excerpt_of(row.input),
        after=None if after is None else excerpt_of(after),
    )
