"""HTTP: providers, their presets, and one real call to see whether they work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from pydantic import Field

from treadle.core.types import Record
from treadle.gateway.addresses import resolve
from treadle.gateway.providers import service
from treadle.gateway.providers.service import Surroundings
from treadle.gateway.providers.types import (
    ChangedProvider,
    NewProvider,
    Provider,
    ProviderCheck,
    ProviderName,
    ProviderPreset,
    ProviderToCheck,
)
from treadle.governance.gatekeeper import Gatekeeper
from treadle.http.context import Context
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged

router = APIRouter(prefix="/api/v1/providers", tags=["providers"], route_class=Tagged)
Reader = Annotated[Context, policy("providers.read")]
Writer = Annotated[Context, policy("providers.write")]


class ProviderKey(Record):
    """A provider's key on its way in."""

    value: str = Field(min_length=1, max_length=20_000, repr=False)
    """The key itself; stored closed, never shown again."""


def _surroundings(request: Request) -> Surroundings:
    gatekeeper: Gatekeeper = request.app.state.authenticator
    return Surroundings(gatekeeper.master_keys, request.app.state.private_hosts, resolve)


Around = Annotated[Surroundings, Depends(_surroundings)]


@router.get("")
async def list_providers(ctx: Reader) -> list[Provider]:
    """Providers by name; a project has few."""
    return await service.list_providers(ctx)


@router.get("/presets")
async def list_presets(ctx: Reader) -> list[ProviderPreset]:
    """Providers that are known by name, with where their keys are found."""
    return service.list_presets()


@router.post("", status_code=201)
async def create_provider(ctx: Writer, new: Annotated[NewProvider, Body()], around: Around) -> Provider:
    """Configure a provider, from a preset or from nothing."""
    return await service.create_provider(ctx, new, around)


@router.get("/{name}")
async def get_provider(ctx: Reader, name: ProviderName) -> Provider:
    """One provider."""
    return await service.get_provider(ctx, name)


@router.put("/{name}")
async def change_provider(
    ctx: Writer, name: ProviderName, changed: Annotated[ChangedProvider, Body()], around: Around, when: Precondition
) -> Provider:
    """Change a provider; another base URL drops the stored key, and the answer's `notice` says so."""
    return await service.change_provider(ctx, name, changed, around, when=when)


@router.put("/{name}/key")
async def set_key(ctx: Writer, name: ProviderName, key: Annotated[ProviderKey, Body()], around: Around) -> Provider:
    """Store the provider's key, replacing an older one."""
    return await service.set_key(ctx, name, key.value, around.master_keys)


@router.delete("/{name}", status_code=204)
async def remove_provider(ctx: Writer, name: ProviderName) -> None:
    """Forget a provider and its key."""
    await service.remove_provider(ctx, name)


@router.post("/{name}/check")
async def check_provider(
    ctx: Writer, name: ProviderName, given: Annotated[ProviderToCheck, Body()], around: Around
) -> ProviderCheck:
    """Make one tiny real call and say in words what is wrong, if anything is."""
    return await service.check_provider(ctx, name, given.model, around)
