"""Where a provider or an alert channel may be: URLs when they are saved, addresses when they are connected to.

A name may point elsewhere a moment later, so what counts is the address of each connection; the check at saving only
tells people early. Private addresses are for those that the owner marked as private; on a server that others can
reach they must also be on its list of private hosts. Addresses that clouds serve credentials from are never allowed.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import urlsplit

from treadle.gateway.types import Provider
from treadle.gateway.upstream import NotRunning

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_URL = 2000

_NEVER: tuple[Network, ...] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # "this host" (RFC 1122); Linux takes it for loopback
        "::/128",
        "169.254.0.0/16",  # link-local, and the metadata service of AWS, Azure, GCP and others
        "fe80::/10",
        "fd00:ec2::254/128",  # AWS metadata over IPv6
        "fd20:ce::254/128",  # GCP metadata over IPv6
        "100.100.100.200/32",  # Alibaba Cloud metadata
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle Cloud metadata
        "224.0.0.0/4",  # multicast
        "ff00::/8",
        "255.255.255.255/32",
    )
)
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
"""RFC 6052 and 8215: the last 32 bits are an IPv4 address."""
_COMPATIBLE = ip_network("::/96")
"""RFC 4291 2.5.5.1, deprecated: the same."""
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.IGNORECASE)
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.IGNORECASE)
"""What C libraries read as an IPv4 address in one of its older forms."""


class AddressRefused(NotRunning):
    """The provider's name leads to an address that it may not have. Nothing was sent."""


@dataclass(frozen=True)
class PrivateHosts:
    """Which private addresses private providers may have on this server."""

    any_private: bool = True
    """Whether every private address is allowed: on a server that only this machine can reach."""
    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    def allow(self, host: str, address: Address) -> bool:
        """Tell whether a private provider may have this private address."""
        if self.any_private or host.lower().rstrip(".") in self.names:
            return True
        return any(address.version == network.version and address in network for network in self.networks)


def private_hosts(listen_host: str, allowed: Sequence[str]) -> PrivateHosts:
    """Return what holds for a server that listens on an address, with its list of private hosts.

    allowed: names, addresses or networks such as 'vllm.internal', '10.0.0.7' and '10.1.0.0/16'.
    """
    networks: list[Network] = []
    names: set[str] = set()
    for each in allowed:
        try:
            networks.append(ip_network(each.strip("[]"), strict=False))
        except ValueError:
            names.add(each.lower().rstrip("."))
    return PrivateHosts(is_loopback(listen_host), tuple(networks), frozenset(names))


def is_loopback(host: str) -> bool:
    """Tell whether a server on this address can only be reached from its own machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def parse_address(text: str) -> Address | None:
    """Return the address that a text is, what it wraps when it wraps an IPv4 address; None when it is a name."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    if inner is None and any(address in network for network in _NAT64):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is None and address in _COMPATIBLE and int(address) > 1:
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return address if inner is None else inner


def address_fault(host: str, text: str, *, private: bool, hosts: PrivateHosts) -> str | None:
    """Return why a provider may not be at an address, or None when it may.

    host: the name it was found by, or the address itself. private: whether the provider may have a private address.
    """
    address = parse_address(text)
    if address is None:
        return f"'{text}' is not an address"
    if any(address.version == network.version and address in network for network in _NEVER):
        return f"'{host}' leads to {text}, an address that is never connected to (link-local, metadata or unspecified)"
    if address.is_global:
        return None
    if not private:
        return f"'{host}' leads to {text}, a private address; only what is marked as private may have one"
    if not hosts.allow(host, address):
        return (
            f"'{host}' leads to {text}, a private address that is not on this server's list;"
            " add it to TREADLE_PRIVATE_HOSTS and start the server again"
        )
    return None


def check_address(provider: Provider, host: str, text: str, hosts: PrivateHosts) -> None:
    """Raise AddressRefused unless a provider may be connected to at this address.

    Local engines are started by us and not configured by anybody, so theirs are not looked at.
    """
    if provider.kind == "engine":
        return
    fault = address_fault(host, text, private=provider.private, hosts=hosts)
    if fault is not None:
        raise AddressRefused(fault)


def url_fault(url: str) -> str | None:
    """Return what is wrong with a base URL as it is written, or None; nothing is looked up."""
    if len(url) > MAX_URL:
        return f"it is longer than {MAX_URL} characters"
    if not url.isascii() or not url.isprintable() or any(char in url for char in " \\<>\"'`{}|^"):
        return "it holds characters that do not belong into a URL"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https"):
        return f"its scheme is '{parts.scheme}', it must start with https:// or http://"
    if "@" in parts.netloc:
        return "it holds a user name or password; keep the key as the provider's secret instead"
    if "?" in url or "#" in url:
        return "it holds '?' or '#'; give the address up to the path only"
    if port == 0:
        return "port 0 cannot be connected to"
    host = parts.hostname
    if not host:
        return "it names no host"
    if parse_address(host) is not None:
        return None
    if _NUMBERS.fullmatch(host):
        return f"host '{host}' is a number in a form that servers read differently; write an address as 203.0.113.7"
    if _HOST.fullmatch(host) is None:
        return f"'{host}' is not the name of a host"
    return None


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, or of a host that is one. Raises OSError when there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return list(dict.fromkeys(str(place[0]) for _, _, _, _, place in found))
