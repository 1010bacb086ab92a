"""Which stations a turn has."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from treadle.pipelines.plan import Found, stations
from treadle.pipelines.types import NewTurn


def test_first_turn_goes_all_the_way_around() -> None:
    """
    A demo's turn collects, trains a base, serves, promotes, drills and ends with data.
    """
    steps = [one.step for one in stations(NewTurn(play_customers=True, drill=True), Found())]

    assert ["source", "import", "explore", "prepare", "base", "baseline", "evaluate-baseline", "serve"] == steps[:8]
    assert ["finetune", "candidate", "evaluate", "approve", "rollout"] == steps[8:13]
    assert "drill-rollout" in steps
    assert "curate" == steps[-1]


def test_turn_that_says_nothing_of_customers() -> None:
    """
    Whoever does not ask for it never has customers played or a broken release rolled out: their endpoint may be in production.
    """
    steps = [one.step for one in stations(NewTurn(), Found())]

    assert "rollout" == steps[-1]
    assert not any(step.startswith("drill") for step in steps)


def test_next_turn_starts_from_data_that_is_there() -> None:
    """
    A turn on a curated dataset keeps the base, and what the endpoint serves is the baseline.
    """
    new = NewTurn(source="dataset")

    steps = [one.step for one in stations(new, Found(base_version_id="mdv_x", stable_release_id="rel_x"))]

    assert [
        "source",
        "explore",
        "evaluate-baseline",
        "finetune",
        "candidate",
        "evaluate",
        "approve",
        "rollout",
    ] == steps


def test_steps_have_different_names() -> None:
    """
    A step's run is named by the turn and the step, so no two steps share a name.
    """
    steps = [one.step for one in stations(NewTurn(play_customers=True, drill=True), Found())]

    assert len(set(steps)) == len(steps)


@pytest.mark.parametrize(
    "facts",
    [
        {"source": "file"},
        {"source": "dataset", "play_customers": True},
        {"drill": True, "play_customers": True, "approve": False},
        {"drill": True},
        {"name": "Not A Name"},
    ],
)
def test_turn_that_makes_no_sense(facts: dict[str, object]) -> None:
    """
    A turn that could not end as asked is refused before it begins.
    """
    with pytest.raises(ValidationError):
        NewTurn.model_validate(facts)
