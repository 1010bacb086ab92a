"""The judge of a shadow stage at work: puts pairs of answers to an endpoint of the project, beside the controller's ticks.

It is asked through the gateway like any caller, as the platform, so limits, guards, prices and traces hold for it too; but
the stable release of its endpoint answers, and the request is copied and counted by no rollout there: two endpoints may judge
each other. A
verdict is kept in the row of its rollout together with the cursor up to which pairs are judged: a kill loses the pairs
that were being judged, and counts none twice. A judge that cannot be reached moves no cursor; the rollout says so until it
answers again, and nothing is decided by what it did not say. Costs two requests per pair whose answers differ.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from treadle.core.errors import TreadleError
from treadle.core.types import JsonObject
from treadle.evals import paired
from treadle.evals.judges import asking
from treadle.evals.judges.reply import Reply
from treadle.evals.scoring.case import unscored
from treadle.evals.scoring.types import Score
from treadle.gateway.batches.inside import Application
from treadle.http.context import Context
from treadle.releases.rollouts import machine, moving, shadow, store
from treadle.releases.rollouts.intake import JUDGED, Unit
from treadle.releases.rollouts.plans.types import JudgePlan
from treadle.releases.rollouts.store import KeptRollout
from treadle.releases.rollouts.telling import tell
from treadle.releases.rollouts.types import LIVE_STATUSES
from treadle.storage.database import Connection
from treadle.traces import outcomes
from treadle.traces.outcome_types import ShadowPair

AT_ONCE = 4
"""Pairs that are judged together."""
RETRY_SECONDS = 5.0
"""Wait before a judge that could not be reached is asked again."""

log = logging.getLogger("treadle.releases")


Ask = Callable[[Context, str, list[JsonObject]], Awaitable[Reply]]
"""Sends messages to an endpoint of the context's project."""


def ask_through(application: Application | None) -> Ask:
    """Return what asks endpoints through the gateway of this process, as the platform. None where none runs."""
    put = asking.ask_through(application, as_platform=True)

    async def ask(ctx: Context, endpoint: str, messages: list[JsonObject]) -> Reply:
        return await put(ctx, endpoint, messages, {})

    return ask


class Judging:
    """The pairs that are being judged in this process, one task per rollout. Built and closed by the controller."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._next_try: dict[str, float] = {}

    def look(self, ctx: Context, kept: KeptRollout) -> None:
        """Begin to judge a rollout's pairs, unless that is under way or was in vain a moment ago. Returns at once."""
        now = asyncio.get_running_loop().time()
        if judge_of(kept) is None or kept.rollout_id in self._tasks or self._next_try.get(kept.rollout_id, 0.0) > now:
            return
        work = asyncio.create_task(self._work(ctx, kept.rollout_id), name=f"judge {kept.rollout_id}")
        self._tasks[kept.rollout_id] = work

    async def close(self) -> None:
        """Stop judging."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, ctx: Context, rollout_id: str) -> None:
        try:
            while await judge_pairs(ctx, rollout_id, self._ask):
                pass
        except TreadleError as error:
            log.warning("the judge of rollout '%s' waits: %s", rollout_id, error.message)
        except Exception:  # the border of a task that nobody awaits: say it, and try again later
            log.exception("pairs of rollout '%s' could not be judged", rollout_id)
        finally:
            self._tasks.pop(rollout_id, None)
            self._next_try[rollout_id] = asyncio.get_running_loop().time() + RETRY_SECONDS


def judge_of(kept: KeptRollout) -> JudgePlan | None:
    """Return the judge that a rollout needs now; None outside of a shadow stage that has one."""
    position = kept.position
    wanted = position.stage == "shadow" and position.status in LIVE_STATUSES and kept.plan.shadow is not None
    return kept.plan.shadow.judge if wanted and kept.plan.shadow is not None else None


async def judge_pairs(ctx: Context, rollout_id: str, ask: Ask) -> bool:
    """Judge the next few pairs of a rollout; return whether there may be more to do at once."""
    before = await ctx.db.read(lambda db: store.require_rollout(db, rollout_id))
    judge = judge_of(before)
    if judge is None or before.plan.shadow is None:
        return False
    seq, agree = before.seen.shadow.judged_seq, before.plan.shadow.agree
    pairs = await outcomes.list_shadow_pairs(ctx, rollout_id, after_seq=seq, limit=AT_ONCE, with_questions=True)
    if not pairs:
        return False

    async def put(pair: ShadowPair) -> tuple[Score | None, str | None]:
        if "error" in (pair.stable_status, pair.candidate_status):
            return None, None  # counted as a failure of its side, and nothing to compare
        if not pair.stable_text and not pair.candidate_text:
            return unscored(paired.NAME, "neither answer has text, such as calls of tools"), None
        if shadow.are_same(pair.stable_text, pair.candidate_text, agree):
            return paired.settle("tie", "tie"), None
        asked = paired.ballots(pair.question, pair.stable_text, pair.candidate_text, criteria=judge.criteria)
        if asked is None:
            return unscored(paired.NAME, "its texts are too long to compare"), None
        first, swapped = await asyncio.gather(*(ask(ctx, judge.endpoint, messages) for messages in asked))
        problem = first.problem or swapped.problem
        return (None, problem) if problem else (paired.settle(*map(paired.read_vote, (first.text, swapped.text))), None)

    told = await asyncio.gather(*(put(pair) for pair in pairs))
    # Only what stands before the first pair that could not be put is kept: the cursor leaves no gap.
    problems = [index for index, (_, problem) in enumerate(told) if problem is not None]
    reached = problems[0] if problems else len(pairs)
    problem = told[reached][1] if problems else None
    judged = [(pair, score) for pair, (score, _) in zip(pairs[:reached], told, strict=False)]
    await ctx.db.write(lambda db: _keep(db, ctx, before, judged, problem))
    return problem is None


def _keep(
    db: Connection,
    ctx: Context,
    before: KeptRollout,
    judged: Sequence[tuple[ShadowPair, Score | None]],
    problem: str | None,
) -> None:
    kept = store.require_rollout(db, before.rollout_id, lock=True)
    state = kept.seen.shadow
    if state.judged_seq != before.seen.shadow.judged_seq or judge_of(kept) is None:
        return  # another controller was here first, or the stage has ended
    units = store.load_units(db, kept.rollout_id, {pair.unit for pair, _ in judged})
    changed: dict[str, Unit] = {}
    for pair, score in judged:
        state = state._replace(judged_seq=pair.seq)
        unit = changed.get(pair.unit) or units.get(pair.unit) or Unit(frozenset(), frozenset())
        if score is not None and JUDGED not in unit.marks:  # a unit counts with its first pair
            state = shadow.take_score(state, score)
            changed[pair.unit] = unit._replace(marks=unit.marks | {JUDGED})
    state = state._replace(judge_problem=problem or "")
    store.save_units(db, kept.rollout_id, changed)
    told = kept._replace(seen=kept.seen._replace(shadow=state))
    approved = not moving.unapproved_of(db, ctx, told)
    transition = machine.next_step(told.plan, told.position, told.seen, approved=approved, now=ctx.clock.now())
    has_news = bool(changed) or state.judge_problem != kept.seen.shadow.judge_problem
    moving.apply(db, ctx, told, transition, has_news=has_news)
    if problem is not None and not kept.seen.shadow.judge_problem:
        tell(db, ctx, kept, "waiting", f"its judge cannot be asked: {problem}")
