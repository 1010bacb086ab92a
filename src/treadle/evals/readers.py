"""Who reads given texts for an experiment whose target `reads`: an engine of ours, asked directly.

An endpoint is asked by `targets.EndpointAsker`, through the gateway like any caller.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from treadle.core.types import JsonObject
from treadle.engines.types import Engine
from treadle.evals.given import COMPLETIONS, Given, NoLikelihoods, echo_request, read_by_steps, read_echo
from treadle.evals.target import Answer, Engines, Row, Traced

SLOTS = 4
"""Texts read at once by a llama.cpp child, which has so many slots (`engines/llamacpp.py`)."""
TRIES = 4
FIRST_PAUSE_SECONDS = 0.3
REQUEST_SECONDS = 600.0


class EngineReader:
    """Asks an engine how likely texts are."""

    def __init__(self, model_version_id: str, engines: Engines, session: aiohttp.ClientSession, traced: Traced) -> None:
        self._model_version_id = model_version_id
        self._engines = engines
        self._session = session
        self._traced = traced
        self._slots: asyncio.Queue[int] = asyncio.Queue()
        for slot in range(SLOTS):
            self._slots.put_nowait(slot)

    async def ask(self, row: Row) -> Answer:
        """Return the row's input with its log-probabilities. Tries again while the engine restarts."""
        began = time.perf_counter()
        given, why = await self._read(row)
        latency_ms = round((time.perf_counter() - began) * 1000, 3)
        answer = Answer(
            output=None if given is None else given.text,
            error=why,
            latency_ms=latency_ms,
            logprobs=None if given is None else given.logprobs,
        )
        span = self._traced.span(row, answer, model_version_id=self._model_version_id)
        return answer._replace(trace_id=span.trace_id, span=span)

    async def _read(self, row: Row) -> tuple[Given | None, str | None]:
        if row.messages is not None:
            return None, CONVERSATION
        why = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            engine = self._engines.find(self._model_version_id)
            if engine is None:
                why = "its engine is not running"
                continue
            try:
                return await self._read_by(engine, row.input), None
            except NoLikelihoods as error:
                return None, error.message
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = f"its engine broke off: {type(error).__name__}"
        return None, why

    async def _read_by(self, engine: Engine, text: str) -> Given:
        async def post(path: str, body: JsonObject | bytes) -> bytes:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers = {"content-type": "application/json"}
            async with self._session.post(engine.url + path, data=data, headers=headers) as reply:
                told = await reply.read()
            if reply.status >= 500:
                raise aiohttp.ClientConnectionError(f"status {reply.status}")
            if reply.status != 200:
                raise NoLikelihoods(
                    f"it answered {path} with status {reply.status}: {told[:200].decode(errors='replace')}"
                )
            return told

        if engine.kind != "llamacpp":
            return read_echo(await post(COMPLETIONS, echo_request(text, model=self._model_version_id)), text)
        slot = await self._slots.get()
        try:
            return await read_by_steps(post, text, context_length=engine.context_length, slot=slot)
        finally:
            self._slots.put_nowait(slot)


CONVERSATION = (
    "the row is a conversation, and only a plain text can be read; give texts in the column `input` or `text`"
)


@asynccontextmanager
async def open_reader(model_version_id: str, engines: Engines, traced: Traced) -> AsyncIterator[EngineReader]:
    """Yield what reads texts by a model version whose engine runs."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        yield EngineReader(model_version_id, engines, session, traced)
