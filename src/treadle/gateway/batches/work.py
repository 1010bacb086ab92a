"""The work on a batch: check its lines, ask them with bounded concurrency, keep each answer at once, end with two files.

Every line goes through the gateway as the key that started the batch (`asking.py` says from where), so limits, guards, routing and
traces are those of any request; a 429 that may pass waits and goes on. An answer is in the database before its line counts as done:
after a kill only the lines that were being asked are asked again. The batch ends when all is asked, its window is over, somebody cancels it, or its key is gone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import anyio.to_thread

from treadle.core.errors import NotFound, Unavailable
from treadle.core.types import JsonObject
from treadle.gateway.batches import store
from treadle.gateway.batches.asking import Asking, AskingInside, NotAnswered, asking_from_ray
from treadle.gateway.batches.files import fetch_content
from treadle.gateway.batches.finishing import Outcome, finish
from treadle.gateway.batches.inside import Told
from treadle.gateway.batches.lines import Answer, Checked, Line, answer_of, check_lines, iter_lines
from treadle.gateway.batches.service import BatchNotFound
from treadle.gateway.batches.store import KeptBatch
from treadle.gateway.batches.types import FINAL, BatchError
from treadle.gateway.plane import DataPlane
from treadle.gateway.table import INVOKE
from treadle.gateway.types import Key
from treadle.governance.envelope import MasterKeys
from treadle.http.context import Context
from treadle.jobs.scope import Handler, RunScope

TRIES = 4
"""Times a line is asked when the gateway or its upstream fails (5xx)."""
LOST_TRIES = 8
"""Times a line is asked when nobody knows what became of it (a worker of Ray died, the gateway was not reached): about a minute."""
UPSTREAM_TRIES = 10
"""Times a line is asked when the provider says that it is too much (429): over two minutes, unless it says how long to wait."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 1.0


async def run_batch(scope: RunScope) -> JsonObject:
    """Do a batch, or go on with one that was begun. Raises BatchNotFound, Unavailable without a gateway here."""
    ctx, batch_id = scope.ctx, str(scope.params["batch_id"])
    kept = await ctx.db.read(lambda db: store.find_batch(db, batch_id))
    if kept is None:
        raise BatchNotFound(f"batch '{batch_id}' is gone; start it again")
    if kept.batch.status in FINAL:
        return _outputs(kept)
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    if data_plane is None:
        raise Unavailable(
            "no gateway runs in this process, so nothing can be asked; start the server and the batch again: treadle up",
            code="gateway.no_data_plane",
        )
    try:
        _, path = await fetch_content(ctx, kept.batch.input_file_id)
    except NotFound as error:
        await finish(ctx, kept, "failed", [BatchError(code="file_not_found", message=error.message)])
        return _outputs(await _again(ctx, batch_id))
    scope.progress(0.0, "checking the lines")
    checked = await anyio.to_thread.run_sync(_check, path, kept.batch.endpoint, data_plane.max_body_bytes)
    await ctx.db.write(lambda db: store.set_checked(db, batch_id, checked.total, checked.model))
    if checked.faults:
        scope.log(f"{len(checked.faults)} lines are at fault; the first: {checked.faults[0].message}")
        await finish(ctx, kept, "failed", checked.faults)
        return _outputs(await _again(ctx, batch_id))
    now = ctx.clock.now()
    await ctx.db.write(lambda db: store.set_status(db, batch_id, "in_progress", now, before=["validating"]))
    work = Work(scope, kept, data_plane, checked.total)
    ray = cast(str | None, scope.services.get("ray"))
    if ray is None:
        outcome, errors = await work.run(path, AskingInside(data_plane.application))
    else:
        outcome, errors = await _run_on_ray(scope, work, path, ray)
    await finish(ctx, kept, outcome, errors, lines=path)
    return _outputs(await _again(ctx, batch_id))


async def _run_on_ray(scope: RunScope, work: Work, path: Path, address: str) -> tuple[Outcome, list[BatchError]]:
    """Ask the lines from Ray's workers. Raises MissingExtra, RayUnreachable, GatewayUnreachable: they are never asked here instead."""
    pepper = cast(MasterKeys, scope.services["master_keys"]).pepper
    gateway_url = str(scope.services["gateway_url"])
    scope.progress(0.0, f"starting workers on Ray at '{address}'")
    async with asking_from_ray(address, gateway_url, pepper, scope.ctx.clock) as asking:
        if (key := await work.wait_for_key()) is not None:
            await asking.greet(key)
            scope.log(
                f"asked from Ray at '{address}', {asking.at_once} at once, through the gateway at '{gateway_url}'"
            )
        return await work.run(path, asking)


HANDLERS: dict[str, Handler] = {"gateway.batch": run_batch}


class Work:
    """One attempt at a batch whose lines are sound."""

    def __init__(self, scope: RunScope, kept: KeptBatch, data_plane: DataPlane, total: int) -> None:
        self._scope = scope
        self._kept = kept
        self._data_plane = data_plane
        self._total = total
        self._keeper = Keeper(scope.ctx, kept.batch.id)
        self._ended: Outcome | None = None
        """Why no further line is asked; None while lines are asked."""
        self._errors: list[BatchError] = []
        self._wait_until = 0.0
        """Loop time before which nothing is asked, because a limit said so."""
        self._done = 0

    async def run(self, path: Path, asking: Asking) -> tuple[Outcome, list[BatchError]]:
        """Ask what has no answer yet; return how it ended, and why it failed."""
        ctx, batch_id = self._scope.ctx, self._kept.batch.id
        answered = await ctx.db.read(lambda db: store.answered_lines(db, batch_id))
        self._done = len(answered)
        if answered:
            self._scope.log(f"{len(answered)} of {self._total} lines were answered before; the rest is asked")
        with path.open("rb") as given:
            waiting = (line for line in iter_lines(given) if line.number not in answered)
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(self._watch()), group.create_task(self._keeper.run())]
                await self._look()
                askers = [group.create_task(self._ask_lines(waiting, asking)) for _ in range(asking.at_once)]
                await asyncio.wait(askers)
                for helper in helpers:
                    helper.cancel()
        return self._ended or "completed", self._errors

    async def _ask_lines(self, waiting: Iterator[Line], asking: Asking) -> None:
        while self._ended is None and (line := next(waiting, None)) is not None:
            answer = await self._ask(line, asking)
            if answer is None:
                return
            await self._keeper.keep(answer)
            self._done += 1
            self._scope.progress(self._done / self._total, f"{self._done} of {self._total} answered")

    async def _ask(self, line: Line, asking: Asking) -> Answer | None:
        """Ask one line until it has an answer; None when the batch ended meanwhile."""
        failures = refusals = throttled = lost = 0
        while self._ended is None:
            if (pause := self._wait_until - asyncio.get_running_loop().time()) > 0:
                await asyncio.sleep(min(pause, LOOK_SECONDS))
                continue
            key = self._key()
            if key is None:
                continue
            try:
                told = await asking.ask(self._kept.batch.endpoint, key, line.body)
            except NotAnswered as error:
                if (lost := lost + 1) == LOST_TRIES:
                    self._give_up(f"line {line.number} was asked {lost} times without an answer: {error}")
                    return None
                await asyncio.sleep(pause_seconds(lost))
                continue
            except Unavailable as error:
                self._give_up(error.message)
                return None
            throttled += told.status == 429 and not is_ours(told)
            if may_pass(told, throttled):
                refusals += 1
                if b"concurrency_limit_exceeded" in told.body:
                    # A place is free again as soon as one of the others has its answer.
                    await asyncio.sleep(min(0.05 * refusals, LOOK_SECONDS))
                else:
                    self._hold(told, refusals)
            elif told.status >= 500 and (failures := failures + 1) < TRIES:
                await asyncio.sleep(pause_seconds(failures))
            else:
                return answer_of(self._kept.batch.id, line, told.status, told.headers.get("x-request-id"), told.body)
        return None

    def _give_up(self, why: str) -> None:
        """End the batch: nothing more can be asked from where it is asked."""
        if self._ended is None:
            self._ended = "failed"
            self._errors = [BatchError(code="batch_failed", message=f"{why}; start what is left again")]

    async def wait_for_key(self) -> Key | None:
        """Return the caller as soon as the gateway knows it; None when that ended the batch."""
        while (key := self._key()) is None and self._ended is None:
            await asyncio.sleep(LOOK_SECONDS)
        return key

    def _hold(self, told: Told, refusals: int) -> None:
        """Let every line wait for as long as the limit says: the others would hear the same."""
        asked = told.retry_after_seconds
        seconds = pause_seconds(refusals) if asked is None else min(asked, LONGEST_PAUSE_SECONDS)
        # Not all at once again, or the same ones would be refused each time.
        until = asyncio.get_running_loop().time() + seconds * (1 + random.random() * 0.2)
        self._wait_until = max(self._wait_until, until)

    def _key(self) -> Key | None:
        """Return the caller as the gateway knows it now; None when it knows none yet, or when that ends the batch."""
        ctx, key_id = self._scope.ctx, self._kept.key_id
        if key_id is None:
            actor = ctx.actor
            return Key(key_id=actor.actor_id, project_id=ctx.project_id, secret_hmac=b"", permissions=actor.permissions)
        table = self._data_plane.live.find()
        if table is None:
            self._wait_until = asyncio.get_running_loop().time() + LOOK_SECONDS
            return None
        key = table.snapshot.keys.get(key_id)
        has_expired = key is not None and key.expires_at is not None and key.expires_at <= ctx.clock.now()
        if key is None or has_expired or INVOKE not in key.permissions:
            self._ended = "failed"
            words = f"the API key '{key_id}' that started the batch may call nothing any more; start what is left with another"
            self._errors = [BatchError(code="invalid_api_key", message=words)]
            return None
        return key

    async def _watch(self) -> None:
        """Notice that the batch was cancelled or that its window is over."""
        while self._ended is None:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        ctx = self._scope.ctx
        with suppress(Unavailable):  # looked at again in a second
            self._kept = await _again(ctx, self._kept.batch.id)
        if self._ended is None and self._kept.batch.status == "cancelling":
            self._ended = "cancelled"
        elif self._ended is None and ctx.clock.now() >= self._kept.expires_at:
            self._ended = "expired"


class Keeper:
    """Writes answers as they come, those that come together in one transaction."""

    def __init__(self, ctx: Context, batch_id: str) -> None:
        self._ctx = ctx
        self._batch_id = batch_id
        self._waiting: list[tuple[Answer, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def keep(self, answer: Answer) -> None:
        """Return when the answer is in the database."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, kept))
        self._wake.set()
        await kept

    async def run(self) -> None:
        """Write until cancelled; while the database is away answers wait, and so do the lines behind them."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, []
            answers = [answer for answer, _ in taken]
            while True:
                try:
                    await self._ctx.db.write(lambda db: store.append_answers(db, self._batch_id, answers))  # noqa: B023
                    break
                except Unavailable:
                    await asyncio.sleep(LOOK_SECONDS)
            for _, kept in taken:
                if not kept.done():
                    kept.set_result(None)


def is_ours(told: Told) -> bool:
    """Say whether a refusal is of a limit of the gateway."""
    return told.headers.get("x-treadle-limit-source", "").startswith("gateway")


def may_pass(told: Told, throttled: int) -> bool:
    """Say whether a refused line may get through later. throttled: how often its provider has said 429 by now.

    A limit of ours says when it resets, however far away that is, or that it cannot be counted while the database is away
    (503); one that says nothing will never let this line through.
    What lies behind a provider's 429 (a limit of a minute, or an account without means) nobody knows: some tries, then no more.
    """
    if is_ours(told):
        return told.retry_after_seconds is not None
    return told.status == 429 and throttled < UPSTREAM_TRIES


def pause_seconds(failures: int) -> float:
    """Return the wait before a line is asked again: doubles from 0.5 s, at most 30 s."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS))


async def _again(ctx: Context, batch_id: str) -> KeptBatch:
    kept = await ctx.db.read(lambda db: store.find_batch(db, batch_id))
    if kept is None:
        raise BatchNotFound(f"batch '{batch_id}' is gone; start it again")
    return kept


def _check(path: Path, endpoint: str, max_bytes: int) -> Checked:
    with path.open("rb") as given:
        return check_lines(given, endpoint, max_bytes=max_bytes)


def _outputs(kept: KeptBatch) -> JsonObject:
    batch = kept.batch
    return {
        "batch_id": batch.id,
        "status": batch.status,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        **batch.request_counts.model_dump(),
    }
