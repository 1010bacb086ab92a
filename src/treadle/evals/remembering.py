"""What was asked before: answers and judgements by their content. A key says all that decides the answer.

An answer's key is of the target (its versions, its parameters, of an endpoint the release that serves it, of a function its
name), the request, whether likelihoods were asked for, and the repeat, so repeats stay several answers. A judgement's key is of the scorer, the case, what serves
the judge's endpoints and its calibration. Judgements and answers that failed are not remembered.
"""

from __future__ import annotations

from collections.abc import Sequence

from treadle.core.canonical import digest_of
from treadle.core.types import JsonObject, JsonValue
from treadle.evals import store
from treadle.evals.judges.service import serving
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.target import Answer, Asks, Row
from treadle.evals.targets import wants_logprobs
from treadle.evals.types import NewExperiment, Target
from treadle.http.context import Context


def answer_key(target: Target, serving: Sequence[str], row: Row, *, with_logprobs: bool = False) -> str:
    """Return the key of an answer. serving: ids of the releases behind an endpoint; empty for other targets."""
    asked: JsonObject = {"logprobs": True} if with_logprobs else {}
    return digest_of(
        asked
        | {
            "kind": "answer/1",
            "target": target.model_dump(exclude={"release_id"}),
            "serving": list(serving),
            "input": row.input,
            "messages": row.messages,
            "metadata": row.metadata,
            "repeat": row.repeat,
        }
    )


def judgement_key(
    choice: ScorerChoice, serving: Sequence[str], calibration_id: str | None, case: Case, repeat: int
) -> str:
    """Return the key of a judgement. serving: ids of the releases behind the judge's endpoints."""
    seen: list[JsonValue] = [case.input, case.output, case.expected, case.metadata]
    return digest_of(
        {
            "kind": "judgement/1",
            "scorer": choice.model_dump(),
            "serving": list(serving),
            "calibration": calibration_id,
            "case": seen,
            "repeat": repeat,
        }
    )


def answer_to(answer: Answer) -> JsonObject:
    """Return an answer as it is kept."""
    return {
        "output": answer.output,
        "latency_ms": answer.latency_ms,
        "logprobs": None if answer.logprobs is None else list(answer.logprobs),
        "cost_usd": answer.cost_usd,
        "trace_id": answer.trace_id,
    }


def answer_from(value: JsonObject) -> Answer:
    """Return an answer that was kept; the inverse of `answer_to` for answers that did not fail."""
    logprobs = value["logprobs"]
    return Answer(
        output=str(value["output"]),
        error=None,
        latency_ms=float(str(value["latency_ms"])),
        logprobs=tuple(float(each) for each in logprobs) if isinstance(logprobs, list) else None,
        cost_usd=None if value["cost_usd"] is None else float(str(value["cost_usd"])),
        trace_id=None if value["trace_id"] is None else str(value["trace_id"]),
        cached=True,
    )


class Remembering:
    """Gives a row the answer that the same target gave before; asks for the others and keeps what they say."""

    def __init__(
        self, ctx: Context, asker: Asks, target: Target, behind: Sequence[str], *, with_logprobs: bool
    ) -> None:
        self._ctx = ctx
        self._asker = asker
        self._target = target
        self._behind = behind
        self._with_logprobs = with_logprobs

    async def ask(self, row: Row) -> Answer:
        """Return the answer to a row."""
        key = answer_key(self._target, self._behind, row, with_logprobs=self._with_logprobs)
        kept = await self._ctx.db.read(lambda db: store.find_remembered(db, key))
        if kept is not None:
            return answer_from(kept)
        answer = await self._asker.ask(row)
        if answer.output is not None:
            await self._ctx.db.write(lambda db: store.remember(db, {key: answer_to(answer)}, self._ctx.clock.now()))
        return answer


async def open_remembering(ctx: Context, new: NewExperiment, asker: Asks) -> Remembering:
    """Return what remembers the answers of an experiment's target."""
    endpoint = new.target.endpoint
    behind = [] if endpoint is None else await ctx.db.read(lambda db: serving(db, [endpoint]))
    return Remembering(ctx, asker, new.target, behind, with_logprobs=wants_logprobs(new))
