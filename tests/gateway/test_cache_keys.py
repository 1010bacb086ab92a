"""Two requests share a key when nothing that changes the answer differs between them, and tenants never do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from treadle.gateway.cache.keys import CacheKey, arm_digest, key_for
from treadle.gateway.protocols.registry import PROTOCOLS
from treadle.gateway.types import Arm, GuardRule, PromptMessage

ARM = Arm(release_id="rel_a", role="stable", weight=1.0, model_version_id="mdv_a")
DIGEST = arm_digest(ARM, {})


def key(
    body: dict[str, Any], path: str = "/v1/chat/completions", project: str = "p", digest: bytes = DIGEST
) -> CacheKey:
    """Return the key of a request as its protocol understands it."""
    found = key_for(project, "support", digest, PROTOCOLS[path].parse(msgspec.json.encode(body)))
    assert found is not None
    return found


def chat(text: str = "Where is my card?", **more: Any) -> dict[str, Any]:
    return {"model": "support", "messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "ana", "metadata": {"a": "b"}, "store": False},
        {"temperature": None},
        {"model": "another name of it"},
    ],
)
def test_delivery_makes_no_difference(more: dict[str, Any]) -> None:
    """
    Streaming, who asks, and a field that is null do not change the key.
    """
    assert key(chat()) == key({**chat(), **more})


def test_order_and_spaces_make_no_difference() -> None:
    """
    The same JSON written otherwise is the same request.
    """
    one = b'{"model":"support","temperature":0,"messages":[{"role":"user","content":"hi"}]}'
    other = b'{ "messages": [ {"content": "hi", "role": "user"} ], "temperature": 0, "model": "support" }'
    parse = PROTOCOLS["/v1/chat/completions"].parse

    assert key_for("p", "support", DIGEST, parse(one)) == key_for("p", "support", DIGEST, parse(other))


@pytest.mark.parametrize(
    "other",
    [
        chat("Where is my card"),
        chat(temperature=0.1),
        chat(seed=1),
        chat(tools=[{"type": "function", "function": {"name": "f"}}]),
        chat(some_future_field=True),
        {"model": "support", "messages": [{"role": "system", "content": "x"}, *chat()["messages"]]},
        chat(treadle={"variables": {"tone": "kind"}}),
    ],
)
def test_what_changes_the_answer_changes_the_key(other: dict[str, Any]) -> None:
    """
    Another text, parameter, tool, variable or unknown field is another request.
    """
    assert key(chat()).exact != key(other).exact


def test_tenants_and_releases_are_apart() -> None:
    """
    The same body of another project, or to another release, prompt, guard or action, is another request.
    """
    digests = {
        DIGEST,
        arm_digest(msgspec.structs.replace(ARM, release_id="rel_b"), {}),
        arm_digest(msgspec.structs.replace(ARM, prompt=(PromptMessage(role="system", template="x"),)), {}),
        arm_digest(msgspec.structs.replace(ARM, guards=(GuardRule(name="g", check="pii"),)), {}),
        arm_digest(ARM, {"g": "mask"}),
    }

    assert 5 == len(digests)
    assert 5 == len({key(chat(), digest=digest).exact for digest in digests})
    assert key(chat()).exact != key(chat(), project="q").exact
    assert key(chat()).rest != key(chat(), project="q").rest


def test_headers_that_go_upstream_count() -> None:
    """
    A header that the provider gets may change its answer, so it is part of the request.
    """
    asked = PROTOCOLS["/v1/chat/completions"].parse(msgspec.json.encode(chat()))
    keys = [key_for("p", "support", DIGEST, asked, headers) for headers in (None, {}, {"anthropic-beta": "x"})]

    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_rollout_weights_make_no_difference() -> None:
    """
    Moving traffic between arms does not empty the cache.
    """
    assert DIGEST == arm_digest(msgspec.structs.replace(ARM, weight=0.3, role="candidate"), {})


def test_similar_requests_share_the_rest() -> None:
    """
    Only the last question may differ; everything before it and beside it is the same, or the rest is another.
    """
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    long = {"model": "support", "messages": turns}
    asked = {"model": "support", "messages": [*turns[:2], {"role": "user", "content": "other"}]}
    parts = {"model": "support", "messages": [*turns[:2], {"role": "user", "content": [{"type": "text", "text": "c"}]}]}

    assert key(chat()).rest == key(chat("Where did my card go?")).rest
    assert key(long).rest == key(asked).rest
    assert key(long).rest != key(parts).rest
    assert key(chat()).rest != key(chat(temperature=0.1)).rest
    assert ("Where is my card?", "other") == (key(chat()).question, key(asked).question)


@pytest.mark.parametrize(
    ("path", "one", "other"),
    [
        ("/v1/responses", {"model": "m", "input": "a"}, {"model": "m", "input": "b"}),
        ("/v1/completions", {"model": "m", "prompt": "a"}, {"model": "m", "prompt": "b"}),
        (
            "/v1/messages",
            {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "a"}]},
            {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "b"}]},
        ),
    ],
)
def test_every_protocol_has_keys(path: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    """
    In each protocol two questions differ exactly and share the rest.
    """
    assert key(one, path).exact != key(other, path).exact
    assert key(one, path).rest == key(other, path).rest
    assert key(one, path).rest is not None


def test_pictures_and_state_are_not_shared() -> None:
    """
    A request with a picture is found only exactly; one that goes on a stored conversation not at all.
    """
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    seen = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "what?"}, picture]}]}
    stateful = PROTOCOLS["/v1/responses"].parse(b'{"model": "m", "input": "a", "previous_response_id": "r"}')

    assert None is key(seen).rest
    assert None is key_for("p", "support", DIGEST, stateful)
