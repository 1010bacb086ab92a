"""Train a small Llama from scratch on the texts of the training rows, never on their labels.

The point is a base that speaks the domain's language and has met the chat tokens, and that nobody taught the task: the
baseline which a fine-tune is measured against is therefore honestly near zero. A text is cut at a chance word: the user
says the first part, the assistant goes on. One conversation in eight also opens with a system turn holding another
text, so that every chat token's embedding is trained. How often each was seen goes into the model's config.
Opened in worker processes only.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import LlamaConfig, LlamaForCausalLM, TrainingArguments, set_seed

from treadle.core.errors import InvalidInput
from treadle.training.loop import (
    Curves,
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
from treadle.training.recipes import SEEN_KEY, BaseRecipe
from treadle.training.rows import TextRow, TokenRow
from treadle.training.tokenizer import SPECIAL_TOKENS, as_read, train_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SYSTEM_EVERY = 8
HELD_ROWS = 500


def train(
    parts: dict[str, list[TextRow]], recipe: BaseRecipe, *, out: Path, checkpoints: Path, report: Report
) -> dict[str, Any]:
    """Train tokenizer and model; write a transformers folder to `out`.

    Safe to call again after a kill with the same arguments: it goes on from the newest checkpoint.
    Returns facts for the model version: parameters, tokens, seconds, losses, special tokens seen.
    """
    cores = use_cores()
    texts = [as_read(row.text, fold_case=recipe.fold_case) for row in parts["train"] if row.text.strip()]
    if len(texts) < 2:
        raise InvalidInput(
            f"only {len(texts)} training rows hold text; a base model needs at least 2 (a useful one 1,000 or more); "
            "check the input column with: treadle data show",
            code="training.too_few_rows",
            rows=len(texts),
        )
    report.progress(0.0, "learning the vocabulary")
    words = [row.answer for row in parts["train"]]  # spellings only: no conversation below holds an answer
    tokenizer = train_tokenizer([*texts, *words], vocab_size=recipe.vocab_size, fold_case=recipe.fold_case)
    rows = converse(tokenizer, texts, max_length=recipe.max_length, seed=recipe.seed)
    unseen = [as_read(row.text, fold_case=recipe.fold_case) for row in parts.get("validation", [])[:HELD_ROWS]]
    held = converse(tokenizer, unseen, max_length=recipe.max_length, seed=1)

    set_seed(recipe.seed)
    model = LlamaForCausalLM(config_of(recipe, tokenizer))
    steps = steps_for(len(rows), batch_rows=recipe.batch_rows, epochs=recipe.epochs)
    num_tokens = round(sum(len(row.ids) for row in rows) * steps * recipe.batch_rows / len(rows))
    report.log(
        f"{parameters_of(model):,} parameters, vocabulary {len(tokenizer):,}, {len(rows):,} texts, "
        f"{steps} steps, about {num_tokens:,} tokens on {cores} cores"
    )
    trainer = PlannedTraining(
        model=model,
        args=TrainingArguments(
            output_dir=str(checkpoints),
            max_steps=steps,
            per_device_train_batch_size=recipe.batch_rows,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=max(1, steps // 10),
            weight_decay=recipe.weight_decay,
            optim="adamw_torch_fused",
            logging_steps=max(1, steps // 40),
            eval_strategy="no",
            save_strategy="steps",
            save_steps=max(1, steps // 3),
            save_total_limit=1,
            seed=recipe.seed,
            use_cpu=not _has_accelerator(),
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
        ),
        train_dataset=PlannedRows(rows),
        callbacks=[Curves(report, total_steps=steps, tokens_per_step=num_tokens / steps, noun="base")],
    )
    prepare(trainer, rows, recipe)
    trainer.scored_rows = held
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=last_checkpoint(checkpoints))
    seconds = time.monotonic() - started

    seen = count_special(rows, tokenizer, epochs=recipe.epochs)
    setattr(model.config, SEEN_KEY, seen)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    scores = score_rows(model, held) if held else {}
    return {
        "parameters_count": parameters_of(model),
        "vocabulary_size": len(tokenizer),
        "steps": steps,
        "training_tokens": num_tokens,
        "seconds": round(seconds, 2),
        "tokens_per_second": round(num_tokens / max(seconds, 1e-6)),
        "validation_text_loss": scores.get("text_loss"),
        "special_tokens_seen": seen,
    }


def prepare(trainer: PlannedTraining, rows: Sequence[TokenRow], recipe: BaseRecipe) -> None:
    """Hand the trainer its rows and the plan of all batches."""
    trainer.planned_rows = PlannedRows(rows)
    trainer.plan = make_plan(rows, batch_rows=recipe.batch_rows, steps=trainer.args.max_steps, seed=recipe.seed)


def config_of(recipe: BaseRecipe, tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Describe the model; input and output embeddings are shared."""
    if recipe.hidden_size % recipe.head_size:
        raise InvalidInput(
            f"hidden_size {recipe.hidden_size} is not a multiple of head_size {recipe.head_size}; "
            f"try hidden_size {recipe.hidden_size // recipe.head_size * recipe.head_size}",
            code="training.recipe_invalid",
        )
    heads = recipe.hidden_size // recipe.head_size
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.num_layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=recipe.max_length,
        tie_word_embeddings=True,
        attention_dropout=recipe.dropout,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def converse(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, max_length: int, seed: int) -> list[TokenRow]:
    """Turn texts into conversations of the chat format; over-long ones are cut at `max_length` tokens."""
    if not texts:
        return []
    draw = random.Random(seed)
    ids_of = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    bos, user, assistant, system, end = (
        ids_of[token] for token in ("<|bos|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
    )
    encoded = tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)["input_ids"]
    rows = []
    for number, ids in enumerate(encoded, start=1):
        cut = draw.randint(min(1, len(ids)), len(ids))
        opening = (
            [system, *encoded[draw.randrange(len(encoded))][: max_length // 4], end]
            if not number % SYSTEM_EVERY
            else []
        )
        whole = [bos, *opening, user, *ids[:cut], end, assistant, *ids[cut:], end][:max_length]
        rows.append(TokenRow(number, whole, [0] * len(whole)))
    return rows


def count_special(rows: Sequence[TokenRow], tokenizer: PreTrainedTokenizerFast, *, epochs: float) -> dict[str, int]:
    """Count how often each special token stood in the training conversations."""
    counts = dict.fromkeys(SPECIAL_TOKENS, 0)
    names = {tokenizer.convert_tokens_to_ids(token): token for token in SPECIAL_TOKENS}
    for row in rows:
        for token_id in row.ids:
            if token_id in names:
                counts[names[token_id]] += 1
    return {token: round(count * epochs) for token, count in counts.items()}


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()
