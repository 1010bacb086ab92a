"""Judge a case by asking models: structured output, retries, panels; and an explicit *unscored* wherever it did not work.

A judge asks one endpoint or several (a panel, of which the median counts), each as often as `samples` says. A reply that
cannot be read is asked for again with what was wrong with it; an endpoint that is busy is waited for; one that takes no
log-probabilities or no schema is asked without, once it has answered without. What stays without a verdict is unscored with the
reason: never 0, never NaN. Every score carries what it cost, in USD or unknown. Limits of the gateway are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from statistics import fmean, median
from typing import Any, NamedTuple

from treadle.core.types import JsonObject
from treadle.evals.judges.asking import Ask
from treadle.evals.judges.calibration import Fitted
from treadle.evals.judges.catalog import find_judge
from treadle.evals.judges.framing import MAX_CHARACTERS
from treadle.evals.judges.kind import Ballot, CannotJudge, JudgeKind, JudgeParameters, Unreadable, Vote
from treadle.evals.judges.reply import Reply
from treadle.evals.patience import LimitPatience, Sleep
from treadle.evals.scoring.case import Case, unscored
from treadle.evals.scoring.types import Judgement, Score, ScorerChoice
from treadle.guards.attacks import AttackCheck
from treadle.http.context import Context

PATIENCE = 5
"""How often an endpoint that is busy or away is asked before the case is left unscored."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
FIELDS: Sequence[JsonObject] = (
    {"logprobs": True, "top_logprobs": 20, "response_format": True},
    {"response_format": True},
    {},
)
"""What is asked for beside the messages, most first; an endpoint that refuses one is asked by the next."""
INSTRUCTS = "the answer holds what looks like an instruction to its reader"

ABOUT_THE_CASE = frozenset({"guard_blocked", "context_length_exceeded"})
"""Refusals that asking for less does not change."""


class _Asked(NamedTuple):
    """What one endpoint came to."""

    vote: Vote | None
    replies: list[Reply]
    reason: str = ""
    """Why there is no vote."""
    votes: tuple[str, ...] = ()
    """What each asking said."""


class Judges:
    """Asks judges for the work of one owner; remembers what each endpoint takes. Belongs to one event loop."""

    def __init__(self, ask: Ask, *, sleep: Sleep = asyncio.sleep, ends_at_limits: bool = False) -> None:
        """ends_at_limits: raise LimitReached where a limit of the gateway lasts too long, rather than leave the case unscored."""
        self._ask = ask
        self._ends_at_limits = ends_at_limits
        self._sleep = sleep
        self._step: dict[str, int] = {}
        """By endpoint: which of FIELDS it takes."""
        self._attacks = AttackCheck("injection", embedder=None)

    async def judge(self, ctx: Context, choice: ScorerChoice, case: Case, *, fitted: Fitted | None = None) -> Score:
        """Return what a judge says of a case. fitted: its calibration, where it has one."""
        found = find_judge(choice)
        assert found is not None, "only judges come here"
        kind, parameters = found
        try:
            ballots = kind.ballots(case, parameters)
        except CannotJudge as error:
            return unscored(kind.name, str(error))
        if any(sum(len(str(each["content"])) for each in ballot.messages) > MAX_CHARACTERS for ballot in ballots):
            return unscored(kind.name, "its texts are too long to judge")
        asked = await _together([self._one(ctx, kind, parameters, name, ballots, case) for name in parameters.asked])
        return _score(kind, parameters, asked, fitted, self._warning(case))

    async def _one(
        self,
        ctx: Context,
        kind: JudgeKind,
        parameters: JudgeParameters,
        endpoint: str,
        ballots: Sequence[Ballot],
        case: Case,
    ) -> _Asked:
        """Ask one endpoint for all its votes."""
        wanted = [(sample, ballot) for sample in range(parameters.samples) for ballot in ballots]
        told = await _together(
            [self._vote(ctx, kind, parameters, endpoint, ballot, sample, case) for sample, ballot in wanted]
        )
        replies = [reply for one in told for reply in one.replies]
        votes = [one.vote for one in told if one.vote is not None]
        # Repeated samples stand for each other; ballots, such as both orders of a pair, do not.
        is_enough = 2 * len(votes) > len(told) if len(ballots) == 1 else len(votes) == len(told)
        if not is_enough:
            return _Asked(None, replies, next(one.reason for one in told if one.vote is None))
        said = tuple(vote.label or "" for vote in votes)
        return _Asked(kind.settle(votes) if kind.settle else _mean(votes), replies, votes=said)

    async def _vote(
        self,
        ctx: Context,
        kind: JudgeKind,
        parameters: JudgeParameters,
        endpoint: str,
        ballot: Ballot,
        sample: int,
        case: Case,
    ) -> _Asked:
        """Ask until a reply can be read, as often as the parameters allow."""
        messages, replies, reason = ballot.messages, list[Reply](), ""
        for _ in range(parameters.tries):
            reply = await self._reach(
                ctx, endpoint, ballot, messages, sample if parameters.samples > 1 else None, replies
            )
            if (silence := reply.problem or reply.refusal) is not None:
                return _Asked(None, replies, f"the judge '{endpoint}' gave no answer: {silence}")
            try:
                return _Asked(kind.read(reply, case, parameters), replies)
            except CannotJudge as error:
                return _Asked(None, replies, str(error))
            except Unreadable as error:
                reason = f"the reply of the judge '{endpoint}' cannot be read: {error}"
                again = (
                    f"Your reply cannot be read: {error}. Reply again, in the form that was asked for and nothing else."
                )
                messages = [
                    *ballot.messages,
                    {"role": "assistant", "content": reply.text[:2_000] or "(nothing)"},
                    {"role": "user", "content": again},
                ]
        return _Asked(None, replies, reason)

    async def _reach(
        self,
        ctx: Context,
        endpoint: str,
        ballot: Ballot,
        messages: list[JsonObject],
        sample: int | None,
        replies: list[Reply],
    ) -> Reply:
        """Ask until the endpoint answers: with less where it refuses, later where it is busy. Every reply is noted."""
        failures, step = 0, self._step.get(endpoint, 0)
        patience = LimitPatience(f"the judge '{endpoint}'", self._sleep)
        while True:
            reply = await self._ask(ctx, endpoint, messages, _fields(ballot, step, sample))
            replies.append(reply)
            if reply.refusal is not None:
                if step + 1 == len(FIELDS) or reply.refusal_code in ABOUT_THE_CASE:
                    return reply
                step += 1
            elif reply.problem is None:
                # Only an answer shows that it was the fields which were refused, and not this one case.
                self._step[endpoint] = max(self._step.get(endpoint, 0), step)
                return reply
            elif reply.limit is not None and self._ends_at_limits:
                await patience.wait(reply.limit, reply.pause_seconds)
            elif not reply.may_pass or failures + 1 == PATIENCE:
                return reply
            else:
                failures += 1
                pause = reply.pause_seconds or FIRST_PAUSE_SECONDS * 2 ** (failures - 1)
                if pause > LONGEST_PAUSE_SECONDS:
                    return reply
                await self._sleep(pause)

    def _warning(self, case: Case) -> str | None:
        return INSTRUCTS if self._attacks.find_signatures(case.output) else None


async def _together(asking: Sequence[Coroutine[Any, Any, _Asked]]) -> list[_Asked]:
    """Return what all come to; where one cannot go on none asks on."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in asking]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _fields(ballot: Ballot, step: int, sample: int | None) -> JsonObject:
    fields = dict(FIELDS[step])
    if fields.pop("response_format", False) and ballot.schema is not None:
        shape = {"name": "verdict", "strict": True, "schema": ballot.schema}
        fields["response_format"] = {"type": "json_schema", "json_schema": shape}
    return {**fields, "temperature": 0} if sample is None else {**fields, "temperature": 1, "seed": sample}


def _mean(votes: Sequence[Vote]) -> Vote:
    """Return what several askings of one judge come to: their mean; what most say is their confidence."""
    if len(votes) == 1:
        return votes[0]
    value = fmean(vote.value for vote in votes)
    nearest = min(votes, key=lambda vote: abs(vote.value - value))
    alike = sum(vote.label == nearest.label for vote in votes) / len(votes)
    return Vote(value, nearest.label, nearest.reason, alike)


def _score(
    kind: JudgeKind, parameters: JudgeParameters, asked: Sequence[_Asked], fitted: Fitted | None, warning: str | None
) -> Score:
    replies = [reply for one in asked for reply in one.replies]
    votes = [one.vote for one in asked if one.vote is not None]
    judgement = Judgement(
        endpoints=parameters.asked,
        release_ids=sorted({reply.release_id for reply in replies if reply.release_id is not None}),
        requests=len(replies),
        cost_usd=total_cost([reply.cost_usd for reply in replies if reply.trace_id is not None]),
        trace_ids=[reply.trace_id for reply in replies if reply.trace_id is not None],
        votes=list(asked[0].votes),
        warning=warning,
    )
    if 2 * len(votes) <= len(asked):
        reason = next(one.reason for one in asked if one.vote is None)
        return unscored(kind.name, reason).model_copy(update={"judgement": judgement})
    vote = votes[0] if len(asked) == 1 else _panel(votes)
    confidence, probability = vote.confidence, None
    if fitted is not None and fitted.release_ids and not fitted.release_ids.issuperset(judgement.release_ids):
        other = "its calibration was measured when another release answered"
        judgement, fitted = judgement.model_copy(update={"warning": warning or other}), None
    if fitted is not None:
        probability = fitted.probability(vote.value)
        confidence = max(probability, 1 - probability)
    judgement = judgement.model_copy(
        update={
            "confidence": confidence,
            "probability": probability,
            "calibration_id": None if fitted is None else fitted.calibration_id,
        }
    )
    if (least := parameters.abstain_below) is not None and (warning or confidence is None or confidence < least):
        why = warning or ("nothing tells how sure it is" if confidence is None else f"only {confidence:.0%} sure")
        said = f"the judge says {vote.value:.2f} ({vote.label or 'no label'}), but {why}; people should judge it"
        return Score(name=kind.name, value=None, label="abstained", reason=said, judgement=judgement)
    return Score(name=kind.name, value=vote.value, label=vote.label, reason=vote.reason, judgement=judgement)


def _panel(votes: Sequence[Vote]) -> Vote:
    """Return what a panel comes to: the median; the share on the median's side is its confidence."""
    middle = median(vote.value for vote in votes)
    alike = sum((vote.value >= 0.5) == (middle >= 0.5) for vote in votes) / len(votes)
    nearest = min(votes, key=lambda vote: abs(vote.value - middle))
    labels = {vote.label for vote in votes}
    return Vote(middle, nearest.label if len(labels) == 1 else f"split: {nearest.label}", nearest.reason, alike)


def total_cost(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of what was paid; None where a part is not known, for unknown is not 0."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None
