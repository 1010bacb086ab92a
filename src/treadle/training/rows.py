"""Rows as a trainer sees them: Parquet parts in, token ids with one loss weight per token out, batches as a plan.

The plan of batches is a pure function of lengths, size and seed, so that a killed run which resumes walks the very
same batches. Rows of like length share a batch: less padding, about twice the tokens per second on short texts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from treadle.core.errors import InvalidInput
from treadle.prompts.render import render
from treadle.prompts.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LENGTH_BUCKET = 4
"""Rows whose token counts differ by less than this are of like length; ties are broken by chance."""


class TextRow(NamedTuple):
    """One row of a dataset version."""

    number: int
    """1-based position in the version's files, as people count."""
    text: str
    """The input; the user's turn."""
    answer: str
    """The expected output; the assistant's turn."""


class TokenRow(NamedTuple):
    """One conversation as ids."""

    number: int
    """The row's number in the dataset version."""
    ids: list[int]
    """Token ids of the whole conversation."""
    answers: list[int]
    """1 where the assistant speaks, else 0; as long as `ids`."""


def read_parts(paths: Sequence[str | Path]) -> dict[str, list[TextRow]]:
    """Read the rows of all parts: columns `input`, `expected_output`, `part` (without it every row is `train`)."""
    import polars

    parts: dict[str, list[TextRow]] = {}
    number = 0
    for path in paths:
        frame = polars.read_parquet(path)
        missing = [name for name in ("input", "expected_output") if name not in frame.columns]
        if missing:
            raise InvalidInput(
                f"the training rows lack the column '{missing[0]}' (found: {', '.join(frame.columns)}); "
                "a dataset version for tuning needs 'input' and 'expected_output'; "
                "import it again with --input and --label",
                code="training.column_missing",
                column=missing[0],
            )
        texts, answers = frame["input"].to_list(), frame["expected_output"].to_list()
        names = frame["part"].to_list() if "part" in frame.columns else ["train"] * frame.height
        numbers = frame["row"].to_list() if "row" in frame.columns else range(number + 1, number + frame.height + 1)
        number += frame.height
        for row, part, text, answer in zip(numbers, names, texts, answers, strict=True):
            parts.setdefault(str(part or "train"), []).append(TextRow(int(row), str(text or ""), str(answer or "")))
    if not parts.get("train"):
        raise InvalidInput(
            f"the dataset version has no rows in its part 'train' (parts: {', '.join(sorted(parts)) or 'none'}); "
            "split it first with: treadle data prepare",
            code="training.no_rows",
        )
    return parts


def conversation(row: TextRow, prompt: Sequence[Message] | None) -> list[dict[str, str]]:
    """Return what a client would send for a row: the prompt filled with `input`, or the input as the user's turn."""
    return render(prompt, {"input": row.text}) if prompt else [{"role": "user", "content": row.text}]


def tokenise(
    tokenizer: PreTrainedTokenizerBase, rows: Sequence[TextRow], prompt: Sequence[Message] | None = None
) -> list[TokenRow]:
    """Render rows through the prompt and the tokenizer's chat template, whose `generation` tags give the answer mask."""
    if not rows:
        return []
    encoded = tokenizer.apply_chat_template(
        [[*conversation(row, prompt), {"role": "assistant", "content": row.answer}] for row in rows],
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    return [
        TokenRow(row.number, list(ids), list(mask))
        for row, ids, mask in zip(rows, encoded["input_ids"], encoded["assistant_masks"], strict=True)
    ]


def plan_batches(lengths: Sequence[int], *, batch_rows: int, num_batches: int, seed: int) -> list[list[int]]:
    """Choose the rows of every optimiser step of a whole run: passes over all rows, each pass shuffled anew.

    Returns `num_batches` lists of positions. Pure: the same arguments give the same plan.
    """
    plan: list[list[int]] = []
    epoch = 0
    while len(plan) < num_batches:
        draw = random.Random(f"{seed}:{epoch}")
        order = sorted(range(len(lengths)), key=lambda position: (lengths[position] // LENGTH_BUCKET, draw.random()))
        batches = [order[start : start + batch_rows] for start in range(0, len(order), batch_rows)]
        draw.shuffle(batches)
        plan.extend(batches)
        epoch += 1
    return plan[:num_batches]


def batches_of(rows: Iterable[TokenRow], size: int) -> Iterator[list[TokenRow]]:
    """Yield rows of like length together, longest last, for scoring."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def weights_of(row: TokenRow, *, answer_loss: float, text_loss: float) -> list[float]:
    """Return one loss weight per token."""
    return [answer_loss if spoken else text_loss for spoken in row.answers]
