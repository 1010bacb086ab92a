"""Open the target of an experiment: a model version on its engine, an endpoint of the gateway, or a function somewhere else.

Each answers rows one by one and says which trace it left. An endpoint is asked like any caller: limits, guards, prices and
traces hold, and a rollout may be under way. A function runs where the SDK does and sends its answers in; here they are
waited for, so whatever is killed, what was sent is not computed again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

from treadle.core.errors import TreadleError, Unavailable
from treadle.embeddings.room import EmbeddingRoom
from treadle.embeddings.types import Embedder
from treadle.evals.functions import store as outputs
from treadle.evals.functions.types import NewOutput
from treadle.evals.given import COMPLETIONS, NoLikelihoods, echo_request, read_echo
from treadle.evals.judges.asking import NOWHERE, caller_of
from treadle.evals.patience import FIRST_PAUSE_SECONDS, LIMIT_PATIENCE_SECONDS, TRIES, LimitPatience, Sleep, limit_in
from treadle.evals.readers import CONVERSATION, open_reader
from treadle.evals.scorers import resolve
from treadle.evals.target import Answer, Asker, Asks, Engines, Row, Traced, logprobs_of, request_of
from treadle.evals.types import NewExperiment
from treadle.gateway.batches.inside import Application, Told, ask_inside
from treadle.gateway.filling import pool_of
from treadle.gateway.plane import DataPlane
from treadle.gateway.sending import Sender
from treadle.gateway.types import Arm, PromptMessage
from treadle.http.context import Context
from treadle.jobs.scope import RunScope
from treadle.models import service as models
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import JinjaRoom
from treadle.prompts.types import Version as PromptVersion

CHAT_PATH = "/v1/chat/completions"
LOOK_SECONDS = 0.2
SILENCE_SECONDS = 900.0
"""A function that is waited for and sends nothing for so long is given up; what it sent stays, and the experiment goes on with
it when its run is retried."""


class FunctionSilent(Unavailable):
    """The function of an experiment sends no answers."""

    code = "evals.function_silent"


def gateway_of(scope: RunScope) -> Application | None:
    """Return the gateway of this process; None where none runs."""
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    return None if data_plane is None else data_plane.application


@asynccontextmanager
async def open_target(scope: RunScope, new: NewExperiment, experiment_id: str) -> AsyncIterator[Asks]:
    """Yield what answers the rows. Raises what keeps it from answering any."""
    traced = Traced(scope.ctx.project_id, experiment_id, scope.ctx.clock)
    if new.target.endpoint is not None:
        application = gateway_of(scope)
        if application is None:
            raise Unavailable(NOWHERE, code="gateway.no_data_plane")
        yield EndpointAsker(
            scope.ctx,
            application,
            new.target.endpoint,
            with_logprobs=wants_logprobs(new),
            reads=new.target.reads,
        )
    elif new.target.function is not None:
        asker = FunctionAsker(scope.ctx, experiment_id, traced)
        looking = asyncio.create_task(asker.look())
        try:
            yield asker
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError, TreadleError):
                await looking
    else:
        async with _open_model(scope, new, traced) as model:
            yield model


@asynccontextmanager
async def _open_model(scope: RunScope, new: NewExperiment, traced: Traced) -> AsyncIterator[Asks]:
    prompt: PromptVersion | None = None
    if new.target.prompt_version_id is not None:
        prompt = await prompts.get_version_by_id(scope.ctx, new.target.prompt_version_id)
    engines = cast(Engines, scope.services["engines"])
    assert new.target.model_version_id is not None, "checked by its type"
    prepared = await models.prepare(scope.ctx, new.target.model_version_id)
    scope.progress(0.0, "starting the engine")
    await engines.ensure(*prepared)
    if new.target.reads:
        async with open_reader(new.target.model_version_id, engines, traced) as reader:
            yield reader
        return
    sender = Sender(_finder(engines))
    room, jinja = EmbeddingRoom(_load_embedder), JinjaRoom()  # neither costs anything until a prompt needs it
    arm = Arm(
        release_id="experiment",
        role="stable",
        weight=1.0,
        model_version_id=new.target.model_version_id,
        prompt=tuple(PromptMessage(role=part.role, template=part.template) for part in prompt.messages)
        if prompt
        else (),
        prompt_engine=prompt.engine if prompt else "mustache",
        examples=pool_of(prompt.examples) if prompt else None,
        parameters=dict(new.target.parameters),
    )
    try:
        variables = prompt.variables if prompt else ()
        yield Asker(arm, sender, variables, traced, room=room, jinja=jinja, with_logprobs=wants_logprobs(new))
    finally:
        room.close()
        await jinja.close()
        await sender.close()


class EndpointAsker:
    """Asks an endpoint through the gateway of this process, as whoever started the experiment.

    Internal endpoints too: people cannot start an experiment on one, and a choice among models does.
    """

    def __init__(
        self,
        ctx: Context,
        application: Application,
        endpoint: str,
        *,
        with_logprobs: bool = False,
        reads: bool = False,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """reads: say how likely inputs are instead of answering them."""
        self._caller = caller_of(ctx)
        self._application = application
        self._endpoint = endpoint
        self._with_logprobs = with_logprobs
        self._reads = reads
        self._sleep = sleep

    async def ask(self, row: Row) -> Answer:
        """Return the answer to a row. Waits where a limit or an upstream says that it is too much now.

        Raises LimitReached where a limit of the gateway or the provider asks for more patience than an experiment has: that is no answer
        of the target, and must not count as one.
        """
        if self._reads and row.messages is not None:
            return Answer(None, CONVERSATION, 0.0)
        path, body = (
            (COMPLETIONS, echo_request(row.input, model=self._endpoint))
            if self._reads
            else (
                CHAT_PATH,
                request_of(row, tuple(row.metadata), model=self._endpoint, with_logprobs=self._with_logprobs),
            )
        )
        patience = LimitPatience(f"endpoint '{self._endpoint}'", self._sleep)
        attempt = 0
        while True:
            began = time.perf_counter()
            told = await ask_inside(self._application, path, self._caller, body, internal=True)
            if (limit := limit_in(told)) is not None:
                await patience.wait(limit, told.retry_after_seconds)
                continue
            attempt += 1
            answer = self._answer(told, row, (time.perf_counter() - began) * 1000)
            pause = told.retry_after_seconds or FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
            may_pass = told.status == 429 or told.status >= 500
            if not may_pass or attempt == TRIES or pause > LIMIT_PATIENCE_SECONDS:
                return answer
            await self._sleep(pause)

    def _answer(self, told: Told, row: Row, latency_ms: float) -> Answer:
        record = told.record
        cost = None if record is None or record.cost_usd is None else float(record.cost_usd)
        facts = Answer(None, None, round(latency_ms, 3), None, cost, record.trace_id if record else None)
        try:
            said = json.loads(told.body)
            if told.status == 200 and self._reads:
                given = read_echo(told.body, row.input)
                return facts._replace(output=given.text, logprobs=given.logprobs)
            if told.status == 200:
                logprobs = logprobs_of(told.body) if self._with_logprobs else None
                text = said["choices"][0]["message"].get("content") or ""
                return facts._replace(output=str(text), logprobs=logprobs)
            why = str(said["error"]["message"])
        except NoLikelihoods as error:
            return facts._replace(error=error.message)
        except (ValueError, LookupError, TypeError, AttributeError):
            why = "its answer cannot be read"
        return facts._replace(error=f"status {told.status}: {why}")


class FunctionAsker:
    """Waits for the answers that a function sends in."""

    def __init__(
        self, ctx: Context, experiment_id: str, traced: Traced, *, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        self._silence_seconds = silence_seconds
        self._ctx = ctx
        self._experiment_id = experiment_id
        self._traced = traced
        self._waiting: dict[tuple[int, int], asyncio.Future[NewOutput]] = {}

    async def ask(self, row: Row) -> Answer:
        """Return what the function answered to a row. Raises FunctionSilent when nothing comes in any more."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[row.row, row.repeat] = future
        said = await future
        answer = Answer(said.output, said.error, said.latency_ms, None, said.cost_usd, said.trace_id)
        if said.trace_id is not None:
            return answer
        span = self._traced.span(row, answer)
        return answer._replace(trace_id=span.trace_id, span=span)

    async def look(self) -> None:
        """Hand answers to those that wait for them, until cancelled; should that fail, they are told."""
        try:
            await self._look()
        except Exception as error:
            self._fail(error)
            raise

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while True:
            found = await self._found(list(self._waiting))
            for said in found:
                future = self._waiting.pop((said.row, said.repeat))
                if not future.done():
                    future.set_result(said)
            if found or not self._waiting:  # who is not waited for, while judges are at work, is not silent
                heard_at = loop.time()
            elif loop.time() - heard_at > self._silence_seconds:
                silent = FunctionSilent(
                    f"no answer came in for {self._silence_seconds:g} s; what came in stays: run the function again with "
                    f"client.experiments.resume_function(function, '{self._experiment_id}'), it goes on with the rows that have none"
                )
                self._fail(silent)
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _fail(self, error: Exception) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    async def _found(self, wanted: list[tuple[int, int]]) -> list[NewOutput]:
        if not wanted:
            return []
        try:
            return await self._ctx.db.read(lambda db: outputs.list_outputs(db, self._experiment_id, wanted))
        except Unavailable:  # the database is away for a moment
            return []


def wants_logprobs(new: NewExperiment) -> bool:
    """Tell whether a scorer needs to know how likely each token of an answer was."""
    return any("logprobs" in resolve(choice).needs for choice in new.scorers)


def _load_embedder() -> Embedder:
    from treadle.embeddings.minilm import load_minilm  # heavy, and only prompts that choose their examples need it

    return load_minilm(needed_for="examples that are chosen by meaning")


def _finder(engines: Engines) -> Callable[[str], str | None]:
    def find(model_version_id: str) -> str | None:
        engine = engines.find(model_version_id)
        return None if engine is None else engine.url

    return find
