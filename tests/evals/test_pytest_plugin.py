"""`@treadle.case` under a real pytest in a process of its own: rows become tests, scores decide."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import treadle
from tests.evals.serving import keep, serve_scripted
from tests.traces.home import Home
from treadle.gateway.types import Rule

RIGHT_AND_WRONG = """
import treadle

@treadle.case(rows=[{"input": "card gone", "expected": "lost"}, {"input": "pay back", "expected": "refund"}])
def test_support(row):
    return "lost"

def test_ordinary():
    assert True
"""
BY_A_JUDGE = """
import treadle
from treadle.evals.scoring.types import ScorerChoice

POLITE = ScorerChoice(name="rubric", parameters={"endpoint": "judge", "criteria": "it is polite"})

@treadle.case(dataset="support", part="test", scorers=[POLITE], minimum=0.5)
def test_politeness(row):
    return "thank you" if "card" in row["input"] else "what"
"""


def _pytest(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_app.py").write_text(program)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "treadle.testing.plugin",
        "-q",
        "-p",
        "no:cacheprovider",
        "test_app.py",
    ]
    everything = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=everything, timeout=120, check=False)


def test_each_row_is_a_test_of_its_own(tmp_path: Path) -> None:
    """
    One row passes, one fails with its score and texts, and tests without the decorator are as ever.
    """
    done = _pytest(tmp_path, RIGHT_AND_WRONG)

    assert 1 == done.returncode
    assert "1 failed, 2 passed" in done.stdout
    assert "test_support[row2]" in done.stdout
    assert "exact_match 0, at least 1 is asked (differs)" in done.stdout
    assert "expected: refund" in done.stdout


def test_rows_of_a_dataset_are_judged_through_the_server(home: Home, tmp_path: Path) -> None:
    """
    Rows come from the dataset version, the judge is asked through its endpoint.
    """
    polite = Rule(match=r"answer \w+\]\nthank you", reply='{"reason": "kind", "score": 3}')
    serve_scripted(home, "judge", [polite, Rule(reply='{"reason": "curt", "score": 1}')])
    keep(home, [("card gone", "lost", "test"), ("pay back", "refund", "test"), ("other", "lost", "train")])

    done = _pytest(tmp_path, BY_A_JUDGE, TREADLE_URL=home.client.url, TREADLE_API_KEY=home.key)

    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    assert "rubric 0, at least 0.5 is asked (curt)" in done.stdout


def test_case_without_rows_is_told_at_once() -> None:
    """
    A case needs rows or a dataset, and not both.
    """
    with pytest.raises(ValueError, match="one of them"):
        treadle.case()


LESS_IS_BETTER = """
import time
import treadle

@treadle.case(rows=[{"input": "a", "expected": "ab"}], scorers=["exact_match", "latency"], maximum=60_000)
def test_quick(row):
    return "ab"

@treadle.case(rows=[{"input": "a", "expected": "ab"}], scorers=["latency"], maximum=0.01)
def test_slow(row):
    time.sleep(0.05)
    return "ab"

@treadle.case(rows=[{"input": "a", "expected": "ab"}], scorers=["latency"])
def test_unsaid(row):
    return "ab"
"""


def test_less_is_better_where_the_scorer_says_so(tmp_path: Path) -> None:
    """
    Time has a largest value and no least one: a quick answer passes, a slow one fails, and without a maximum it is asked for.
    """
    done = _pytest(tmp_path, LESS_IS_BETTER)

    assert "2 failed, 1 passed" in done.stdout, done.stdout
    assert "at most 0.01 is asked" in done.stdout
    assert "less is better; say how much is too much: maximum=" in done.stdout


WITH_SCORERS_OF_EXPERIMENTS = """
import treadle
from treadle.evals.scoring.types import ScorerChoice

YES = ScorerChoice(name="regex", parameters={"pattern": "^yes"})

@treadle.case(rows=[{"input": "q", "expected": "yes it is"}], scorers=[YES, "rouge_l", "ter"], maximum=10)
def test_same(row):
    return "yes it is"

@treadle.case(rows=[{"input": "q", "expected": "yes it is"}], scorers=[YES])
def test_other(row):
    return "no"
"""


def test_what_computes_needs_no_server(tmp_path: Path) -> None:
    """
    Scorers that an experiment runs in a process of its own run in the test's process here, with no server in sight.
    """
    done = _pytest(tmp_path, WITH_SCORERS_OF_EXPERIMENTS, TREADLE_URL="http://127.0.0.1:9")

    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "regex 0, at least 1 is asked (absent)" in done.stdout
