"""The handler `evals.bias_rows`: let a child process make the rows, and keep them as a dataset version with its lineage."""

from __future__ import annotations

from treadle.core.types import JsonObject
from treadle.data import keeping
from treadle.data import service as data
from treadle.evals.bias.types import NewBiasRows
from treadle.jobs.scope import RunScope

MAKE_KIND = "evals.bias_rows"


async def make(scope: RunScope) -> JsonObject:
    """Do one making of rows. params: NewBiasRows. Returns the version it made and what was left out."""
    new = NewBiasRows.model_validate(scope.params)
    parent, examples = None, None
    if new.dataset_version_id is not None:
        parent = await data.get_version_by_id(scope.ctx, new.dataset_version_id)
        (examples,) = await data.fetch_files(scope.ctx, parent.version_id)
    folder = scope.folder / "made"
    folder.mkdir(parents=True, exist_ok=True)
    made = await scope.child(
        "treadle.evals.bias.worker:make_rows",
        {
            "new": new.model_dump(mode="json"),
            "examples": None if examples is None else str(examples),
            "parent_digest": None if parent is None else parent.digest,
            "folder": str(folder),
        },
    )
    version, is_new = await keeping.keep_version(
        scope.ctx, new.name, made, run_id=scope.run_id, parents=[] if parent is None else [parent]
    )
    return keeping.outputs_of(version, is_new=is_new) | {"counts": made["counts"]}


HANDLERS = {MAKE_KIND: make}
"""What the runner calls."""
