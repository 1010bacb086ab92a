"""Turn the rows of a version into rows to train and judge on, and keep a reason for each one that was dropped or changed.

The steps run in a fixed order: repair, mask, check the contract, settle conflicting labels, drop exact duplicates, drop
near-duplicates, drop rare labels, split. Pure: rows and settings in, rows and changes out; the same input gives the same
output. Personal data never reaches a change. Cost: BANKING77's 10,003 rows take about a second.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from treadle.core.types import JsonValue
from treadle.data.errors import TooFewRows, list_names
from treadle.data.files import Row, metadata_json
from treadle.data.labels import agreement_of, excerpt_of, mask_everything, same_text_key, task_of
from treadle.data.near import Similar, SimilarIndex, group_similar
from treadle.data.repair import repair
from treadle.data.split import check_labels, check_shares, split_rows
from treadle.data.types import Change, ChangeAction, Part, PrepareSettings

SHOWN_CHARACTERS = 1_000
"""How much of a text a change keeps."""


class PreparedRow(NamedTuple):
    """A row that was kept, as it is now."""

    parent_row: int
    text: str
    expected_output: str | None
    messages: str | None
    metadata: str | None
    part: Part | None


class Prepared(NamedTuple):
    """What a preparation made of a version."""

    rows: list[PreparedRow]
    """In the order of the parent version."""
    changes: list[Change]
    """By row."""
    task: str
    """classification, generation or text."""


@dataclass(frozen=True)
class _Draft:
    """A row on its way through the steps."""

    row: int
    example_id: str
    text: str
    expected: str | None
    messages: str | None
    metadata: str | None


@dataclass
class _Desk:
    """The rows that are left, and why the others went."""

    drafts: list[_Draft]
    changes: list[Change] = field(default_factory=list)

    def drop(self, reasons: dict[int, Change]) -> None:
        """Take rows away, each with its reason."""
        self.changes.extend(reasons.values())
        self.drafts = [draft for draft in self.drafts if draft.row not in reasons]


def prepare_rows(rows: Sequence[Row], settings: PrepareSettings) -> Prepared:
    """Prepare the rows of one version.

    Raises SettingsInvalid, OneLabelOnly, TooFewRows. Cost: all rows in memory.
    """
    if settings.shares is not None:
        check_shares(settings.shares)
    desk = _Desk(
        [_Draft(row.row, row.example_id, row.input, row.expected_output, row.messages, row.metadata) for row in rows]
    )
    if settings.repair_unicode:
        _repair_texts(desk)
    if settings.mask_personal_data:
        _mask_texts(desk)
    task = task_of([draft.expected for draft in desk.drafts])
    _check_contract(desk, settings, task)
    if task == "classification":
        if settings.shares is not None:
            check_labels([draft.expected or "" for draft in desk.drafts])
        _settle_conflicts(desk, settings)
    if settings.drop_exact_duplicates:
        _drop_exact_duplicates(desk)
    if settings.near_duplicate_threshold is not None:
        _drop_near_duplicates(desk, settings.near_duplicate_threshold, task)
    groups = list(range(len(desk.drafts)))
    if settings.shares is not None:
        groups, _ = group_similar([draft.text for draft in desk.drafts], settings.group_threshold)
    if task == "classification":
        groups = _drop_rare_labels(desk, settings, groups)
    if not desk.drafts:
        raise _nothing_left(desk, len(rows))
    parts = _split(desk, settings, groups, task)
    return Prepared(
        [
            PreparedRow(draft.row, draft.text, draft.expected, draft.messages, draft.metadata, part)
            for draft, part in zip(desk.drafts, parts, strict=True)
        ],
        sorted(desk.changes, key=lambda change: change.row),
        task,
    )


def _repair_texts(desk: _Desk) -> None:
    for place, draft in enumerate(desk.drafts):
        text, faults = repair(draft.text)
        expected = None if draft.expected is None else repair(draft.expected).text or None
        mended = replace(
            draft, text=text, expected=expected, messages=_in_json(draft.messages, lambda t: repair(t).text)
        )
        if mended == draft:
            continue
        desk.drafts[place] = mended
        where = f"mended {', '.join(faults)}" if faults else "mended the expected output or an earlier message"
        desk.changes.append(_change(draft, "changed", "unicode_repaired", where, before=draft.text, after=text))


def _mask_texts(desk: _Desk) -> None:
    for place, draft in enumerate(desk.drafts):
        text, findings = mask_everything(draft.text)
        expected = None if draft.expected is None else mask_everything(draft.expected).text
        masked = replace(
            draft,
            text=text,
            expected=expected,
            messages=_in_json(draft.messages, lambda t: mask_everything(t).text),
            metadata=_in_json(draft.metadata, lambda t: mask_everything(t).text),
        )
        if masked == draft:
            continue
        desk.drafts[place] = masked
        kinds = Counter(finding.kind for finding in findings)
        what = ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
        where = f"masked {what} in the input" if what else "masked personal data beside the input"
        desk.changes.append(_change(draft, "changed", "personal_data_masked", where, after=text))


def _check_contract(desk: _Desk, settings: PrepareSettings, task: str) -> None:
    allowed = set(settings.labels) if settings.labels is not None else None
    reasons: dict[int, Change] = {}
    for draft in desk.drafts:
        if not draft.text.strip():
            reasons[draft.row] = _change(draft, "dropped", "input_missing", "the input is empty")
        elif len(draft.text) > settings.max_characters:
            why = f"the input has {len(draft.text):,} characters, at most {settings.max_characters:,} are allowed"
            reasons[draft.row] = _change(draft, "dropped", "too_long", why, before=draft.text)
        elif task != "text" and not draft.expected:
            why = "the expected output is missing"
            reasons[draft.row] = _change(draft, "dropped", "label_missing", why, before=draft.text)
        elif allowed is not None and draft.expected not in allowed:
            why = f"the label '{draft.expected}' is none of {list_names(sorted(allowed))}"
            reasons[draft.row] = _change(draft, "dropped", "label_unknown", why, before=draft.text)
    desk.drop(reasons)


def _settle_conflicts(desk: _Desk, settings: PrepareSettings) -> None:
    """Where the same text has several labels, keep the majority's, or none, or all with a flag."""
    same: defaultdict[str, list[_Draft]] = defaultdict(list)
    for draft in desk.drafts:
        same[same_text_key(draft.text)].append(draft)
    reasons: dict[int, Change] = {}
    for drafts in same.values():
        agreement = agreement_of([draft.expected or "" for draft in drafts])
        if len(agreement.counts) == 1:
            continue
        said = ", ".join(f"'{label}' in {count}" for label, count in agreement.counts)
        for draft in drafts:
            other = next(one for one in drafts if one.expected != draft.expected)
            if settings.conflicts == "flag":
                action: ChangeAction = "flagged"
            elif settings.conflicts == "majority" and draft.expected == agreement.label:
                continue
            else:
                action = "dropped"
            why = f"'{draft.expected}' here, '{other.expected}' in row {other.row} with the same text ({said} rows)"
            change = _change(draft, action, "label_conflict", why, before=draft.text, other_row=other.row)
            if action == "dropped":
                reasons[draft.row] = change
            else:
                desk.changes.append(change)
    desk.drop(reasons)


def _drop_exact_duplicates(desk: _Desk) -> None:
    first: dict[tuple[str, str | None], int] = {}
    reasons: dict[int, Change] = {}
    for draft in desk.drafts:
        original = first.setdefault((same_text_key(draft.text), draft.expected), draft.row)
        if original != draft.row:
            why = f"the same as row {original}, case and white space aside"
            reasons[draft.row] = _change(
                draft, "dropped", "exact_duplicate", why, before=draft.text, other_row=original, similarity=1.0
            )
    desk.drop(reasons)


def _drop_near_duplicates(desk: _Desk, threshold: float, task: str) -> None:
    """Keep the first of rows that say nearly the same under one label; flag those whose labels differ."""
    drafts = desk.drafts
    texts = [draft.text if task != "generation" else f"{draft.text}\n{draft.expected}" for draft in drafts]
    index = SimilarIndex(texts, threshold)
    reasons: dict[int, Change] = {}
    for place, draft in enumerate(drafts):
        similar = index.find_before(place)
        same = [one for one in similar if task == "generation" or drafts[one.earlier].expected == draft.expected]
        if same:
            other, similarity = _most_similar(same, drafts)
            why = f"near-duplicate of row {other.row}, similarity {similarity:.2f}"
            reasons[draft.row] = _change(
                draft, "dropped", "near_duplicate", why, before=draft.text, other_row=other.row, similarity=similarity
            )
            continue
        if similar:
            other, similarity = _most_similar(similar, drafts)
            why = f"'{draft.expected}' here, '{other.expected}' in row {other.row}, similarity {similarity:.2f}"
            flag = _change(
                draft, "flagged", "label_suspect", why, before=draft.text, other_row=other.row, similarity=similarity
            )
            desk.changes.append(flag)
        index.add(place)
    desk.drop(reasons)


def _most_similar(similar: Sequence[Similar], drafts: Sequence[_Draft]) -> tuple[_Draft, float]:
    best = max(similar, key=lambda one: (one.similarity, -one.earlier))
    return drafts[best.earlier], round(best.similarity, 4)


def _drop_rare_labels(desk: _Desk, settings: PrepareSettings, groups: list[int]) -> list[int]:
    """Drop labels with too few rows, or too few distinct ones for a split; give the groups of the rows that stay."""
    rows_of = Counter(draft.expected for draft in desk.drafts)
    distinct: defaultdict[str | None, set[int]] = defaultdict(set)
    for draft, group in zip(desk.drafts, groups, strict=True):
        distinct[draft.expected].add(group)
    least_groups = len(settings.shares) if settings.shares is not None else 1
    reasons: dict[int, Change] = {}
    for draft in desk.drafts:
        num_rows, num_groups = rows_of[draft.expected], len(distinct[draft.expected])
        if num_rows < settings.min_rows_per_label:
            why = f"the label '{draft.expected}' has {num_rows} rows, at least {settings.min_rows_per_label} are needed"
        elif num_groups < least_groups:
            why = f"the label '{draft.expected}' has {num_groups} distinct rows for {least_groups} parts"
        else:
            continue
        reasons[draft.row] = _change(draft, "dropped", "label_rare", why, before=draft.text)
    left = [group for draft, group in zip(desk.drafts, groups, strict=True) if draft.row not in reasons]
    desk.drop(reasons)
    return left


def _split(desk: _Desk, settings: PrepareSettings, groups: list[int], task: str) -> Sequence[Part | None]:
    if settings.shares is None:
        return [None] * len(desk.drafts)
    labels = [draft.expected or "" for draft in desk.drafts] if task == "classification" else None
    keys = [f"{draft.text}\x1f{draft.expected}" for draft in desk.drafts]
    return split_rows(keys, groups, labels, settings.shares, seed=settings.seed)


def _nothing_left(desk: _Desk, num_rows: int) -> TooFewRows:
    reasons = Counter(change.reason for change in desk.changes if change.action == "dropped")
    said = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    return TooFewRows(
        f"none of the {num_rows} rows is left after the preparation ({said}); loosen the settings, "
        "or look at the profile first with: treadle data profile NAME",
        reasons=dict(reasons),
    )


def _change(
    draft: _Draft,
    action: ChangeAction,
    reason: str,
    detail: str,
    *,
    before: str | None = None,
    after: str | None = None,
    other_row: int | None = None,
    similarity: float | None = None,
) -> Change:
    return Change(
        row=draft.row,
        example_id=draft.example_id,
        action=action,
        reason=reason,
        detail=detail,
        other_row=other_row,
        similarity=similarity,
        before=None if before is None else excerpt_of(before, SHOWN_CHARACTERS),
        after=None if after is None else excerpt_of(after, SHOWN_CHARACTERS),
    )


def _in_json(text: str | None, change: Callable[[str], str]) -> str | None:
    """Apply a change to every string value of some JSON; keys and everything else stay."""
    if text is None:
        return None

    def walk(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return change(value)
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            return {key: walk(one) for key, one in value.items()}
        return value

    value = json.loads(text)
    changed = walk(value)
    if changed == value:
        return text
    if isinstance(changed, dict):
        return metadata_json(changed)
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
