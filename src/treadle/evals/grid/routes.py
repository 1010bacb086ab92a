"""HTTP: several experiments over the same rows, side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from treadle.core.errors import InvalidInput
from treadle.evals.comparisons.types import SliceKind
from treadle.evals.grid import service
from treadle.evals.grid.types import ExperimentIds, GridOnly, GridOrder, GridOrdering, GridRow
from treadle.http.context import Context
from treadle.http.policy import policy

router = APIRouter(prefix="/api/v1/experiment-grid", tags=["evals"])
Reader = Annotated[Context, policy("evals.read")]
Ids = Annotated[ExperimentIds, Query(description="experiments over one dataset version; the first is the baseline")]


@router.get("/order")
async def get_order(
    ctx: Reader,
    experiment: Ids,
    scorer: Annotated[str | None, Query(description="whose scores decide; the first that all share by default")] = None,
    by: Annotated[GridOrdering, Query(description="in which order")] = "regressions",
    only: Annotated[GridOnly | None, Query(description="only rows of which this holds, against the first")] = None,
    part_kind: Annotated[SliceKind | None, Query(description="only rows of a slice: what it is made by")] = None,
    part_name: Annotated[str | None, Query(description="its column, or 'input'")] = None,
    part_value: Annotated[str | None, Query(description="its value")] = None,
) -> GridOrder:
    """Which rows a grid has, in order, as numbers; ask for their cells by them."""
    part = None
    if part_kind is not None:
        if part_name is None or part_value is None:
            raise InvalidInput(
                "a slice is named by part_kind, part_name and part_value; give all three", code="evals.grid_part"
            )
        part = (part_kind, part_name, part_value)
    return await service.get_order(ctx, experiment, scorer=scorer, by=by, only=only, part=part)


@router.get("")
async def list_rows(
    ctx: Reader,
    experiment: Ids,
    row: Annotated[list[int], Query(min_length=1, max_length=100, description="rows of the dataset version")],
    cut: Annotated[int, Query(ge=1, le=10_000_000, description="characters after which an answer is cut")] = 1_000,
) -> list[GridRow]:
    """Rows of a grid with what each experiment has of them; at most 100."""
    return await service.list_rows(ctx, experiment, row, cut=cut)
