"""Take a promotion back: the endpoint goes to what it served before, if nothing has changed since and that may serve there."""

from __future__ import annotations

from datetime import datetime

from treadle.core.errors import Conflict
from treadle.http.context import Context
from treadle.releases import store as releases
from treadle.releases.publishing import NotApproved, require_startable
from treadle.releases.rollouts.store import KeptRollout
from treadle.storage.database import Connection


class CannotUndo(Conflict):
    """A promotion that cannot be undone any more."""

    code = "releases.cannot_undo"


def undo(db: Connection, ctx: Context, kept: KeptRollout, now: datetime) -> str:
    """Point the endpoint back at what it served before a promotion; return what one should know about it."""
    endpoint = releases.require_endpoint(db, kept.endpoint, lock=True)
    moved_on = endpoint.stable_release_id != kept.candidate_release_id or endpoint.rollout_id is not None
    # None before it: the endpoint went to an environment where that was not approved, which may have changed since.
    served_before = endpoint.previous_release_id in (None, kept.stable_release_id)
    if moved_on or endpoint.next_release_id is not None or not served_before:
        raise CannotUndo(
            f"endpoint '{endpoint.name}' has moved on since rollout '{kept.rollout_id}' was promoted; point it where it "
            f"should be with: treadle endpoint set-stable {endpoint.name} {kept.stable_release_id}",
            rollout_id=kept.rollout_id,
        )
    try:
        notice = require_startable(db, ctx, endpoint, kept.stable_release_id)
    except NotApproved as error:
        raise CannotUndo(
            f"endpoint '{endpoint.name}' was moved to '{endpoint.environment}' since rollout '{kept.rollout_id}' was "
            f"promoted, and what it served before may not serve there: {error.message}",
            rollout_id=kept.rollout_id,
        ) from error
    update = {"next_release_id": kept.stable_release_id, "problem": None, "notice": notice, "changed_at": now}
    releases.save_endpoint(db, endpoint.model_copy(update=update))
    return f"; {notice}" if notice else ""
