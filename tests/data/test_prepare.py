"""Preparation: every dropped or changed row has its reason, personal data reaches nothing, parts do not leak."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.rows import rows_of
from treadle.data.errors import OneLabelOnly, SettingsInvalid, TooFewRows
from treadle.data.near import group_similar
from treadle.data.prepare import Prepared, prepare_rows
from treadle.data.sample import make_sample
from treadle.data.types import PrepareSettings

AS_IS = PrepareSettings(shares=None, min_rows_per_label=1, near_duplicate_threshold=None)

CITIES = ["Leeds", "Lyon", "Bremen", "Cork", "Ghent", "Porto", "Bologna", "Zagreb", "Malmo", "Turku"]
FILLER = [(f"where is the parcel to {city}", "order") for city in CITIES] + [
    (f"please close my account, I live in {city} now", "account") for city in CITIES
]


def reasons_of(prepared: Prepared) -> dict[int, str]:
    return {change.row: f"{change.action}: {change.reason}: {change.detail}" for change in prepared.changes}


def test_each_reason_to_drop_a_row() -> None:
    """
    Missing, too long, not allowed: each row goes with its own reason, and the values are in it.
    """
    rows = rows_of([*FILLER, (" ", "order"), ("x" * 300, "order"), ("no label here", None), ("what else", "other")])

    prepared = prepare_rows(rows, AS_IS.model_copy(update={"max_characters": 200, "labels": ("order", "account")}))

    assert {
        21: "dropped: input_missing: the input is empty",
        22: "dropped: too_long: the input has 300 characters, at most 200 are allowed",
        23: "dropped: label_missing: the expected output is missing",
        24: "dropped: label_unknown: the label 'other' is none of 'account', 'order'",
    } == reasons_of(prepared)
    assert list(range(1, 21)) == [row.parent_row for row in prepared.rows]


def test_duplicates_name_the_row_they_repeat() -> None:
    """
    The first stays; exact duplicates ignore case and white space, near-duplicates tell their similarity.
    """
    near = "please close my account, I live in Lyon now!!"
    rows = rows_of([*FILLER, ("WHERE is the parcel  to Leeds", "order"), (near, "account")])

    prepared = prepare_rows(rows, AS_IS.model_copy(update={"near_duplicate_threshold": 0.95}))

    assert {
        21: "changed: unicode_repaired: mended spaces",
        22: "dropped: near_duplicate: near-duplicate of row 12, similarity 1.00",
    } | {21: "dropped: exact_duplicate: the same as row 1, case and white space aside"} == reasons_of(prepared)
    assert 20 == len(prepared.rows)
    assert 12 == next(change.other_row for change in prepared.changes if change.reason == "near_duplicate")


def test_near_duplicate_with_another_label_is_kept_and_flagged() -> None:
    """
    Two texts that are alike under different labels may both be right; one is flagged with the other's label.
    """
    rows = rows_of([*FILLER, ("where is the parcel to Leeds??", "account")])

    prepared = prepare_rows(rows, AS_IS.model_copy(update={"near_duplicate_threshold": 0.9}))

    flagged = [change for change in prepared.changes if change.row == 21]
    assert 21 == len(prepared.rows)
    assert ["label_suspect"] == [change.reason for change in flagged]
    assert "'account' here, 'order' in row 1, similarity 1.00" == flagged[0].detail


@pytest.mark.parametrize(
    ("policy", "kept", "told"),
    [("majority", ["a", "a"], [3]), ("drop", [], [1, 2, 3]), ("flag", ["a", "a", "b"], [1, 2, 3])],
)
def test_conflicting_labels(policy: str, kept: list[str], told: list[int]) -> None:
    """
    Same text, labels a, a and b: keep the majority, drop all, or keep all and flag them.
    """
    rows = rows_of([("Same text", "a"), ("same  text", "a"), ("SAME TEXT", "b"), *FILLER])
    asked = {"conflicts": policy, "drop_exact_duplicates": False}

    prepared = prepare_rows(rows, AS_IS.model_copy(update=asked))

    assert kept == [row.expected_output for row in prepared.rows if row.parent_row <= 3]
    assert told == [change.row for change in prepared.changes if change.reason == "label_conflict"]


def test_tie_between_labels_keeps_neither() -> None:
    """
    When two labels lead, nobody knows which is right, and both rows go.
    """
    prepared = prepare_rows(rows_of([("same", "a"), ("same", "b"), *FILLER]), AS_IS)

    assert {1, 2} == {change.row for change in prepared.changes}
    assert "'a' here, 'b' in row 2 with the same text ('a' in 1, 'b' in 1 rows)" == prepared.changes[0].detail


def test_rare_labels_go_with_their_count() -> None:
    """
    A label with fewer rows than asked is dropped, and each of its rows says how many there were.
    """
    rows = rows_of([*FILLER, ("something rare", "rare"), ("rare again", "rare")])

    prepared = prepare_rows(
        rows, PrepareSettings(near_duplicate_threshold=None, min_rows_per_label=3, group_threshold=1)
    )

    assert dict.fromkeys(
        (21, 22), "dropped: label_rare: the label 'rare' has 2 rows, at least 3 are needed"
    ) == reasons_of(prepared)


def test_personal_data_is_masked_everywhere() -> None:
    """
    Neither the rows nor the changes hold what was masked.
    """
    rows = rows_of([*FILLER, ("itâ€™s ana@example.org, call +44 20 7946 0958", "order")])

    prepared = prepare_rows(rows, AS_IS)

    kept = prepared.rows[-1].text
    assert "it's [EMAIL], call [PHONE]" == kept
    assert "masked 1 x EMAIL, 1 x PHONE in the input" == prepared.changes[-1].detail
    assert "example.org" not in repr(prepared)
    assert "7946" not in repr(prepared)


def test_metadata_and_earlier_messages_are_masked_too() -> None:
    """
    Personal data hides beside the input as well.
    """
    row = rows_of([("hi", None)])[0]._replace(
        messages='[{"role":"user","content":"I am ana@example.org"}]', metadata='{"from":"203.0.113.9","n":3}'
    )

    prepared = prepare_rows([row], AS_IS)

    assert '[{"role":"user","content":"I am [EMAIL]"}]' == prepared.rows[0].messages
    assert '{"from":"[IP]","n":3}' == prepared.rows[0].metadata


def test_texts_without_labels_are_split_without_balancing() -> None:
    """
    Plain texts need no expected output.
    """
    prepared = prepare_rows(
        rows_of([(text, None) for text, _ in FILLER]), PrepareSettings(near_duplicate_threshold=None, group_threshold=1)
    )

    assert "text" == prepared.task
    assert {"train": 16, "validation": 2, "test": 2} == Counter(row.part for row in prepared.rows)


def test_sample_loses_what_was_planted_and_little_else() -> None:
    """
    Of the planted faults, all exact copies, 90 % of near copies and all personal data are dealt with; 90 % of rows stay.
    """
    sample = make_sample(seed=11)

    prepared = prepare_rows(rows_of(sample.rows), PrepareSettings())

    dropped = {change.row: change for change in prepared.changes if change.action == "dropped"}
    repeated = set(dropped) | {change.other_row for change in dropped.values()}
    masked = {change.row for change in prepared.changes if change.reason == "personal_data_masked"}
    mended = {change.row for change in prepared.changes if change.reason == "unicode_repaired"}
    assert set(sample.planted.exact_duplicates) <= repeated
    assert len(set(sample.planted.near_duplicates) & repeated) >= 0.9 * len(sample.planted.near_duplicates)
    assert set(sample.planted.personal_data) == masked
    assert set(sample.planted.broken_unicode) <= mended
    assert len(prepared.rows) >= 0.88 * len(sample.rows)


def test_no_near_duplicates_in_two_parts() -> None:
    """
    After the split, rows that are alike at the group threshold, whatever their labels, share a part.
    """
    sample = make_sample(seed=12, num_rows=900)

    prepared = prepare_rows(rows_of(sample.rows), PrepareSettings(near_duplicate_threshold=None, group_threshold=0.7))

    groups, pairs = group_similar([row.text for row in prepared.rows], 0.7)
    parts: dict[int, set[str | None]] = {}
    for group, row in zip(groups, prepared.rows, strict=True):
        parts.setdefault(group, set()).add(row.part)
    assert len(pairs) > 30
    assert all(len(found) == 1 for found in parts.values())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from(["Hi", "hi ", "Hi!", "", "a@b.co", "é", "é"]), st.text(max_size=12)),
            st.sampled_from(["a", "b", None]),
        ),
        max_size=30,
    )
)
def test_every_row_is_kept_or_has_a_reason(pairs: list[tuple[str, str | None]]) -> None:
    """
    No row vanishes silently, none is both kept and dropped, and preparing the kept rows again drops nothing.
    """
    rows = rows_of([*pairs, *FILLER])

    prepared = prepare_rows(rows, AS_IS.model_copy(update={"near_duplicate_threshold": 0.85}))
    again = prepare_rows(
        rows_of([(row.text, row.expected_output) for row in prepared.rows]),
        AS_IS.model_copy(update={"near_duplicate_threshold": 0.85}),
    )

    dropped = [change.row for change in prepared.changes if change.action == "dropped"]
    assert len(set(dropped)) == len(dropped)
    assert {row.row for row in rows} == {row.parent_row for row in prepared.rows} | set(dropped)
    assert [] == [change for change in again.changes if change.action != "flagged"]


def test_nothing_left_says_why() -> None:
    """
    When every row is dropped, the message counts the reasons.
    """
    with pytest.raises(TooFewRows) as caught:
        prepare_rows(rows_of([("", None), (" ", None)]), AS_IS)

    assert "none of the 2 rows is left after the preparation (2 x input_missing)" in caught.value.message


def test_one_label_only() -> None:
    """
    A file whose rows all have one label is refused when it is to be split.
    """
    rows = rows_of([(text, "same") for text, _ in FILLER])

    with pytest.raises(OneLabelOnly) as caught:
        prepare_rows(rows, PrepareSettings())

    assert "has the label 'same'" in caught.value.message


def test_impossible_shares_are_refused_before_any_work() -> None:
    """
    Shares are checked first.
    """
    with pytest.raises(SettingsInvalid):
        prepare_rows([], PrepareSettings(shares={"train": 0.5, "test": 0.6}))
