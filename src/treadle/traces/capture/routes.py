"""HTTP: how much content a project's applications send with their spans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from treadle.http.context import Context
from treadle.http.policy import policy
from treadle.http.preconditions import Precondition, Tagged
from treadle.traces.capture import service
from treadle.traces.capture.types import Capture, KeptCapture

router = APIRouter(prefix="/api/v1/traces/capture", tags=["traces"], route_class=Tagged)


@router.get("")
async def get_capture(ctx: Annotated[Context, policy("traces.write")]) -> KeptCapture:
    """How much content the project lets its applications send."""
    return await service.get_capture(ctx)


@router.put("")
async def set_capture(
    ctx: Annotated[Context, policy("traces.govern")], new: Capture, when: Precondition
) -> KeptCapture:
    """Let so much be sent from now on; applications with our SDK follow within a minute."""
    return await service.set_capture(ctx, new, when=when)
