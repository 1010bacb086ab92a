"""HTTP: channels, a test of one, and what was sent."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Body, Query, Request

from treadle.core.types import Page
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.http.context import Context
from treadle.http.page_query import Cursor, Limit, PartOfName
from treadle.http.paging import DEFAULT_LIMIT
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.monitoring.channels import changing, service
from treadle.monitoring.channels.sending import Post
from treadle.monitoring.channels.types import (
    Channel,
    ChannelChange,
    ChannelName,
    CreatedChannel,
    Delivery,
    NewChannel,
    RemovedChannel,
    SecretRotation,
)

router = APIRouter(prefix="/api/v1", tags=["channels"], route_class=Tagged)
Reader = Annotated[Context, policy("monitors.read")]
Keeper = Annotated[Context, policy("secrets.write")]


@router.get("/channels")
async def list_channels(
    ctx: Reader, q: PartOfName = None, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[Channel]:
    """Channels by name."""
    return await service.list_channels(ctx, text=q, limit=limit, cursor=cursor)


@router.post("/channels", status_code=201)
async def create_channel(ctx: Keeper, new: Annotated[NewChannel, Body()], request: Request) -> CreatedChannel:
    """Make a channel; a webhook's signing secret is in the answer, this once."""
    return await service.create_channel(ctx, new, _master_keys(request), request.app.state.private_hosts)


@router.patch("/channels/{name}")
async def change_channel(
    ctx: Keeper, name: ChannelName, change: Annotated[ChannelChange, Body()], request: Request, when: Precondition
) -> Channel:
    """Rename a channel or send elsewhere; monitors and messages that wait follow."""
    hosts = request.app.state.private_hosts
    return await changing.change_channel(ctx, name, change, _master_keys(request), hosts, when=when)


@router.post("/channels/{name}/rotate")
async def rotate_secret(
    ctx: Keeper, name: ChannelName, rotation: Annotated[SecretRotation, Body()], request: Request
) -> CreatedChannel:
    """Give a webhook a fresh signing secret; until the overlap ends messages are signed with both."""
    return await changing.rotate_secret(ctx, name, rotation, _master_keys(request))


@router.delete("/channels/{name}")
async def remove_channel(
    ctx: Keeper,
    name: ChannelName,
    give_up: Annotated[bool, Query(description="also where messages wait for it or monitors tell it")] = False,
) -> RemovedChannel:
    """Forget a channel and its secret; refused while messages wait for it or monitors tell it, unless those are given up."""
    return await changing.remove_channel(ctx, name, give_up=give_up)


@router.post("/channels/{name}/test")
async def test_channel(ctx: Keeper, name: ChannelName, request: Request) -> Delivery:
    """Send a message now; the answer says what came of it."""
    post = Post(request.app.state.private_hosts)
    try:
        return await service.test_channel(ctx, name, _master_keys(request), post)
    finally:
        await post.close()


@router.get("/deliveries")
async def list_deliveries(
    ctx: Reader,
    channel: Annotated[ChannelName | None, Query(description="only to this channel")] = None,
    alert_id: Annotated[str | None, Query(max_length=60, description="only of this alert")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[Delivery]:
    """Messages that were sent or wait to be, newest first."""
    return await service.list_deliveries(ctx, channel=channel, alert_id=alert_id, limit=limit, cursor=cursor)


def _master_keys(request: Request) -> MasterKeys:
    return cast(Gatekeeper, request.app.state.authenticator).master_keys
