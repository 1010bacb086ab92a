"""The three words of a comparison, and the sentence that goes with them."""

from __future__ import annotations

import pytest

from treadle.evals.comparisons.verdict import decide, in_words, read_pairs


def test_clear_gain_is_better() -> None:
    """
    20 rows gained and none lost is better, with McNemar's mid-p of 2^-20.
    """
    reading = read_pairs([0.0] * 20 + [1.0] * 30, [1.0] * 50)

    word = decide(reading)

    assert "better" == word
    assert "mcnemar_mid_p" == reading.test
    assert pytest.approx(2**-20) == reading.p_value
    assert reading.interval.low > 0


def test_clear_loss_is_worse() -> None:
    """
    The same rows the other way round are worse.
    """
    reading = read_pairs([1.0] * 50, [0.0] * 20 + [1.0] * 30)

    assert "worse" == decide(reading)
    assert 20 == reading.regressed


def test_small_gain_is_not_shown_and_says_what_would_be() -> None:
    """
    3 gained and 1 lost shows nothing; the sentence names the difference these rows could have shown.
    """
    reading = read_pairs([1.0] + [0.0] * 3 + [1.0] * 46, [0.0] + [1.0] * 3 + [1.0] * 46)

    word = decide(reading)
    words = in_words(reading, word)

    assert "not shown to be better" == word
    assert words.startswith(
        "not shown to be better: 98.0 % against 94.0 % on the same 50 rows, a difference of +4.0 points"
    )
    assert words.endswith("these rows show differences of 13.6 points or more 8 times in 10")


def test_correction_for_several_comparisons_can_take_the_word_back() -> None:
    """
    A p-value of 0.03 is enough alone and not after it was adjusted to 0.09.
    """
    reading = read_pairs([0.0] * 5 + [1.0] * 20, [1.0] * 25)

    assert "better" == decide(reading)
    assert "not shown to be better" == decide(reading, p_value=3 * reading.p_value)


def test_graded_scores_use_resampling() -> None:
    """
    Scores between 0 and 1 get sign flips and a bootstrap interval, and a constant gain is found.
    """
    baseline = [0.1 + 0.01 * row for row in range(40)]

    reading = read_pairs(baseline, [score + 0.1 + 0.001 * row for row, score in enumerate(baseline)], seed=3)

    assert "sign_flip" == reading.test
    assert "better" == decide(reading)
    assert 0.1 < reading.interval.low < reading.difference < reading.interval.high
