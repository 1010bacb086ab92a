"""What an experiment does in a child process: read the rows of a dataset version, so that the server never loads Parquet,
and judge answers by scorers that need a model, much time, or patience with patterns that never end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from treadle.core.types import JsonObject
from treadle.data.files import read_rows
from treadle.data.mapping import read_conversation
from treadle.data.types import Message
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import BatchJudge, Case, Judge, Scorer, no_answer, unscored
from treadle.evals.scoring.types import Score, ScorerChoice
from treadle.evals.types import Result
from treadle.jobs.child import Report

ROW_SECONDS = 180.0
"""Of computing, for one row by one scorer. What waits, such as `python` for its own process, has limits of its own."""
PATTERN_SECONDS = 2.0
"""The same for a scorer that matches patterns of the user's: an ordinary one takes microseconds."""
OF_PATTERNS = frozenset({"regex", "json_schema"})
BATCH = 16
"""Rows at once, for a scorer that takes many."""
MOST_LATE = 5
"""Rows running that may take too long before the scorer is not tried any more."""


def extract_rows(spec: JsonObject, report: Report) -> JsonObject:
    """Write the rows of one part as JSON lines: row, input, expected, messages, metadata.

    spec: `examples` (path of the Parquet file), `part` (or None for all), `limit` (or None), `to` (path to write).
    Returns {"rows": how many, "parts": those there are, in words, "columns": those of the metadata that hold something}.
    Safe to repeat: the file is put in place whole.
    """
    target = Path(str(spec["to"]))
    rows = read_rows(Path(str(spec["examples"])))
    wanted = [row for row in rows if spec["part"] is None or row.part == spec["part"]]
    limit = spec["limit"]
    if isinstance(limit, int):
        wanted = wanted[:limit]
    columns: set[str] = set()
    waiting = target.with_suffix(".part")
    with waiting.open("w", encoding="utf-8") as file:
        for row in wanted:
            metadata = json.loads(row.metadata) if row.metadata else {}
            columns |= {name for name, value in metadata.items() if value is not None}
            line = {
                "row": row.row,
                "input": row.input,
                "expected": row.expected_output,
                "messages": json.loads(row.messages) if row.messages else None,
                "metadata": metadata,
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    waiting.replace(target)
    parts = ", ".join(sorted({row.part for row in rows if row.part}))
    return {"rows": len(wanted), "parts": parts, "columns": sorted(columns)}


def score_rows(spec: JsonObject, report: Report) -> JsonObject:
    """Judge answers by scorers that are loaded once, and write a JSON line for each row: row, scores.

    spec: `answers` (path of results as JSON lines), `scorers` (choices), `to` (path to write). A row on which a scorer takes too
    long is unscored by it. Returns {"rows": how many}. Safe to repeat.
    """
    judges = [_Patient(resolve(choice), make_judge(choice)) for choice in _choices(spec)]
    rows = 0
    with Path(str(spec["answers"])).open(encoding="utf-8") as answers, Path(str(spec["to"])).open("w") as file:
        results = (Result.model_validate_json(line) for line in answers)
        while batch := list(islice(results, BATCH)):
            scored = zip(*(one.judge_all(batch) for one in judges), strict=True)
            for result, scores in zip(batch, scored, strict=True):
                kept = [score.model_dump(exclude_none=True) for score in scores]
                file.write(json.dumps({"row": result.row, "repeat": result.repeat, "scores": kept}) + "\n")
            rows += len(batch)
    return {"rows": rows}


def prepare_scorers(spec: JsonObject, report: Report) -> JsonObject:
    """Fetch and check what scorers need, so that what is missing is told before any row is asked. Safe to repeat.

    spec: `scorers` (choices).
    """
    for choice in _choices(spec):
        scorer = resolve(choice)
        if scorer.prepare is not None:
            report.log(f"looking at what the scorer '{scorer.name}' needs")
            scorer.prepare(choice.parameters)
    return {}


def _choices(spec: JsonObject) -> list[ScorerChoice]:
    return [ScorerChoice.model_validate(choice) for choice in spec["scorers"]]  # type: ignore[attr-defined]


class _TooLate(BaseException):
    """A row took too long. No `Exception`, so that no scorer takes it for one of its own."""


class _Patient:
    """A scorer that waits so long for a row and no longer."""

    def __init__(self, scorer: Scorer, judge: Judge) -> None:
        self.scorer = scorer
        self._judge = judge
        self._seconds = PATTERN_SECONDS if scorer.name in OF_PATTERNS else ROW_SECONDS
        self._late = 0

    def judge_all(self, results: Sequence[Result]) -> list[Score]:
        """Return what the scorer says of rows, unscored where that takes too long; those without an answer as it counts them."""
        cases = [case_of(each) for each in results if each.output is not None]
        at_once = BATCH if isinstance(self._judge, BatchJudge) else 1
        told = (
            score
            for start in range(0, len(cases), at_once)
            for score in self._patiently(cases[start : start + at_once])
        )
        return [
            next(told) if each.output is not None else no_answer(self.scorer, self._judge, case_of(each), each.error)
            for each in results
        ]

    def _patiently(self, cases: Sequence[Case]) -> list[Score]:
        name = self.scorer.name
        if self._late >= MOST_LATE:
            return [unscored(name, f"it took too long on {MOST_LATE} rows running, and is not tried any more")] * len(
                cases
            )
        try:
            with _at_most(self._seconds * len(cases)):
                judge = self._judge
                scores = judge.judge_all(cases) if isinstance(judge, BatchJudge) else [judge(case) for case in cases]
        except _TooLate:
            self._late += len(cases)
            what = (
                "its pattern tries endless ways to match; make it simpler"
                if name in OF_PATTERNS
                else "try a shorter output"
            )
            return [unscored(name, f"it computed for longer than {self._seconds:g} s on this row; {what}")] * len(cases)
        self._late = 0
        return scores


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise _TooLate in what computes longer. A pattern that is matched hears signals; where there are none nothing is bounded."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def case_of(result: Result) -> Case:
    """Return what scorers see of a row that was answered: the same that a judge saw while it was, of conversations too."""
    asked = result.input
    if isinstance(asked, list):
        asked, _ = read_conversation([Message.model_validate(message) for message in asked])
    return Case(
        output=result.output or "",
        expected=result.expected,
        input=asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False),
        metadata=result.metadata,
        latency_ms=result.latency_ms,
        cost_usd=result.cost_usd,
    )
