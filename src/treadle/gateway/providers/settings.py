"""What a provider may be: filled up from its preset, its addresses, headers and key looked at before they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from treadle.core.errors import InvalidInput
from treadle.gateway.addresses import PrivateHosts, address_fault, url_fault
from treadle.gateway.providers.presets import PRESETS
from treadle.gateway.providers.store import Kept
from treadle.gateway.providers.types import NewProvider
from treadle.http.context import Context

_KEY_HEADERS = frozenset(
    {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization", "x-amz-security-token"}
)
_OUR_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"}
)
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host name; raises OSError when it has none."""


class ProviderInvalid(InvalidInput):
    """A provider cannot be as stated."""

    code = "providers.invalid"


def completed(new: NewProvider) -> tuple[str, Kept]:
    """Return name and settings of a new provider, filled up from its preset. Raises ProviderInvalid."""
    preset = None if new.preset is None else PRESETS.get(new.preset)
    if new.preset is not None and preset is None:
        raise ProviderInvalid(f"there is no preset '{new.preset}'; there are: {', '.join(PRESETS)}")
    name = new.name or new.preset
    kind = new.kind or (preset.kind if preset else None)
    base_url = new.base_url or (preset.base_url if preset else None)
    if name is None or kind is None or base_url is None:
        lacks = [field for field, value in (("name", name), ("kind", kind), ("base_url", base_url)) if value is None]
        raise ProviderInvalid(
            f"a provider without a preset needs {' and '.join(lacks)}; or give a preset: {', '.join(PRESETS)}"
        )
    if "<" in base_url:
        raise ProviderInvalid(f"fill in what is in <angle brackets> in '{base_url}' and give it as base_url")
    return name, Kept(
        preset=new.preset,
        kind=kind,
        base_url=bare(base_url),
        headers=new.headers,
        region=new.region,
        options={**(preset.options if preset else {}), **new.options},
        private=(preset.private if preset else False) if new.private is None else new.private,
        max_connections=new.max_connections,
    )


async def check(ctx: Context, kept: Kept, hosts: PrivateHosts, resolve: Resolve) -> None:
    """Raise ProviderInvalid or Denied when a provider may not be so."""
    if kept.private:
        ctx.require("providers.private")
    faults = [
        f"header '{name}' carries a key; give it as the provider's secret"
        for name in sorted(kept.headers)
        if name in _KEY_HEADERS
    ]
    faults += [f"header '{name}' is set by the gateway" for name in sorted(kept.headers) if name in _OUR_HEADERS]
    fault = url_fault(kept.base_url)
    if fault is not None:
        faults.append(f"base URL '{kept.base_url}' cannot be used: {fault}")
    else:
        faults += await _address_faults(kept, hosts, resolve)
    if faults:
        raise ProviderInvalid("; ".join(faults))


async def _address_faults(kept: Kept, hosts: PrivateHosts, resolve: Resolve) -> list[str]:
    if any(kept.base_url == preset.base_url and not preset.private for preset in PRESETS.values()):
        return []  # well known; looked at when it is connected to, like any other
    parts = urlsplit(kept.base_url)
    host = parts.hostname or ""
    try:
        addresses = await resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
    except OSError:
        return [f"host '{host}' does not resolve from here; check its spelling and this machine's DNS"]
    found = (address_fault(host, each, private=kept.private, hosts=hosts) for each in addresses)
    return sorted({fault for fault in found if fault is not None})


def check_secret(secret: str | None) -> None:
    """Raise ProviderInvalid for what cannot be a key."""
    if secret is not None and not (secret.isascii() and secret.isprintable() and " " not in secret.strip()):
        raise ProviderInvalid(
            "the key holds characters that no key has (line breaks, blanks or letters beyond ASCII); copy it once more"
        )


def bare(url: str) -> str:
    """Return a base URL as it is kept."""
    return url.strip().rstrip("/")
