"""The handler `evals.calibrate`: put answers that people have judged before the judge, and measure it by them.

What the judge said of a case is in the run's folder before the next one counts as done, so a kill costs the cases that
were being judged. Costs as many requests as the judge needs for all cases.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.ids import derive_id
from treadle.core.types import JsonObject, JsonValue
from treadle.data import service as data
from treadle.evals import store as evals_store
from treadle.evals.judges import store
from treadle.evals.judges.asking import NOWHERE, ask_through
from treadle.evals.judges.judging import Judges
from treadle.evals.judges.measuring import Both, Made, measure
from treadle.evals.judges.pairs import OTHER
from treadle.evals.judges.service import CALIBRATE_KIND, judge_digest
from treadle.evals.judges.types import NewCalibration
from treadle.evals.people.scores import what_people_said
from treadle.evals.scoring.case import Case
from treadle.evals.scoring.types import Score
from treadle.evals.worker import case_of
from treadle.gateway.plane import DataPlane
from treadle.jobs.scope import RunScope
from treadle.lineage import service as lineage
from treadle.storage.database import Connection
from treadle.traces import service as traces
from treadle.traces.types import Example


class _Known(NamedTuple):
    case: Case
    human: float


class NothingJudged(InvalidInput):
    """Nobody has said anything of the answers that a judge is to be measured by."""

    code = "evals.nothing_judged"


async def run_calibration(scope: RunScope) -> JsonObject:
    """Measure one judge. params: NewCalibration. Returns calibration_id, rows and its words."""
    new = NewCalibration.model_validate(scope.params)
    data_plane = cast(DataPlane | None, scope.services.get("data_plane"))
    if data_plane is None:
        raise Unavailable(NOWHERE, code="gateway.no_data_plane")
    known = (await (_from_queue(scope, new) if new.queue is not None else _from_rows(scope, new)))[: new.limit]
    if not known:
        raise NothingJudged(f"there is nothing that people have judged in {_source(new)}; {_remedy(new)}")
    scores = await _judge(scope, new, known, Judges(ask_through(data_plane.application)))
    made = Made(
        calibration_id=derive_id("cal", scope.run_id),
        run_id=scope.run_id,
        scorer=new.scorer,
        source=_source(new),
        created_by=scope.ctx.actor.actor_id,
        created_at=scope.ctx.clock.now(),
    )
    said = [Both(one.human, one.case.output, score) for one, score in zip(known, scores, strict=True)]
    found = await asyncio.to_thread(measure, made, said)

    def write(db: Connection) -> None:
        store.insert_calibration(db, judge_digest(new.scorer), found)
        lineage.describe(db, found.calibration_id, kind="calibration", title=f"Judge {new.scorer.name}")
        if new.dataset_version_id is not None:
            lineage.add_edge(
                db, source_id=new.dataset_version_id, target_id=found.calibration_id, relation="measured by",
                run_id=scope.run_id,
            )  # fmt: skip

    await scope.ctx.db.write(write)
    scope.log(found.words)
    return {"calibration_id": found.calibration_id, "rows": found.rows, "words": found.words}


async def _judge(scope: RunScope, new: NewCalibration, known: Sequence[_Known], judges: Judges) -> list[Score]:
    path = scope.folder / "said.jsonl"
    told = await asyncio.to_thread(_read, path)
    waiting = iter([index for index in range(len(known)) if index not in told])
    # A calibration measures the judge's own score; where it would abstain is decided by what comes out of it.
    plain = new.scorer.model_copy(update={"parameters": {**new.scorer.parameters, "abstain_below": None}})
    with path.open("a", encoding="utf-8") as file:

        async def work() -> None:
            for index in waiting:
                told[index] = await judges.judge(scope.ctx, plain, known[index].case)
                file.write(json.dumps({"index": index, "score": told[index].model_dump(mode="json")}) + "\n")
                file.flush()
                scope.progress(len(told) / len(known), f"{len(told)} of {len(known)} answers judged")

        await asyncio.gather(*(work() for _ in range(new.concurrency)))
    return [told[index] for index in range(len(known))]


def _read(path: Path) -> dict[int, Score]:
    found: dict[int, Score] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                break  # cut by a kill; it is judged again
            found[int(said["index"])] = Score.model_validate(said["score"])
    return found


async def _from_queue(scope: RunScope, new: NewCalibration) -> list[_Known]:
    said = await what_people_said(scope.ctx, str(new.queue), new.field, new.good)
    wanted = list(
        dict.fromkeys(each for one in said for each in (one.trace_id, one.other_trace_id) if each is not None)
    )
    examples = {
        example.trace_id: example
        for at in range(0, len(wanted), 500)
        for example in await traces.get_many(scope.ctx, wanted[at : at + 500])
    }
    # An answer of an experiment is judged with its row: what was asked, what was expected, the passages at hand.
    results = await scope.ctx.db.read(lambda db: evals_store.find_by_traces(db, wanted))
    known: list[_Known] = []
    for one in said:
        example, other = examples.get(one.trace_id), examples.get(one.other_trace_id or "")
        if example is None or (one.other_trace_id is not None and other is None):
            continue  # its trace is forgotten by now
        result = results.get(one.trace_id)
        case = case_of(result) if result is not None else await _of_traffic(scope, example)
        if other is not None:
            case = case._replace(metadata={**case.metadata, OTHER: other.output_text})
        known.append(_Known(case, one.value))
    return known


async def _of_traffic(scope: RunScope, example: Example) -> Case:
    """Return what judges see of an answer from traffic: what was asked as far as the trace tells, and its variables."""
    asked = example.variables.get("input")
    if asked is None:
        asked = (await traces.get_trace(scope.ctx, example.trace_id)).trace.input_text
    metadata = {name: value for name, value in example.variables.items() if name != "input"}
    return Case(example.output_text, None, str(asked or ""), metadata)


async def _from_rows(scope: RunScope, new: NewCalibration) -> list[_Known]:
    (path,) = await data.fetch_files(scope.ctx, str(new.dataset_version_id))
    rows = scope.folder / "rows.jsonl"
    await scope.child(
        "treadle.evals.worker:extract_rows", {"examples": str(path), "part": new.part, "limit": None, "to": str(rows)}
    )
    version = await data.get_version_by_id(scope.ctx, str(new.dataset_version_id))
    columns = version.recipe.get("columns")
    # Without another column to take, an import takes 'output' for the right answers.
    is_taken = isinstance(columns, dict) and columns.get("expected_output") == new.output
    known = []
    for line in map(json.loads, rows.read_text(encoding="utf-8").splitlines()):
        answer = line["expected"] if is_taken else line["metadata"].get(new.output)
        human = _number(line["metadata"].get(new.human))
        if answer is not None and human is not None:
            expected = None if is_taken else line["expected"]
            known.append(_Known(Case(str(answer), expected, str(line["input"]), line["metadata"]), human))
    return known


def _number(value: JsonValue) -> float | None:
    """Return what people said of a row, 0-1; None where it is not said so."""
    if isinstance(value, str):
        value = {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower(), value)
    try:
        number = float(str(float(value) if isinstance(value, bool) else value))
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def _remedy(new: NewCalibration) -> str:
    if new.queue is not None:
        return "judge some answers first: treadle queue next NAME"
    return f"its rows need the columns '{new.output}' (an answer) and '{new.human}' (what people said of it, 0 to 1)"


def _source(new: NewCalibration) -> str:
    if new.queue is not None:
        return f"the queue '{new.queue}'" + (f", field '{new.field}'" if new.field else "")
    return f"the dataset version '{new.dataset_version_id}'" + (f", part '{new.part}'" if new.part else "")


HANDLERS = {CALIBRATE_KIND: run_calibration}
"""What the runner calls for each kind of run."""
