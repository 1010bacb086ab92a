"""What becomes of an unfinished run that nobody does."""

from __future__ import annotations

import pytest

from treadle.jobs.plan import ALIVE, Move, next_move
from treadle.jobs.types import RunStatus, Unfinished

ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


def _run(parent_status: RunStatus | None = None) -> Unfinished:
    return Unfinished(
        project_id="p", run_id="run", parent_run_id="parent" if parent_status else None, parent_status=parent_status
    )


@pytest.mark.parametrize(
    ("run", "workflow_status", "expected"),
    [
        (_run(), None, "begin"),
        *((_run(), status, "watch") for status in sorted(ALIVE)),
        *((_run(), status, "give up") for status in ENDED),
        (_run("running"), None, "leave"),
        *((_run("pending"), status, "leave") for status in ENDED),
        (_run("running"), "PENDING", "watch"),
        *((_run(parent), status, "cancel") for parent in ("failed", "cancelled", "succeeded") for status in (None, "PENDING")),
    ],
)  # fmt: skip
def test_move(run: Unfinished, workflow_status: str | None, expected: Move) -> None:
    """
    A new run is begun, one whose workflow ended without it is given up, a step waits for its parent and ends with it.
    """
    assert expected == next_move(run, workflow_status)
