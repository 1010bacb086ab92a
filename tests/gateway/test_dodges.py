"""Requests that would dodge a limit or a guard."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import httpx2
import openai
import pytest

from tests.gateway.harness import Plane, arm, endpoint, scripted, serving, upstream, wait_for
from tests.gateway.upstreams import provide, serve
from tests.gateway.wall import Fault, Wall
from treadle.gateway.app import COUNT
from treadle.gateway.limits import service as limits
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.reserving import DEFAULT_ANSWER_TOKENS
from treadle.gateway.types import GuardRule, Rule, Target

CARD = "4111 1111 1111 1111"
MASK_OUT = GuardRule(name="cards", check="pii", stage="output", action="mask")
MASK_IN = GuardRule(name="cards", check="pii", stage="input", action="mask")


def _body(**more: Any) -> str:
    return json.dumps({"model": "support", "messages": [{"role": "user", "content": "hi"}], **more})


def _post(plane: Plane, key: str, body: str, path: str = "/v1/chat/completions") -> httpx2.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(plane.url + path, content=body.encode(), headers=headers, trust_env=False, timeout=30)


def _limit(plane: Plane, amount: float) -> None:
    new = SetLimit(scope="project", unit="tokens", amount=amount, window="month")
    asyncio.run(limits.set_limit(plane.ctx, new))
    wait_for(lambda: plane.data_plane.live.table.snapshot.limits.get(plane.ctx.project_id))  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [{"max_tokens": -1_000_000}, {"max_completion_tokens": -5}])
def test_fewer_than_no_tokens(plane: Plane, key: str, body: dict[str, Any]) -> None:
    """
    A request for a negative number of tokens is refused, and gives nobody any budget.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))

    with pytest.raises(openai.BadRequestError) as caught:
        plane.openai(key).chat.completions.create(
            model="support", messages=[{"role": "user", "content": "hi"}], extra_body=body
        )

    assert "max_tokens" == caught.value.param


def test_many_answers_count_as_many(plane: Plane, key: str) -> None:
    """
    A request for a hundred answers reserves a hundred times the tokens of one.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    _limit(plane, 10_000)
    ask = plane.openai(key).chat.completions
    messages: Any = [{"role": "user", "content": "hi"}]

    ask.create(model="support", messages=messages, max_tokens=500)
    with pytest.raises(openai.RateLimitError):
        ask.create(model="support", messages=messages, max_tokens=500, n=100)


@pytest.mark.parametrize("name", ["\\u006e", "n_cmpl", "best_of"])
def test_many_answers_in_other_letters(plane: Plane, key: str, name: str) -> None:
    """
    However the number of answers is written, it is reserved for, and an output guard refuses more than one.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply=CARD), guards=(MASK_OUT,))))
    text = '{"model": "support", "max_tokens": 500, "messages": [{"role": "user", "content": "hi"}], "%s": 100}'

    guarded = _post(plane, key, text % name)
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    _limit(plane, 10_000)
    limited = _post(plane, key, text % name)

    assert (400, "n") == (guarded.status_code, guarded.json()["error"]["param"])
    assert (429, "request_over_limit") == (limited.status_code, limited.json()["error"]["code"])


@pytest.mark.parametrize("number", ["5", 2.5])
def test_a_number_of_answers_that_is_none(plane: Plane, key: str, number: Any) -> None:
    """
    What some server might read as a number of answers, and we do not, is refused.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))

    answer = _post(plane, key, _body(n=number))

    assert (400, "n") == (answer.status_code, answer.json()["error"]["param"])


def test_answers_that_a_release_asks_for(plane: Plane, key: str) -> None:
    """
    Several answers that the release itself asks for are refused under an output guard as well.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply=CARD), guards=(MASK_OUT,), parameters={"n": 2})))

    assert 400 == _post(plane, key, _body()).status_code


LONG = 100_000


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"max_tokens": 1, "max_completion_tokens": LONG}, 1),
        ({"max_completion_tokens": 7}, 7),
        ({"max_tokens": 5, "n_predict": LONG, "max_new_tokens": LONG}, 5),
        ({"n_predict": 3}, 3),
        ({"n_predict": -1}, DEFAULT_ANSWER_TOKENS),
        ({"max_tokens": 0}, DEFAULT_ANSWER_TOKENS),
        ({"max_completion_tokens": 0, "max_tokens": None}, DEFAULT_ANSWER_TOKENS),
    ],
)
def test_one_end_of_an_answer(plane: Plane, key: str, said: dict[str, Any], sent: int) -> None:
    """
    Where tokens are limited, an answer has one end under the name that its target knows: the smallest that was stated.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="x")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm()))
        _limit(plane, 50_000)

        answer = _post(plane, key, _body(**said))

    assert 200 == answer.status_code
    body = json.loads(seen[0])
    assert {"max_tokens": sent} == {name: value for name, value in body.items() if "max" in name or "predict" in name}


def test_several_prompts_under_an_output_guard(plane: Plane, key: str) -> None:
    """
    Only the first answer is looked at, so more than one is refused where answers are guarded.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply=CARD), prompt=(), guards=(MASK_OUT,))))

    with pytest.raises(openai.BadRequestError) as caught:
        plane.openai(key).completions.create(model="support", prompt=["a", "b"], max_tokens=5)

    assert "one at a time" in str(caught.value)


def test_text_that_an_empty_event_cuts(plane: Plane, key: str) -> None:
    """
    Events without text in the middle of a stream do not let a half-seen number out.
    """
    chunks = ['{"content":"card 4111 1111 "}', '{"content":""}', "{}", '{"content":"1111 1111 ok"}']

    async def streaming(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for delta in [*chunks]:
            data = f'data: {{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}\n\n'.encode()
            await send({"type": "http.response.body", "body": data, "more_body": True})
        end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        await send({"type": "http.response.body", "body": end})

    with serving(streaming) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm(guards=(MASK_OUT,))))
        stream = plane.openai(key).chat.completions.create(
            model="support", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    assert "1111" not in text
    assert text.startswith("card [")
    assert text.endswith("ok")


def test_counting_tokens_of_what_is_guarded(plane: Plane, key: str) -> None:
    """
    What is only counted is masked on its way to the upstream too.
    """
    seen: list[bytes] = []
    with upstream([Rule(reply="x")], seen) as url:
        plane.engines["mdv_a"] = url
        plane.publish(endpoint(plane, arm(guards=(MASK_IN,))))
        body = {"model": "support", "max_tokens": 5, "messages": [{"role": "user", "content": f"my card {CARD}"}]}
        answer = httpx2.post(
            f"{plane.url}/v1/messages/count_tokens", json=body, headers={"x-api-key": key}, trust_env=False
        )

    assert 200 == answer.status_code
    assert seen
    assert not any(CARD.encode() in each for each in seen)


COUNTED = {"model": "support", "max_tokens": 5, "messages": [{"role": "user", "content": "hello there"}]}


def test_counting_counts(plane: Plane, key: str) -> None:
    """
    A count is one request to the limits and uses no tokens; its span says how many there were, and no text.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    new = SetLimit(scope="key", unit="requests", amount=2, window="month")
    asyncio.run(limits.set_limit(plane.ctx, new))
    wait_for(lambda: plane.data_plane.live.table.snapshot.limits.get(plane.ctx.project_id))  # type: ignore[union-attr]

    answers = [_post(plane, key, json.dumps(COUNTED), COUNT) for _ in range(3)]

    assert [200, 200, 429] == [answer.status_code for answer in answers]
    refused, span = (node.span for node in plane.spans(3)[:2])
    assert ("error", "rate_limit_exceeded") == (refused.status, refused.error_code)
    assert ("count_tokens support", "ok", None) == (span.name, span.status, span.input_tokens)
    assert answers[0].json()["input_tokens"] == span.attributes["treadle.counted_tokens"]
    assert span.trace_id in [answer.headers.get("x-treadle-trace-id") for answer in answers]
    assert "hello" not in span.model_dump_json()


def test_a_count_that_nobody_waits_for(plane: Plane, key: str) -> None:
    """
    When its caller goes away, the question to the upstream ends too, and is on the record.
    """
    with Wall() as wall:
        provide(plane, wall, "claude", "anthropic")
        serve(plane, "support", Target(provider="claude", model="m"))
        wall.behave("m", Fault(before_head=60))
        body = json.dumps(COUNTED)
        head = f"POST {COUNT} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", int(plane.url.rpartition(":")[2]))) as caller:
            caller.sendall((head + body).encode())
            wait_for(lambda: wall.requests)

        (span,) = (node.span for node in plane.spans())

    assert ("count_tokens support", "cancelled") == (span.name, span.status)


def test_what_a_guard_refused_is_not_kept(plane: Plane, key: str) -> None:
    """
    The trace of a request that was blocked says which guard found what, and holds nothing of the text.
    """
    block = GuardRule(name="cards", check="pii", stage="input", action="block")
    plane.publish(endpoint(plane, scripted(Rule(reply="x"), guards=(block,))))

    with pytest.raises(openai.BadRequestError):
        plane.openai(key).chat.completions.create(
            model="support", messages=[{"role": "user", "content": f"my card {CARD}"}]
        )

    span = plane.spans()[0].span
    assert "guard_blocked" == span.error_code
    guards: Any = span.attributes["treadle.guards"]
    assert "cards" == guards[0]["guard"]
    assert "4111" not in span.model_dump_json()
