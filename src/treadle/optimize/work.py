"""The run `optimize.prompt`: search on train and validation rows, then compare once on the held-out rows.

The test rows are read after the search is over and its choice is made, so nothing of it can depend on them; the calls for them
are set aside before the first candidate. An attempt that was killed starts again and takes the same way: what was answered is
kept until the end and not asked again, and what was spent is counted.
"""

from __future__ import annotations

from typing import cast

from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.data import service as data
from treadle.data.types import ExampleFilter, Part
from treadle.evals.comparisons.verdict import decide, in_words, read_pairs
from treadle.evals.judges.asking import ask_through
from treadle.evals.judges.reply import Reply
from treadle.gateway.plane import DataPlane
from treadle.http.context import Context
from treadle.jobs.scope import RunScope
from treadle.lineage import service as lineage
from treadle.optimize import store
from treadle.optimize.budget import Budget, Spent
from treadle.optimize.methods import SEARCHES
from treadle.optimize.service import OPTIMIZE_KIND, get, id_of
from treadle.optimize.trying import Memory, Row, Trier
from treadle.optimize.types import Candidate, HeldOut, NewOptimization
from treadle.prompts import service as prompts
from treadle.prompts.types import NewVersion, Version

PAGE = 500


async def run_optimization(scope: RunScope) -> JsonObject:
    """Do one optimisation. Returns optimization_id, best_version_id and the verdict."""
    optimization_id = id_of(scope.run_id)
    kept = await get(scope.ctx, optimization_id)
    new = NewOptimization.model_validate(scope.params["request"])
    base = await prompts.get_version_by_id(scope.ctx, kept.base_version_id)
    train = await _rows(scope.ctx, new, "train", new.train_rows)
    validation = await _rows(scope.ctx, new, "validation", new.validation_rows)
    kept_back = 2 * min(new.test_rows, await _count(scope.ctx, new, "test"))
    budget = Budget(new.max_calls, new.max_usd, kept.calls, kept.spent_usd, reserved_calls=kept_back)
    if kept.calls == 0 and new.max_calls < kept_back + 2 * len(validation):
        raise InvalidInput(
            f"{new.max_calls} calls are too few: the comparison at the end takes {kept_back} and each "
            f"candidate {len(validation)}; give more, or fewer rows",
            code="optimize.budget",
        )
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    ask = ask_through(None if data_plane is None else data_plane.application)
    trier = Trier(scope.ctx, new, base, ask, budget, _memory(scope.ctx, optimization_id, budget))
    try:
        await _search(scope, trier, train, validation)
        outputs = await _settle(scope, trier, optimization_id)
        await scope.ctx.db.write(lambda db: store.forget_answers(db, optimization_id))
        return outputs
    finally:
        budget.max_calls = 0  # a method that works in a thread must not go on asking once the run is over
        await trier.close()
        await scope.ctx.db.write(lambda db: store.save_candidates(db, optimization_id, trier.candidates))
        await scope.ctx.db.write(lambda db: store.save_spent(db, optimization_id, budget.calls, budget.usd))


def _memory(ctx: Context, optimization_id: str, budget: Budget) -> Memory:
    """Return what keeps answers until the optimisation is over, each together with what all have cost so far."""

    async def find(key: str) -> Reply | None:
        kept = await ctx.db.read(lambda db: store.find_answer(db, optimization_id, key))
        if kept is None:
            return None
        text, refusal = kept.get("text"), kept.get("refusal")
        return Reply(text=str(text or ""), refusal=None if refusal is None else str(refusal))

    async def keep(key: str, reply: Reply) -> None:
        answer: JsonObject = {"text": reply.text, "refusal": reply.refusal}
        calls, usd = budget.calls, budget.usd
        await ctx.db.write(lambda db: store.keep_answer(db, optimization_id, key, answer, calls, usd))

    return Memory(find, keep)


async def _search(scope: RunScope, trier: Trier, train: list[Row], validation: list[Row]) -> None:
    new, why = trier.new, None
    scope.progress(0.0, "scoring the version to begin with")
    try:
        first = await trier.score(trier.content(), validation)
        trier.keep(trier.content(), parent=None, scored=first)
        scope.log(
            f"version {trier.base.version} scores {trier.candidates[0].score:.3f} on {len(validation)} validation rows"
        )
        scope.progress(0.1, f"searching by {new.method}")
        await SEARCHES[new.method](trier, train, validation)
    except Spent as spent:
        why = str(spent)
        scope.log(f"the search ends with the budget: {why}")
    if not trier.candidates:
        raise InvalidInput(
            f"the budget ended before the version to begin with was scored: {why}; give more, or an endpoint with a known price",
            code="optimize.budget",
        )
    for candidate in trier.candidates[1:]:
        told = candidate.refused or f"scores {candidate.score:.3f}"
        scope.log(f"candidate {candidate.number}: {told}")


async def _settle(scope: RunScope, trier: Trier, optimization_id: str) -> JsonObject:
    best, made, held_out = trier.best(), None, None
    if best.number == 0:
        words = (
            f"not shown: none of {len(trier.candidates) - 1} candidates scored above the version that the search began with, so "
            f"there is no new version and nothing to compare"
        )
    else:
        scope.progress(0.8, "comparing on rows that the search never saw")
        test = await _rows(scope.ctx, trier.new, "test", trier.new.test_rows)
        trier.budget.reserved_calls = 0
        held_out = await _compare(trier, best, test)
        words = held_out.words
        made = await _keep_version(scope, trier, best, optimization_id, held_out)
    version_id = made.prompt_version_id if made else None
    await scope.ctx.db.write(lambda db: store.finish(db, optimization_id, best.number, version_id, held_out, words))
    scope.log(words)
    verdict = held_out.verdict if held_out else "not shown"
    return {"optimization_id": optimization_id, "best_version_id": version_id, "verdict": verdict}


async def _compare(trier: Trier, best: Candidate, test: list[Row]) -> HeldOut:
    new = trier.new
    try:
        before = [one.score for one in await trier.score(trier.content(), test)]
        after = [one.score for one in await trier.score(_content(trier, best), test, best.parameters)]
    except Spent as spent:
        raise InvalidInput(
            f"the budget ended in the comparison at the end, so nothing is shown: {spent}; give more USD",
            code="optimize.budget",
        ) from spent
    reading = read_pairs(before, after, alpha=new.alpha, seed=new.seed)
    word = decide(reading, alpha=new.alpha)
    return HeldOut(
        rows=reading.rows,
        baseline=reading.baseline,
        candidate=reading.candidate,
        low=reading.interval.low,
        high=reading.interval.high,
        p_value=reading.p_value,
        verdict="better" if word == "better" else "not shown",
        words=in_words(reading, word, alpha=new.alpha),
    )


def _content(trier: Trier, candidate: Candidate) -> NewVersion:
    """Return what a candidate says; the fields that it searched travel in the config."""
    template = candidate.messages[trier.new.message].template
    return trier.content(template, candidate.examples, candidate.parameters or None)


async def _keep_version(
    scope: RunScope, trier: Trier, best: Candidate, optimization_id: str, held_out: HeldOut
) -> Version:
    new = trier.new
    why = f"optimised by {new.method} ({optimization_id}): {held_out.verdict} on {held_out.rows} held-out rows"
    content = _content(trier, best).model_copy(update={"message": why, "parents": [trier.base.version]})
    made = await prompts.create_version(scope.ctx, new.prompt, content)
    await scope.ctx.db.write(
        lambda db: lineage.add_edge(
            db,
            source_id=optimization_id,
            target_id=made.prompt_version_id,
            relation="made",
            run_id=scope.run_id,
        )
    )
    return made


async def _rows(ctx: Context, new: NewOptimization, part: Part, limit: int) -> list[Row]:
    found: list[Row] = []
    cursor = None
    while len(found) < limit:
        page = await data.list_examples(
            ctx, new.dataset, new.dataset_version, ExampleFilter(part=part), limit=PAGE, cursor=cursor
        )
        found += [
            Row(example.input, example.expected_output, dict(example.metadata or {}))
            for example in page.items
            if example.expected_output is not None
        ]
        cursor = page.next_cursor
        if cursor is None:
            break
    if not found:
        raise InvalidInput(
            f"dataset '{new.dataset}' has no rows with an expected output in part '{part}'; the search needs train, "
            f"validation and test: split it with: treadle data prepare {new.dataset}",
            code="optimize.no_rows",
        )
    return found[:limit]


async def _count(ctx: Context, new: NewOptimization, part: Part) -> int:
    """Return how many test rows there are, without keeping what they say."""
    return len(await _rows(ctx, new, part, new.test_rows))


HANDLERS = {OPTIMIZE_KIND: run_optimization}
"""What the runner calls for each kind of run."""
