"""Edits by hand on rows: what they change, where they find their rows again, and what is told when they cannot."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.data.rows import rows_of
from treadle.data.edit import apply_edits
from treadle.data.errors import EditsLost
from treadle.data.types import Message
from treadle.data.versions.types import EditedRow, Edits, RowPlace, RowValues

ROWS = rows_of([("a", "one"), ("b", "two"), ("c", "three"), ("b", "two")], parts=["train", "test", "train", "train"])


def place(row: int) -> RowPlace:
    return RowPlace(row=row, example_id=ROWS[row - 1].example_id)


def edited(row: int, **values: object) -> EditedRow:
    return EditedRow(**place(row).model_dump(), to=RowValues.model_validate(values))


def edits(**parts: object) -> Edits:
    return Edits.model_validate({"message": "why", "newest_version": 1, **parts})


def test_rows_are_changed_taken_away_and_added() -> None:
    """
    What is not named stays as it was and in its place; added rows stand at the end; every change says its row.
    """
    wanted = edits(
        changed=[edited(1, input="a", expected_output="uno", part="test")],
        deleted=[place(3)],
        added=[RowValues(input="d", part="train", metadata={"by": "ann"})],
    )

    made = apply_edits(ROWS, wanted)

    assert [("a", "uno", "test"), ("b", "two", "test"), ("b", "two", "train"), ("d", None, "train")] == [
        (row.text, row.expected_output, row.part) for row in made.rows
    ]
    assert [1, 2, 4, None] == [row.parent_row for row in made.rows]
    assert [(1, "changed", "expected output, part changed by hand"), (3, "dropped", "taken away by hand")] == [
        (change.row, change.action, change.detail) for change in made.changes
    ]


def test_rows_that_moved_are_found_by_their_content() -> None:
    """
    Edits of one version fit a later one whose rows have other numbers; of two copies each is taken once.
    """
    later = rows_of([("new", None), ("a", "one"), ("b", "two"), ("b", "two")])
    wanted = edits(changed=[edited(1, input="A")], deleted=[place(2), place(4)])

    made = apply_edits(later, wanted)

    assert ["new", "A"] == [row.text for row in made.rows]


def test_rows_that_are_gone_are_named() -> None:
    """
    An edit of a row that was changed meanwhile is refused with the row, and nothing is guessed.
    """
    later = rows_of([("a", "eins"), ("b", "two")])

    with pytest.raises(EditsLost) as caught:
        apply_edits(later, edits(changed=[edited(1, input="A")], deleted=[place(2), place(3)]))

    assert [1, 3] == caught.value.values["rows"]
    assert "data.edits_lost" == caught.value.error_code


def test_a_conversation_says_input_and_answer_itself() -> None:
    """
    Of a row that is a conversation, input and expected output are read from its messages, as an import reads them.
    """
    said = [Message(role="user", content="how long?"), Message(role="assistant", content="two days")]

    (row,) = apply_edits([], edits(added=[RowValues(messages=said)])).rows

    assert ("how long?", "two days") == (row.text, row.expected_output)
    assert row.messages is not None
    assert '"two days"' in row.messages


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"deleted": [place(1), place(1)]},
        {"deleted": [place(1)], "changed": [edited(1, input="A")]},
        {"added": [{"input": " "}]},
        {"added": [{"input": "x"}], "message": ""},
    ],
)
def test_edits_that_say_nothing_or_two_things_are_refused(parts: dict[str, object]) -> None:
    """
    Edits do something, name a row once, hold something in each row, and say why.
    """
    with pytest.raises(ValidationError):
        edits(**parts)
