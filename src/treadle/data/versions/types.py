"""What one does with versions by hand: edit one into the next, hold two against each other, see the texts as a map."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from treadle.core.types import JsonValue, Record
from treadle.data.types import Example, Message, Part

DUPLICATES_FILE = "duplicates.parquet"
"""Name of the file that holds which rows are alike, beside a version that was explored."""
MAX_EDITS = 2_000
MAX_DELETED = 10_000
MAX_CHARACTERS = 1_000_000


class RowPlace(Record):
    """Which row is meant."""

    row: int = Field(ge=1)
    """Its number in the version where it was looked at."""
    example_id: str = Field(pattern=r"^ex_[0-9a-f]{32}$")
    """What stood in it there."""


class RowValues(Record):
    """All that a row holds."""

    input: str = Field(default="", max_length=MAX_CHARACTERS)
    """What the application is given."""
    expected_output: str | None = Field(default=None, max_length=MAX_CHARACTERS)
    """The right answer or label; None when unknown."""
    messages: list[Message] | None = Field(default=None, max_length=1_000)
    """A conversation; input and expected output are then read from it, whatever they say here."""
    part: Part | None = None
    """train, validation or test; None for a version without a split."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Whatever else is known of it."""

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not self.input.strip() and not self.messages:
            raise ValueError("a row needs an input, or messages; to take a row away name it under 'deleted'")
        return self


class EditedRow(RowPlace):
    """A row with what it shall hold from now on."""

    to: RowValues
    """All of it, also what stays as it was."""


class Edits(Record):
    """Edits of one version, which become the dataset's next one."""

    message: str = Field(min_length=1, max_length=2_000)
    """Why, for those who come later."""
    newest_version: int = Field(ge=1)
    """The newest version that the editor knew of; where there is a newer one the edits are refused, so that nobody's work
    is passed over unseen."""
    changed: list[EditedRow] = Field(default_factory=list, max_length=MAX_EDITS)
    """Rows that hold something else from now on."""
    deleted: list[RowPlace] = Field(default_factory=list, max_length=MAX_DELETED)
    """Rows that are taken away."""
    added: list[RowValues] = Field(default_factory=list, max_length=MAX_EDITS)
    """Rows to stand behind the others."""

    @model_validator(mode="after")
    def _does_something_once(self) -> Self:
        named = [place.row for place in (*self.changed, *self.deleted)]
        if not named and not self.added:
            raise ValueError("edits change, take away or add at least one row")
        if len(set(named)) < len(named):
            raise ValueError("a row is named twice; name each under 'changed' or 'deleted' once")
        return self


DifferenceKind: TypeAlias = Literal["added", "removed", "changed", "moved"]


class RowDifference(Record):
    """One row that is not the same in two versions."""

    kind: DifferenceKind
    """added, removed, changed, or moved: only its part is another."""
    fields: list[str]
    """What differs of a changed row: input, expected_output, messages, metadata, part; empty for others."""
    before: Example | None
    """As it stands in the version held against; None for an added row."""
    after: Example | None
    """As it stands in this version; None for a removed row."""


class VersionDifference(Record):
    """How a version differs from another one of its dataset: the counts over all rows, and one page of the rows."""

    version: int
    """This one."""
    against: int
    """The one that it is held against."""
    num_added: int
    """Rows that only this one has."""
    num_removed: int
    """Rows that only the other one has."""
    num_changed: int
    """Rows that hold something else."""
    num_moved: int
    """Rows that are the same but for their part."""
    num_same: int
    """Rows that are the same in all."""
    items: list[RowDifference]
    """The rows that differ: changed, added, removed, then those that only moved; each kind in order of the rows."""
    next_cursor: str | None = None
    """Hand it back as `cursor` for the next page; None on the last page."""


class DuplicateRow(Record):
    """One row of a group of like rows."""

    row: int
    """Its number in the version."""
    example_id: str
    """What stands in it, by content: to take the row away name both in an edit."""
    part: Part | None
    """train, validation or test; None for a version without a split."""
    input: str
    """Its beginning, at most 2,000 characters."""
    expected_output: str | None
    """The right answer or label; None when unknown."""
    like_row: int | None
    """The earlier row that it is most like; None for the first of the group."""
    similarity: float | None
    """How much, 0-1; 1 for the same text."""


class DuplicateGroup(Record):
    """Rows that say the same, or nearly."""

    group: int
    """Its number in this profile of the version; the largest group is 1."""
    num_rows: int
    """How many rows it has."""
    similarity: float
    """Least similarity that holds it together, 0-1."""
    rows: list[DuplicateRow]
    """In order; the first 100."""


class MapPoint(Record):
    """One row on the map."""

    row: int
    """Which."""
    x: float
    """Across, 0-1."""
    y: float
    """Up, 0-1."""
    group: int
    """The number of its group."""
    label: str | None
    """Its expected output where those are labels."""
    part: Part | None
    """train, validation or test; None before a split."""
    excerpt: str
    """Beginning of the text, personal data masked."""


class MapGroup(Record):
    """Rows that are about the same."""

    group: int
    """Its number, from 1, largest first."""
    name: str
    """Words that set it apart from the rest."""
    num_rows: int
    """How many of the drawn rows are in it."""


class EmbeddingMap(Record):
    """The texts of a version in the plane: near means alike, far means little."""

    num_rows: int
    """Rows in the version."""
    num_drawn: int
    """Rows on the map: all, or an even choice of them."""
    embedder: str
    """What turned the texts into vectors."""
    neighbours_kept: float | None
    """Share of each row's nearest rows that are nearest on the map too, 0-1, on average; None for too few rows. A picture of
    many dimensions in two is never exact, and this says how far it can be trusted."""
    groups: list[MapGroup]
    """Groups of like rows, largest first."""
    points: list[MapPoint]
    """The rows, by number."""
