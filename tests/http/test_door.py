"""What the server refuses before any route sees it: bodies that are too large, host names that are not its own."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

import httpx2
import openai
import pytest

from tests.conftest import RunningServer, running
from treadle.core.errors import EXIT_CODE, InvalidInput, TooLarge, kind_of
from treadle.core.settings import Settings, read_settings
from treadle.prompts.types import Message
from treadle.server.shell import MAX_BODY_BYTES

PROMPT = "/api/v1/prompts/greeting/versions"


def test_announced_body_is_too_large(server: RunningServer) -> None:
    """
    A body that says it is over the limit is refused before a byte of it was sent.
    """
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    connection.putrequest("POST", PROMPT)
    connection.putheader("authorization", f"Bearer {server.key}")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(MAX_BODY_BYTES + 1))
    connection.endheaders()

    answer = connection.getresponse()

    assert 413 == answer.status
    assert "application/problem+json" == answer.headers["content-type"]
    assert b"http.body_too_large" in answer.read()
    connection.close()


def test_large_body_from_the_sdk(server: RunningServer) -> None:
    """
    The SDK raises a size over the limit as what it is: never worth a retry, and on the command line invalid input.
    """
    messages = [Message(role="user", template="x" * 100_000)] * (MAX_BODY_BYTES // 100_000 + 1)

    with pytest.raises(TooLarge) as caught:
        server.client.prompts.create_version("greeting", messages)

    assert "http.body_too_large" == caught.value.error_code
    assert 2 == EXIT_CODE[kind_of(caught.value)]


def test_a_client_whose_base_url_lacks_v1(server: RunningServer) -> None:
    """
    The official client's message says what is wrong with the base URL, whatever it asks for.
    """
    with openai.OpenAI(base_url=server.url, api_key=server.key, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="ends with /v1"):
            client.chat.completions.create(model="support", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.NotFoundError, match="ends with /v1"):
            client.models.list()


def test_endless_body(server: RunningServer) -> None:
    """
    A body of unknown length is refused soon after it passes the limit, and the connection ends.
    """
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection((urlsplit(server.url).hostname, urlsplit(server.url).port or 0), timeout=60) as line:
        line.sendall(
            f"POST {PROMPT} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {server.key}\r\n"
            f"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )
        sent = 0
        try:
            while sent < 20 * MAX_BODY_BYTES:
                line.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
        answer = line.recv(65_536)

    assert b"413" in answer.split(b"\r\n")[0]
    assert sent < 10 * MAX_BODY_BYTES


def test_body_below_the_limit(server: RunningServer) -> None:
    """
    A body up to the limit arrives whole, in one piece or in many.
    """
    headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}
    body = b'{"messages": [{"role": "user", "template": "x"}], "message": "' + b"y" * 1_000_000 + b'"}'

    whole = httpx2.post(server.url + PROMPT, headers=headers, content=body)
    pieces = httpx2.post(server.url + PROMPT, headers=headers, content=iter([body[:500_000], body[500_000:]]))

    assert {422} == {whole.status_code, pieces.status_code}
    assert "at most" in whole.json()["detail"]
    assert whole.json() == pieces.json()


def test_upload_above_the_limit(server: RunningServer) -> None:
    """
    Files have a limit of their own, far above that of other bodies.
    """
    content = b"text,label\n" + b"hello,greeting\n" * (MAX_BODY_BYTES // 10)

    answer = httpx2.post(
        f"{server.url}/api/v1/turns/files",
        headers={"authorization": f"Bearer {server.key}"},
        files={"file": ("rows.csv", content)},
    )

    assert 201 == answer.status_code
    assert len(content) > MAX_BODY_BYTES
    assert len(content) == answer.json()["size_bytes"]


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8700", "[::1]", "[::1]:8700", "[0:0:0:0:0:0:0:1]:8700"])
def test_own_host_name(server: RunningServer, host: str) -> None:
    """
    This machine's own names are ours however they are written, with and without a port.
    """
    assert 200 == httpx2.get(f"{server.url}/healthz", headers={"host": host}).status_code


@pytest.mark.parametrize("host", ["evil.example", "[::2]", "[::1", "localhost.evil.example", ":8700", "::1"])
def test_unknown_host_name(server: RunningServer, host: str) -> None:
    """
    A request for a host name that is not ours (DNS rebinding) reaches no route.
    """
    assert 421 == httpx2.get(f"{server.url}/healthz", headers={"host": host}).status_code


def test_behind_a_proxy(settings: Settings) -> None:
    """
    With a public https URL its host name is ours, links lead there, and the session cookie never travels without https.
    """
    public = settings.model_copy(update={"public_url": "https://treadle.example"})
    for server in running(public):
        link = server.client.access.create_sign_in_link()
        as_seen = {"host": "Treadle.example", "origin": "https://treadle.example"}
        signed_in = httpx2.post(f"{server.url}/api/v1/session", json={"token": link.token}, headers=as_seen)
        cookie = signed_in.headers["set-cookie"]
        session = as_seen | {"cookie": cookie.split(";")[0]}
        ours = httpx2.post(f"{server.url}/api/v1/session/links", headers=session | {"host": "127.0.0.1"})
        theirs = httpx2.post(f"{server.url}/api/v1/session/links", headers=session | {"origin": "https://evil.example"})
        out = httpx2.delete(f"{server.url}/api/v1/session", headers=session).headers["set-cookie"]

    assert f"https://treadle.example/#/sign-in?token={link.token}" == link.url == link.at(server.url)
    assert cookie.startswith("__Host-treadle_session=")
    assert "; Secure" in cookie
    assert "; Secure" in out
    assert [200, 403] == [ours.status_code, theirs.status_code]


@pytest.mark.parametrize(
    "url", ["treadle.example", "https://treadle.example/path", "ftp://treadle.example", "https://a b"]
)
def test_public_url_that_cannot_be(url: str) -> None:
    """
    A public URL is a scheme and a host, perhaps a port; anything else is refused before the server starts.
    """
    with pytest.raises(InvalidInput, match="public URL"):
        read_settings({"TREADLE_PUBLIC_URL": url})


def test_public_url_from_the_environment() -> None:
    """
    A slash at the end is not part of it.
    """
    assert (
        "https://treadle.example:8443"
        == read_settings({"TREADLE_PUBLIC_URL": "https://treadle.example:8443/"}).public_url
    )
