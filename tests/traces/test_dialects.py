"""What spans mean: older shapes, several dialects at once, tokens in disjoint buckets, errors, and strange values."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from tests.traces.exports import START_NS, meaning
from treadle.traces.dialects.registry import canonical_batch
from treadle.traces.intake import pack
from treadle.traces.otlp.raw import RawEvent, RawScope, RawSpan

ASKED = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is it?"}]
SAID = [{"role": "assistant", "content": "In Leeds."}]
OLD = {"gen_ai.system": "OpenAI", "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


def test_messages_in_flat_names() -> None:
    """
    OpenLLMetry's older names spell a conversation out, tool calls included.
    """
    span = meaning(
        {
            **OLD,
            "llm.request.type": "chat",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be kind.",
            "gen_ai.prompt.10.role": "tool",
            "gen_ai.prompt.10.content": "in Leeds",
            "gen_ai.prompt.10.tool_call_id": "call_1",
            "gen_ai.prompt.2.role": "user",
            "gen_ai.prompt.2.content": "Where is it?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.tool_calls.0.id": "call_2",
            "gen_ai.completion.0.tool_calls.0.name": "find",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"number": "4711"}',
            "gen_ai.usage.prompt_tokens": 20,
            "gen_ai.usage.completion_tokens": 5,
        }
    )

    assert [*ASKED, {"role": "tool", "content": "in Leeds", "tool_call_id": "call_1"}] == _json(span.input_messages)
    call = {"id": "call_2", "type": "function", "function": {"name": "find", "arguments": '{"number":"4711"}'}}
    assert [{"role": "assistant", "content": "", "tool_calls": [call]}] == _json(span.output_messages)
    assert ("openai", "gpt-4o", 20, 5, "tool_calls") == (
        span.provider,
        span.model,
        span.input_tokens,
        span.output_tokens,
        span.finish_reason,
    )


@pytest.mark.parametrize(
    "events",
    [
        [
            ("gen_ai.system.message", {"content": "Be kind.", "gen_ai.system": "openai"}),
            ("gen_ai.user.message", {"content": "Where is it?"}),
            ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": '{"content": "In Leeds."}'}),
        ],
        [
            ("gen_ai.system.message", {"gen_ai.event.content": '{"role": "system", "content": "Be kind."}'}),
            ("gen_ai.user.message", {"content": '[{"type": "text", "text": "Where is it?"}]'}),
            ("gen_ai.choice", {"message": '[{"text": "In Leeds."}]', "finish_reason": "end_turn"}),
        ],
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(ASKED)}),
            (
                "gen_ai.content.completion",
                {"gen_ai.completion": json.dumps(SAID), "gen_ai.response.finish_reasons": ["stop"]},
            ),
        ],
        [
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
                    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}],
                    "gen_ai.output.messages": [
                        {"role": "assistant", "parts": [{"type": "text", "content": "In Leeds."}]}
                    ],
                },
            )
        ],
    ],
)
def test_messages_in_events(events: list[tuple[str, dict[str, Any]]]) -> None:
    """
    A conversation may come as an event per message, as a pair of events, or as one with everything.
    """
    span = meaning(OLD, *events)

    assert ASKED == _json(span.input_messages)
    assert SAID == _json(span.output_messages)
    assert ("Where is it?", "In Leeds.") == (span.input_text, span.output_text)
    assert {"input": "Where is it?"} == _json(span.variables)


@pytest.mark.parametrize(
    ("stated", "total", "cached", "written"),
    [
        ({"gen_ai.usage.input_tokens": 150, "gen_ai.usage.cache_read.input_tokens": 100}, 150, 100, None),
        # Anthropic's own count leaves the caches out: 20 fresh, 100 read, 30 written.
        (
            {
                "gen_ai.usage.input_tokens": 20,
                "gen_ai.usage.cache_read_input_tokens": 100,
                "gen_ai.usage.cache_creation_input_tokens": 30,
            },
            150,
            100,
            30,
        ),
        # 200 fresh beside 100 cached: only the total of 310 shows that they are beside.
        (
            {
                "gen_ai.usage.input_tokens": 200,
                "gen_ai.usage.output_tokens": 10,
                "gen_ai.usage.total_tokens": 310,
                "gen_ai.usage.cache_read.input_tokens": 100,
            },
            300,
            100,
            None,
        ),
        ({"gen_ai.usage.prompt_tokens": "7"}, 7, None, None),
        ({"gen_ai.usage.input_tokens": 7.0}, 7, None, None),
        ({"gen_ai.usage.input_tokens": -1}, None, None, None),
        ({"gen_ai.usage.input_tokens": 2**40}, None, None, None),
        ({"gen_ai.usage.input_tokens": True}, None, None, None),
    ],
)
def test_tokens_in_disjoint_buckets(
    stated: dict[str, Any], total: int | None, cached: int | None, written: int | None
) -> None:
    """
    What was read is everything that was read, once: caches are part of it whether or not the emitter counts them in.
    """
    span = meaning({**OLD, **stated})

    assert total == span.input_tokens
    assert cached == span.attributes.get("gen_ai.usage.cache_read.input_tokens")
    assert written == span.attributes.get("gen_ai.usage.cache_creation.input_tokens")


def test_several_dialects_at_once() -> None:
    """
    The application's own word stands before OpenTelemetry's names; what only one says is taken from it.
    """
    span = meaning(
        {
            **OLD,
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-2024-11-20",
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 3,
            "gen_ai.usage.input_tokens": 99,
            "gen_ai.conversation.id": "s-9",
            "enduser.id": "u-9",
        }
    )

    assert ("gpt-4o-2024-11-20", 12, 3, "s-9", "u-9", "openai") == (
        span.model,
        span.input_tokens,
        span.output_tokens,
        span.session_id,
        span.user_id,
        span.provider,
    )


@pytest.mark.parametrize("kind", ["AGENT", "CHAIN"])
def test_usage_on_a_parent(kind: str) -> None:
    """
    An agent or a chain carries no counted usage, model or cost; its figures stay among its attributes.
    """
    stated = {"llm.token_count.prompt": 240, "llm.token_count.completion": 60, "llm.cost.total": 0.5}

    span = meaning({"openinference.span.kind": kind, "llm.model_name": "gpt-4o", **stated})

    assert (None, None, None, None) == (span.input_tokens, span.output_tokens, span.cost_usd, span.model)
    assert stated.items() <= span.attributes.items()


def test_a_call_told_by_two_instrumentations() -> None:
    """
    Of a call within the same call the outer one counts; the inner one says where its tokens are counted.
    """
    outer = _raw({"openinference.span.kind": "LLM", "llm.token_count.prompt": 9}, span_id="a" * 16)
    inner = _raw({**OLD, "gen_ai.usage.input_tokens": 9}, span_id="b" * 16, parent_span_id="a" * 16)

    spans = canonical_batch([inner, outer], "prj")

    assert [None, 9] == [span.input_tokens for span in spans]
    assert "a" * 16 == spans[0].attributes["treadle.usage.counted_in"]


@pytest.mark.parametrize(
    ("attributes", "status", "message", "expected"),
    [
        ({"error.type": "openai.RateLimitError"}, 2, "slow down", ("error", "RateLimitError", "slow down")),
        ({"error.type": "<class 'a.b.Bad'>"}, 0, "", ("error", "Bad", None)),
        ({"error.type": "503"}, 2, "", ("error", "503", None)),
        ({}, 2, "Bad: it broke", ("error", "error", "Bad: it broke")),
        ({"error.type": "asyncio.CancelledError"}, 2, "", ("cancelled", None, None)),
        ({}, 1, "", ("ok", None, None)),
        (
            {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "no"},
            0,
            "",
            ("error", "error", "no"),
        ),
    ],
)
def test_how_a_span_ended(
    attributes: dict[str, Any], status: int, message: str, expected: tuple[str, str | None, str | None]
) -> None:
    """
    Errors have the name of their class without its module; who was cancelled made no error.
    """
    span = meaning(attributes, status=status, status_message=message)

    assert expected == (span.status, span.error_code, span.error_message)


def test_an_exception_that_was_noted() -> None:
    """
    An exception's event names the error of a span that failed, and is no error of one that went on.
    """
    event = ("exception", {"exception.type": "builtins.ValueError", "exception.message": "too long"})

    failed, went_on = meaning({}, event, status=2), meaning({}, event, status=1)

    assert ("error", "ValueError", "too long") == (failed.status, failed.error_code, failed.error_message)
    assert "ok" == went_on.status
    assert [{"name": "exception", "after_ms": 2.0, "attributes": event[1]}] == _json(went_on.events)


def test_a_message_of_every_sort_of_part() -> None:
    """
    Reasoning, calls and results of tools, pictures and several texts keep their place in the canonical message.
    """
    parts = [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "one"},
        {"type": "text", "content": "two"},
        {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
    ]
    results = [
        {"type": "tool_call_response", "id": "c1", "response": "yes"},
        {"type": "tool_call_response", "id": "c2", "result": {"n": 2}},
    ]
    picture = {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"}
    asked = [
        {"role": "user", "parts": [{"type": "text", "content": "look"}, picture]},
        {"role": "assistant", "parts": parts},
        {"role": "tool", "parts": results},
    ]

    span = meaning({**OLD, "gen_ai.input.messages": json.dumps(asked)})

    assert [
        {"role": "user", "content": [{"type": "text", "text": "look"}, picture]},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
            "reasoning_content": "hm",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "content": "yes", "tool_call_id": "c1"},
        {"role": "tool", "content": '{"n":2}', "tool_call_id": "c2"},
    ] == _json(span.input_messages)


@pytest.mark.parametrize(
    ("stated", "variables", "text"),
    [
        ('{"question": "why", "top_k": 3}', {"question": "why", "top_k": 3}, '{"question":"why","top_k":3}'),
        ('{"question": "why"}', {"question": "why"}, "why"),
        ("why", {"input": "why"}, "why"),
        ('{"inputs": {"question": "why"}, "tags": [], "kwargs": {}}', {"question": "why"}, "why"),
        ('{"args": [], "kwargs": {"question": "why"}}', {"question": "why"}, "why"),
        ('{"messages": [{"role": "user", "content": "why"}]}', {"input": "why"}, "why"),
        ("{broken", {"input": "{broken"}, "{broken"),
        ("", None, ""),
    ],
)
def test_what_a_step_was_given(stated: str, variables: dict[str, Any] | None, text: str) -> None:
    """
    An object is the step's variables, a text is its input, and what a framework wraps around them comes off.
    """
    span = meaning({"openinference.span.kind": "CHAIN", "input.value": stated})

    assert variables == _json(span.variables)
    assert text == span.input_text


def test_variables_of_a_prompt() -> None:
    """
    What a prompt was filled in with stands beside what the user said.
    """
    template = {"llm.prompt_template.template": "{lang}", "llm.prompt_template.variables": '{"lang": "French"}'}
    flat = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Hello"}

    span = meaning({"openinference.span.kind": "LLM", **template, **flat})

    assert {"input": "Hello", "lang": "French"} == _json(span.variables)


def test_documents_of_a_search() -> None:
    """
    Found passages have one shape, from OpenTelemetry's list as from a vector database's events.
    """
    listed = json.dumps([{"id": 7, "content": "a", "score": 0.5}])
    genai = meaning(
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.query.text": "why",
            "gen_ai.retrieval.documents": listed,
        }
    )
    vectors = meaning(
        {"db.system": "chroma", "db.operation": "query"},
        ("db.query.result", {"db.query.result.id": "7", "db.query.result.document": "a"}),
    )

    assert ("retrieval", "why") == (genai.kind, genai.input_text)
    assert [{"id": "7", "content": "a", "score": 0.5}] == _json(genai.documents)
    assert ("retrieval", [{"id": "7", "content": "a"}]) == (vectors.kind, _json(vectors.documents))


def test_a_span_that_knows_nothing_of_models() -> None:
    """
    A plain span is a step in a chain, with its names and what stands around it kept.
    """
    span = meaning(
        {"http.request.method": "GET", "user.id": "u-1"},
        kind=3,
        scope=RawScope("lib", "1.0", {"a": 1}),
        resource={"service.name": "shop"},
        trace_state="a=b",
    )

    assert ("chain", "shop", "u-1", 5.0) == (span.kind, span.service_name, span.user_id, span.latency_ms)
    assert {
        "http.request.method": "GET",
        "user.id": "u-1",
        "otel.scope.name": "lib",
        "otel.scope.version": "1.0",
        "otel.scope.attributes": {"a": 1},
        "otel.span.kind": "client",
        "otel.trace_state": "a=b",
    } == span.attributes


def test_names_too_long_for_an_index() -> None:
    """
    Fields that are indexed are cut; the whole of them stays among the attributes.
    """
    span = meaning({"session.id": "s" * 5_000, "gen_ai.request.model": "m" * 5_000}, name="n" * 5_000)

    assert (200, 200, 500) == (len(span.session_id or ""), len(span.model or ""), len(span.name))
    assert ["s" * 5_000, "n" * 5_000] == [span.attributes["session.id"], span.attributes["otel.span.name"]]


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1, "x", 10**30, True, {"a": 1}])
def test_a_cost_that_is_none(cost: object) -> None:
    """
    What is no amount of money is no cost.
    """
    span = meaning({"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.cost.total": cost})

    assert span.cost_usd is None


def test_costs_of_both_sides() -> None:
    """
    Where no total is stated, it is the sum: 0.1 and 0.2 are 0.3.
    """
    stated = {"llm.cost.prompt": 0.1, "llm.cost.completion": 0.2}

    span = meaning({"openinference.span.kind": "LLM", **stated})

    assert Decimal("0.3") == span.cost_usd


_NAMES = st.sampled_from(
    [
        "openinference.span.kind",
        "llm.model_name",
        "llm.token_count.prompt",
        "llm.token_count.completion",
        "llm.cost.total",
        "llm.input_messages.0.message",
        "llm.input_messages.0.message.role",
        "llm.input_messages.0.message.content",
        "llm.input_messages.0.message.contents.0.message_content.text",
        "llm.input_messages.0.message.tool_calls.0.tool_call",
        "llm.output_messages.x.message.content",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
        "llm.prompts.0.prompt.text",
        "llm.choices.0.completion.text",
        "llm.prompt_template.variables",
        "llm.invocation_parameters",
        "input.value",
        "output.value",
        "retrieval.documents.0.document",
        "retrieval.documents.0.document.content",
        "retrieval.documents.0.document.score",
        "embedding.embeddings.0.embedding.text",
        "reranker.query",
        "tool.name",
        "session.id",
        "gen_ai.operation.name",
        "gen_ai.system",
        "gen_ai.provider.name",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.response.finish_reasons",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.total_tokens",
        "gen_ai.prompt",
        "gen_ai.prompt.0.role",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.0.tool_calls.0.name",
        "gen_ai.completion.0.content",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.documents",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.cost",
        "traceloop.span.kind",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "llm.request.type",
        "crewai.crew.result",
        "langfuse.observation.type",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
        "langfuse.observation.level",
        "langfuse.observation.completion_start_time",
        "ai.operationId",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.response.text",
        "ai.response.toolCalls",
        "ai.toolCall.args",
        "ai.values",
        "ai.value",
        "ai.usage.inputTokens",
        "ai.response.msToFirstChunk",
        "db.system",
        "db.operation",
        "error.type",
        "a.b.c",
    ]
)
_WORDS = st.sampled_from(
    [
        "LLM",
        "AGENT",
        "TOOL",
        "RETRIEVER",
        "EMBEDDING",
        "RERANKER",
        "chat",
        "embeddings",
        "execute_tool",
        "retrieval",
        "invoke_agent",
        "task",
        "tool",
        "generation",
        "ERROR",
        "ai.generateText.doGenerate",
        "ai.toolCall",
        "ai.embed.doEmbed",
        "chroma",
        "query",
        "user",
        "assistant",
        "text",
        "tool_call",
        "tool_call_response",
        "reasoning",
        "{}",
        "[]",
        "[[]]",
        "[[[[{}]]]]",
        '{"messages":[1]}',
        '{"role":1}',
        '[{"role":"user","parts":[7,null,{}]}]',
        '{"inputs":{"messages":[{"lc":1,"kwargs":{"content":[1]}}]},"tags":[]}',
        '{"args":[1],"kwargs":{}}',
        "12",
        "-3",
        '"quoted"',
        '{"a"',
        '[{"type":"text"}]',
        '{"prompt_tokens":1,"prompt_tokens_details":3}',
        '{"input":"x","total":null}',
    ]
)
_PLAIN = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20) | _WORDS
_KEYS = st.sampled_from(
    ["role", "content", "parts", "type", "text", "tool_calls", "function", "name", "arguments", "id", "kwargs", "data",
     "message", "messages", "document", "metadata", "score", "response", "update", "raw", "pydantic"]
)  # fmt: skip
_VALUES = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_BAGS = st.dictionaries(_NAMES, _VALUES | _VALUES.map(lambda value: _dumped(value)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(
    _BAGS,
    st.lists(st.tuples(st.sampled_from(["exception", "gen_ai.choice", "gen_ai.user.message", "x"]), _BAGS), max_size=2),
)
def test_any_attributes_at_all(attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]]) -> None:
    """
    Whatever the names of the dialects hold, a span comes of it that can be packed and loses nothing.
    """
    span = meaning(attributes, *events)

    packed = msgspec.json.decode(pack(span).data)
    assert attributes.keys() <= span.attributes.keys()
    assert {"kind", "name", "trace_id", "input_text", "output_text"} <= packed.keys()
    for message in [*(_json(span.input_messages) or ()), *(_json(span.output_messages) or ())]:
        assert isinstance(message["role"], str)
        assert isinstance(message["content"], str | list)


def _dumped(value: Any) -> str:
    return json.dumps(value)


def _json(raw: Raw | None) -> Any:
    return None if raw is None else json.loads(bytes(raw))


def _raw(attributes: dict[str, Any], **more: Any) -> RawSpan:
    usual: dict[str, Any] = {"trace_id": "c" * 32, "span_id": "d" * 16, "name": "call", "events": list[RawEvent]()}
    return RawSpan(**(usual | more), attributes=attributes, start_ns=START_NS, end_ns=START_NS + 1)
