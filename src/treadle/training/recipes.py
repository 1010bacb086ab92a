"""Recipes: everything that decides what a training run does, as frozen values, and the rule that picks them.

A recipe plus the rows plus the seed give the same weights on the same machine. `recipe_for` is the house rule; every
number in it was measured on two cores (see `design/training.md`). Anything can be overridden field by field.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from treadle.core.errors import InvalidInput
from treadle.core.faults import in_words
from treadle.core.types import JsonObject, Record

SEEN_KEY = "treadle_special_tokens_seen"
TUNED_KEY = "treadle_tuned"
"""Where config.json keeps how often a base met each special token, and that weights were tuned for a task."""


class BaseRecipe(Record):
    """How to train a small Llama from scratch on the texts of a dataset version, without their labels."""

    vocab_size: int = Field(default=2048, ge=300, le=65_536)
    """Entries of the byte-level BPE vocabulary, the six special tokens included; the corpus may yield fewer."""
    hidden_size: int = Field(default=192, ge=32, le=4096)
    """Width of the residual stream; a multiple of `head_size`."""
    num_layers: int = Field(default=4, ge=1, le=64)
    """Transformer blocks."""
    head_size: int = Field(default=32, ge=16, le=128)
    """Width of one attention head."""
    intermediate_size: int = Field(default=576, ge=64, le=16_384)
    """Width of the gated feed-forward layer."""
    max_length: int = Field(default=256, ge=16, le=8192)
    """Longest conversation in tokens that the model will ever see."""
    fold_case: bool = True
    """Let the chat template show the model A-Z as a-z in what it reads (not in what it answers): about 2 points of exact
    match on 8,000 short English messages, at the price of not telling 'US' from 'us'."""
    epochs: float = Field(default=2.0, gt=0, le=1000)
    """Passes over the texts."""
    learning_rate: float = Field(default=2e-3, gt=0, le=1)
    """Peak of the cosine schedule."""
    batch_rows: int = Field(default=64, ge=1, le=4096)
    """Conversations per optimiser step, grouped by like length."""
    weight_decay: float = Field(default=0.05, ge=0, le=1)
    """AdamW's decay on matrices; norms and biases have none."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout on attention weights while training."""
    seed: int = 0
    """Decides initial weights, row order and dropout."""


class FinetuneRecipe(Record):
    """How to tune a base on (input, expected output) rows."""

    method: Literal["full", "lora"] = "full"
    """`full` changes every weight; `lora` trains low-rank adapters on the linear layers and merges them for export."""
    epochs: float = Field(default=6.0, gt=0, le=1000)
    """Passes over the training rows; ignored when `max_steps` is set."""
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after this many optimiser steps; None trains for `epochs`."""
    learning_rate: float = Field(default=1.5e-3, gt=0, le=1)
    """Peak of the cosine schedule."""
    warmup_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate climbs to its peak."""
    batch_rows: int = Field(default=32, ge=1, le=4096)
    """Conversations per optimiser step, grouped by like length."""
    answer_loss: float = Field(default=1.0, gt=0, le=10)
    """Weight of the loss on the assistant's tokens, the closing `<|end|>` included."""
    text_loss: float = Field(default=0.3, ge=0, le=10)
    """Weight of the loss on every other token; it keeps a small model learning the inputs' language. 0 masks them."""
    weight_decay: float = Field(default=0.05, ge=0, le=1)
    """AdamW's decay on matrices."""
    max_length: int = Field(default=8192, ge=16, le=8192)
    """Rows longer than this many tokens, or than the base's context, are refused by the pre-flight with their numbers."""
    evaluations: int = Field(default=8, ge=1, le=1000)
    """How often, evenly spaced, the validation rows are scored and a checkpoint is kept."""
    patience: int = Field(default=3, ge=1)
    """Early stopping: evaluations in a row without a better validation exact match before training ends."""
    validation_rows: int = Field(default=500, ge=1)
    """At most this many validation rows are scored each time, the first ones of the part."""
    noise: float = Field(default=0.05, ge=0, lt=1)
    """Share of the input's tokens that are replaced by chance at each step; a small model learns few rows less by heart."""
    keep: float | None = Field(default=None, ge=0, le=1)
    """Shrink and perturb: a full fine-tune starts from `keep` times the base's matrices plus fresh noise. None means 0.3 on
    an untuned base of ours, whose few texts leave it too set in its ways to learn a task well, and 1 on anything else."""
    lora_rank: int = Field(default=16, ge=1, le=1024)
    """Rank of the adapters; only for `lora`."""
    lora_alpha: int = Field(default=32, ge=1)
    """Scale of the adapters is `lora_alpha / lora_rank`; only for `lora`."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapters; only for `lora`."""
    allow_untrained_chat_tokens: bool = False
    """Let a full fine-tune start from a base that never saw the chat tokens; LoRA is refused regardless."""
    seed: int = 0
    """Decides row order and dropout."""


class DataSize(NamedTuple):
    """What the rule goes by."""

    rows: int
    """Training rows."""
    labels: int
    """Distinct expected outputs among them."""
    longest_characters: int = 0
    """Length of the longest input with its expected output, in any part."""


BASE_ROW_PASSES = 4_000
"""Texts that a base reads in all, once at least: more did not help the fine-tunes that start from it."""
LEAST_ROW_PASSES = 8_000
ROW_PASSES_PER_LABEL = 900
"""Rows that a fine-tune reads in all: so many per label, because a label is learned from its own rows."""
OPEN_SHARE, OPEN_PASSES = 0.2, 3
"""With more distinct answers than this share of the rows they are no labels but texts: three passes, as is usual."""
SMALL_BATCH_BELOW_ROWS = 4_000
KEPT_OF_A_FRESH_BASE = 0.3
CHARACTERS_PER_TOKEN, TEMPLATE_TOKENS, LONGEST_CONTEXT = 2, 64, 2048
"""A base's context holds the longest row even where a token covers two characters only (English texts: about four)."""


def base_recipe_for(size: DataSize) -> BaseRecipe:
    """Choose a base recipe by the number of rows and their length. Pure."""
    needed = -(-(size.longest_characters // CHARACTERS_PER_TOKEN + TEMPLATE_TOKENS) // 128) * 128
    return BaseRecipe(
        max_length=min(max(needed, 256), LONGEST_CONTEXT),
        epochs=round(min(max(BASE_ROW_PASSES / max(size.rows, 1), 1.0), 20.0), 1),
        batch_rows=32 if size.rows < SMALL_BATCH_BELOW_ROWS else 64,
    )


def finetune_recipe_for(size: DataSize, *, method: Literal["full", "lora"] = "full") -> FinetuneRecipe:
    """Choose a tuning recipe by the number of rows and labels. Pure."""
    is_open = size.labels > OPEN_SHARE * size.rows
    passes = max(LEAST_ROW_PASSES, OPEN_PASSES * size.rows if is_open else ROW_PASSES_PER_LABEL * size.labels)
    return FinetuneRecipe(
        method=method,
        epochs=round(min(max(passes / max(size.rows, 1), 2.0), 30.0), 1),
    )


def base_recipe_of(overrides: JsonObject, size: DataSize) -> BaseRecipe:
    """Apply overrides, field by field, to the rule's choice. Raises InvalidInput naming each bad field."""
    return _merged(BaseRecipe, base_recipe_for(size).model_dump(), overrides)


def finetune_recipe_of(overrides: JsonObject, size: DataSize) -> FinetuneRecipe:
    """Apply overrides, field by field, to the rule's choice. Raises InvalidInput naming each bad field."""
    method: Literal["full", "lora"] = "lora" if overrides.get("method") == "lora" else "full"
    return _merged(FinetuneRecipe, finetune_recipe_for(size, method=method).model_dump(), overrides)


def with_keep(recipe: FinetuneRecipe, *, is_fresh: bool) -> FinetuneRecipe:
    """Decide `keep` where the recipe leaves it open. is_fresh: the base is one of ours that was never tuned. Pure."""
    if recipe.method == "lora":
        return recipe.model_copy(update={"keep": 1.0})
    chosen = KEPT_OF_A_FRESH_BASE if is_fresh else 1.0
    return recipe if recipe.keep is not None else recipe.model_copy(update={"keep": chosen})


R = TypeVar("R", bound=Record)


def _merged(kind: type[R], chosen: JsonObject, overrides: JsonObject) -> R:
    try:
        return kind.model_validate({**chosen, **overrides})
    except ValidationError as error:
        raise InvalidInput(
            f"the recipe is not valid: {in_words(error.errors())}; its fields are {', '.join(kind.model_fields)}",
            code="training.recipe_invalid",
        ) from error
