"""The station where a turn asks before it releases: it waits until people approved the release, or somebody refuses it.

Waiting holds no place among the runs at work and survives a kill: once a second it looks at what is written down. The
approvals are the release's own, as many as the endpoint's environment wants.
"""

from __future__ import annotations

import asyncio

from treadle.core.errors import Conflict, NotFound
from treadle.core.types import JsonValue
from treadle.http.context import Context
from treadle.jobs.scope import RunScope
from treadle.pipelines import store
from treadle.releases.approvals import service as approvals
from treadle.releases.approvals.types import PRODUCTION
from treadle.releases.endpoints import service as endpoints

ASK_KIND = "pipelines.ask"
LOOK_EVERY_SECONDS = 1.0


class TurnRefused(Conflict):
    """Somebody refused what a turn wanted to release."""

    code = "pipelines.turn_refused"


async def ask(scope: RunScope) -> dict[str, JsonValue]:
    """Do 'pipelines.ask': wait for people. params: turn_run_id, endpoint, release_id. Raises TurnRefused."""
    turn_run_id, release_id = str(scope.params["turn_run_id"]), str(scope.params["release_id"])
    told = ""
    while True:
        refusal = await scope.ctx.db.read(lambda db: store.find_refusal(db, turn_run_id))
        if refusal is not None:
            raise TurnRefused(
                f"{refusal.actor_name} refused release '{release_id}': {refusal.reason}; nothing was released, and the "
                f"release stays: treadle release show {release_id}"
            )
        environment = await _environment(scope.ctx, str(scope.params["endpoint"]))
        standing = await approvals.get_standing(scope.ctx, environment, release_id)
        if standing.is_approved:
            scope.log(standing.words)
            return {"release_id": release_id, "approved_by": [one.actor_name for one in standing.counted]}
        words = f"waits for a person: treadle release approve {release_id}, or: treadle turn refuse {turn_run_id} --reason WHY"
        if standing.words != told:
            scope.log(f"{standing.words}; {words}")
            told = standing.words
        scope.progress(0.0, words)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _environment(ctx: Context, endpoint: str) -> str:
    try:
        return (await endpoints.get_endpoint(ctx, endpoint)).environment
    except NotFound:
        return PRODUCTION
