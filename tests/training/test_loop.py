"""Noise, padding, the weighted loss and the count of exact answers, worked by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from hypothesis import given
from hypothesis import strategies as st

from treadle.training.loop import Item, Noise, collate, last_checkpoint, score_rows, steps_for, weighted_loss
from treadle.training.rows import TokenRow

ROW = TokenRow(7, [1, 2, *range(10, 30), 5, 3, 40, 41, 5], [0] * 24 + [1] * 3)


class Copying(torch.nn.Module):
    """A model that is sure the next id is the last one plus one."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """Return logits [rows, width, 50]."""
        return SimpleNamespace(logits=20.0 * torch.nn.functional.one_hot((input_ids + 1) % 50, 50).float())


@given(st.floats(0, 0.9), st.integers(0, 1000))
def test_noise_spares_answers_and_special_tokens(share: float, step: int) -> None:
    """
    Only ordinary tokens of what is read are replaced, by ordinary tokens.
    """
    read = Noise(share, first_id=6, vocabulary_size=50, seed=0).apply(ROW, step)

    assert [1, 2] == read[:2]
    assert ROW.ids[22:] == read[22:]
    assert all(6 <= token_id < 50 for token_id in read[2:22])


def test_noise_is_the_same_after_a_restart() -> None:
    """
    The same seed, step and row give the same noise; another step gives other noise.
    """
    noise = Noise(0.5, first_id=6, vocabulary_size=50, seed=3)

    assert noise.apply(ROW, 4) == noise.apply(ROW, 4)
    assert noise.apply(ROW, 4) != noise.apply(ROW, 5)


def test_padding_is_not_learned() -> None:
    """
    Shorter rows are padded on the right, unseen and without loss.
    """
    batch = collate([Item([1, 7], [1, 7], [0.3, 1.0]), Item([1, 8, 9], [1, 8, 9], [0.3, 0.3, 1.0])])

    assert [[1, 7, 0], [1, 8, 9]] == batch["input_ids"].tolist()
    assert [[1, 1, 0], [1, 1, 1]] == batch["attention_mask"].tolist()
    assert 0.0 == batch["loss_weights"][0, 2].item()


def test_loss_is_the_weighted_mean() -> None:
    """
    Two targets, losses ln 2 (weight 1) and ln 4 (weight 3): (ln 2 + 3 ln 4) / 4.
    """
    logits = torch.tensor([[[0.0, 0.0, -1e9, -1e9], [0.0, 0.0, 0.0, 0.0], [0.0] * 4]])

    loss = weighted_loss(logits, torch.tensor([[0, 1, 2]]), torch.tensor([[9.0, 1.0, 3.0]]))

    assert math.isclose((math.log(2) + 3 * math.log(4)) / 4, loss.item(), rel_tol=1e-6)


def test_answer_counts_when_every_token_is_right() -> None:
    """
    One row's answer goes up by one each time and is right to the end; the other's last token is not.
    """
    right = TokenRow(1, [5, 9, 10, 11], [0, 0, 1, 1])
    wrong = TokenRow(2, [5, 9, 10, 13], [0, 0, 1, 1])

    scores = score_rows(Copying(), [right, wrong])

    assert 0.5 == scores["exact_match"]
    assert scores["score"] < 0.5


def test_steps_are_counted_in_whole_batches() -> None:
    """
    100 rows in batches of 32 are 4 steps a pass; `max_steps` decides where it is set.
    """
    assert 8 == steps_for(100, batch_rows=32, epochs=2)
    assert 3 == steps_for(100, batch_rows=32, epochs=2, max_steps=3)
    assert 1 == steps_for(1, batch_rows=32, epochs=0.1)


def test_unfinished_checkpoint_is_not_used(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """
    A checkpoint that was being written when the process was killed is left alone.
    """
    for step in (9, 10, 11):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-9" / "trainer_state.json").write_text("{}")
    (tmp_path / "checkpoint-10" / "trainer_state.json").write_text("{}")

    assert str(tmp_path / "checkpoint-10") == last_checkpoint(tmp_path)
