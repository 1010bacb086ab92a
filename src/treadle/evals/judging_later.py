"""Judge all rows of an experiment at its end, by the scorers that run in a child process; see before that they can."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from treadle.evals import store
from treadle.evals.patience import patiently
from treadle.evals.scorers import resolve
from treadle.evals.scoring.types import Score
from treadle.evals.types import NewExperiment, Result
from treadle.jobs.scope import RunScope


async def prepare_in_worker(scope: RunScope, new: NewExperiment) -> None:
    """Let a child process fetch and check what scorers need, before answers are paid for that they could not judge."""
    choices = [choice for choice in new.scorers if resolve(choice).prepare is not None]
    if choices:
        await scope.child(
            "treadle.evals.worker:prepare_scorers", {"scorers": [choice.model_dump() for choice in choices]}
        )


async def judge_in_worker(scope: RunScope, experiment_id: str, new: NewExperiment) -> None:
    """Let a child process judge all rows by the scorers that run there. Nothing is lost by a kill: it judges them again."""
    choices = [choice for choice in new.scorers if resolve(choice).place == "worker"]
    if not choices:
        return
    results = await scope.ctx.db.read(lambda db: store.list_results(db, experiment_id))
    answers, judged = scope.folder / "answers.jsonl", scope.folder / "judged.jsonl"
    scope.progress(1.0, f"judging {len(results)} rows by {', '.join(choice.name for choice in choices)}")
    await asyncio.to_thread(_write_answers, answers, results)
    await scope.child(
        "treadle.evals.worker:score_rows",
        {"answers": str(answers), "scorers": [choice.model_dump() for choice in choices], "to": str(judged)},
    )
    scores = await asyncio.to_thread(_read_scores, judged, results)
    await patiently(lambda: scope.ctx.db.write(lambda db: store.set_scores(db, experiment_id, scores)))


def _write_answers(path: Path, results: Sequence[Result]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(result.model_dump_json() + "\n" for result in results)


def _read_scores(path: Path, results: Sequence[Result]) -> dict[tuple[int, int], list[Score]]:
    """Return the scores of each row and repeat, those of the worker in the places that were kept for them."""
    with path.open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    told = {
        (line["row"], line["repeat"]): {score["name"]: Score.model_validate(score) for score in line["scores"]}
        for line in lines
    }
    return {
        (result.row, result.repeat): [told[result.row, result.repeat].get(score.name, score) for score in result.scores]
        for result in results
    }
