"""Datasets, their immutable versions, the examples in them, and why rows were dropped or changed.

The same classes are the worker's settings, the HTTP bodies and what the SDK returns. Rows count from 1.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from treadle.core.types import JsonValue, Record
from treadle.feedback.queues.types import QueueName
from treadle.traces.asking.types import ViewName
from treadle.traces.types import TraceFilter

_SPDX = re.compile(r"\(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*( (AND|OR|WITH) \(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*)*")


def _require_spdx(text: str) -> str:
    if _SPDX.fullmatch(text) is None:
        raise ValueError(
            f"'{text}' is not an SPDX licence id such as Apache-2.0 or CC-BY-4.0; for terms of your own write LicenseRef-NAME"
        )
    return text


Part: TypeAlias = Literal["train", "validation", "test"]
DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
"""1 to 100 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit; unique within the project."""
Licence = Annotated[str, StringConstraints(max_length=200), AfterValidator(_require_spdx)]
"""An SPDX licence id or expression: 'Apache-2.0', 'CC-BY-4.0', 'MIT OR Apache-2.0', or 'LicenseRef-NAME' for terms of one's own."""
PARTS: tuple[Part, ...] = ("train", "validation", "test")

DEFAULT_SHARES: dict[Part, float] = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""How a version is split unless told otherwise."""


class Mapping(Record):
    """Which columns of a file become what. All None: the usual pairs of names are looked for."""

    file_format: Literal["csv", "jsonl", "parquet"] | None = None
    """None goes by the file's suffix, then by its first bytes."""
    input: str | None = Field(default=None, max_length=500)
    """Column with what the application is given: the message, question, prompt or text."""
    expected_output: str | None = Field(default=None, max_length=500)
    """Column with the right answer or label; None when the file has none."""
    messages: str | None = Field(default=None, max_length=500)
    """Column with a conversation in OpenAI's shape; the last assistant message is the expected output."""
    keep_columns: tuple[str, ...] | None = None
    """Columns kept as metadata; None keeps all that are not mapped."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Of CSV; None takes the one that the header uses most."""
    max_line_bytes: int = Field(default=10_000_000, ge=1_000, le=1_000_000_000)
    """Longest line or record that is read, in bytes."""


class PrepareSettings(Record):
    """What a preparation does. The defaults suit short labelled messages."""

    repair_unicode: bool = True
    """Mend mojibake, compose letters (NFC), drop invisible characters, tidy white space."""
    mask_personal_data: bool = True
    """Replace personal data and secrets by typed tokens such as [EMAIL]."""
    max_characters: int = Field(default=20_000, ge=1)
    """Inputs longer than this are dropped."""
    labels: tuple[str, ...] | None = None
    """The allowed labels; None allows any."""
    conflicts: Literal["majority", "drop", "flag"] = "majority"
    """Same text, different labels: keep the label of the majority, drop all of them, or keep all and flag them."""
    drop_exact_duplicates: bool = True
    """Keep the first of rows with the same input and expected output, case and white space aside."""
    near_duplicate_threshold: float | None = Field(default=0.8, gt=0.3, le=1.0)
    """Jaccard similarity from which a row with the same label counts as a near-duplicate; None keeps them."""
    group_threshold: float = Field(default=0.7, gt=0.3, le=1.0)
    """Similarity from which rows (of any label) must lie in the same part."""
    min_rows_per_label: int = Field(default=5, ge=1)
    """Labels with fewer rows are dropped."""
    shares: dict[Part, float] | None = Field(default_factory=lambda: dict(DEFAULT_SHARES))
    """Share of each part, summing to 1; None makes no split."""
    seed: int = 0
    """Decides who falls into which part. Same seed and rows, same split."""


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    """Who speaks."""
    content: JsonValue
    """Text, or a list of content parts, or None beside tool calls."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Whatever else the message had: name, tool_calls, tool_call_id."""


class Example(Record):
    """One row of a version."""

    row: int
    """Its place in the version, from 1."""
    example_id: str
    """'ex_' and 32 hex digits of the SHA-256 of input, expected output and messages: the same content, the same id."""
    input: str
    """What the application is given."""
    expected_output: str | None = None
    """The right answer or label; None when unknown."""
    messages: list[Message] | None = None
    """The whole conversation, when the source was one."""
    part: Part | None = None
    """train, validation or test; None before a split."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Further columns of the source; `trace_id` and `source` for rows that came from traffic."""
    parent_row: int | None = None
    """The row of the parent version that it was made from; None in an import."""


ChangeAction: TypeAlias = Literal["dropped", "changed", "flagged"]


class Change(Record):
    """Why one row was dropped, changed or flagged."""

    row: int
    """The row in the parent version, from 1; with a trace, its place among the rows that were handed in."""
    example_id: str
    """The example before the change."""
    action: ChangeAction
    """What happened to it."""
    reason: str
    """unicode_repaired, personal_data_masked, input_missing, label_missing, label_unknown, label_rare, too_long,
    exact_duplicate, near_duplicate, label_conflict, label_suspect, label_corrected, edited_by_hand, deleted_by_hand."""
    detail: str
    """The reason in words, with the values."""
    other_row: int | None = None
    """The row of the parent version that it repeats or contradicts."""
    trace_id: str | None = None
    """The trace that the row came from; None for rows of a file."""
    similarity: float | None = None
    """Jaccard similarity to the other row, 0-1; None when not about similarity."""
    before: str | None = None
    """The input before the change, personal data masked; None when the change was the masking."""
    after: str | None = None
    """The input after it; None for a dropped row."""


class Terms(Record):
    """On what terms a file is handed over."""

    licence: Licence | None = None
    """Licence of its rows; None states none."""


class VersionFile(Record):
    """One stored file of a version."""

    name: str
    """examples.parquet, changes.parquet, profile.json, profile.html, map.json, manifest.json, source."""
    digest: str
    """'sha256:' and the hex of its content; the name in the blob store."""
    size_bytes: int
    """Length."""


class Version(Record):
    """An immutable state of a dataset."""

    version_id: str
    """'dsv_...'."""
    dataset: str
    """The dataset's name."""
    version: int
    """From 1."""
    digest: str
    """'sha256:...' of the content: the same rows in the same parts have the same digest, wherever they came from."""
    num_rows: int
    """Rows in it."""
    parts: dict[str, int]
    """Rows per part; empty before a split."""
    num_labels: int
    """Distinct expected outputs when they are labels, else 0."""
    parents: list[str]
    """Version ids that it was made from; empty for an import."""
    recipe: dict[str, JsonValue]
    """How it was made: operation, settings, tools, licence, and what was dropped or changed."""
    licence: str | None = None
    """Under which its rows may be used, as an SPDX id: stated at the import, inherited by what is made from it; None when unknown."""
    files: list[VersionFile]
    """What is stored for it."""
    run_id: str | None
    """The run that made it."""
    has_profile: bool
    """Whether it has been explored."""
    has_map: bool = False
    """Whether its texts have been drawn as a map."""
    created_at: datetime
    """Aware UTC."""


class Dataset(Record):
    """A named series of versions."""

    dataset_id: str
    """'ds_...'."""
    name: str
    """1 to 100 of a-z, 0-9, '-', '_' and '.'; unique in the project."""
    description: str
    """What it is for."""
    num_versions: int
    """How many versions there are."""
    latest_version: int | None
    """The newest; None before the first import."""
    num_rows: int | None
    """Rows of the newest version."""
    created_at: datetime
    """Aware UTC."""


class NewDataset(Record):
    """A dataset to make."""

    name: DatasetName
    """1 to 100 of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit."""
    description: str = Field(default="", max_length=2_000)
    """What it is for."""


class UploadedFile(Record):
    """A file in the blob store."""

    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    """'sha256:' and the hex of its content."""
    file_name: str = Field(min_length=1, max_length=200)
    """What people call it; its suffix tells the format."""
    size_bytes: int = Field(ge=0)
    """Its length."""


class ExampleFilter(Record):
    """Which rows of a version to list; what is None is not asked for."""

    part: Part | None = None
    """Only this part."""
    label: str | None = None
    """Only this expected output."""
    text: str | None = None
    """In the input or expected output, whatever case."""
    row: int | None = None
    """Only this row."""


class ChangeFilter(Record):
    """Which changes to list; what is None is not asked for."""

    action: ChangeAction | None = None
    """Only this."""
    reason: str | None = None
    """Only this reason, such as near_duplicate."""


Unjudged = Literal["leave_out", "keep", "answer"]
"""Answers that nobody corrected: not taken, taken without an expected output, or taken as right."""
MAX_SELECTED = 10_000


class CurateRequest(Record):
    """Which traffic goes back to data: what people corrected, or a selection of traces with what people said of them."""

    parent_version: int | None = Field(default=None, ge=1)
    """The version to extend; None extends the newest, or makes the dataset."""
    endpoint: str | None = Field(default=None, max_length=80)
    """Only answers of this endpoint; None takes all."""
    name: str | None = Field(default=None, max_length=80)
    """Only feedback of this name, such as 'correct'; None takes all that says the right answer."""
    since: AwareDatetime | None = None
    """Only feedback given at this moment or later."""
    trace_ids: list[str] | None = Field(default=None, min_length=1, max_length=MAX_SELECTED)
    """These traces; None selects by `wanted`, or else takes everything that was corrected."""
    wanted: TraceFilter | None = None
    """Traces that match, the newest 10,000 at most; None selects by `trace_ids`, or else takes everything that was corrected."""
    view: ViewName | None = None
    """Traces that this kept filter of yours, or a shared one, finds; with `wanted`, those that match both."""
    queue: QueueName | None = None
    """Traces of this queue's items, judged or not; None selects otherwise."""
    mask_personal_data: bool = True
    """Whether personal data and secrets become tokens such as [EMAIL]. False leaves them, which a project that captures
    content masked, or none, refuses."""
    unjudged: Unjudged = "keep"
    """What becomes of selected answers that nobody corrected."""

    @model_validator(mode="after")
    def _selects_one_way(self) -> Self:
        ways = (self.trace_ids is not None, self.queue is not None, self.wanted is not None or self.view is not None)
        if sum(ways) > 1:
            raise ValueError("give trace_ids, a queue, or a filter (wanted, view): each is a whole selection")
        return self


class FeedbackRow(Record):
    """A row that came from traffic: what was asked, and what people said the right answer was."""

    trace_id: str
    """The trace it was taken from."""
    input: str
    """What the application was given."""
    expected_output: str | None
    """The known right answer; None where nobody said."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """What else is known: endpoint, release, given output, feedback."""
