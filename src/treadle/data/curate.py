"""Back to data: rows that came from traffic join the rows of a version, with where they came from and without repeats.

What people said about an answer corrects the dataset: a row of the parent with the same text and another label gives
way. New rows go to the part `train`, except that one which resembles a held-out row joins that row's part, so that
nothing the model learns from is nearly a row it is judged on. Pure. Cost: as `prepare`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from treadle.core.types import JsonValue
from treadle.data.files import Row, example_id_of, metadata_json
from treadle.data.labels import agreement_of, excerpt_of, mask_everything, same_text_key
from treadle.data.near import SimilarIndex
from treadle.data.repair import repair
from treadle.data.types import Change, ChangeAction, FeedbackRow

SOURCE = "feedback"


class CuratedRow(NamedTuple):
    """A row of the new version."""

    parent_row: int | None
    text: str
    expected_output: str | None
    messages: str | None
    metadata: str | None
    part: str | None


class Curated(NamedTuple):
    """The parent's rows with what traffic added and corrected."""

    rows: list[CuratedRow]
    """The parent's rows in their order, then the new ones in theirs."""
    changes: list[Change]
    """Why new rows were left out and which rows of the parent gave way."""
    num_added: int
    """New rows."""
    num_corrected: int
    """Rows of the parent whose label people contradicted."""
    trace_ids: list[str]
    """Where the new rows came from."""


def curate_rows(
    parent: Sequence[Row],
    feedback: Sequence[FeedbackRow],
    *,
    near_threshold: float = 0.8,
    group_threshold: float = 0.7,
    mask_personal_data: bool = True,
) -> Curated:
    """Join rows from traffic to the rows of a version (which may be none). The same input gives the same output."""
    changes: list[Change] = []
    offered = _agree(
        [_clean(row, number, changes, mask=mask_personal_data) for number, row in enumerate(feedback)], changes
    )
    corrected = _contradicted(parent, offered, changes)
    kept = [row for row in parent if row.row not in corrected]
    texts = [row.input for row in kept] + [row.input for row in offered]
    index = SimilarIndex(texts, min(near_threshold, group_threshold))
    parts: list[str | None] = [row.part for row in kept]
    labels: list[str | None] = [row.expected_output for row in kept]
    origins = [f"row {row.row}" for row in kept]
    for place in range(len(kept)):
        index.add(place)
    has_parts = any(row.part for row in parent)
    part_of_corrected = {same_text_key(row.input): row.part for row in parent if row.row in corrected}
    added: list[CuratedRow] = []
    trace_ids: list[str] = []
    for number, row in enumerate(offered):
        place = len(kept) + number
        similar = index.find_before(place)
        repeats = [
            one
            for one in similar
            if one.similarity >= near_threshold and row.expected_output in (labels[one.earlier], None)
        ]
        part = part_of_corrected.get(same_text_key(row.input)) or ("train" if has_parts else None)
        if similar and has_parts:
            part = parts[max(similar, key=lambda one: (one.similarity, -one.earlier)).earlier]
        parts.append(part)
        labels.append(row.expected_output)
        origins.append(f"trace {row.trace_id}")
        if repeats:
            best = max(repeats, key=lambda one: (one.similarity, -one.earlier))
            changes.append(
                _left_out(
                    row,
                    number,
                    "exact_duplicate" if best.similarity == 1 else "near_duplicate",
                    f"says the same as {origins[best.earlier]}, similarity {best.similarity:.2f}",
                    similarity=round(best.similarity, 4),
                    other_row=kept[best.earlier].row if best.earlier < len(kept) else None,
                )
            )
            continue
        index.add(place)
        metadata = metadata_json(row.metadata | {"trace_id": row.trace_id, "source": SOURCE})
        trace_ids.append(row.trace_id)
        added.append(CuratedRow(None, row.input, row.expected_output, None, metadata, part))
    old = [CuratedRow(row.row, row.input, row.expected_output, row.messages, row.metadata, row.part) for row in kept]
    return Curated(old + added, changes, len(added), len(corrected), trace_ids)


def _clean(row: FeedbackRow, number: int, changes: list[Change], *, mask: bool) -> FeedbackRow:
    """Repair what came from outside, and mask it, which is told."""
    expected = None if row.expected_output is None else repair(row.expected_output).text
    whole = row.model_copy(update={"input": repair(row.input).text, "expected_output": expected})
    if not mask:
        return whole
    masked = whole.model_copy(
        update={
            "input": mask_everything(whole.input).text,
            "expected_output": None if expected is None else mask_everything(expected).text,
            "metadata": {key: _masked(value) for key, value in row.metadata.items()},
        }
    )
    if masked != whole:
        why = "masked personal data or secrets"
        changes.append(
            _changed(masked, number, "changed", "personal_data_masked", why, after=excerpt_of(masked.input, 1_000))
        )
    return masked


def _masked(value: JsonValue) -> JsonValue:
    """Mask every text in a value, however deep."""
    if isinstance(value, str):
        return mask_everything(value).text
    if isinstance(value, dict):
        return {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _agree(rows: Sequence[FeedbackRow], changes: list[Change]) -> list[FeedbackRow]:
    """Leave out empty rows, and those that most others with the same text contradict.

    Rows that nobody judged come last, so that one which repeats a judged row gives way to it.
    """
    same: defaultdict[str, list[str]] = defaultdict(list)
    rows = sorted(rows, key=lambda row: row.expected_output is None)
    for row in rows:
        if row.expected_output is not None:
            same[same_text_key(row.input)].append(row.expected_output)
    kept: list[FeedbackRow] = []
    for number, row in enumerate(rows):
        if not row.input.strip() or (row.expected_output is not None and not row.expected_output.strip()):
            missing = "input" if not row.input.strip() else "expected output"
            reason = "input_missing" if missing == "input" else "label_missing"
            changes.append(_left_out(row, number, reason, f"the {missing} is empty"))
            continue
        if row.expected_output is None:
            kept.append(row)
            continue
        agreement = agreement_of(same[same_text_key(row.input)])
        if row.expected_output == agreement.label:
            kept.append(row)
        else:
            said = ", ".join(f"'{label}' {count} times" for label, count in agreement.counts)
            why = f"'{row.expected_output}' here, but people do not agree on this text: {said}"
            changes.append(_left_out(row, number, "label_conflict", why))
    return kept


def _contradicted(parent: Sequence[Row], offered: Sequence[FeedbackRow], changes: list[Change]) -> set[int]:
    """Find the rows of the parent whose text has another label according to people."""
    said = {same_text_key(row.input): row for row in offered if row.expected_output is not None}
    corrected: set[int] = set()
    for row in parent:
        better = said.get(same_text_key(row.input))
        if better is None or better.expected_output == row.expected_output:
            continue
        corrected.add(row.row)
        changes.append(
            Change(
                row=row.row,
                example_id=row.example_id,
                action="dropped",
                reason="label_corrected",
                detail=f"{_quoted(row.expected_output)} here, people said '{better.expected_output}' on trace {better.trace_id}",
                trace_id=better.trace_id,
                before=excerpt_of(row.input, 1_000),
            )
        )
    return corrected


def _quoted(label: str | None) -> str:
    return "nothing" if label is None else f"'{label}'"


def _left_out(row: FeedbackRow, number: int, reason: str, detail: str, **more: float | None) -> Change:
    return _changed(row, number, "dropped", reason, detail, before=excerpt_of(row.input, 1_000), **more)


def _changed(
    row: FeedbackRow, number: int, action: ChangeAction, reason: str, detail: str, **more: str | float | None
) -> Change:
    facts = {
        "row": number + 1,
        "example_id": example_id_of(row.input, row.expected_output),
        "action": action,
        "reason": reason,
        "detail": detail,
        "trace_id": row.trace_id,
    }
    return Change.model_validate(facts | more)
