"""The rule that picks recipes: more rows need fewer passes, more labels more; overrides win, bad ones are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput
from treadle.training.recipes import (
    DataSize,
    base_recipe_for,
    base_recipe_of,
    finetune_recipe_for,
    finetune_recipe_of,
    with_keep,
)


@given(st.integers(500, 10**7), st.integers(1, 100))
def test_rule_stays_within_bounds(rows: int, labels: int) -> None:
    """
    Whatever the size, passes stay between 2 and 30, and more rows never mean more passes.
    """
    size, larger = DataSize(rows, labels), DataSize(rows * 2, labels)

    assert 2.0 <= finetune_recipe_for(size).epochs <= 30.0
    assert finetune_recipe_for(larger).epochs <= finetune_recipe_for(size).epochs
    assert base_recipe_for(larger).epochs <= base_recipe_for(size).epochs


def test_more_labels_take_more_passes() -> None:
    """
    A task with more labels is read more often.
    """
    assert finetune_recipe_for(DataSize(8000, 77)).epochs > finetune_recipe_for(DataSize(8000, 2)).epochs


def test_override_wins() -> None:
    """
    What the caller sets is kept; the rest follows the rule.
    """
    recipe = finetune_recipe_of({"epochs": 1.5, "method": "lora"}, DataSize(8000, 77))

    assert 1.5 == recipe.epochs
    assert "lora" == recipe.method
    assert finetune_recipe_for(DataSize(8000, 77)).learning_rate == recipe.learning_rate


@pytest.mark.parametrize(("field", "value"), [("epochs", -1), ("learning_rat", 0.1), ("method", "qlora")])
def test_bad_field_is_named(field: str, value: object) -> None:
    """
    A wrong or unknown field is named beside the fields there are.
    """
    with pytest.raises(InvalidInput, match=f"'{field}'"):
        finetune_recipe_of({field: value}, DataSize(100, 3))


def test_bad_base_field_is_named() -> None:
    """
    The same for base recipes.
    """
    with pytest.raises(InvalidInput, match="'vocab_size'"):
        base_recipe_of({"vocab_size": 10}, DataSize(100, 3))


def test_open_answers_are_no_labels() -> None:
    """
    Where nearly every row has its own answer, the number of answers does not drive the passes.
    """
    assert 3.0 == finetune_recipe_for(DataSize(10_000, 9_000)).epochs


@pytest.mark.parametrize(
    ("overrides", "is_fresh", "keep"),
    [
        ({}, True, 0.3),
        ({}, False, 1.0),
        ({"keep": 0.8}, True, 0.8),
        ({"method": "lora"}, True, 1.0),
        ({"method": "lora", "keep": 0.5}, False, 1.0),
    ],
)
def test_only_a_fresh_base_is_shrunk(overrides: dict[str, object], is_fresh: bool, keep: float) -> None:
    """
    An untuned base of ours starts from 0.3 of its weights; a tuned one, a foreign one and LoRA from all of them.
    """
    assert keep == with_keep(finetune_recipe_of(overrides, DataSize(8000, 77)), is_fresh=is_fresh).keep


def test_context_grows_with_the_longest_row() -> None:
    """
    Short messages get 256 tokens; 1,000 characters need up to 564 and get 640; no base gets more than 2,048.
    """
    assert 256 == base_recipe_for(DataSize(100, 3, longest_characters=300)).max_length
    assert 640 == base_recipe_for(DataSize(100, 3, longest_characters=1000)).max_length
    assert 2048 == base_recipe_for(DataSize(100, 3, longest_characters=10**6)).max_length
