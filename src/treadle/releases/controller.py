"""The controller: brings engines up before releases get traffic, and moves rollouts by their evidence. Called twice a second.

`tick` never waits for an engine: starting one is a task of its own, and what depends on it goes on at a later tick. What
is decided is decided in `releases/rollouts/moving.py` inside one transaction, so any number of controllers may run, and one may
be killed at any moment. A tick with nothing to do costs one small query.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from treadle.core.errors import NotFound, TreadleError, Unavailable
from treadle.core.types import JsonObject
from treadle.engines.running import EngineFailed
from treadle.evals.target import Engines
from treadle.governance import audit
from treadle.http.context import Context
from treadle.lineage import service as lineage
from treadle.models import service as models
from treadle.releases import store
from treadle.releases.endpoints.types import Endpoint
from treadle.releases.publishing import NotApproved, publish, require_startable
from treadle.releases.rollouts import moving, several
from treadle.releases.rollouts import service as rollouts
from treadle.releases.rollouts import store as rollout_store
from treadle.releases.rollouts.judging import Ask, Judging, ask_through
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.types import LIVE_STATUSES
from treadle.storage.database import Connection
from treadle.storage.notes import tell_change

RETRY_SECONDS = 5.0
"""Wait before an engine is started again."""
MAX_ENDPOINTS = 10_000
BATCHES_PER_TICK = 20

log = logging.getLogger("treadle.releases")


class Work(NamedTuple):
    """What one project needs doing."""

    endpoints: list[Endpoint]
    rollouts: dict[str, KeptRollout]
    """Those that have not ended, by id."""
    models: dict[str, list[str]]
    """Model versions that need an engine for each release that serves or is about to, by release id."""


class Controller:
    """Moves the rollouts of a server's projects. One per process; built and closed by the roof."""

    def __init__(self, engines: Engines, ask: Ask | None = None) -> None:
        """ask: how a judge's endpoint is asked; None where nothing can be."""
        self._engines = engines
        self._judging = Judging(ask or ask_through(None))
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._next_try: dict[str, float] = {}
        """When an engine may be started again, by the loop's clock; in between a crash is its supervisor's to mend."""

    async def warm_up(self, ctx: Context, *, timeout_seconds: float) -> None:
        """Start the engines of everything that serves in a project or is about to, and wait for them, at most so long.

        For a server that starts: while a candidate's engine is not up and the stable one's is, every request would count
        against the candidate, so traffic is better let in afterwards.
        """
        work = await ctx.db.read(_read_work)
        serving = {each for one in work.endpoints for each in (one.stable_release_id, one.next_release_id)}
        serving |= {each for kept in work.rollouts.values() for each in candidates_of(kept)}
        names = {name for release_id in serving if release_id for name in work.models[release_id]}
        starting = [self._starting[name] for name in names if not self._is_ready(ctx, name) and name in self._starting]
        if starting:
            await asyncio.wait(starting, timeout=timeout_seconds)

    async def tick(self, ctx: Context) -> None:
        """Look once at a project. Raises nothing that the next look may mend."""
        work = await ctx.db.read(_read_work)
        for endpoint in work.endpoints:
            try:
                await self._tend(ctx, work, endpoint)
            except Unavailable as error:
                log.warning("endpoint '%s' waits: %s", endpoint.name, error.message)
            except TreadleError as error:
                log.warning("endpoint '%s' cannot be tended: %s", endpoint.name, error.message)

    async def close(self) -> None:
        """Stop starting engines and judging."""
        await self._judging.close()
        tasks = list(self._starting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tend(self, ctx: Context, work: Work, endpoint: Endpoint) -> None:
        under_way = work.rollouts.get(endpoint.rollout_id or "")
        candidates = candidates_of(under_way) if under_way else []
        wanted = [endpoint.stable_release_id, endpoint.next_release_id, *candidates]
        engines = {release_id: work.models[release_id] for release_id in wanted if release_id}
        is_up = {name: self._is_ready(ctx, name) for names in engines.values() for name in names}
        ready = {release_id: all(is_up[name] for name in names) for release_id, names in engines.items()}
        problem = self._problem(name for name, is_ready in is_up.items() if not is_ready)
        if endpoint.next_release_id is not None and ready[endpoint.next_release_id]:
            problem = await self._try_next(ctx, endpoint)
        if problem != endpoint.problem:
            await ctx.db.write(lambda db: _note_problem(db, endpoint, problem))
        if under_way is None:
            return
        if under_way.position.status in LIVE_STATUSES:
            await _advance(ctx, under_way.rollout_id)
            self._judging.look(ctx, under_way)
        elif all(ready[release_id] for release_id in candidates):
            await moving.begin_rollout(ctx, under_way)
        elif (reason := self._problem(name for each in candidates for name in work.models[each])) is not None:
            words = f"the candidate never got traffic: {reason}"
            await ctx.db.write(lambda db: rollouts.obey(db, ctx, under_way.rollout_id, "rollback", words=words))

    async def _try_next(self, ctx: Context, endpoint: Endpoint) -> str | None:
        """Serve what is next; return why that cannot be, if it cannot."""
        try:
            await ctx.db.write(lambda db: _serve_next(db, ctx, endpoint))
        except NotApproved as error:
            return error.message
        return None

    def _is_ready(self, ctx: Context, model_version_id: str) -> bool:
        """Tell whether an engine answers; start it otherwise, without waiting."""
        if self._engines.find(model_version_id) is not None:
            self._problems.pop(model_version_id, None)
            return True
        is_due = self._next_try.get(model_version_id, 0.0) <= asyncio.get_running_loop().time()
        if model_version_id not in self._starting and is_due:
            task = asyncio.create_task(self._start(ctx, model_version_id), name=f"start engine {model_version_id}")
            self._starting[model_version_id] = task
        return False

    async def _start(self, ctx: Context, model_version_id: str) -> None:
        try:
            await self._engines.ensure(*await models.prepare(ctx, model_version_id))
            self._problems.pop(model_version_id, None)
        except (EngineFailed, NotFound) as error:
            self._problems[model_version_id] = error.message
        except TreadleError as error:
            # Such as a database that is away: no fault of the model, so nothing is held against it.
            log.warning("the engine of model version '%s' waits: %s", model_version_id, error.message)
        except Exception:  # the border of a task that nobody awaits: say it, and try again later
            log.exception("the engine of model version '%s' could not be started", model_version_id)
            self._problems[model_version_id] = "the engine could not be started; the server's log says why"
        finally:
            self._next_try[model_version_id] = asyncio.get_running_loop().time() + RETRY_SECONDS
            self._starting.pop(model_version_id, None)

    def _problem(self, model_version_ids: Iterable[str]) -> str | None:
        return next((self._problems[name] for name in model_version_ids if name in self._problems), None)


async def _advance(ctx: Context, rollout_id: str) -> None:
    for _ in range(BATCHES_PER_TICK):
        if not await moving.advance_rollout(ctx, rollout_id):
            return


def candidates_of(kept: KeptRollout) -> list[str]:
    """Return the releases that a rollout needs beside the stable one."""
    return several.active_arms(kept.position) or [kept.candidate_release_id]


def _read_work(db: Connection) -> Work:
    endpoints = store.list_endpoints(db, None, MAX_ENDPOINTS)
    going_on = rollout_store.list_rollouts(db, statuses=("pending", *LIVE_STATUSES)) if endpoints else []
    release_ids = {each for one in endpoints for each in (one.stable_release_id, one.next_release_id) if each}
    release_ids |= {each for kept in going_on for each in candidates_of(kept)}
    return Work(
        endpoints=endpoints,
        rollouts={kept.rollout_id: kept for kept in going_on},
        models=store.models_of(db, release_ids),
    )


def _serve_next(db: Connection, ctx: Context, seen: Endpoint) -> None:
    endpoint = store.require_endpoint(db, seen.name, lock=True)
    if endpoint.next_release_id is None or endpoint.next_release_id != seen.next_release_id:
        return  # somebody changed it meanwhile; the next tick sees that
    notice = require_startable(db, ctx, endpoint, endpoint.next_release_id)
    now = ctx.clock.now()
    served = endpoint.model_copy(
        update={
            "stable_release_id": endpoint.next_release_id,
            "previous_release_id": endpoint.stable_release_id,
            "next_release_id": None,
            "problem": None,
            "notice": notice,
            "changed_at": now,
        }
    )
    publish(db, ctx, served, None)
    store.save_endpoint(db, served)
    lineage.add_edge(db, source_id=endpoint.next_release_id, target_id=endpoint.endpoint_id, relation="serves")
    detail: JsonObject = {"name": endpoint.name, "release_id": endpoint.next_release_id, "notice": notice}
    audit.record(db, ctx, action="releases.serve", object_id=endpoint.endpoint_id, detail=detail)


def _note_problem(db: Connection, seen: Endpoint, problem: str | None) -> None:
    endpoint = store.require_endpoint(db, seen.name, lock=True)
    store.save_endpoint(db, endpoint.model_copy(update={"problem": problem}))
    tell_change(db, "endpoint", endpoint.endpoint_id)
