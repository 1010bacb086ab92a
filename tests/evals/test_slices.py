"""Where a candidate is worse: parts are found without being asked for, and chance is corrected for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from treadle.data.profile import languages_of
from treadle.evals.comparisons.slices import LEAST_ROWS, compare_slices, find_slices
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Result

EXACT = ScorerChoice(name="exact_match")
GERMAN = "Meine Karte ist seit gestern verschwunden und ich kann sie nirgends finden"
ENGLISH = "My card has been missing since yesterday and I cannot find it anywhere"


def _result(row: int, value: float, text: str = "", metadata: dict[str, object] | None = None) -> Result:
    return Result(
        row=row, input=text or f"question {row}", expected="a", output="a", error=None, latency_ms=1.0,
        scores=[Score(name="exact_match", value=value)], metadata=metadata or {},
    )  # fmt: skip


def _runs(
    rows: int, worse: Callable[[int], bool], **columns: Callable[[int], object]
) -> tuple[dict[int, Result], dict[int, Result]]:
    facts = [{name: of(row) for name, of in columns.items()} for row in range(rows)]
    before = {row: _result(row, 1.0, metadata=facts[row]) for row in range(rows)}
    return before, {row: _result(row, 0.0 if worse(row) else 1.0, metadata=facts[row]) for row in range(rows)}


def test_part_that_got_worse_comes_first() -> None:
    """
    Half of the refunds of 100 rows are lost: that part is named first, and the others show nothing.
    """
    before, after = _runs(
        100, lambda row: row % 4 == 0 and row % 8 == 0, topic=lambda row: ["refund", "card", "fee", "other"][row % 4]
    )

    compared = compare_slices(before, after, EXACT, find_slices(after, ["metadata"]), alpha=0.05)

    assert ("topic", "refund", "worse") == (compared[0].name, compared[0].value, compared[0].verdict)
    assert ["not shown to be better"] * 3 == [one.verdict for one in compared[1:]]
    assert compared[0].words.startswith("worse: 48.0 % against 100.0 % on the same 25 rows")


def test_equals_in_many_parts_are_hardly_ever_called_worse() -> None:
    """
    Two runs that differ by chance alone, looked at in 40 parts, 40 times: at most one time in ten is any part named.
    """
    named = 0
    for seed in range(40):
        draw = random.Random(seed)
        facts: list[dict[str, object]] = [
            {f"column{number}": (row * (number + 3) // 7) % 2 for number in range(20)} for row in range(200)
        ]
        before = {row: _result(row, float(draw.random() < 0.7), metadata=facts[row]) for row in range(200)}
        after = {row: _result(row, float(draw.random() < 0.7), metadata=facts[row]) for row in range(200)}

        compared = compare_slices(before, after, EXACT, find_slices(after, ["metadata"]), alpha=0.05)

        assert len(compared) > 30
        named += any(one.verdict in ("worse", "better") for one in compared)
    assert named <= 6


def test_lengths_are_thirds_and_languages_are_told() -> None:
    """
    Parts by length and language need no column.
    """
    results = {
        row: _result(row, 1.0, (GERMAN if row < 20 else ENGLISH) + " really" * (row % 3) * 4) for row in range(60)
    }

    parts = find_slices(results, ["length", "language"], languages_of=languages_of)

    assert {"short", "middling", "long"} == {part.value for part in parts if part.kind == "length"}
    assert {"de": 20, "en": 40} == {part.value: len(part.rows) for part in parts if part.kind == "language"}


def test_topics_are_named_by_their_words() -> None:
    """
    Vectors that point two ways make two parts, named by what sets them apart.
    """
    texts = [
        f"where is my parcel number {row}" if row % 2 else f"please change the password {row}" for row in range(80)
    ]
    results = {row: _result(row, 1.0, text) for row, text in enumerate(texts)}

    def embed(inputs: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.asarray([[1.0, 0.0] if "parcel" in text else [0.0, 1.0] for text in inputs], dtype=np.float32)

    parts = find_slices(results, ["topic"], embed=embed)

    assert [40, 40] == [len(part.rows) for part in parts]
    assert any("parcel" in part.value for part in parts)
    assert any("password" in part.value for part in parts)


@pytest.mark.parametrize(
    "column", [lambda row: row, lambda row: "same", lambda row: "rare" if row < LEAST_ROWS - 1 else "usual"]
)
def test_columns_that_make_no_parts(column: Callable[[int], object]) -> None:
    """
    A name for every row, one value for all, and a value of too few rows are no parts.
    """
    results = {row: _result(row, 1.0, metadata={"column": column(row)}) for row in range(60)}

    parts = find_slices(results, ["metadata"])

    assert all(len(part.rows) >= LEAST_ROWS and part.value == "usual" for part in parts)
