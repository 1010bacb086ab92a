"""What is reserved bounds what can be used: long prompts, answers without a stated end, prices, copies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx2
import msgspec
import openai
import pytest

from tests.gateway.harness import Plane, arm, wait_for
from tests.gateway.limits.conftest import SetIt
from tests.gateway.upstreams import PATHS, body_of, provide, publish, serve, served_by
from tests.gateway.wall import Wall
from treadle.gateway.limits import service
from treadle.gateway.limits.types import LimitUsage
from treadle.gateway.reserving import DEFAULT_ANSWER_TOKENS
from treadle.gateway.types import Arm, Endpoint, GuardRule, PromptMessage, ProtocolName, Refinement, Target
from treadle.traces.pricing import Price

CHEAP = Price(input_usd_per_token=Decimal("1e-7"), output_usd_per_token=Decimal("1e-7"), source="test")
DEAR_TO_READ = Price(input_usd_per_token=Decimal("1e-3"), output_usd_per_token=Decimal("1e-7"), source="test")
DEAR_TO_WRITE = Price(input_usd_per_token=Decimal("1e-7"), output_usd_per_token=Decimal("1e-3"), source="test")


@pytest.fixture
def wall(plane: Plane) -> Iterator[Wall]:
    """
    An upstream behind the provider 'open'.
    """
    with Wall() as made:
        provide(plane, made, "open")
        yield made


def ask(plane: Plane, key: str, model: str = "support", **more: Any) -> Any:
    """Send one chat request; return its answer as it came."""
    said: Any = [{"role": "user", "content": "Hello"}]
    return plane.openai(key).chat.completions.with_raw_response.create(model=model, messages=said, **more)


def usage(plane: Plane, limit_id: str) -> list[LimitUsage]:
    """Return what is used of a limit."""
    return asyncio.run(service.list_usage(plane.ctx, limit_id, limit=10, cursor=None)).items


FIELDS: dict[ProtocolName, str] = {
    "chat": "max_tokens",
    "completions": "max_tokens",
    "responses": "max_output_tokens",
}


@pytest.mark.parametrize("protocol", FIELDS)
def test_an_answer_without_a_stated_end(
    plane: Plane, key: str, wall: Wall, set_limit: SetIt, protocol: ProtocolName
) -> None:
    """
    Where tokens are limited and nobody said how long an answer may be, what is reserved for it is asked for; else nothing is added.
    """
    serve(plane, "support", Target(provider="open", model="m"))

    def once(**more: Any) -> str | None:
        url, headers = plane.url + PATHS[protocol], {"authorization": f"Bearer {key}"}
        reply = httpx2.post(url, json=body_of(protocol, "support") | more, headers=headers, trust_env=False, timeout=30)
        assert 200 == reply.status_code
        return reply.headers.get("x-treadle-max-tokens")

    told = [once()]
    set_limit(100_000, "tokens", "month")
    told += [once(), once(**{FIELDS[protocol]: 7})]

    assert [None, str(DEFAULT_ANSWER_TOKENS), None] == told
    assert [None, DEFAULT_ANSWER_TOKENS, 7] == [seen.body.get(FIELDS[protocol]) for seen in wall.requests]


def test_the_field_that_a_provider_knows(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    Azure's and OpenAI's reasoning models refuse the old name of the field, many other servers know only that.
    """
    provide(plane, wall, "azure", "azure")
    publish(plane, [served_by(plane, name, Target(provider=name, model="m")) for name in ("open", "azure")])
    set_limit(100_000, "tokens", "month")

    for name in ("open", "azure"):
        ask(plane, key, name)

    names = ("max_tokens", "max_completion_tokens")
    assert [[DEFAULT_ANSWER_TOKENS, None], [None, DEFAULT_ANSWER_TOKENS]] == [
        [seen.body.get(name) for name in names] for seen in wall.requests
    ]


def test_a_long_prompt_of_the_release(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    What is reserved is reckoned from what would be sent, the release's prompt and its variables included.
    """
    prompt = (PromptMessage(role="system", template="{{text}} {{text}} {{text}}"),)
    serve(plane, "support", Target(provider="open", model="m"), arm_={"prompt": prompt})
    set_limit(3000, "tokens", "month")
    text = {"treadle": {"variables": {"text": "word " * 800}}}

    with pytest.raises(openai.RateLimitError) as caught:
        ask(plane, key, max_tokens=5, extra_body=text)
    ask(plane, key, max_tokens=5, extra_body={"treadle": {"variables": {"text": "word " * 80}}})

    assert "request_over_limit" == caught.value.code
    assert 1 == len(wall.requests)


def test_what_a_guard_masks(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    What is sent is what the guards left, not what was reckoned with before they looked; its end goes along all the same.
    """
    guard = GuardRule(name="personal", check="pii", stage="input", action="mask")
    serve(plane, "support", Target(provider="open", model="m"), arm_={"guards": (guard,)})
    set_limit(100_000, "tokens", "month")
    said: Any = [{"role": "user", "content": "Write to ann@example.org, please."}]

    plane.openai(key).chat.completions.create(model="support", messages=said)

    (seen,) = wall.requests
    assert "ann@example.org" not in str(seen.body)
    assert DEFAULT_ANSWER_TOKENS == seen.body["max_tokens"]


def test_the_dearest_target_for_this_request(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    Which target would be the dearest depends on how much is read and written; the dearest for these numbers is reserved.
    """
    targets = [
        Target(provider="open", model="reads", price=DEAR_TO_READ),
        Target(provider="open", model="writes", price=DEAR_TO_WRITE),
    ]
    serve(plane, "support", *targets)
    set_limit(0.5, "usd", "month")
    long: Any = [{"role": "user", "content": "word " * 800}]

    with pytest.raises(openai.RateLimitError) as caught:
        plane.openai(key).chat.completions.create(model="support", messages=long, max_tokens=5)

    assert "request_over_limit" == caught.value.code
    assert [] == wall.requests


def test_a_second_question_is_reserved_too(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    Where a release may ask once more, both questions must fit.
    """
    again = Refinement(json_schema={"type": "object"}, ask_again=True)
    targets = [Target(provider="open", model="m")]
    publish(
        plane,
        [
            served_by(plane, "once", *targets),
            served_by(plane, "twice", *targets, arm_={"refinement": again}),
        ],
    )
    set_limit(1000, "tokens", "month")

    ask(plane, key, "once", max_tokens=600)
    with pytest.raises(openai.RateLimitError) as caught:
        ask(plane, key, "twice", max_tokens=600)

    assert "request_over_limit" == caught.value.code


LARGE: dict[str, tuple[ProtocolName, dict[str, Any]]] = {
    "image": (
        "chat",
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.test/a.png"}}]}
            ]
        },
    ),
    "hidden image": ("chat", {}),
    "file": ("responses", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]}),
    "stored prompt": ("responses", {"prompt": {"id": "pmpt_1"}}),
    "figures": ("chat", {"messages": [{"role": "user", "content": "1 2 " * 1500}]}),
    "tokens": ("completions", {"prompt": [7] * 3000}),
}


@pytest.mark.parametrize("what", LARGE)
def test_what_is_read_beyond_its_bytes(plane: Plane, key: str, wall: Wall, set_limit: SetIt, what: str) -> None:
    """
    Images, files, figures and tokens hold what they may take to be read, not what their few bytes say.
    """
    serve(plane, "support", Target(provider="open", model="m"))
    set_limit(2_500, "tokens", "month")
    protocol, more = LARGE[what]
    body = json.dumps(body_of(protocol, "support") | {FIELDS[protocol]: 10} | more, separators=(",", ":"))
    if what == "hidden image":
        parts = r'[{"\u0074ype": "im\u0061ge_url", "image_url": {"url": "https://a.test/a.png"}}]'
        body = f'{{"model": "support", "max_tokens": 10, "messages": [{{"role": "user", "content": {parts}}}]}}'

    reply = httpx2.post(
        plane.url + PATHS[protocol],
        content=body,
        headers={"authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=30,
    )

    assert (429, "request_over_limit") == (reply.status_code, reply.json()["error"]["code"])
    assert [] == wall.requests


INLINE: dict[ProtocolName, dict[str, Any]] = {
    "chat": {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}},
    "responses": {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1_000_000},
    "messages": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}},
}


@pytest.mark.parametrize("protocol", INLINE)
def test_an_image_in_the_request(plane: Plane, key: str, wall: Wall, set_limit: SetIt, protocol: ProtocolName) -> None:
    """
    An image that stands in the request holds what an image takes, and not what its letters would as text.
    """
    serve(plane, "support", Target(provider="open", model="m"))
    set_limit(20_000, "tokens", "month")
    said = [{"role": "user", "content": [INLINE[protocol]]}]
    field = "input" if protocol == "responses" else "messages"
    body = body_of(protocol, "support") | {FIELDS.get(protocol, "max_tokens"): 10, field: said}

    reply = httpx2.post(
        plane.url + PATHS[protocol],
        json=body,
        headers={"authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=30,
    )

    assert (200, 1) == (reply.status_code, len(wall.requests))


@pytest.mark.parametrize("field", ["previous_response_id", "conversation"])
def test_a_conversation_that_the_provider_keeps(
    plane: Plane, key: str, wall: Wall, set_limit: SetIt, field: str
) -> None:
    """
    What nobody here can reckon is refused where tokens are limited, and only there.
    """
    serve(plane, "support", Target(provider="open", model="m"))
    body = body_of("responses", "support") | {field: "kept_1"}

    def once() -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"}
        return httpx2.post(plane.url + PATHS["responses"], json=body, headers=headers, trust_env=False, timeout=30)

    free = once()
    set_limit(100_000, "tokens", "month")
    limited = once()

    assert (200, 400) == (free.status_code, limited.status_code)
    assert field == limited.json()["error"]["param"]
    assert 1 == len(wall.requests)


def test_a_price_that_nobody_knows(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    A request without a known price is served within a budget, and the budget says how many there were.
    """
    serve(plane, "support", Target(provider="open", model="m"))
    made = set_limit(1, "usd", "month", scope="project")

    for _ in range(3):
        ask(plane, key)
    wait_for(lambda: [each.unpriced for each in usage(plane, made.limit_id)] == [3])

    assert ("allow", [0.0]) == (made.unpriced, [each.used for each in usage(plane, made.limit_id)])


def test_a_budget_that_wants_to_know(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    A budget may refuse what has no known price, also where only one of several targets has none; what has one passes.
    """
    known, unknown = Target(provider="open", model="a", price=CHEAP), Target(provider="open", model="b")
    publish(
        plane,
        [
            served_by(plane, "known", known),
            served_by(plane, "mixed", known, unknown),
            served_by(plane, "unknown", unknown),
        ],
    )
    set_limit(1, "usd", "month", scope="project", unpriced="refuse")

    ask(plane, key, "known")
    refused = []
    for name in ("mixed", "unknown"):
        with pytest.raises(openai.RateLimitError) as caught:
            ask(plane, key, name)
        refused.append((caught.value.code, caught.value.response.headers["x-should-retry"]))

    assert [("price_unknown", "false")] * 2 == refused
    assert 1 == len(wall.requests)


def test_a_copy_counts(plane: Plane, key: str, wall: Wall, set_limit: SetIt) -> None:
    """
    A shadow copy is counted on the project's limit, not on its caller's, and is left out where that has no room.
    """
    shadow = arm("rel_b", role="candidate", weight=0.0, shadow_share=1.0, prompt=(), targets=_targets("copy"))
    stable = served_by(plane, "support", *_targets("stable"))
    publish(plane, [_with(stable, shadow)])
    mine = set_limit(3, "requests", "month")
    ours = set_limit(3, "requests", "month", scope="project")

    ask(plane, key)
    wait_for(lambda: 2 == len(wall.requests))
    ask(plane, key)
    wait_for(lambda: 1 == plane.data_plane.shadows.left_out)
    with pytest.raises(openai.RateLimitError, match="this project"):
        ask(plane, key)

    assert ["stable", "copy", "stable"] == [seen.body["model"] for seen in wall.requests]
    wait_for(lambda: [3.0] == [each.used for each in usage(plane, ours.limit_id)])
    assert [2.0] == [each.used for each in usage(plane, mine.limit_id)]


def _targets(model: str) -> tuple[Target, ...]:
    return (Target(provider="open", model=model),)


def _with(endpoint: Endpoint, shadow: Arm) -> Endpoint:
    return msgspec.structs.replace(endpoint, arms=(*endpoint.arms, shadow))
