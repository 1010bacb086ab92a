"""Answers that are given again and answers that are mended, through the official client."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, scripted, upstream
from tests.gateway.upstreams import provide, serve, trace
from tests.gateway.wall import Fault, Wall
from treadle.gateway.types import CachePolicy, Endpoint, Refinement, Rule, Target
from treadle.traces.types import Span

MESSAGES: list[Any] = [{"role": "user", "content": "Where is my card?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def _cached(served: Endpoint) -> Endpoint:
    return msgspec.structs.replace(served, cache=CachePolicy(mode="exact"))


def _said(span: Span) -> Any:
    said: Any = span.output_messages
    return said[0]["content"]


def _text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


@pytest.mark.parametrize("stream_first", [False, True])
def test_the_same_question_twice(plane: Plane, key: str, stream_first: bool) -> None:
    """
    An answer that was given is given again, to callers that stream and to those that do not, marked and for nothing.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="It is on its way.")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(_cached(endpoint(plane, arm())))
        ask: Any = plane.openai(key).chat.completions

        if stream_first:
            first = _text_of(ask.create(model="support", messages=MESSAGES, stream=True))
            again = ask.with_raw_response.create(model="support", messages=MESSAGES)
            text = again.parse().choices[0].message.content
        else:
            first = ask.create(model="support", messages=MESSAGES).choices[0].message.content or ""
            again = ask.with_raw_response.create(model="support", messages=MESSAGES, stream=True)
            text = _text_of(again.parse())

    assert ("It is on its way.", "It is on its way.") == (first, text)
    assert "exact" == again.headers["x-treadle-cache"]
    assert 1 == len(seen)
    newest = next(node.span for node in plane.spans(2) if node.span.attributes.get("treadle.cache") is not None)
    assert (Decimal(0), "exact", text) == (newest.cost_usd, newest.attributes["treadle.cache"], _said(newest))


def test_an_idempotency_key(plane: Plane, key: str) -> None:
    """
    A caller's idempotency key makes no other request of the same question, and is not handed on to an account that callers share.
    """
    with Wall() as wall:
        provide(plane, wall, "open")
        target = Target(provider="open", model="m")
        serve(plane, "support", target, cache=CachePolicy(mode="exact"))
        ask = plane.openai(key).chat.completions.with_raw_response.create
        answers = [
            ask(model="support", messages=MESSAGES, extra_headers={"idempotency-key": each, "openai-beta": "x"})
            for each in ("one", "two")
        ]

    assert ["miss", "exact"] == [answer.headers["x-treadle-cache"] for answer in answers]
    assert ["x"] == [seen.headers.get("openai-beta") for seen in wall.requests]
    assert [None] == [seen.headers.get("idempotency-key") for seen in wall.requests]


def test_a_caller_that_does_not_want_the_cache(plane: Plane, key: str) -> None:
    """
    With no-cache a request is asked anew and its answer kept; with no-store it neither takes an answer nor leaves one.
    """
    with Wall() as wall:
        provide(plane, wall, "open")
        serve(plane, "support", Target(provider="open", model="m"), cache=CachePolicy(mode="exact"))
        wall.behave("m", *(Fault(text=each) for each in ("one", "two", "three", "four")))
        ask = plane.openai(key).chat.completions.with_raw_response

        def asked(control: str) -> tuple[str, str | None]:
            headers = {"cache-control": control} if control else {}
            got = ask.create(model="support", messages=MESSAGES, extra_headers=headers)
            return got.headers["x-treadle-cache"], got.parse().choices[0].message.content

        answers = [
            asked(each) for each in ("No-Store", "", "", "no-cache", "", "max-age=0, x", "no-store", "max-age=60")
        ]

    assert [
        ("bypass", "one"),
        ("miss", "two"),
        ("exact", "two"),
        ("bypass", "three"),
        ("exact", "three"),
        ("bypass", "four"),
        ("bypass", "four"),
        ("exact", "four"),
    ] == answers
    assert 5 == len(wall.requests)


def test_a_large_image(plane: Plane, key: str) -> None:
    """
    The model sees all of it; the trace keeps what was said, and of an image beyond a megabyte how large it was.
    """
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0K" * 400_000}}
    question = {"type": "text", "text": "What is on it?"}
    with Wall() as wall:
        provide(plane, wall, "open")
        serve(plane, "support", Target(provider="open", model="m"))
        answer = plane.openai(key).chat.completions.with_raw_response.create(
            model="support",
            messages=[{"role": "user", "content": [question, image]}],  # type: ignore[list-item]
        )
        (seen,) = wall.requests
        asked: Any = trace(plane, answer.headers["x-treadle-trace-id"]).span.input_messages

    assert [question, image] == seen.body["messages"][0]["content"]
    shown, note = asked[0]["content"]
    assert question == shown
    assert note["image_url"]["url"].startswith("data:image/png;base64,[not kept: 3200000 bytes of base64, sha256 ")


def test_another_question_or_another_project(plane: Plane, key: str) -> None:
    """
    What differs in a word, in a parameter or in the project is asked for.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="yes")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(_cached(endpoint(plane, arm())))
        ask = plane.openai(key).chat.completions
        ask.create(model="support", messages=MESSAGES)
        ask.create(model="support", messages=[{"role": "user", "content": "Where is my cat?"}])
        ask.create(model="support", messages=MESSAGES, temperature=0.5)
        plane.new_project()
        plane.engines["mdv_a"] = url
        plane.publish(_cached(endpoint(plane, arm())))
        plane.openai(plane.create_key("other").key).chat.completions.create(model="support", messages=MESSAGES)

    assert 4 == len(seen)


def test_an_answer_that_was_cut_is_not_kept(plane: Plane, key: str) -> None:
    """
    Only what is complete is given again.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="a b c d", cut_after_chunks=3)], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(_cached(endpoint(plane, arm())))
        for _ in range(2):
            with pytest.raises(openai.APIError):
                _text_of(plane.openai(key).chat.completions.create(model="support", messages=MESSAGES, stream=True))

    assert 2 == len(seen)


def test_json_in_a_fence(plane: Plane, key: str) -> None:
    """
    What is plainly meant as JSON is mended; the caller and the trace get the same.
    """
    reply = 'Sure!\n```json\n{"city": "Ulm",}\n```'
    refinement = Refinement(repair_json=True, json_schema=SCHEMA)
    plane.publish(endpoint(plane, scripted(Rule(reply=reply), refinement=refinement)))

    answer = plane.openai(key).chat.completions.create(model="support", messages=MESSAGES)

    assert {"city": "Ulm"} == msgspec.json.decode(answer.choices[0].message.content or "")
    assert answer.choices[0].message.content == _said(plane.spans()[0].span)


@pytest.mark.parametrize(("second", "wanted"), [('{"city": "Ulm"}', 200), ("still not", 502)])
def test_an_answer_that_does_not_fit(plane: Plane, key: str, second: str, wanted: int) -> None:
    """
    The model is asked once more with the fault in words; an answer that does not fit then either is an error.
    """
    rules = (Rule(match="cannot be used", reply=second), Rule(reply='{"town": "Ulm"}'))
    refinement = Refinement(repair_json=True, json_schema=SCHEMA, ask_again=True)
    plane.publish(endpoint(plane, scripted(*rules, refinement=refinement)))
    ask = plane.openai(key).chat.completions

    if wanted == 200:
        assert second == ask.create(model="support", messages=MESSAGES).choices[0].message.content
    else:
        with pytest.raises(openai.InternalServerError) as caught:
            ask.create(model="support", messages=MESSAGES)
        assert (502, "schema_unmet") == (caught.value.status_code, caught.value.code)

    span = plane.spans()[0].span
    assert ["schema"] == span.attributes["treadle.signals"]
    assert span.attributes["treadle.asked_again"]
    assert (span.input_tokens or 0) > 30
