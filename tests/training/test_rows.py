"""Rows into tokens and batches: every row once per pass, the same plan every time, an answer mask that is right."""

from __future__ import annotations

from pathlib import Path

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.prompts.types import Message
from treadle.training.rows import TextRow, TokenRow, plan_batches, read_parts, tokenise, weights_of
from treadle.training.tokenizer import SPECIAL_TOKENS, as_read, train_tokenizer


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(1, 20), st.integers(0, 5))
def test_each_pass_holds_every_row_once(lengths: list[int], batch_rows: int, seed: int) -> None:
    """
    A pass over the rows leaves none out and takes none twice.
    """
    per_pass = -(-len(lengths) // batch_rows)

    plan = plan_batches(lengths, batch_rows=batch_rows, num_batches=per_pass * 2, seed=seed)

    assert list(range(len(lengths))) == sorted(position for batch in plan[:per_pass] for position in batch)
    assert list(range(len(lengths))) == sorted(position for batch in plan[per_pass:] for position in batch)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=50), st.integers(0, 5))
def test_same_seed_same_plan(lengths: list[int], seed: int) -> None:
    """
    The plan is a function of its arguments, and a longer plan begins with the shorter one.
    """
    long = plan_batches(lengths, batch_rows=8, num_batches=20, seed=seed)

    assert long[:7] == plan_batches(lengths, batch_rows=8, num_batches=7, seed=seed)


def test_only_the_answer_is_marked() -> None:
    """
    The mask covers the assistant's words and the closing token, nothing else.
    """
    tokenizer = train_tokenizer(["where is my parcel"] * 4, vocab_size=300, fold_case=False)

    row = tokenise(tokenizer, [TextRow(1, "where is my parcel", "late")])[0]

    spoken = [token_id for token_id, flag in zip(row.ids, row.answers, strict=True) if flag]
    assert "late<|end|>" == tokenizer.decode(spoken)
    assert "<|bos|><|user|>where is my parcel<|end|><|assistant|>late<|end|>" == tokenizer.decode(row.ids)


def test_prompt_wraps_the_text() -> None:
    """
    With a prompt, training reads what serving will send: the prompt's messages filled with the row's text.
    """
    tokenizer = train_tokenizer(["where is my parcel"] * 4, vocab_size=300, fold_case=False)
    prompt = [Message(role="system", template="Sort it"), Message(role="user", template="Message: {{input}}")]

    row = tokenise(tokenizer, [TextRow(1, "hello", "late")], prompt)[0]

    expected = "<|bos|><|system|>Sort it<|end|><|user|>Message: hello<|end|><|assistant|>late<|end|>"
    assert expected == tokenizer.decode(row.ids)


@given(st.text(max_size=40))
def test_folding_is_what_the_template_does(text: str) -> None:
    """
    What base training reads as a text is what the template shows of it, for every alphabet; answers keep their case.
    """
    tokenizer = _small_tokenizer()

    row = tokenise(tokenizer, [TextRow(1, text, "Late")])[0]

    said = f"<|bos|><|user|>{as_read(text, fold_case=True)}<|end|><|assistant|>Late<|end|>"
    assert said == tokenizer.decode(row.ids)
    assert as_read("ÄBC Straße", fold_case=True) == " Äbc straße"


def test_special_tokens_have_their_ids() -> None:
    """
    The six special tokens are ids 0 to 5, in the agreed order.
    """
    tokenizer = train_tokenizer(["a b c"] * 3, vocab_size=300)

    assert list(range(6)) == tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))


@given(st.text(max_size=60))
def test_every_text_comes_back(text: str) -> None:
    """
    Byte-level tokens lose nothing, whatever the text.
    """
    tokenizer = _small_tokenizer()

    assert text == tokenizer.decode(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def test_loss_weights_follow_the_mask() -> None:
    """
    Answer tokens weigh 1.0 and the others 0.3.
    """
    assert [0.3, 0.3, 1.0] == weights_of(TokenRow(1, [7, 8, 9], [0, 0, 1]), answer_loss=1.0, text_loss=0.3)


def test_rows_without_expected_output(tmp_path: Path) -> None:
    """
    A file that lacks a column is refused with the columns it has.
    """
    polars.DataFrame({"text": ["a"]}).write_parquet(tmp_path / "rows.parquet")

    with pytest.raises(InvalidInput, match=r"lack the column 'input' \(found: text\)"):
        read_parts([tmp_path / "rows.parquet"])


def test_version_without_training_rows(tmp_path: Path) -> None:
    """
    A version whose rows are all test rows cannot be trained on.
    """
    frame = polars.DataFrame({"input": ["a"], "expected_output": ["b"], "part": ["test"]})
    frame.write_parquet(tmp_path / "rows.parquet")

    with pytest.raises(InvalidInput, match="no rows in its part 'train'"):
        read_parts([tmp_path / "rows.parquet"])


_TOKENIZERS: list[object] = []


def _small_tokenizer():  # type: ignore[no-untyped-def]
    if not _TOKENIZERS:
        _TOKENIZERS.append(train_tokenizer(["some words for merges"] * 3, vocab_size=300))
    return _TOKENIZERS[0]
