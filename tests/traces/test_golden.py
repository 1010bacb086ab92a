"""The same scene, told by emitters of different dialects, comes to the same canonical rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.traces.telling import GOLDEN, as_protobuf, calls, canonical_of, recorded, recordings, row_of
from treadle.traces.dialects.registry import canonical_batch
from treadle.traces.otlp.decode import JSON, PROTOBUF, decode

_CACHED = "gen_ai.usage.cache_read.input_tokens"
_REASONING = "gen_ai.usage.reasoning.output_tokens"
_CONTENT = ("input_messages", "output_messages", "variables", "input_text", "output_text")
SILENT: dict[str, tuple[str, ...]] = {
    "langfuse": ("provider", "finish_reason"),
    "otel-old": (*_CONTENT, _CACHED, _REASONING),
    "otel-new": (_CACHED, _REASONING),
    "openai-embeddings.otel-new": _CONTENT,
    "openai-stream.otel-old": ("finish_reason",),
    "openai-stream.openllmetry": (_REASONING,),
    "langchain-agent.openllmetry": (_REASONING,),
    "langchain-rag.openllmetry": (_REASONING,),
}
"""What an emitter, or an emitter in one scene, does not say at all."""
UNTOLD_KINDS = {"openai-tools": ("tool",), "crewai-agent.openllmetry": ("tool",)}
"""Calls that an emitter does not see: who instruments a client of models knows nothing of tools."""
OWN_WORDS: dict[str, dict[str, Any]] = {
    "openai-error.vercel": {"error_code": "AI_APICallError"},
    "langchain-agent.openinference": {"variables": {"input": "4711"}},
    "llamaindex-rag.openinference": {"model": "gpt-4o-mini"},
}
"""What an emitter says in other words: a tool's only argument without its name, the model that was asked for."""


@pytest.mark.parametrize(("scene", "emitter"), recordings())
def test_one_scene_in_many_dialects(scene: str, emitter: str) -> None:
    """
    Every emitter's export of a scene comes to the scene's expected rows, but for what that emitter does not say.
    """
    expected = json.loads((GOLDEN / "expected" / f"{scene}.json").read_text())
    told = canonical_of(recorded(scene, emitter))

    rows = calls(told)

    untold = UNTOLD_KINDS.get(f"{scene}.{emitter}", UNTOLD_KINDS.get(scene, ()) if emitter != "vercel" else ())
    expected = [row for row in expected if row["kind"] not in untold]
    assert [_said(row, scene, emitter) for row in expected] == [_common(row, scene, emitter) for row in rows]


@pytest.mark.parametrize(("scene", "emitter"), recordings())
def test_protobuf_and_json_say_the_same(scene: str, emitter: str) -> None:
    """
    A span means the same whether it came in protobuf or in JSON.
    """
    body = recorded(scene, emitter)

    from_json = canonical_batch(decode(body, JSON).spans, "prj")
    from_protobuf = canonical_batch(decode(as_protobuf(body), PROTOBUF).spans, "prj")

    assert from_json == from_protobuf
    assert from_json


@pytest.mark.parametrize(("scene", "emitter"), recordings())
def test_nothing_that_came_is_lost(scene: str, emitter: str) -> None:
    """
    Every attribute of a span and of its resource is kept as it came.
    """
    raws = decode(recorded(scene, emitter), JSON).spans

    spans = canonical_batch(raws, "prj")

    for raw, span in zip(raws, spans, strict=True):
        assert raw.attributes == {name: span.attributes[name] for name in raw.attributes}
        assert raw.resource == span.resource


@pytest.mark.parametrize(
    ("scene", "emitter", "tokens"),
    [
        ("openai-tools", "vercel", 300),
        ("langchain-agent", "openllmetry", 300),
        ("crewai-agent", "openllmetry", 300),
        ("anthropic-chat", "openinference", 162),
    ],
)
def test_a_parent_that_repeats_its_calls_usage(scene: str, emitter: str, tokens: int) -> None:
    """
    A trace's tokens are those of its calls: two of 150 each, or one of 162, however many spans around them repeat them.
    """
    spans = canonical_of(recorded(scene, emitter))

    assert tokens == sum((span.input_tokens or 0) + (span.output_tokens or 0) for span in spans)


def _said(row: dict[str, Any], scene: str, emitter: str) -> dict[str, Any]:
    """Return what of an expected row an emitter says."""
    silent = (*SILENT.get(emitter, ()), *SILENT.get(f"{scene}.{emitter}", ()))
    own = OWN_WORDS.get(f"{scene}.{emitter}", {})
    changed = {
        name: value for name, value in own.items() if name in row and (name != "variables" or row["kind"] == "tool")
    }
    return {name: value for name, value in (row | changed).items() if name not in silent}


def _common(row: dict[str, Any], scene: str, emitter: str) -> dict[str, Any]:
    """Return a row without who asked in which session, which only some recordings state."""
    return {name: value for name, value in row.items() if name not in ("session_id", "user_id")}


def test_who_asked_in_which_session() -> None:
    """
    The session and the user that an application names stand on every span that it named them for.
    """
    vercel = canonical_of(recorded("openai-tools", "vercel"))
    langfuse = canonical_of(recorded("langfuse-sdk", "langfuse"))

    for span in [*vercel, *langfuse]:
        assert ("s-1", "u-1") == (span.session_id, span.user_id)


def test_a_cost_that_the_emitter_states() -> None:
    """
    A stated cost is taken: 0.001 for what was read and 0.002 for what was written.
    """
    rows = [row_of(span) for span in canonical_of(recorded("langfuse-sdk", "langfuse")) if span.kind == "llm"]

    assert ["0.003"] == [row["cost_usd"] for row in rows]


@pytest.mark.parametrize("emitter", ["openinference", "openllmetry", "vercel"])
def test_time_to_the_first_token_of_a_stream(emitter: str) -> None:
    """
    A streamed call has the time to its first token, as an event or an attribute tells it.
    """
    (call,) = [span for span in canonical_of(recorded("openai-stream", emitter)) if span.kind == "llm"]

    assert call.time_to_first_token_ms is not None
    assert 0 < call.time_to_first_token_ms <= call.latency_ms
