"""Back to data: traffic adds rows and corrects labels, repeats nothing and leaks nothing into held-out parts."""

from __future__ import annotations

import json

from tests.data.rows import rows_of
from treadle.data.curate import curate_rows
from treadle.data.types import FeedbackRow

PARENT = rows_of(
    [
        ("where is my parcel to Leeds", "order"),
        ("please close my account today", "account"),
        ("the spade arrived with a crack", "damage"),
    ],
    parts=["train", "test", "train"],
)


def heard(text: str, expected: str, trace: str = "tr_1", **metadata: object) -> FeedbackRow:
    return FeedbackRow(trace_id=trace, input=text, expected_output=expected, metadata=metadata)


def test_new_row_joins_with_its_provenance() -> None:
    """
    A row from traffic goes to the part `train` and knows its trace.
    """
    curated = curate_rows(PARENT, [heard("can I pay with a voucher", "payment", "tr_9", endpoint="support")])

    new = curated.rows[-1]
    assert (4, 1, 0) == (len(curated.rows), curated.num_added, curated.num_corrected)
    assert ("train", None) == (new.part, new.parent_row)
    assert {"trace_id": "tr_9", "source": "feedback", "endpoint": "support"} == json.loads(new.metadata or "")


def test_repeats_are_left_out_with_a_reason() -> None:
    """
    What the parent or an earlier row says already adds nothing.
    """
    offered = [
        heard("Where is my parcel to Leeds?", "order", "tr_1"),
        heard("can I pay with a voucher", "payment", "tr_2"),
        heard("can i pay with a voucher!", "payment", "tr_3"),
    ]

    curated = curate_rows(PARENT, offered)

    assert 1 == curated.num_added
    assert [("tr_1", 1, "says the same as row 1, similarity 1.00"), ("tr_3", None, "says the same as trace tr_2, similarity 1.00")] == [
        (change.trace_id, change.other_row, change.detail) for change in curated.changes
    ]  # fmt: skip


def test_people_correct_a_label() -> None:
    """
    A row of the parent with the same text and another label gives way, and the new row takes its part.
    """
    curated = curate_rows(PARENT, [heard("Please close my account today", "close_account", "tr_5")])

    assert (3, 1, 1) == (len(curated.rows), curated.num_added, curated.num_corrected)
    assert ("close_account", "test") == (curated.rows[-1].expected_output, curated.rows[-1].part)
    assert "'account' here, people said 'close_account' on trace tr_5" == curated.changes[0].detail


def test_row_like_a_held_out_row_joins_its_part() -> None:
    """
    A text that resembles one of the test part, under another label, must not be trained on.
    """
    curated = curate_rows(PARENT, [heard("please close my account today, ok", "order")])

    assert "test" == curated.rows[-1].part


def test_people_who_disagree() -> None:
    """
    The majority of several answers to one text counts; without one, none does.
    """
    two_to_one = [
        heard("new text here", "a", "tr_1"),
        heard("new text here", "b", "tr_2"),
        heard("New text here", "a", "tr_3"),
    ]

    curated = curate_rows(PARENT, two_to_one)
    undecided = curate_rows(PARENT, two_to_one[:2])

    assert [("new text here", "a")] == [(row.text, row.expected_output) for row in curated.rows[3:]]
    assert "label_conflict" in {change.reason for change in curated.changes}
    assert 0 == undecided.num_added


def test_personal_data_from_traffic_is_masked() -> None:
    """
    Inputs and metadata are repaired and masked before they become rows.
    """
    curated = curate_rows([], [heard("Iâ€™m ana@example.org", "contact", note="from 203.0.113.9")])

    assert ("I'm [EMAIL]", None) == (curated.rows[0].text, curated.rows[0].part)
    assert "[IP]" in (curated.rows[0].metadata or "")
    assert "example.org" not in repr(curated)


def test_nothing_said_changes_nothing() -> None:
    """
    Without feedback the rows of the parent are as they were.
    """
    curated = curate_rows(PARENT, [heard(" ", "a"), heard("text", " ")])

    assert [row.input for row in PARENT] == [row.text for row in curated.rows]
    assert ["input_missing", "label_missing"] == [change.reason for change in curated.changes]
