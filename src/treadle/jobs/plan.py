"""What must be done about an unfinished run that nobody here is doing, by what DBOS says of its workflow; what may be retried. Pure."""

from __future__ import annotations

from typing import Literal

from treadle.jobs.types import FINAL, Run, Unfinished

Move = Literal["begin", "watch", "leave", "give up", "cancel"]

ALIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
"""DBOS will begin such a workflow (again) by itself; its other states are ends."""


def workflow_of(run_id: str, retries: int) -> str:
    """Return the name of the workflow that does a run: a new one with each retry, since DBOS never begins one that has ended."""
    return f"{run_id}.{retries}" if retries else run_id


def retry_fault(run: Run) -> str | None:
    """Return why a run cannot be retried, with what to do instead; None where it can."""
    if run.status == "succeeded":
        return f"run '{run.run_id}' succeeded, so there is nothing to retry; start the same work anew instead"
    if run.status not in FINAL:
        return f"run '{run.run_id}' is {run.status}; wait for it, or stop it with: treadle run cancel {run.run_id}"
    if run.parent_run_id is not None:
        return (
            f"run '{run.run_id}' is the step '{run.step}' of another run, which goes on from it; retry that one with: "
            f"treadle run retry {run.parent_run_id}"
        )
    if run.once:
        return f"run '{run.run_id}' cannot be retried: {run.once}"
    return None


def next_move(run: Unfinished, workflow_status: str | None) -> Move:
    """Decide about one run.

    workflow_status: None when DBOS has no workflow of this name: the run is new, or the journal was lost.
    "watch" means that DBOS is about to begin it, unless that goes on for long; "leave", that its parent sees to it.
    """
    if run.parent_status in FINAL:
        return "cancel"
    if workflow_status in ALIVE:
        return "watch"
    if run.parent_run_id is not None:
        return "leave"
    return "begin" if workflow_status is None else "give up"
