"""SDK: providers that the gateway may send requests to."""

from __future__ import annotations

from types import NoneType
from urllib.parse import quote

from treadle.client.calls import Call, Send, only
from treadle.gateway.providers.types import (
    ChangedProvider,
    NewProvider,
    Provider,
    ProviderCheck,
    ProviderPreset,
    ProviderToCheck,
)


class Providers:
    """`client.providers`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self) -> list[Provider]:
        """Return the project's providers by name."""
        return self._send(Call("GET", "/providers", list[Provider]))

    def list_presets(self) -> list[ProviderPreset]:
        """Return the providers that are known by name."""
        return self._send(Call("GET", "/providers/presets", list[ProviderPreset]))

    def get(self, name: str) -> Provider:
        """Return a provider. Raises NotFound."""
        return self._send(Call("GET", _path(name), Provider))

    def create(self, new: NewProvider) -> Provider:
        """Configure a provider. Raises InvalidInput with every fault, Conflict for a name in use, Denied."""
        return self._send(Call("POST", "/providers", Provider, body=new))

    def change(self, name: str, changed: ChangedProvider, *, if_revision: str | None = None) -> Provider:
        """Change a provider; another base URL drops the stored key, and `notice` says so. Raises NotFound, Outdated."""
        return self._send(Call("PUT", _path(name), Provider, body=changed, headers=only(if_revision)))

    def set_key(self, name: str, key: str) -> Provider:
        """Store a provider's key, replacing an older one. Raises NotFound."""
        return self._send(Call("PUT", f"{_path(name)}/key", Provider, body={"value": key}))

    def remove(self, name: str) -> None:
        """Forget a provider and its key. Raises NotFound."""
        self._send(Call("DELETE", _path(name), NoneType))

    def check(self, name: str, *, model: str | None = None) -> ProviderCheck:
        """Make one tiny real call: ask a model for one word, or list the models. Raises NotFound."""
        return self._send(Call("POST", f"{_path(name)}/check", ProviderCheck, body=ProviderToCheck(model=model)))


def _path(name: str) -> str:
    return f"/providers/{quote(name, safe='')}"
