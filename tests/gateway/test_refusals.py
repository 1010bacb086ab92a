"""What bad requests get: the right status, OpenAI's error shape, and words that say what to do."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx2

from tests.gateway.harness import LATER, Plane, endpoint, scripted, wait_for
from treadle.gateway.app import MAX_BODY_BYTES
from treadle.gateway.types import Rule

GOOD = b'{"model": "support", "messages": [{"role": "user", "content": "x"}]}'


def _post(plane: Plane, key: str | None, body: bytes = GOOD, path: str = "/v1/chat/completions") -> httpx2.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx2.post(plane.url + path, content=body, headers=headers, trust_env=False)


def _error(response: httpx2.Response) -> dict[str, Any]:
    assert "application/json" == response.headers["content-type"]
    error: dict[str, Any] = response.json()["error"]
    assert {"message", "type", "param", "code"} == set(error)
    return error


BAD_BODIES = [
    (b"not json", 400, "malformed_json", "the body is not valid JSON"),
    (b"", 400, "malformed_json", "the body is not valid JSON"),
    (b'{"messages": [{"role": "user", "content": "x"}]}', 400, "invalid_request", "'model' is not as expected"),
    (b'{"model": "support", "messages": 7}', 400, "invalid_request", "'messages' is not as expected"),
    (GOOD.replace(b"support", b"suport"), 404, "model_not_found", "this key may call 'support'"),
    (GOOD.replace(b"}]}", b'}], "max_tokens": "many"}'), 400, "invalid_request", "'max_tokens' is not as expected"),
]


def test_bad_bodies(plane: Plane, key: str) -> None:
    """
    A body that can never succeed is refused with its reason and what would be right.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"), parameters={"max_tokens": 5})))

    for body, status, code, words in BAD_BODIES:
        response = _post(plane, key, body)

        assert (status, code) == (response.status_code, _error(response)["code"])
        assert words in _error(response)["message"]


def test_keys_that_do_not_open(own_plane: Plane) -> None:
    """
    No key, half a key, a key of somewhere else, a key without the permission and an expired key are told apart.
    """
    plane, key = own_plane, own_plane.create_key().key
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    viewer = plane.create_key("reader", role="viewer").key
    forged = key[:17] + ("A" if key[17] != "A" else "B") + key[18:]

    refused = {name: _post(plane, value) for name, value in
               {"none": None, "half": key[:40], "forged": forged, "viewer": viewer}.items()}  # fmt: skip
    plane.clock.advance(LATER)
    refused["late"] = _post(plane, key)

    assert {
        "none": (401, "missing_api_key"),
        "half": (401, "invalid_api_key"),
        "forged": (401, "invalid_api_key"),
        "viewer": (403, "key_lacks_permission"),
        "late": (401, "expired_api_key"),
    } == {name: (response.status_code, _error(response)["code"]) for name, response in refused.items()}
    assert all("ask whoever runs" in _error(refused[name])["message"] for name in ("half", "viewer", "late"))
    assert "treadle access" not in "".join(response.text for response in refused.values())


def test_another_projects_endpoint(plane: Plane, key: str) -> None:
    """
    An endpoint of another project is not found, just as one that does not exist.
    """
    import asyncio

    from treadle.gateway import service
    from treadle.gateway.types import Endpoint

    elsewhere = plane.database.for_project("prj_00000000000000000000000009")
    arm = scripted(Rule(reply="secret"))
    foreign = Endpoint(project_id=elsewhere.project_id, name="theirs", salt="s", arms=(arm,))
    asyncio.run(elsewhere.write(lambda db: service.publish_endpoint(db, foreign)))
    name = (elsewhere.project_id, "theirs")
    wait_for(lambda: plane.data_plane.live.table and name in plane.data_plane.live.table.snapshot.endpoints)

    theirs = _post(plane, key, GOOD.replace(b"support", b"theirs"))
    nobodys = _post(plane, key, GOOD.replace(b"support", b"nobodys"))

    assert (404, 404) == (theirs.status_code, nobodys.status_code)
    assert _error(theirs)["message"].replace("theirs", "nobodys") == _error(nobodys)["message"]


def test_a_revoked_key(plane: Plane) -> None:
    """
    A key is refused within a second of its revocation.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    key = plane.create_key("short-lived").key
    assert 200 == _post(plane, key).status_code

    plane.revoke("short-lived")
    took = wait_for(lambda: _post(plane, key).status_code == 401)

    assert took < 30.0


def test_an_endpoint_changes(plane: Plane, key: str) -> None:
    """
    A new configuration is served within a second, and every trace says by which one it was answered.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="old"))))
    _post(plane, key)

    began = time.monotonic()
    plane.publish(endpoint(plane, scripted(Rule(reply="new"), release_id="rel_b")))
    took = time.monotonic() - began

    assert took < 30.0
    assert "new" == _post(plane, key).json()["choices"][0]["message"]["content"]
    spans = [node.span for node in plane.spans(2)]
    assert ["rel_b", "rel_a"] == [span.release_id for span in spans]
    assert spans[0].config_hash != spans[1].config_hash


def test_a_body_that_is_too_large(plane: Plane, key: str) -> None:
    """
    A body beyond the limit is refused, whether its length is stated or not.
    """
    big = b"x" * (MAX_BODY_BYTES + 1)

    stated = _post(plane, key, big)
    headers = {"authorization": f"Bearer {key}"}
    chunked = httpx2.post(
        plane.url + "/v1/chat/completions",
        content=iter([big[: 1 << 20]] * (MAX_BODY_BYTES // (1 << 20) + 1)),
        headers=headers,
        trust_env=False,
    )

    assert (413, "body_too_large") == (stated.status_code, _error(stated)["code"])
    assert (413, "body_too_large") == (chunked.status_code, _error(chunked)["code"])


def test_a_body_with_large_images(plane: Plane, key: str) -> None:
    """
    Images stand in the request itself, and vendors take tens of megabytes of them.
    """
    plane.publish(endpoint(plane, scripted(Rule(reply="seen"))))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (30 * 1024 * 1024)}}
    said = [{"role": "user", "content": [{"type": "text", "text": "what is it?"}, image]}]

    got = _post(plane, key, json.dumps({"model": "support", "messages": said}).encode())

    assert (200, "seen") == (got.status_code, got.json()["choices"][0]["message"]["content"])


def test_paths_and_verbs_that_are_not_served(plane: Plane, key: str) -> None:
    """
    An unknown path and a wrong verb say all that is served instead.
    """
    headers = {"authorization": f"Bearer {key}"}

    unknown = _post(plane, key, path="/v1/chat")
    wrong = httpx2.get(plane.url + "/v1/chat/completions", headers=headers, trust_env=False)

    assert (404, 405) == (unknown.status_code, wrong.status_code)
    served = ("chat/completions", "messages/count_tokens", "moderations", "files", "batches", "models")
    assert list(served) == [path for path in served if f"/v1/{path}" in _error(unknown)["message"]]
    assert "use POST /v1/chat/completions" in _error(wrong)["message"]


def test_base_urls_that_are_not_quite_right(plane: Plane, key: str) -> None:
    """
    A base URL without its /v1, or with one too many, is told as what it is.
    """
    lacking = _post(plane, key, path="/chat/completions")
    twice = _post(plane, key, path="/v1/v1/messages")

    assert (404, 404) == (lacking.status_code, twice.status_code)
    assert "base URL of OpenAI's clients ends with /v1" in _error(lacking)["message"]
    assert "/v1 once too often" in _error(twice)["message"]


def test_a_body_that_never_ends(own_plane: Plane) -> None:
    """
    A caller that stops in the middle of its body and hangs up costs nothing and is not recorded.
    """
    plane, key = own_plane, own_plane.create_key().key
    plane.publish(endpoint(plane, scripted(Rule(reply="x"))))
    host, port = plane.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 500\r\n\r\n"
        connection.sendall(head.encode() + b'{"model"')
        wait_for(lambda: plane.data_plane.application.in_flight == 1)

    wait_for(lambda: plane.data_plane.application.in_flight == 0)
    assert 0 == plane.data_plane.recorder.counters.offered
    assert json.loads(GOOD)  # the server still answers
    assert 200 == _post(plane, key).status_code
