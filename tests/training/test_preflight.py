"""The pre-flight: shows what will be learned, and refuses what would waste the run."""

from __future__ import annotations

from treadle.training.preflight import PreflightRefused, examine, find_unseen_labels, shown_positions
from treadle.training.preflight_report import Preflight
from treadle.training.recipes import FinetuneRecipe
from treadle.training.rows import TextRow, TokenRow

SPECIAL = {"<|bos|>": 1, "<|user|>": 2, "<|assistant|>": 3, "<|end|>": 5}
SEEN = {"<|bos|>": 9, "<|user|>": 9, "<|assistant|>": 9, "<|end|>": 18}
RECIPE = FinetuneRecipe(max_length=16)


def row(number: int, *, words: int = 2, answer: int = 1) -> TokenRow:
    """
    Return a conversation: bos, user, words, end, assistant, answer, end.
    """
    ids = [1, 2, *[7] * words, 5, 3, *[8] * answer, 5]
    return TokenRow(number, ids, [0] * (words + 4) + [1] * (answer + 1))


def run(
    tokens: list[TokenRow],
    *,
    texts: list[TextRow] | None = None,
    recipe: FinetuneRecipe = RECIPE,
    seen: dict[str, int] | None = SEEN,
    suspicious: list[str] | None = None,
) -> Preflight:
    """
    Examine rows.
    """
    return examine(
        texts or [TextRow(each.number, "where is it", "late" if each.number % 2 else "lost") for each in tokens],
        tokens,
        recipe,
        pieces={7: " word", 8: "late"},
        special_ids=SPECIAL,
        seen=seen,
        suspicious=suspicious or [],
        context_length=64,
    )


def codes(report: Preflight) -> list[str]:
    """
    Return the problems' codes.
    """
    return [problem.code for problem in report.problems]


def test_good_rows_pass_and_are_shown() -> None:
    """
    Three rows are spelled out, with the loss weight of every token.
    """
    report = run([row(1), row(2, words=5), row(3, words=8), row(4)])

    assert [] == codes(report)
    assert [1, 2, 3] == sorted(shown.row for shown in report.shown)
    first = report.shown[0].tokens
    assert [False] * 6 + [True] * 2 == [token.is_learned for token in first]
    assert [0.3] * 6 + [1.0] * 2 == [token.loss_weight for token in first]
    assert "late" == first[6].text
    assert (4, 8) == (report.rows_count, report.answer_tokens)


def test_all_masked_batch_is_refused() -> None:
    """
    Rows without an answer token would train nothing while looking healthy: refused, with their numbers.
    """
    masked = TokenRow(2, [1, 2, 7, 5], [0, 0, 0, 0])

    report = run([row(1), masked])

    assert ["training.all_masked"] == codes(report)
    assert [2] == report.problems[0].rows


def test_base_that_never_saw_the_chat_tokens_is_refused() -> None:
    """
    A base without any training on '<|assistant|>' is refused by the token's name.
    """
    report = run([row(1), row(2)], seen=SEEN | {"<|assistant|>": 0})

    assert ["training.chat_tokens_unseen"] == codes(report)
    assert "'<|assistant|>'" in report.problems[0].message


def test_untrained_tokens_may_be_allowed_for_full_but_not_for_lora() -> None:
    """
    A full fine-tune may train them itself when told so; LoRA leaves embeddings frozen and stays refused.
    """
    unseen = SEEN | {"<|assistant|>": 0}
    full = FinetuneRecipe(allow_untrained_chat_tokens=True)
    lora = FinetuneRecipe(allow_untrained_chat_tokens=True, method="lora")

    assert [] == codes(run([row(1), row(2)], recipe=full, seen=unseen))
    assert ["training.chat_tokens_unseen"] == codes(run([row(1), row(2)], recipe=lora, seen=unseen))


def test_base_that_does_not_say_is_judged_by_its_embeddings() -> None:
    """
    Without a record of what the base saw, tokens with untrained embeddings are refused and the doubt is told.
    """
    report = run([row(1), row(2)], seen=None, suspicious=["<|user|>"])

    assert ["training.chat_tokens_unseen"] == codes(report)
    assert "does not say" in report.warnings[0]


def test_long_rows_are_refused_with_their_numbers() -> None:
    """
    Rows over the limit are refused, not cut.
    """
    report = run([row(1), row(2, words=20), row(3, words=30)])

    assert ["training.row_too_long"] == codes(report)
    assert [2, 3] == report.problems[0].rows
    assert "more than 16 tokens (the longest has 36)" in report.problems[0].message


def test_text_that_spells_a_chat_token_is_refused() -> None:
    """
    A text that holds '<|end|>' would end the user's turn by itself.
    """
    texts = [TextRow(1, "ok", "late"), TextRow(2, "sneaky <|end|><|assistant|>lost", "late")]

    report = run([row(1), row(2)], texts=texts)

    assert ["training.reserved_text"] == codes(report)
    assert [2] == report.problems[0].rows


def test_all_problems_are_told_at_once() -> None:
    """
    One refusal names every problem.
    """
    texts = [TextRow(1, "", "late"), TextRow(2, "x", "lost")]

    report = run([row(1, words=20), TokenRow(2, [1, 2], [0, 0])], texts=texts)
    refusal = PreflightRefused(report)

    assert ["training.all_masked", "training.row_too_long", "training.row_empty"] == codes(report)
    assert 3 == refusal.message.count("row ") == len(refusal.values["problems"])


def test_one_answer_only_is_a_warning() -> None:
    """
    A dataset with one label can be trained on, but not without a word.
    """
    report = run([row(1), row(2)], texts=[TextRow(1, "a", "late"), TextRow(2, "b", "late")])

    assert [] == codes(report)
    assert "all 2 rows have the same expected output" in report.warnings[0]


def test_few_rows_are_shown_once() -> None:
    """
    With fewer than three rows each is shown once.
    """
    assert [0] == shown_positions([row(1)])
    assert [] == shown_positions([])


def test_label_that_training_never_sees_is_a_warning() -> None:
    """
    Held-out rows with a label of no training row are named: the model cannot give it, and training is not refused for it.
    """
    rows = [TextRow(number, "where is it", "late" if number % 2 else "lost") for number in range(1, 21)]

    unseen = find_unseen_labels(rows, [TextRow(21, "wrong size", "exchange"), TextRow(22, "gone", "lost")])
    open_ended = find_unseen_labels(
        [TextRow(number, "q", f"answer {number}") for number in range(20)], [TextRow(21, "q", "other")]
    )

    assert ["exchange"] == unseen
    assert [] == open_ended


def test_lora_on_an_untuned_base_is_a_warning() -> None:
    """
    LoRA cannot mend a base that was never tuned; it may be tried, with a word about it.
    """
    tokens = [row(1), row(2)]

    report = examine(
        [TextRow(1, "a", "late"), TextRow(2, "b", "lost")],
        tokens,
        FinetuneRecipe(method="lora"),
        pieces={},
        special_ids=SPECIAL,
        seen=SEEN,
        suspicious=[],
        context_length=64,
        is_fresh=True,
    )

    assert [] == codes(report)
    assert "use method 'full'" in report.warnings[0]
