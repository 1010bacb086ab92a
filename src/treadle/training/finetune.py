"""Tune a base on (input, expected output) rows through trl and peft: full weights, or LoRA merged for export.

trl's SFTTrainer brings the peft wiring, checkpoints, early stopping and resume; `loop.PlannedTraining` stands before it
for planned batches, per-token loss weights and exact-answer validation. Opened in worker processes only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel
from transformers import EarlyStoppingCallback, set_seed
from trl import SFTConfig, SFTTrainer

from treadle.training.loop import (
    Curves,
    Noise,
    PlannedRows,
    PlannedTraining,
    Report,
    last_checkpoint,
    make_plan,
    parameters_of,
    score_rows,
    steps_for,
    use_cores,
)
from treadle.training.recipes import TUNED_KEY, FinetuneRecipe
from treadle.training.rows import TokenRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER_FOLDER = "adapter"


class TokenParts(NamedTuple):
    """Tokenised rows of the parts a tuning run uses."""

    train: Sequence[TokenRow]
    validation: Sequence[TokenRow]


class TuningTrainer(PlannedTraining, SFTTrainer):  # type: ignore[misc, unused-ignore]
    """trl's trainer with planned batches, weighted loss and exact-answer validation."""


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    parts: TokenParts,
    recipe: FinetuneRecipe,
    *,
    out: Path,
    checkpoints: Path,
    report: Report,
) -> dict[str, Any]:
    """Tune `model` and write a merged transformers folder to `out` (and LoRA's own weights to `out/../adapter`).

    Safe to call again after a kill with the same arguments: it goes on from the newest checkpoint, and ends with the
    same weights as if it had never stopped (same machine, same libraries).
    Returns facts: steps, tokens, seconds, best step, validation scores.
    """
    use_cores()
    set_seed(recipe.seed)
    shrink_and_perturb(model, keep=1.0 if recipe.keep is None else recipe.keep)
    steps = steps_for(len(parts.train), batch_rows=recipe.batch_rows, epochs=recipe.epochs, max_steps=recipe.max_steps)
    validation = parts.validation[: recipe.validation_rows]
    num_tokens = round(sum(len(row.ids) for row in parts.train) * steps * recipe.batch_rows / len(parts.train))
    every = max(1, steps // recipe.evaluations)
    trainer = TuningTrainer(
        model=model,
        args=arguments(recipe, steps=steps, every=every, has_validation=bool(validation), checkpoints=checkpoints),
        train_dataset=Dataset.from_dict({"input_ids": [row.ids for row in parts.train[:1]]}),  # the plan has the rows
        eval_dataset=Dataset.from_dict({"input_ids": [row.ids for row in validation[:1]]}) if validation else None,
        processing_class=tokenizer,
        data_collator=lambda rows: rows,
        peft_config=lora(recipe) if recipe.method == "lora" else None,
        callbacks=[
            Curves(report, total_steps=steps, tokens_per_step=num_tokens / steps, noun=f"{recipe.method} fine-tune"),
            *([EarlyStoppingCallback(early_stopping_patience=recipe.patience)] if validation else []),
        ],
    )
    trainer.planned_rows = PlannedRows(
        parts.train, answer_loss=recipe.answer_loss, text_loss=recipe.text_loss, noise=noise_of(recipe, tokenizer)
    )
    trainer.plan = make_plan(parts.train, batch_rows=recipe.batch_rows, steps=steps, seed=recipe.seed)
    trainer.scored_rows = validation
    trainable = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    report.log(
        f"{len(parts.train):,} rows, {steps} steps, about {num_tokens:,} tokens, {trainable:,} trainable weights"
    )

    started = time.monotonic()
    trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
    seconds = time.monotonic() - started

    tuned = trainer.model
    if isinstance(tuned, PeftModel):
        tuned.save_pretrained(out.parent / ADAPTER_FOLDER)
        tuned = tuned.merge_and_unload()
    scores = score_rows(tuned, validation) if validation else {}
    setattr(tuned.config, TUNED_KEY, True)
    save(tuned, tokenizer, out)
    steps_done = trainer.state.global_step
    tokens_done = round(num_tokens * steps_done / steps)
    return {
        "method": recipe.method,
        "parameters_count": parameters_of(tuned),
        "trainable_parameters_count": trainable,
        "steps": steps_done,
        "planned_steps": steps,
        "stopped_early": steps_done < steps,
        "best_step": trainer.state.best_global_step if validation else steps_done,
        "training_tokens": tokens_done,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(tokens_done / max(seconds, 1e-6)),
        "validation_rows": len(validation),
        "validation_exact_match": scores.get("exact_match"),
        "validation_answer_loss": scores.get("answer_loss"),
    }


def shrink_and_perturb(model: PreTrainedModel, *, keep: float) -> None:
    """Multiply every matrix by `keep` and add (1 - keep) times fresh initial noise; norms stay. In place.

    A network that was trained on little before learns what comes next worse than a fresh one; this keeps most of what it
    knows and gives it back the ease of a new one. Source: Ash and Adams 2020, On Warm-Starting Neural Network Training.
    """
    if keep == 1.0:
        return
    spread = float(getattr(model.config, "initializer_range", 0.02)) * (1.0 - keep)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights.mul_(keep).add_(torch.randn_like(weights) * spread)


def arguments(recipe: FinetuneRecipe, *, steps: int, every: int, has_validation: bool, checkpoints: Path) -> SFTConfig:
    """Translate a recipe into the library's settings."""
    return SFTConfig(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=recipe.batch_rows,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, round(steps * recipe.warmup_share)),
        weight_decay=recipe.weight_decay,
        optim="adamw_torch_fused",
        logging_steps=max(1, steps // 50),
        eval_strategy="steps" if has_validation else "no",
        eval_steps=every if has_validation else None,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=has_validation,
        metric_for_best_model="score" if has_validation else None,
        greater_is_better=True if has_validation else None,
        activation_checkpointing=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        seed=recipe.seed,
        bf16=False,
        use_cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        report_to="none",
        disable_tqdm=True,
    )


def noise_of(recipe: FinetuneRecipe, tokenizer: PreTrainedTokenizerBase) -> Noise | None:
    """Translate a recipe's noise; None without."""
    if recipe.noise == 0:
        return None
    return Noise(recipe.noise, max(tokenizer.all_special_ids) + 1, len(tokenizer), recipe.seed)


def lora(recipe: FinetuneRecipe) -> LoraConfig:
    """Adapters on every linear layer but the output head, which is shared with the embeddings."""
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules="all-linear",
        bias="none",
    )


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write a plain transformers folder: trl's additions to `forward` and the tags stay behind."""
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
