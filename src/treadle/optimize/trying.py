"""Ask candidates and score their answers, within the budget. Every method searches through this one room."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from treadle.core.canonical import digest_of
from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.types import JsonObject
from treadle.evals.judges.asking import Ask
from treadle.evals.judges.reply import Reply
from treadle.evals.patience import reach
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import Case, Scorer
from treadle.http.context import Context
from treadle.optimize.budget import Budget
from treadle.optimize.types import Candidate, NewOptimization
from treadle.playground.demonstrations import written
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import JinjaRoom
from treadle.prompts.types import Examples, Message, NewVersion, Version


class Row(NamedTuple):
    """One row to answer."""

    input: str
    expected: str
    metadata: JsonObject


class Scored(NamedTuple):
    """One row with its answer."""

    row: Row
    output: str | None
    """None where there was no answer."""
    score: float
    """0 where there was none: an application would have had none either."""


class Memory(NamedTuple):
    """What an earlier attempt of the same optimisation was answered, so that it is not paid for twice."""

    find: Callable[[str], Awaitable[Reply | None]]
    """The answer kept under a key."""
    keep: Callable[[str, Reply], Awaitable[None]]
    """Keeps one."""


class Trier:
    """Asks and scores."""

    def __init__(
        self, ctx: Context, new: NewOptimization, base: Version, ask: Ask, budget: Budget, memory: Memory
    ) -> None:
        """memory: what was answered before a kill; a search that begins anew takes the same way up to there."""
        scorer = resolve(new.scorer)
        require_guide(scorer)
        self.new = new
        self.base = base
        self.budget = budget
        self.candidates: list[Candidate] = []
        self._ctx = ctx
        self._ask = ask
        self._judge = make_judge(new.scorer)
        self._memory = memory
        self._times: Counter[str] = Counter()
        self._room = JinjaRoom()

    async def close(self) -> None:
        """Let go of what renders."""
        await self._room.close()

    def content(
        self, template: str | None = None, examples: Examples | None = None, parameters: JsonObject | None = None
    ) -> NewVersion:
        """Return what the base would say with another text in the chosen message, other examples, other fields."""
        new = written(self.base)
        messages = list(new.messages)
        if template is not None:
            at = self.new.message
            messages[at] = Message(role=messages[at].role, template=template)
        changed: dict[str, object] = {"messages": messages}
        if examples is not None:
            changed["examples"] = examples
        if parameters is not None:
            changed["config"] = {**new.config, **parameters}
        return new.model_copy(update=changed)

    async def version_of(self, content: NewVersion) -> Version:
        """Return a candidate put together, as it would be kept. Raises what `prompts.create_version` raises."""
        return await prompts.preview_version(self._ctx, self.base.prompt_name, content)

    async def score(
        self, content: NewVersion, rows: Sequence[Row], parameters: JsonObject | None = None
    ) -> list[Scored]:
        """Ask a candidate for every row and score the answers, in the rows' order. Raises Spent, Unavailable."""
        version = await self.version_of(content)
        fields = {**self.new.parameters, **(parameters or {})}
        places = asyncio.Semaphore(self.new.concurrency)

        async def one(row: Row) -> Scored:
            async with places:
                messages = await prompts.fill(version, {**row.metadata, "input": row.input}, self._room)
                if "input" not in version.variables:
                    messages = [*messages, {"role": "user", "content": row.input}]
                reply = await self.request(self.new.endpoint, messages, fields)
            if reply.refusal is not None:
                return Scored(row, None, 0.0)
            found = self._judge(Case(reply.text, row.expected, row.input, row.metadata))
            return Scored(row, reply.text, 0.0 if found.value is None else found.value)

        tasks = [asyncio.create_task(one(row)) for row in rows]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def request(self, endpoint: str, messages: list[JsonObject], fields: JsonObject) -> Reply:
        """Ask once, within the budget; what an earlier attempt was answered counts there already. Waits for limits, and for an
        endpoint that is away for a moment. Raises Spent, Unavailable, LimitReached."""
        asked = digest_of([endpoint, messages, fields])
        self._times[asked] += 1
        key = f"{asked} {self._times[asked]}"
        known = await self._memory.find(key)
        if known is not None:
            return known
        reply = await reach(lambda: self._once(endpoint, messages, fields), f"endpoint '{endpoint}'")
        if reply.problem is not None:
            raise Unavailable(
                f"endpoint '{endpoint}' gives no answers: {reply.problem}; see that it serves, and start again",
                code="optimize.endpoint_away",
            )
        # A model may well say NUL, or half of a surrogate pair; nothing that is kept of it may hold either.
        reply = reply._replace(text=reply.text.encode("utf-8", "replace").decode().replace("\0", "\ufffd"))
        await self._memory.keep(key, reply)
        return reply

    async def _once(self, endpoint: str, messages: list[JsonObject], fields: JsonObject) -> Reply:
        """Send one request within the budget; what got no answer is no call."""
        while self.budget.must_wait(endpoint):
            await asyncio.sleep(0.01)
        self.budget.take(endpoint, self.new.endpoint)
        reply: Reply | None = None
        try:
            reply = await self._ask(self._ctx, endpoint, messages, fields)
        finally:
            if reply is not None and reply.problem is not None:
                self.budget.give_back(endpoint, reply.cost_usd)
            else:
                self.budget.settle(endpoint, None if reply is None else reply.cost_usd)
        return reply

    def keep(
        self, content: NewVersion, *, parent: int | None, scored: Sequence[Scored] = (), refused: str | None = None,
        parameters: JsonObject | None = None,
    ) -> Candidate:  # fmt: skip
        """Keep a candidate with its scores; returns it."""
        candidate = Candidate(
            number=len(self.candidates),
            parent=parent,
            messages=content.messages,
            examples=content.examples,
            parameters=parameters or {},
            score=mean(scored) if scored else None,
            rows=len(scored),
            refused=refused,
        )
        self.candidates.append(candidate)
        return candidate

    def best(self) -> Candidate:
        """Return the candidate with the best score; of equals the first, so that a change needs a reason."""
        best = self.candidates[0]
        for candidate in self.candidates[1:]:
            if candidate.score is not None and best.score is not None and candidate.score > best.score:
                best = candidate
        return best


def require_guide(scorer: Scorer) -> None:
    """Raise InvalidInput for a scorer that cannot guide a search: it must give each text alone a share, the more the better."""
    is_of_text = scorer.unit == "share" and scorer.higher_is_better and "logprobs" not in scorer.needs
    if scorer.place != "server" or scorer.combine is not None or not is_of_text:
        raise InvalidInput(
            f"scorer '{scorer.name}' cannot guide a search: it needs more than an answer's text, judges no single row, or is "
            f"better when it is less; choose one such as 'exact_match', see: treadle eval scorers",
            code="optimize.scorer",
        )


def mean(scored: Sequence[Scored]) -> float:
    """Return the mean score."""
    return sum(one.score for one in scored) / len(scored)
