"""Feedback from web pages: a key that anybody can read sends feedback about one endpoint's answers, and nothing else."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.traces.home import Home, ensure_endpoint
from tests.traces.test_traces import new_span, record
from treadle.client.calls import Call
from treadle.core.errors import InvalidInput
from treadle.governance.keys import _checksum
from treadle.governance.types import CreatedApiKey, NewApiKey
from treadle.server.app import openapi

SHOP = "https://shop.example"


def _key(home: Home, **more: Any) -> str:
    wanted: dict[str, Any] = {"name": "pages", "kind": "publishable", "endpoints": ["support"], "origins": [SHOP]}
    ensure_endpoint(home.client, "support")
    return home.client.access.create_key(NewApiKey(**wanted | more)).key


def _send(home: Home, publishable: str, trace_id: str, *, origin: str | None = SHOP, **said: Any) -> httpx2.Response:
    headers = {} if origin is None else {"origin": origin}
    body = {"trace_id": trace_id, "name": "thumbs", "value": 1.0, **said}
    address = f"{home.client.url}/api/v1/public/feedback"
    return httpx2.post(address, params={"key": publishable}, json=body, headers=headers, trust_env=False)


def test_a_key_for_an_endpoint_that_is_not_there(home: Home) -> None:
    """
    A key for pages speaks about an endpoint that there is, so a slip in its name is told when the key is made.
    """
    with pytest.raises(InvalidInput, match=r"no endpoint 'suport'.*treadle endpoint create suport") as caught:
        _key(home, endpoints=["suport"])

    assert "access.unknown_endpoint" == caught.value.error_code
    assert "pages" not in [key.name for key in home.client.access.list_keys()]


def test_a_page_sends_feedback(home: Home) -> None:
    """
    A page of an allowed origin says something about its endpoint's answer once, however often it sends; it is told nothing.
    """
    span, key = new_span(), _key(home)
    record(home, [span])

    answers = [_send(home, key, span.trace_id, key="click-1", user_id="ada") for _ in range(2)]

    assert [(204, b"", SHOP)] * 2 == [
        (one.status_code, one.content, one.headers["access-control-allow-origin"]) for one in answers
    ]
    (kept,) = home.client.feedback.list_().items
    assert key.startswith("tdlp_")
    assert ("thumbs", 1.0, "user", "ada") == (kept.name, kept.value, kept.source, kept.user_id)


def test_a_browser_asks_first(home: Home) -> None:
    """
    A preflight is let in for the key's own pages, and for no other.
    """
    address, key = f"{home.client.url}/api/v1/public/feedback", _key(home)

    asked = [
        httpx2.request("OPTIONS", address, params={"key": key}, headers={"origin": origin}, trust_env=False)
        for origin in (SHOP, "https://evil.example")
    ]

    assert [(204, SHOP), (403, None)] == [
        (one.status_code, one.headers.get("access-control-allow-origin")) for one in asked
    ]
    assert "content-type" == asked[0].headers["access-control-allow-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", None])
def test_another_page(home: Home, origin: str | None) -> None:
    """
    A page from elsewhere is refused, and its browser does not let it read why.
    """
    span = new_span()
    record(home, [span])

    answer = _send(home, _key(home), span.trace_id, origin=origin)

    assert (403, "access.origin") == (answer.status_code, answer.json()["code"])
    assert "access-control-allow-origin" not in answer.headers
    assert [] == home.client.feedback.list_().items


def test_another_endpoints_answer(home: Home) -> None:
    """
    An answer of another endpoint and one that never was are refused alike, in words that the page may read.
    """
    foreign, key = new_span(endpoint="billing"), _key(home)
    record(home, [foreign])

    answers = [_send(home, key, trace_id) for trace_id in (foreign.trace_id, "0" * 32)]

    assert [(404, "feedback.answer_unknown", SHOP)] * 2 == [
        (one.status_code, one.json()["code"], one.headers["access-control-allow-origin"]) for one in answers
    ]
    assert answers[0].json()["detail"].replace(foreign.trace_id, "0" * 32) == answers[1].json()["detail"]


def test_a_page_that_sends_too_much(home: Home) -> None:
    """
    A key's pages send so much a minute together; more is refused, and other keys go on.
    """
    span = new_span()
    record(home, [span])
    key, other = _key(home, per_minute=2), _key(home, name="other pages")

    statuses = [_send(home, key, span.trace_id).status_code for _ in range(3)]

    assert [204, 204, 429] == statuses
    assert 204 == _send(home, other, span.trace_id).status_code


def test_a_page_cannot_speak_as_a_reviewer(home: Home) -> None:
    """
    A page says what its user says or does, never what a person reviewing or a program found.
    """
    span, key = new_span(), _key(home)
    record(home, [span])

    statuses = [_send(home, key, span.trace_id, source=source).status_code for source in ("human", "code", "signal")]

    assert [422, 422, 204] == statuses


def test_a_publishable_key_opens_no_other_door(home: Home) -> None:
    """
    Every other route refuses it, in the header, in the address, and written as a secret key with a right checksum.
    """
    key = _key(home)
    body = key.removeprefix("tdlp").rpartition("_")[0]
    disguised = f"tdl{body}_{_checksum(f'tdl{body}')}"
    doors = [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in openapi()["paths"].items()
        for method in methods
        if path.startswith(("/api/v1", "/v1")) and not path.startswith(("/api/v1/public", "/api/v1/session"))
    ]

    with httpx2.Client(base_url=home.client.url, trust_env=False, headers={"origin": SHOP}) as browser:
        opened = [
            (method, path, response.status_code)
            for text in (key, disguised)
            for method, path in doors
            for response in (
                browser.request(method, path, headers={"authorization": f"Bearer {text}"}),
                browser.request(method, path, params={"key": text}),
            )
            if response.status_code not in (401, 403)
        ]
        chat = browser.post(
            "/v1/chat/completions", headers={"authorization": f"Bearer {key}"}, json={"model": "support"}
        )
        signed_in = browser.post("/api/v1/session", json={"key": key}, headers={"origin": home.client.url})

    assert len(doors) > 100
    assert [] == opened
    assert 403 == chat.status_code
    assert (401, "access.publishable_key") == (signed_in.status_code, signed_in.json()["code"])


FAULTS: list[dict[str, Any]] = [
    {"endpoints": None},
    {"endpoints": ["support", "billing"]},
    {"origins": None},
    {"origins": ["https://shop.example/path"]},
    {"origins": ["*"]},
    {"scopes": ["data.read"]},
    {"role": "admin"},
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_publishable_key_that_could_do_more(home: Home, fault: dict[str, Any]) -> None:
    """
    A publishable key has one endpoint and named origins, and no role or scopes of its own.
    """
    wanted = {"name": "pages", "kind": "publishable", "endpoints": ["support"], "origins": [SHOP], **fault}

    with pytest.raises(InvalidInput):
        home.client.send(Call("POST", "/access/keys", CreatedApiKey, body=wanted))
