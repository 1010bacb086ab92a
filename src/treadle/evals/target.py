"""Ask the target of an experiment for answers exactly as the gateway would: same composing, same provider, same bytes.

An evaluation that frames its requests differently from serving measures something nobody ships; so this room builds an
arm of the gateway's own kind and sends through the gateway's own provider, and adds only retries.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from treadle.core.clock import Clock
from treadle.core.types import JsonObject, JsonValue
from treadle.embeddings.room import EmbeddingRoom
from treadle.engines.types import Engine
from treadle.gateway.answers import Whole
from treadle.gateway.attempt import AttemptFailed, ask
from treadle.gateway.compose import Composed
from treadle.gateway.protocols.base import Asked
from treadle.gateway.protocols.chat import ChatProtocol
from treadle.gateway.ready import Ready
from treadle.gateway.refusals import Refusal
from treadle.gateway.routing.failures import RULES
from treadle.gateway.sending import Sender
from treadle.gateway.types import EMPTY_SNAPSHOT, Arm, Clocks, Endpoint
from treadle.prompts.jinja_room import JinjaRoom
from treadle.traces.intake import NewSpan

ATTEMPTS = 4
SERVICE = "treadle experiments"
"""As which service the traces of experiments are found; none of them has an endpoint's name."""
FIRST_PAUSE_SECONDS = 0.3
CHAT = ChatProtocol()
CLOCKS = Clocks()


class Engines(Protocol):
    """What is needed of the engines' supervisor."""

    async def ensure(
        self,
        model_version_id: str,
        place: Path,
        engine: Mapping[str, JsonValue] | None = None,
        base: tuple[str, Path] | None = None,
    ) -> Engine:
        """Start the engine of a version unless it runs. Raises EngineFailed."""
        ...

    def find(self, model_version_id: str) -> Engine | None:
        """Return the engine of a version if it is ready now."""
        ...


class _Token(msgspec.Struct):
    logprob: float


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Choice(msgspec.Struct):
    logprobs: _Logprobs | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []


_completions = msgspec.json.Decoder(_Completion)


class Row(NamedTuple):
    """One row to answer."""

    row: int
    """The row in the dataset version, from 1."""
    input: str
    expected: str | None
    messages: list[JsonObject] | None
    """The conversation up to the answer that is expected; None for a plain input."""
    metadata: JsonObject
    """Further columns; those that the prompt names fill it in."""
    repeat: int = 1
    """Which asking of it, from 1."""


class Answer(NamedTuple):
    """What the target said to one row."""

    output: str | None
    """None when it gave no answer."""
    error: str | None
    """Why not."""
    latency_ms: float
    """Of the last attempt, from sending to the last byte."""
    logprobs: tuple[float, ...] | None = None
    """Natural logarithm of each output token's probability; None where the target gives none."""
    cost_usd: float | None = None
    """What it cost; None where no price is known."""
    trace_id: str | None = None
    """The trace that whoever answered keeps; None where nobody does."""
    span: NewSpan | None = None
    """What the experiment is to keep as its trace; None where somebody else keeps one."""
    cached: bool = False
    """Whether it was given to an earlier asking."""


class Asks(Protocol):
    """Answers rows: what `targets.py` opens."""

    async def ask(self, row: Row) -> Answer:
        """Return the answer to a row, or why there is none; raises only what ends the whole experiment."""
        ...


class Traced(NamedTuple):
    """Whose traces an experiment keeps."""

    project_id: str
    experiment_id: str
    clock: Clock

    def span(self, row: Row, answer: Answer, **facts: Any) -> NewSpan:
        """Return the trace of one answer; the same ids whenever it is made, so that keeping it again changes nothing."""
        digest = hashlib.sha256(f"{self.experiment_id} {row.row} {row.repeat}".encode()).hexdigest()
        ended = self.clock.now()
        return NewSpan(
            project_id=self.project_id,
            trace_id=digest[:32],
            span_id=digest[32:48],
            name="experiment",
            kind="llm",
            status="ok" if answer.error is None else "error",
            error_message=answer.error,
            started_at=ended - timedelta(milliseconds=answer.latency_ms),
            latency_ms=answer.latency_ms,
            service_name=SERVICE,
            input_text=row.input,
            output_text=answer.output or "",
            session_id=self.experiment_id,
            attributes={"treadle.experiment.id": self.experiment_id, "treadle.experiment.row": row.row},
            **facts,
        )


def row_of(line: JsonObject) -> Row:
    """Return a row from the JSON that the worker wrote; a conversation loses the answer at its end."""
    messages = line["messages"]
    if isinstance(messages, list):
        while messages and messages[-1].get("role") == "assistant":
            messages = messages[:-1]
    return Row(
        row=int(str(line["row"])),
        input=str(line["input"]),
        expected=line["expected"],  # type: ignore[arg-type]
        messages=messages or None,  # type: ignore[arg-type]
        metadata=line["metadata"],  # type: ignore[arg-type]
    )


def request_of(row: Row, variables: Sequence[str], *, model: str = "experiment", with_logprobs: bool = False) -> bytes:
    """Return the request that an application would send for a row. variables: the names that the prompt uses."""
    body: dict[str, JsonValue] = {"model": model, "messages": row.messages or [_user(row.input)]}
    given = {name: row.metadata[name] for name in variables if name in row.metadata and name != "input"}
    if with_logprobs:
        body["logprobs"] = True
    if given:
        body["treadle"] = {"variables": given}
    return msgspec.json.encode(body)


class Asker:
    """Gets answers from one arm."""

    def __init__(
        self,
        arm: Arm,
        sender: Sender,
        variables: Sequence[str],
        traced: Traced,
        *,
        room: EmbeddingRoom | None = None,
        jinja: JinjaRoom | None = None,
        with_logprobs: bool = False,
    ) -> None:
        """room, jinja: for prompts that choose examples, or are written in it. with_logprobs: ask for the probability of
        every token; scorers of likelihood need it."""
        endpoint = Endpoint(project_id="", name="experiment", salt="", arms=(arm,))
        self._ready = Ready(arm, endpoint, EMPTY_SNAPSHOT, room=room, jinja=jinja)
        self._sender = sender
        self._arm = arm
        self._traced = traced
        self._variables = variables
        self._with_logprobs = with_logprobs

    async def ask(self, row: Row) -> Answer:
        """Return the answer to a row. Tries again while the engine restarts or says that it is busy."""
        try:
            asked = CHAT.parse(request_of(row, self._variables, with_logprobs=self._with_logprobs))
            composed = await self._ready.compose(asked)
        except Refusal as refusal:
            return self._kept(row, Answer(None, refusal.message, 0.0), None, None)
        answer, whole = Answer(None, "never asked", 0.0), None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            answer, whole, is_final = await self._try(asked, composed)
            if is_final:
                break
        return self._kept(row, answer, composed, whole)

    def _kept(self, row: Row, answer: Answer, composed: Composed | None, whole: Whole | None) -> Answer:
        """Return an answer with the trace that is to be kept of it."""
        facts: dict[str, Any] = {"model_version_id": self._arm.model_version_id, "provider": self._arm.provider}
        if composed is not None:
            facts |= {
                "input_messages": composed.messages,
                "variables": msgspec.Raw(msgspec.json.encode(composed.variables)),
            }
        if whole is not None:
            usage, reading = whole.reading.usage, whole.reading
            facts |= {"model": reading.model, "finish_reason": reading.finish_reason}
            if usage is not None:
                facts |= {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
        span = self._traced.span(row, answer, **facts)
        return answer._replace(trace_id=span.trace_id, span=span)

    async def _try(self, asked: Asked, composed: Composed) -> tuple[Answer, Whole | None, bool]:
        began = time.perf_counter()
        (route,) = self._ready.routes.values()
        try:
            whole = await ask(self._sender.send, self._ready, route, CLOCKS, CHAT, asked, composed)
        except AttemptFailed as failure:
            return Answer(None, failure.refusal.message, _ms_since(began)), None, not RULES[failure.kind].repeats
        assert isinstance(whole, Whole)  # the request did not ask for a stream
        logprobs = logprobs_of(whole.data) if self._with_logprobs else None
        return Answer(whole.reading.text, None, _ms_since(began), logprobs), whole, True


def logprobs_of(data: bytes) -> tuple[float, ...] | None:
    """Return the natural logarithm of each output token's probability from a chat completion; None where it has none."""
    try:
        (choice, *_) = _completions.decode(data).choices
    except (msgspec.DecodeError, ValueError):
        return None
    tokens = choice.logprobs.content if choice.logprobs is not None else None
    return tuple(token.logprob for token in tokens) if tokens else None


def _user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
