"""Which stations a turn has, decided from what it was asked. Pure: the page draws it before anything has run."""

from __future__ import annotations

from typing import NamedTuple

from treadle.pipelines.types import NewTurn


class Station(NamedTuple):
    """One station of a turn."""

    step: str
    kind: str
    title: str


class Found(NamedTuple):
    """What a turn came upon when it began; decides which stations it needs."""

    base_version_id: str | None = None
    """The newest base model of this name; None trains one."""
    stable_release_id: str | None = None
    """The release that the endpoint serves, then the baseline; None makes the base model one."""


SOURCE = Station("source", "pipelines.source", "Collect")
IMPORT = Station("import", "data.import", "Import")
EXPLORE = Station("explore", "data.profile", "Explore")
PREPARE = Station("prepare", "data.prepare", "Prepare")
BASE = Station("base", "training.base", "Base model")
BASELINE = Station("baseline", "pipelines.release", "Baseline release")
EVALUATE_BASELINE = Station("evaluate-baseline", "evals.experiment", "Evaluate baseline")
SERVE = Station("serve", "pipelines.serve", "Serve")
TUNE = Station("finetune", "training.finetune", "Fine-tune")
CANDIDATE = Station("candidate", "pipelines.release", "Candidate release")
EVALUATE = Station("evaluate", "evals.experiment", "Evaluate candidate")
APPROVE = Station("approve", "pipelines.approve", "Gate and approve")
ASK = Station("ask", "pipelines.ask", "Ask before release")
ROLL_OUT = Station("rollout", "pipelines.rollout", "Roll out")
BREAK_DATA = Station("drill-data", "pipelines.mislabel", "Drill: mislabel")
BREAK_IMPORT = Station("drill-import", "data.import", "Drill: import")
BREAK_PREPARE = Station("drill-prepare", "data.prepare", "Drill: prepare")
BREAK_TUNE = Station("drill-finetune", "training.finetune", "Drill: fine-tune")
BREAK_RELEASE = Station("drill-release", "pipelines.release", "Drill: release")
BREAK_EVALUATE = Station("drill-evaluate", "evals.experiment", "Drill: evaluate")
BREAK_APPROVE = Station("drill-approve", "pipelines.approve", "Drill: override the gate")
BREAK_ROLL_OUT = Station("drill-rollout", "pipelines.rollout", "Drill: roll out")
CURATE = Station("curate", "data.curate", "Back to data")


def stations(new: NewTurn, found: Found) -> list[Station]:
    """Return the stations of a turn in order. found: what the first station came upon."""
    plan = [CURATE, SOURCE] if new.from_traffic else [SOURCE]
    if new.source != "dataset":
        plan += [IMPORT, EXPLORE, PREPARE]
    else:
        plan.append(EXPLORE)
    if found.base_version_id is None:
        plan.append(BASE)
    if found.stable_release_id is None:
        plan += [BASELINE, EVALUATE_BASELINE]
        if new.approve:
            plan.append(SERVE)
    else:
        plan.append(EVALUATE_BASELINE)
    plan += [TUNE, CANDIDATE, EVALUATE, APPROVE]
    if new.approve:
        plan.append(ROLL_OUT)
    else:
        plan += [ASK, SERVE if found.stable_release_id is None else ROLL_OUT]
    if new.drill:
        plan += [
            BREAK_DATA,
            BREAK_IMPORT,
            BREAK_PREPARE,
            BREAK_TUNE,
            BREAK_RELEASE,
            BREAK_EVALUATE,
            BREAK_APPROVE,
            BREAK_ROLL_OUT,
        ]
    if new.play_customers and new.approve:
        plan.append(CURATE)
    return plan
