"""Where a provider may be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.gateway.wall import Fault, Wall
from treadle.gateway.addresses import (
    AddressRefused,
    PrivateHosts,
    address_fault,
    is_loopback,
    private_hosts,
    url_fault,
)
from treadle.gateway.providers.base import WireRequest
from treadle.gateway.transport import Transport
from treadle.gateway.types import Clocks, Provider
from treadle.gateway.upstream import NotRunning, UpstreamError

LAPTOP = PrivateHosts()
SHARED = private_hosts("0.0.0.0", ["10.1.0.0/16", "192.168.1.7", "vllm.internal"])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000",
        "https://my-resource.openai.azure.com",
        "http://vllm:8000/v1",
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
    ],
)
def test_base_urls(url: str) -> None:
    """
    An http or https URL of a host is good as it is written.
    """
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("ftp://example.com", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("//example.com/v1", "scheme"),
        ("https://user:pass@example.com", "user name"),
        ("https://user@example.com", "user name"),
        ("https://", "host"),
        ("https://example.com:99999", "ort"),
        ("https://example.com:0", "port 0"),
        ("http://2130706433/", "number"),
        ("http://0177.0.0.1/", "number"),
        ("http://0x7f.1/", "number"),
        ("http://127.1/", "number"),
        ("http://127.0.0.1\\@example.com", "characters"),
        ("https://example.com/\r\nx: y", "characters"),
        ("https://exa mple.com", "characters"),
        ("https://example.com?key=1", "'?'"),
        ("https://example.com/#x", "'#'"),
        ("https://-bad-.com", "not the name"),
        ("https://exämple.com", "characters"),
    ],
)
def test_base_urls_that_are_refused(url: str, word: str) -> None:
    """
    Each fault of a base URL is said in words.
    """
    fault = url_fault(url)

    assert fault is not None
    assert word in fault


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    """
    Any provider may be at a public address.
    """
    assert address_fault("api", address, private=False, hosts=SHARED) is None


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "::7f00:1", "198.18.0.1", "240.0.0.1"],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    """
    Only a private provider may be at a private address, however it is written.
    """
    assert "private" in (address_fault("api", address, private=False, hosts=LAPTOP) or "")
    assert address_fault("api", address, private=True, hosts=LAPTOP) is None


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.0", "::", "::ffff:169.254.169.254", "fd00:ec2::254",
     "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "ff02::1", "64:ff9b::a9fe:a9fe", "0.1.2.3"],
)  # fmt: skip
def test_addresses_that_nobody_may_have(address: str) -> None:
    """
    No permission opens metadata services, link-local, multicast and unspecified addresses.
    """
    assert address_fault("api", address, private=True, hosts=LAPTOP) is not None
    assert address_fault("api", address, private=False, hosts=LAPTOP) is not None


@pytest.mark.parametrize(
    ("host", "address", "allowed"),
    [
        ("x", "10.1.2.3", True),
        ("x", "10.2.2.3", False),
        ("192.168.1.7", "192.168.1.7", True),
        ("vllm.internal", "10.9.9.9", True),
        ("VLLM.internal.", "10.9.9.9", True),
        ("evil.internal", "10.9.9.9", False),
        ("127.0.0.1", "127.0.0.1", False),
    ],
)
def test_a_server_that_others_reach(host: str, address: str, allowed: bool) -> None:
    """
    There a private provider must be on the server's list too: by name, address or network.
    """
    fault = address_fault(host, address, private=True, hosts=SHARED)

    assert allowed == (fault is None)


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.1", False), ("example.com", False)])  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    """
    A server is reached by others unless it listens on loopback.
    """
    assert expected == is_loopback(host)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """
    A transport for a laptop.
    """
    made = Transport()
    yield made
    await made.close()


def _provider(*, private: bool, kind: str = "openai") -> Provider:
    return Provider(project_id="p", name="n", kind=kind, private=private)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
async def test_the_address_that_is_connected_to(transport: Transport, scheme: str, host: str) -> None:
    """
    A provider that is not private reaches no private address by any name, and no connection is made.
    """
    with Wall() as wall:
        port = wall.url.rsplit(":", 1)[1]
        request = WireRequest(url=f"{scheme}://{host}:{port}/v1/models", headers={})

        with pytest.raises(NotRunning):
            await transport.send(request, _provider(private=False), Clocks())

        assert 0 == wall.connections


async def test_a_name_that_moves(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A name that led to a public address when it was saved is looked at again at each connection.
    """

    async def moved(*_: object, **__: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", moved)

    for scheme in ("http", "https"):
        with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
            await transport.send(
                WireRequest(url=f"{scheme}://api.example.com/v1", headers={}), _provider(private=False), Clocks()
            )


async def test_a_kept_connection_serves_only_its_provider(transport: Transport) -> None:
    """
    A connection that a private provider made is never used for one that may not have it.
    """
    with Wall() as wall:
        request = WireRequest(url=f"{wall.url}/v1/models", headers={})
        reply = await transport.send(request, _provider(private=True), Clocks())
        await reply.read()

        with pytest.raises(AddressRefused):
            await transport.send(request, _provider(private=False), Clocks())


async def test_a_redirect_to_metadata(transport: Transport) -> None:
    """
    Nothing that an upstream says leads anywhere else.
    """
    with Wall() as wall:
        wall.behave("m", Fault(redirect="http://169.254.169.254/latest/meta-data/"))
        request = WireRequest(url=f"{wall.url}/v1/chat/completions", headers={}, body=b'{"model":"m"}')

        reply = await transport.send(request, _provider(private=True), Clocks())

        assert 307 == reply.status
        reply.close()


@pytest.mark.parametrize(("names", "allowed"), [(["localhost"], True), (["vllm.internal"], False)])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_on_the_list(scheme: str, names: list[str], allowed: bool) -> None:
    """
    On a server that others reach a private provider is found by a name on the list, whichever client carries it.
    """
    transport = Transport(private_hosts("0.0.0.0", names))
    with Wall() as wall:
        url = wall.url.replace("http://127.0.0.1", f"{scheme}://localhost")

        with suppress(UpstreamError):
            clocks = Clocks(first_token_seconds=0.3)  # the wall does not speak TLS here
            reply = await transport.send(WireRequest(url=url, headers={}), _provider(private=True), clocks)
            reply.close()

        assert allowed == (wall.connections > 0)
    await transport.close()


async def test_local_engines() -> None:
    """
    Engines that we start ourselves are reached on loopback whatever the server's list says.
    """
    transport = Transport(private_hosts("0.0.0.0", []))
    with Wall() as wall:
        request = WireRequest(url=f"{wall.url}/v1/models", headers={})

        reply = await transport.send(request, _provider(private=True, kind="engine"), Clocks())

        assert 200 == reply.status
        await reply.read()
    await transport.close()
