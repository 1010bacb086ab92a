"""What base training and tuning share: a Trainer whose batches are planned, whose loss is weighted per token, and
whose validation counts exact answers.

Imports torch and transformers at the top: only worker processes open this room. Three departures from the library's
Trainer: (1) the order of batches is a plan made beforehand, so resuming is exact; (2) each token carries a loss weight,
and the loss is the weighted mean; (3) validation needs no generation: under greedy decoding an answer is right exactly
when every one of its tokens is the most likely one given the right tokens before it, which one forward pass tells.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from treadle.training.rows import TokenRow, batches_of, plan_batches, weights_of

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

EVAL_BATCH_ROWS = 128
TIE_BREAK = 1e-3
"""Among checkpoints with the same exact match the one with the lower answer loss is better (and counts as progress)."""


class Report(Protocol):
    """How a worker tells its run what happens; the runner hands it in."""

    def log(self, text: str) -> None: ...
    def metric(self, name: str, step: int, value: float) -> None: ...
    def progress(self, fraction: float, text: str) -> None: ...


class Noise(NamedTuple):
    """Replaces some of what the model reads by other tokens, so that a small model does not lean on single words."""

    share: float
    """Chance of each token that is neither special nor answer."""
    first_id: int
    """Ids from here on are ordinary tokens."""
    vocabulary_size: int
    """Replacements are drawn below this id."""
    seed: int
    """With step and row it decides everything: a resumed run sees the same noise."""

    def apply(self, row: TokenRow, step: int) -> list[int]:
        """Return the row's ids as they are read at a step."""
        draw = random.Random(f"{self.seed}:{step}:{row.number}")
        return [
            draw.randrange(self.first_id, self.vocabulary_size)
            if not spoken and token_id >= self.first_id and draw.random() < self.share
            else token_id
            for token_id, spoken in zip(row.ids, row.answers, strict=True)
        ]


class Item(NamedTuple):
    """One conversation of a batch."""

    read: list[int]
    """What the model reads."""
    targets: list[int]
    """What it should predict: the row without noise."""
    weights: list[float]
    """The loss weight of each target."""


class PlannedRows(Dataset[Item]):
    """Rows with their loss weights, by (step, position)."""

    def __init__(
        self, rows: Sequence[TokenRow], *, answer_loss: float = 1.0, text_loss: float = 1.0, noise: Noise | None = None
    ) -> None:
        self.rows = rows
        self.weights = [weights_of(row, answer_loss=answer_loss, text_loss=text_loss) for row in rows]
        self.noise = noise

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: tuple[int, int]) -> Item:
        step, position = place
        row = self.rows[position]
        return Item(self.noise.apply(row, step) if self.noise else row.ids, row.ids, self.weights[position])


def collate(batch: Sequence[Item]) -> dict[str, Tensor]:
    """Pad a batch on the right: `input_ids`, `attention_mask`, `targets` and `loss_weights`, each [rows, width]."""
    width = max(len(item.read) for item in batch)
    padded = {
        name: torch.zeros(len(batch), width, dtype=torch.long) for name in ("input_ids", "attention_mask", "targets")
    }
    weights = torch.zeros(len(batch), width)
    for row, item in enumerate(batch):
        length = len(item.read)
        padded["input_ids"][row, :length] = torch.tensor(item.read)
        padded["attention_mask"][row, :length] = 1
        padded["targets"][row, :length] = torch.tensor(item.targets)
        weights[row, :length] = torch.tensor(item.weights)
    return {**padded, "loss_weights": weights}


def weighted_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted mean of next-token cross entropy, in nats; logits [rows, width, vocabulary]."""
    flat = weights[:, 1:].reshape(-1)
    each = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]).float(), targets[:, 1:].reshape(-1), reduction="none"
    )
    return (each * flat).sum() / flat.sum().clamp(min=1e-8)


def score_rows(model: torch.nn.Module, rows: Sequence[TokenRow]) -> dict[str, float]:
    """Score conversations: mean losses (nats per token), the share answered exactly, and the score to choose by."""
    was_training = model.training
    model.eval()
    sums = {"answer_loss": 0.0, "text_loss": 0.0, "answer_tokens": 0.0, "text_tokens": 0.0, "exact": 0.0}
    with torch.inference_mode():
        for batch in batches_of(rows, EVAL_BATCH_ROWS):
            inputs = collate([Item(row.ids, row.ids, [float(flag) for flag in row.answers]) for row in batch])
            ids, spoken, seen = (
                inputs["input_ids"],
                inputs["loss_weights"][:, 1:] > 0,
                inputs["attention_mask"][:, 1:] > 0,
            )
            logits = model(input_ids=ids, attention_mask=inputs["attention_mask"]).logits[:, :-1]
            each = torch.nn.functional.cross_entropy(logits.transpose(1, 2).float(), ids[:, 1:], reduction="none")
            sums["answer_loss"] += float(each[spoken].sum())
            sums["text_loss"] += float(each[seen & ~spoken].sum())
            sums["answer_tokens"] += float(spoken.sum())
            sums["text_tokens"] += float((seen & ~spoken).sum())
            right = (logits.argmax(-1) == ids[:, 1:]) | ~spoken
            sums["exact"] += float((right.all(1) & spoken.any(1)).sum())
    model.train(was_training)
    answer_loss = sums["answer_loss"] / max(sums["answer_tokens"], 1.0)
    exact_match = sums["exact"] / max(len(rows), 1)
    return {
        "answer_loss": answer_loss,
        "text_loss": sums["text_loss"] / max(sums["text_tokens"], 1.0),
        "exact_match": exact_match,
        "score": exact_match - TIE_BREAK * answer_loss,
    }


class PlannedTraining(Trainer):  # type: ignore[misc, unused-ignore]
    """The three departures, as a mixin: stands before `Trainer` or trl's `SFTTrainer` in a class's bases."""

    plan: list[list[int]]
    planned_rows: PlannedRows
    scored_rows: Sequence[TokenRow]
    control: TrainerControl

    def get_train_dataloader(self) -> DataLoader[Any]:
        steps = [[(step, position) for position in batch] for step, batch in enumerate(self.plan)]
        return DataLoader(self.planned_rows, batch_sampler=steps, collate_fn=collate)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Weighted mean over the batch; `num_items_in_batch` is not used, because steps are never accumulated."""
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        loss = weighted_loss(outputs.logits, inputs["targets"], inputs["loss_weights"])
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        scores = score_rows(self.model, self.scored_rows)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


class Curves(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Sends losses, validation scores and progress to the run as they come."""

    def __init__(self, report: Report, *, total_steps: int, tokens_per_step: float, noun: str) -> None:
        self.report = report
        self.total_steps = total_steps
        self.tokens_per_step = tokens_per_step
        self.noun = noun
        self.started = time.monotonic()
        self.first_step = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.started = time.monotonic()
        self.first_step = state.global_step
        if state.global_step:
            self.report.log(f"resumed at step {state.global_step} of {self.total_steps}")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        names = {"loss": "train_loss", "learning_rate": "learning_rate", "grad_norm": "gradient_norm"}
        for key, value in (logs or {}).items():
            name = names.get(key) or (f"validation_{key.removeprefix('eval_')}" if key.startswith("eval_") else None)
            if name:
                self.report.metric(name, state.global_step, float(value))
        seconds = max(time.monotonic() - self.started, 1e-6)
        speed = (state.global_step - self.first_step) * self.tokens_per_step / seconds
        self.report.progress(
            state.global_step / self.total_steps,
            f"{self.noun}: step {state.global_step} of {self.total_steps}, {speed:,.0f} tokens/s",
        )


def steps_for(num_rows: int, *, batch_rows: int, epochs: float, max_steps: int | None = None) -> int:
    """Return the number of optimiser steps of a run."""
    per_epoch = -(-num_rows // batch_rows)
    return max_steps if max_steps is not None else max(1, round(per_epoch * epochs))


def make_plan(rows: Sequence[TokenRow], *, batch_rows: int, steps: int, seed: int) -> list[list[int]]:
    """Plan a whole run over tokenised rows.

    Rows are grouped by the length of what is read, not of what is answered: long labels would otherwise share batches.
    """
    lengths = [len(row.ids) - sum(row.answers) for row in rows]
    return plan_batches(lengths, batch_rows=batch_rows, num_batches=steps, seed=seed)


def last_checkpoint(folder: Path) -> str | None:
    """Find the newest finished checkpoint of a run's folder, to resume from."""
    found = [
        (int(path.name.removeprefix("checkpoint-")), path)
        for path in folder.glob("checkpoint-*")
        if (path / "trainer_state.json").exists()
    ]
    return str(max(found)[1]) if found else None


def use_cores() -> int:
    """Let torch use every core that this process may run on; returns their number."""
    import os

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    torch.set_num_threads(cores)
    return cores


def parameters_of(model: PreTrainedModel) -> int:
    """Count the weights, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())
