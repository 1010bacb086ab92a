"""Chat completions through the gateway, with the official client: whole and streamed, recorded as a trace."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, scripted, upstream
from treadle.gateway.types import Rule
from treadle.traces import service as traces
from treadle.traces.types import TraceFilter


def _ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "support", "messages": [{"role": "user", "content": text}], **more}


def test_a_plain_answer(plane: Plane, key: str) -> None:
    """
    The caller sees the endpoint's name, the engine sees the filled-in prompt and the release's parameters.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="card_arrival")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm(parameters={"temperature": 0, "max_tokens": 16})))

        answer = plane.openai(key).chat.completions.with_raw_response.create(
            **_ask("where is my card", temperature=1.0, max_tokens=99, seed=7)
        )

    completion = answer.parse()
    assert ("support", "card_arrival") == (completion.model, completion.choices[0].message.content)
    sent = json.loads(seen[0])
    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Q: where is my card"},
    ] == sent["messages"]
    assert ("mdv_a", 0, 16, 7) == (sent["model"], sent["temperature"], sent["max_tokens"], sent["seed"])
    span = plane.spans()[0].span
    assert span.trace_id == answer.headers["x-treadle-trace-id"]
    assert ("rel_a", "rel_a", "stable", 1.0) == (
        answer.headers["x-treadle-release-id"],
        span.release_id,
        span.arm,
        span.arm_weight,
    )
    assert {"input": "where is my card"} == span.variables
    assert sent["messages"] == span.input_messages
    assert [{"role": "assistant", "content": "card_arrival"}] == span.output_messages
    assert ("ok", "stop", 7, 1, None) == (
        span.status,
        span.finish_reason,
        span.input_tokens,
        span.output_tokens,
        span.cost_usd,
    )


def test_a_streamed_answer(plane: Plane, key: str) -> None:
    """
    A stream is passed on chunk by chunk under the endpoint's name; usage that nobody asked for is kept for the record.
    """
    with upstream([Rule(reply="your card is on its way", chunk_delay_ms=5)]) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))

        chunks = list(plane.openai(key).chat.completions.create(**_ask("where", stream=True)))

    assert "your card is on its way" == "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert {"support"} == {chunk.model for chunk in chunks}
    assert [] == [chunk for chunk in chunks if chunk.usage is not None]
    span = plane.spans()[0].span
    assert [{"role": "assistant", "content": "your card is on its way"}] == span.output_messages
    assert (4, 6) == (span.input_tokens, span.output_tokens)
    assert span.time_to_first_token_ms is not None
    assert span.time_to_first_token_ms < span.latency_ms


def test_a_stream_with_usage_asked_for(plane: Plane, key: str) -> None:
    """
    A caller that asks for usage gets it as the last chunk.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="yes"))))

    stream = plane.openai(key).chat.completions.create(
        **_ask("well", stream=True, stream_options={"include_usage": True})
    )

    assert [1] == [chunk.usage.completion_tokens for chunk in stream if chunk.usage is not None]


def test_a_conversation_with_variables(plane: Plane, key: str) -> None:
    """
    Earlier messages stay between the prompt's own, and `treadle.variables` fill the template but go no further.
    """
    seen: list[bytes] = []
    asking = arm()
    with upstream([Rule(reply="ok")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, asking))
        messages: list[Any] = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": [{"type": "text", "text": "my card"}]},
        ]

        plane.openai(key).chat.completions.create(
            model="support",
            messages=messages,
            extra_body={"treadle": {"variables": {"input": "MY CARD", "tone": "kind"}}},
        )

    sent = json.loads(seen[0])
    assert ["Be brief.", "hello", "hi", [{"type": "text", "text": "Q: MY CARD"}]] == [
        message["content"] for message in sent["messages"]
    ]
    assert "treadle" not in sent
    assert {"input": "MY CARD", "tone": "kind"} == plane.spans()[0].span.variables


def test_a_prompt_whose_variable_lacks(plane: Plane, key: str) -> None:
    """
    A variable that the prompt needs and nobody gave is named in a 400.
    """
    from treadle.gateway.types import PromptMessage

    needing = (PromptMessage(role="user", template="{{input}} in {{language}}"),)
    plane.publish(endpoint(plane, scripted(Rule(reply="x"), prompt=needing)))

    with pytest.raises(openai.BadRequestError) as caught:
        plane.openai(key).chat.completions.create(**_ask("x"))

    assert "the prompt needs 'language'" in caught.value.message
    assert "treadle.variables" == caught.value.param


def test_two_arms_share_sessions(plane: Plane, key: str) -> None:
    """
    A session stays on its arm, and each trace holds the arm's probability.
    """
    stable = scripted(Rule(reply="stable"), weight=0.5)
    candidate = scripted(Rule(reply="candidate"), weight=0.5, role="candidate", release_id="rel_b")
    plane.publish(endpoint(plane, stable, candidate, rollout_id="rlt_1"))
    client = plane.openai(key)

    said: dict[str, set[str | None]] = {}
    for number in range(24):
        session = f"session-{number % 8}"
        answer = client.chat.completions.create(**_ask("x"), extra_headers={"x-session-id": session})
        said.setdefault(session, set()).add(answer.choices[0].message.content)

    assert {1} == {len(answers) for answers in said.values()}
    assert {"stable", "candidate"} == {answer for answers in said.values() for answer in answers}
    spans = [node.span for node in plane.spans(24)]
    assert {("rlt_1", 0.5)} == {(span.rollout_id, span.arm_weight) for span in spans}
    assert all(said[str(span.session_id)] == {span.arm} for span in spans)


@pytest.mark.parametrize(
    ("more", "says_no"),
    [
        ({"extra_headers": {"x-treadle-no-training": "true"}}, True),
        ({"metadata": {"no_training": "1"}}, True),
        ({"extra_body": {"treadle": {"no_training": True}}}, True),
        ({"extra_headers": {"x-treadle-no-training": "false"}, "metadata": {"no_training": "no"}}, False),
        ({}, False),
    ],
)
def test_nothing_may_be_learnt_from_a_request(plane: Plane, key: str, more: dict[str, Any], says_no: bool) -> None:
    """
    A caller says by a header, by metadata or in our field that nothing may be learnt from a request, and its span keeps that.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="well"))))

    plane.openai(key).chat.completions.create(**_ask("x"), **more)

    attributes = plane.spans()[0].span.attributes
    assert says_no == ("treadle.no_training" in attributes)


@pytest.mark.parametrize(
    ("parameters", "more", "kind"),
    [
        ({}, {"response_format": {"type": "json_object"}}, "json"),
        ({"response_format": {"type": "json_object"}}, {}, "json"),
        ({}, {"response_format": {"type": "text"}}, None),
        ({}, {}, None),
    ],
)
def test_answer_asked_as_json(
    plane: Plane, key: str, parameters: dict[str, Any], more: dict[str, Any], kind: str | None
) -> None:
    """
    An answer that the caller or the release asked for as JSON is noted so, and one that is none counts as invalid.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="no json at all"), parameters=parameters)))

    plane.openai(key).chat.completions.create(**_ask("x"), **more)

    span = plane.spans()[0].span
    invalid = asyncio.run(traces.list_traces(plane.ctx, TraceFilter(q="signal:json:invalid"), limit=10)).items
    assert kind == span.attributes.get("gen_ai.output.type")
    assert (kind == "json") == bool(invalid)


def test_models_of_a_key(plane: Plane) -> None:
    """
    A key lists and calls its own endpoints only; for it the others do not exist.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    plane.publish(endpoint(plane, scripted(Rule(reply="x")), name="billing"))
    client = plane.openai(plane.create_key("narrow", endpoints=["billing"]).key)

    names = [model.id for model in client.models.list()]
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(**_ask("x"))

    assert ["billing"] == names
    assert "there is no model 'support'; this key may call 'billing'" in caught.value.message
