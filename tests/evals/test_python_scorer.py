"""Custom scorers: a function of the user's in a process with limits, and clear words when it fails."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from treadle.core.errors import InvalidInput
from treadle.evals.scorers import make_judge, resolve
from treadle.evals.scoring.case import Case, Judge
from treadle.evals.scoring.types import ScorerChoice


@pytest.fixture(autouse=True)
def _turned_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_PYTHON_SCORERS", "on")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")


def _judge(body: str, **parameters: object) -> Judge:
    source = "def score(output, expected, input, metadata):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    return make_judge(ScorerChoice(name="python", parameters={"source": source, **parameters}))


@pytest.mark.parametrize(
    ("body", "value", "label"),
    [
        ("return output == expected", 1.0, None),
        ("return len(output) / 10", 0.3, None),
        ("return {'value': metadata['weight'], 'label': input}", 0.25, "why?"),
        ("print('noise')\nreturn 0", 0.0, None),
        ("import math\nreturn math.cos(0)", 1.0, None),
    ],
)
def test_function_sees_the_row_and_says_a_score(body: str, value: float, label: str | None) -> None:
    """
    Numbers, truth values and dicts are scores; what it prints disturbs nobody.
    """
    score = _judge(body)(Case("yes", "yes", "why?", {"weight": 0.25}))

    assert pytest.approx(value) == score.value
    assert label == score.label


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 1 / 0", "ZeroDivisionError in line 2: division by zero"),
        ("return 7", "it returned 7; return a number from 0 to 1"),
        ("return 'good'", "it returned 'good'; return a number from 0 to 1"),
        ("return None", "it returned None"),
        ("raise SystemExit(3)", "SystemExit in line 2: 3"),
        ("return bytearray(2_000_000_000)", "it needs more memory than it may have"),
        ("open('note', 'w').write('x' * 100_000)", "File too large"),
    ],
)
def test_failing_function_leaves_the_row_unscored_with_the_line(body: str, said: str) -> None:
    """
    A row that cannot be judged says why, and the next one is judged.
    """
    judge = _judge("if output == 'fine':\n    return 1\n" + body)

    score, after = judge(Case("odd")), judge(Case("fine"))

    assert None is score.value
    assert said.replace("line 2", "line 4") in (score.reason or "")
    assert 1.0 == after.value


def test_function_that_never_ends_is_ended() -> None:
    """
    A row that takes too long is unscored, and the process is started again for the next.
    """
    judge = _judge("while output == 'slow':\n    pass\nreturn 1", seconds=0.5)

    first, slow, after = judge(Case("quick")), judge(Case("slow")), judge(Case("quick"))

    assert (1.0, None, 1.0) == (first.value, slow.value, after.value)
    assert "took longer than 0.5 s" in (slow.reason or "")


def test_function_that_starts_processes_is_ended_with_them() -> None:
    """
    A process that the function left behind holds up neither the row nor the next one.
    """
    judge = _judge("import os, time\nif output == 'slow':\n    os.fork()\n    time.sleep(600)\nreturn 1", seconds=0.5)

    first, slow, after = judge(Case("quick")), judge(Case("slow")), judge(Case("quick"))

    assert (1.0, None, 1.0) == (first.value, slow.value, after.value)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_process_in_a_session_of_its_own_is_not_waited_for() -> None:
    """
    What a function starts and hides from its end holds nobody up: the row is over when its time is.
    """
    mark = "601.703"
    body = (
        "if output == 'first':\n    return 1\n"
        f"import subprocess\nsubprocess.Popen(['/bin/sleep', '{mark}'], start_new_session=True)\nwhile True:\n    pass"
    )
    judge = _judge(body, seconds=1)
    judge(Case("first"))  # which has the time to start, too

    score = judge(Case("x"))

    hidden = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and _line_of(folder) == ["/bin/sleep", mark]
    ]
    for process in hidden:
        os.kill(process, signal.SIGKILL)
    assert (None, 1) == (score.value, len(hidden))
    assert "took longer than 1 s" in str(score.reason)


def _line_of(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_text().split("\0")[:-1]
    except OSError:  # it has ended by now
        return []


def test_large_rows_there_and_back() -> None:
    """
    A row of several megabytes passes whole, however the pipes cut it.
    """
    output = "é" * 2_000_000

    score = _judge("return len(output) == 2_000_000", seconds=60)(Case(output))

    assert 1.0 == score.value


def test_nothing_of_the_servers_environment_is_there() -> None:
    """
    No secret is inherited.
    """
    score = _judge("import os\nreturn {'value': 1, 'reason': ','.join(sorted(os.environ))}")(Case("x"))

    assert "OPENAI_API_KEY" not in (score.reason or "")
    assert "TREADLE" not in (score.reason or "")


@pytest.mark.parametrize(
    "parameters",
    [
        {"source": "def score(output"},
        {"source": "def judge(output, expected, input, metadata): return 1"},
        {"source": "def score(output): return 1"},
        {"source": "def score(output, expected, input, metadata): return 1", "seconds": 3_600},
        {"source": "def score(output, expected, input, metadata): return 1", "megabytes": 1},
    ],
)
def test_source_that_cannot_work_is_refused_before_any_row(parameters: dict[str, object]) -> None:
    """
    Syntax, the function's name and arguments, and the limits are looked at when it is chosen.
    """
    with pytest.raises(InvalidInput) as caught:
        resolve(ScorerChoice(name="python", parameters=parameters))

    assert "evals.scorer_parameters" == caught.value.error_code


def test_operator_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where nobody turned it on, choosing it says who does, how, and what that means.
    """
    monkeypatch.delenv("TREADLE_PYTHON_SCORERS")

    with pytest.raises(InvalidInput) as caught:
        resolve(ScorerChoice(name="python", parameters={"source": "x"}))

    assert "TREADLE_PYTHON_SCORERS=on" in caught.value.message
