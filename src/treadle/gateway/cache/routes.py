"""HTTP: what the cache does, clearing it, choosing its threshold."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from treadle.gateway.cache import service
from treadle.gateway.cache.types import CacheStats, Calibration, Cleared, EndpointName, NewCalibration
from treadle.http.context import Context
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1/cache", tags=["cache"])
Reader = Annotated[Context, policy("releases.read")]
Writer = Annotated[Context, policy("releases.write")]


@router.get("")
async def list_stats(ctx: Reader) -> list[CacheStats]:
    """What the cache did, by endpoint."""
    return await service.list_stats(ctx)


@router.delete("/{endpoint}")
async def clear(ctx: Writer, endpoint: EndpointName) -> Cleared:
    """Forget every answer of an endpoint."""
    return await service.clear(ctx, endpoint)


@router.post("/{endpoint}/calibrate")
async def calibrate(ctx: Reader, endpoint: EndpointName, new: Annotated[NewCalibration, Body()]) -> Calibration:
    """Choose a threshold for similar answers from past requests; changes nothing."""
    return await service.calibrate(ctx, endpoint, new)
