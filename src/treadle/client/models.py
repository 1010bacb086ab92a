"""SDK: models, versions, aliases, cards, files."""

from __future__ import annotations

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.models.types import (
    Alias,
    Card,
    Model,
    MoveAlias,
    NewProviderVersion,
    ProviderModel,
    Version,
)


class Models:
    """`client.models`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(
        self, *, q: str | None = None, alias: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Model]:
        """Return models by name. `q`: part of the name; `alias`: on a version of it."""
        query = {"q": q, "alias": alias, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/models", Page[Model], query=query))

    def get(self, name: str) -> Model:
        """Return a model. Raises NotFound."""
        return self._send(Call("GET", f"/models/{name}", Model))

    def list_versions(self, name: str) -> list[Version]:
        """Return the versions of a model, newest first. Raises NotFound."""
        return self._send(Call("GET", f"/models/{name}/versions", list[Version]))

    def get_version(self, name: str, version: int | str = "latest") -> Version:
        """Return a version by number or alias. Raises NotFound."""
        return self._send(Call("GET", f"/models/{name}/versions/{version}", Version))

    def get_version_by_id(self, model_version_id: str) -> Version:
        """Return a version by id. Raises NotFound."""
        return self._send(Call("GET", f"/model-versions/{model_version_id}", Version))

    def get_card(self, name: str, version: int | str = "latest") -> Card:
        """Return the card of a version. Raises NotFound."""
        return self._send(Call("GET", f"/models/{name}/versions/{version}/card", Card))

    def read_file(self, name: str, version: int | str, path: str) -> bytes:
        """Return one file of a version. Raises NotFound."""
        return self._send(Call("GET", f"/models/{name}/versions/{version}/files/{path}", bytes))

    def set_alias(
        self, name: str, alias: str, version: int, *, if_revision: str | None = None, if_new: bool = False
    ) -> Alias:
        """Point an alias at a version. Safe to repeat. Raises NotFound, Outdated.

        if_revision: the version that it was read to be on, such as '3'; moved only from there. if_new: only where it is on none.
        """
        body, headers = MoveAlias(version=version), only(if_revision, if_new=if_new)
        return self._send(Call("PUT", f"/models/{name}/aliases/{alias}", Alias, body=body, headers=headers))

    def register_provider_version(
        self,
        name: str,
        *,
        provider: str,
        model: str,
        licence: str | None = None,
        context_length: int | None = None,
        limits: list[str] | None = None,
    ) -> Version:
        """Register a provider's model as a version; the same pointer again returns the version that has it."""
        new = NewProviderVersion(
            provider=ProviderModel(provider=provider, model=model),
            licence=licence,
            context_length=context_length,
            limits=limits or [],
        )
        return self._send(Call("POST", f"/models/{name}/versions", Version, body=new))
