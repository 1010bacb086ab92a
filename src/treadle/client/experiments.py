"""SDK: scorers, experiments, their results, comparisons."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.evals.comparisons.types import ComparisonReport, Plan, SliceKind, SliceReport
from treadle.evals.functions.types import (
    MOST_ERROR,
    MOST_OUTPUT,
    NewOutput,
    NewOutputs,
    OutputsKept,
    WaitingRow,
)
from treadle.evals.grid.types import GridOnly, GridOrder, GridOrdering, GridRow
from treadle.evals.judges.types import Calibration, NewCalibration
from treadle.evals.people.types import HandedOver, NewHandOver, NewTakeBack
from treadle.evals.scoring.types import NewCase, NewScoring, Score, ScorerChoice, ScorerInfo
from treadle.evals.suites.types import HarnessRun, NewHarnessRun
from treadle.evals.types import Experiment, ExperimentStatus, NewExperiment, Result
from treadle.jobs.types import Run

FUNCTION_ROWS = 200
"""Rows of a function that are asked for at once."""
OUTPUTS_AT_ONCE = 20


class Experiments:
    """`client.experiments`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_scorers(self) -> list[ScorerInfo]:
        """Return the scorers that can be chosen."""
        return self._send(Call("GET", "/scorers", list[ScorerInfo]))

    def start(self, new: NewExperiment) -> Experiment:
        """Run a target over a part of a dataset version; returns at once, queued. Wait with `client.runs.wait`."""
        return self._send(Call("POST", "/experiments", Experiment, body=new))

    def list_(
        self,
        *,
        dataset_version_id: str | None = None,
        model_version_id: str | None = None,
        prompt_version_ids: Sequence[str] | None = None,
        q: str | None = None,
        status: ExperimentStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Experiment]:
        """Return experiments, newest first; of a dataset version, a model version or some prompt versions when asked for. `q`: part of the name."""
        query = {
            "dataset_version_id": dataset_version_id,
            "model_version_id": model_version_id,
            "prompt_version_id": None if prompt_version_ids is None else list(prompt_version_ids),
            "q": q,
            "status": status,
            "limit": limit,
            "cursor": cursor,
        }
        return self._send(Call("GET", "/experiments", Page[Experiment], query=query))

    def get(self, experiment_id: str) -> Experiment:
        """Return an experiment with its metrics. Raises NotFound."""
        return self._send(Call("GET", f"/experiments/{experiment_id}", Experiment))

    def list_results(
        self, experiment_id: str, *, below: float | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Result]:
        """Return judged rows in order; with `below`, only those whose first score is less. Raises NotFound."""
        query = {"below": below, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/experiments/{experiment_id}/results", Page[Result], query=query))

    def compare(
        self,
        baseline_id: str,
        candidate_id: str,
        *,
        alpha: float = 0.05,
        limit: int = 20,
        margin: float | None = None,
        equivalence: float | None = None,
    ) -> ComparisonReport:
        """Return what changed from one experiment to another on the same rows, regressions first.

        margin: a loss in score points that would be accepted, for "as good within". equivalence: a difference either way
        that would not matter, for "equivalent within". Raises NotFound.
        """
        path = f"/experiments/{baseline_id}/compare/{candidate_id}"
        query = {"alpha": alpha, "limit": limit, "margin": margin, "equivalence": equivalence}
        return self._send(Call("GET", path, ComparisonReport, query=query))

    def compare_slices(
        self,
        baseline_id: str,
        candidate_id: str,
        *,
        by: Sequence[SliceKind] = ("metadata", "length", "language"),
        scorer: str | None = None,
        alpha: float = 0.05,
        limit: int = 20,
    ) -> SliceReport:
        """Return where the candidate is better or worse: parts of the rows, regressions first.

        by: 'topic' too where the server has the embedded model. Raises NotFound.
        """
        path = f"/experiments/{baseline_id}/compare/{candidate_id}/slices"
        query = {"by": list(by), "scorer": scorer, "alpha": alpha, "limit": limit}
        return self._send(Call("GET", path, SliceReport, query=query))

    def order_grid(
        self,
        experiment_ids: Sequence[str],
        *,
        scorer: str | None = None,
        by: GridOrdering = "regressions",
        only: GridOnly | None = None,
        part: tuple[SliceKind, str, str] | None = None,
    ) -> GridOrder:
        """Return which rows several experiments over a dataset version have, regressions against the first one first.

        part: kind, name and value of a slice, as `compare_slices` names them. Raises NotFound, InvalidInput.
        """
        kind, name, value = part or (None, None, None)
        query = {"experiment": list(experiment_ids), "scorer": scorer, "by": by, "only": only}
        query |= {"part_kind": kind, "part_name": name, "part_value": value}
        return self._send(Call("GET", "/experiment-grid/order", GridOrder, query=query))

    def list_grid(self, experiment_ids: Sequence[str], rows: Sequence[int], *, cut: int = 1_000) -> list[GridRow]:
        """Return rows with what each experiment said of them; at most 100. cut: characters shown of an answer."""
        query = {"experiment": list(experiment_ids), "row": list(rows), "cut": cut}
        return self._send(Call("GET", "/experiment-grid", list[GridRow], query=query))

    def plan(
        self,
        *,
        rows: int | None = None,
        effect: float | None = None,
        tests: int = 1,
        alpha: float = 0.05,
        power: float = 0.8,
    ) -> Plan:
        """Return what a comparison over so many rows could show, or how many rows a difference (0.05 is 5 points) takes."""
        query = {"rows": rows, "effect": effect, "tests": tests, "alpha": alpha, "power": power}
        return self._send(Call("GET", "/eval-plan", Plan, query=query))

    def export(self, experiment_id: str, path: Path) -> Path:
        """Write all judged rows to a Parquet file and return its path. Raises NotFound."""
        path.write_bytes(self._send(Call("GET", f"/experiments/{experiment_id}/results.parquet", bytes)))
        return path

    def run_function(
        self, function: Callable[[WaitingRow], str], new: NewExperiment, *, concurrency: int = 8
    ) -> Experiment:
        """Try a function of yours: it answers every row here, and the server judges. Returns as soon as all are answered.

        new: its target names the function (`Target(function="my-app v3")`). What the function raises is the row's error.
        Wait for the scores with `client.runs.wait(experiment.run_id)`.
        """
        experiment = self.start(new)
        return self.resume_function(function, experiment.experiment_id, concurrency=concurrency)

    def resume_function(
        self, function: Callable[[WaitingRow], str], experiment_id: str, *, concurrency: int = 8
    ) -> Experiment:
        """Answer the rows of an experiment that have no answer yet, after a break; one that failed or was cancelled meanwhile
        goes on. Raises NotFound, Conflict, Denied."""
        experiment = self.get(experiment_id)
        if experiment.status in ("failed", "cancelled"):
            self._send(Call("POST", f"/runs/{experiment.run_id}/retry", Run))
        with ThreadPoolExecutor(max_workers=concurrency) as pool:
            while page := self.list_waiting(experiment_id, limit=FUNCTION_ROWS).items:
                answers = pool.map(partial(answer_by, function), page)
                while outputs := list(islice(answers, OUTPUTS_AT_ONCE)):
                    self.add_outputs(experiment_id, outputs)
        return self.get(experiment_id)

    def list_waiting(self, experiment_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[WaitingRow]:
        """Return rows that a function is still to answer. Raises NotFound, Conflict."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/experiments/{experiment_id}/waiting", Page[WaitingRow], query=query))

    def add_outputs(self, experiment_id: str, outputs: Sequence[NewOutput]) -> OutputsKept:
        """Send what a function answered; what was said first of a row stays. Raises NotFound, Conflict."""
        body = NewOutputs(outputs=list(outputs))
        return self._send(Call("POST", f"/experiments/{experiment_id}/outputs", OutputsKept, body=body))

    def hand_over(self, experiment_id: str, new: NewHandOver) -> HandedOver:
        """Let people judge answers of an experiment: put them into a queue. Raises NotFound."""
        return self._send(Call("POST", f"/experiments/{experiment_id}/hand-over", HandedOver, body=new))

    def take_back(self, experiment_id: str, new: NewTakeBack) -> Experiment:
        """Take what people said in a queue as scores of the experiment. Raises NotFound."""
        return self._send(Call("POST", f"/experiments/{experiment_id}/take-back", Experiment, body=new))

    def keep_harness_run(self, new: NewHarnessRun) -> HarnessRun:
        """Keep what a harness of somebody else found; its figures go onto the model version's card. Raises NotFound."""
        return self._send(Call("POST", "/harness-runs", HarnessRun, body=new))

    def get_harness_run(self, harness_run_id: str) -> HarnessRun:
        """Return what one run of a harness came to. Raises NotFound."""
        return self._send(Call("GET", f"/harness-runs/{harness_run_id}", HarnessRun))

    def list_harness_runs(
        self, *, endpoint: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[HarnessRun]:
        """Return runs of harnesses, newest first."""
        query = {"endpoint": endpoint, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/harness-runs", Page[HarnessRun], query=query))


class JudgeCalls:
    """`client.judges`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def score(self, case: NewCase, scorers: Sequence[ScorerChoice]) -> list[Score]:
        """Judge one output now, by judges or any other scorers; each score says what it cost."""
        return self._send(Call("POST", "/scores", list[Score], body=NewScoring(case=case, scorers=list(scorers))))

    def calibrate(self, new: NewCalibration) -> Run:
        """Measure a judge against people; returns at once. The run's outputs name the calibration."""
        return self._send(Call("POST", "/judges/calibrations", Run, body=new))

    def list_calibrations(self, *, limit: int = 50, cursor: str | None = None) -> Page[Calibration]:
        """Return calibrations, newest first."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/judges/calibrations", Page[Calibration], query=query))

    def get_calibration(self, calibration_id: str) -> Calibration:
        """Return how far one judge can be believed. Raises NotFound."""
        return self._send(Call("GET", f"/judges/calibrations/{calibration_id}", Calibration))


def answer_by(function: Callable[[WaitingRow], str], row: WaitingRow) -> NewOutput:
    """Return what a function says to a row; what it raises is the row's error, for that is what callers would have had."""
    began = time.perf_counter()
    try:
        output: object = function(row)
        if not isinstance(output, str):
            said = {"error": f"it returned {type(output).__name__}, no text"}
        elif len(output) > MOST_OUTPUT:
            said = {"error": f"it returned {len(output):,} characters, and an answer has {MOST_OUTPUT:,} at most"}
        else:
            said = {"output": _keepable(output)}
    except Exception as error:  # the border to somebody else's code
        said = {"error": _keepable(f"{type(error).__name__}: {error}"[:MOST_ERROR])}
    latency_ms = (time.perf_counter() - began) * 1000
    return NewOutput.model_validate({"row": row.row, "repeat": row.repeat, "latency_ms": latency_ms, **said})


def _keepable(text: str) -> str:
    """Return a text without NUL and halves of surrogate pairs, which models do say and no database keeps."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
