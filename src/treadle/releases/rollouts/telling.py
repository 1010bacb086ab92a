"""Who must know that a rollout stopped: an audit entry, a line in the log, and a message for each channel.

All but the line is written in the transaction that stops it, so nothing is lost and nothing is told in vain. The channels are
those of monitoring, which delivers the messages with its alerts'.
"""

from __future__ import annotations

import logging
from typing import Literal

from treadle.core.types import JsonObject
from treadle.governance import audit
from treadle.http.context import Context
from treadle.monitoring.channels import service as channels
from treadle.releases.rollouts.store import KeptRollout
from treadle.storage.database import Connection

Stop = Literal["held", "waiting", "rolled_back"]
"""'held' and 'waiting' (for its judge) need a person; 'rolled_back' is over."""
_WORDS = {"held": "is held", "waiting": "waits", "rolled_back": "was rolled back"}

log = logging.getLogger("treadle.releases")


def tell(db: Connection, ctx: Context, kept: KeptRollout, stop: Stop, why: str) -> None:
    """Tell of a rollout that does not go on, inside the caller's transaction. Call it once for each stop."""
    detail: JsonObject = {"endpoint": kept.endpoint, "status": kept.position.status, "why": why}
    if stop != "rolled_back":
        log.warning("rollout '%s' on '%s' %s: %s", kept.rollout_id, kept.endpoint, _WORDS[stop], why)
        audit.record(db, ctx, action="releases.needs_attention", object_id=kept.rollout_id, detail=detail)
    data: JsonObject = {
        "summary": f"rollout on endpoint '{kept.endpoint}' {_WORDS[stop]}: {why}",
        "rollout_id": kept.rollout_id,
        "endpoint": kept.endpoint,
        "rollout_status": kept.position.status,
        "stable_release_id": kept.stable_release_id,
        "candidate_release_id": kept.candidate_release_id,
        "units": kept.position.units,
        "path": f"/#/rollouts/{kept.rollout_id}",
    }
    told = channels.find_told(db, kept.plan.channels)
    about = f"{kept.rollout_id} {ctx.clock.now().isoformat()}"  # it may be held more than once
    channels.enqueue(db, ctx, about=about, event=f"rollout.{stop}", channels=told, data=data, alert_id=None)
