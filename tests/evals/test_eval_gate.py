"""`treadle eval gate` in a shell: a candidate against what serves now, an exit code, Markdown and JUnit XML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.evals.serving import keep, serve_scripted
from tests.traces.home import Home
from treadle.evals.comparisons.types import Change, Comparison
from treadle.gateway.types import Rule
from treadle.releases.gate_report import to_junit, to_markdown
from treadle.releases.types import Check, GatePolicy, GateReport

ROWS = [(f"card {number} lost", "lost", "test") for number in range(150)]
ROWS += [(f"refund {number}", "refund", "test") for number in range(50)]
NOW = [Rule(match="card", reply="lost"), Rule(match="refund 1", reply="lost"), Rule(reply="refund")]
GOOD = [Rule(match="card", reply="lost"), Rule(reply="refund")]
BAD = [Rule(match="card 1", reply="refund | <b>"), *GOOD]


def _gate(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _treadle(home, "eval", "gate", *arguments)


def _treadle(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}
    command = [sys.executable, "-m", "treadle.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False, input="")


def test_gate_passes_and_fails_in_a_shell(home: Home, tmp_path: Path) -> None:
    """
    A better endpoint ends with 0, a worse one with 8; both leave Markdown and JUnit XML that say by how much.
    """
    version = keep(home, ROWS)
    for name, rules in (("support", NOW), ("better", GOOD), ("worse", BAD)):
        serve_scripted(home, name, rules)
    usual = ["--endpoint", "support", "--dataset", version, "--part", "test", "--concurrency", "16"]

    passed = _gate(home, *usual, "--candidate", "better", "--require", "better", "--json")
    files = ["--markdown", str(tmp_path / "gate.md"), "--junit", str(tmp_path / "gate.xml")]
    failed = _gate(home, *usual, "--candidate", "worse", "--minimum", "0.5", "--also-better", "cost", *files)

    assert (0, "passed") == (passed.returncode, json.loads(passed.stdout)["result"]), passed.stderr
    assert 8 == failed.returncode, failed.stderr
    assert "FAILED: exact_match not worse than the baseline" in failed.stdout
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot()[0]
    assert "held: exact_match scored on at least 95 % of rows in both; 200 of 200" in failed.stdout
    assert "FAILED: cost better than the baseline" in failed.stdout
    assert ("4", "2") == (suite.get("tests"), suite.get("failures"))
    assert "row 2: card 1 lost" in str(suite[0][0].text)
    assert "# treadle gate: failed" in (tmp_path / "gate.md").read_text()


def test_gate_without_anything_to_beat(home: Home) -> None:
    """
    A candidate alone is judged by nothing, and the words say what to name.
    """
    done = _gate(home, "--candidate", "support", "--dataset", "dsv_x")

    assert 2 == done.returncode
    assert "there is nothing to beat" in done.stderr


def test_release_of_a_provider_is_tried_through_an_endpoint(home: Home) -> None:
    """
    Where a release has no parts that an engine runs, each command names its own option for the endpoint.
    """
    address = ["--preset", "vllm", "--url", "http://127.0.0.1:9/v1", "--private", "--no-key"]
    for words in (
        ["provider", "add", "far", *address],
        ["model", "register", "far", "--provider", "far", "--model", "m"],
    ):
        made = _treadle(home, *words)
        assert 0 == made.returncode, made.stderr
    release_id = json.loads(_treadle(home, "release", "create", "far", "--model", "far", "--json").stdout)["release_id"]

    ran = _treadle(home, "eval", "run", "--release", release_id, "--dataset", "dsv_x")
    gated = _gate(home, "--endpoint", "support", "--candidate", release_id, "--dataset", "dsv_x")

    assert (2, 2) == (ran.returncode, gated.returncode)
    assert "name it as --endpoint instead of --release" in ran.stderr
    assert "give that endpoint's name as --candidate" in gated.stderr


def test_gate_with_a_mistyped_candidate(home: Home) -> None:
    """
    Where the candidate is not there, what serves now is not asked to the end for nothing.
    """
    version = keep(home, ROWS)
    serve_scripted(home, "support", NOW)

    done = _gate(home, "--endpoint", "support", "--dataset", version, "--candidate", "suport")

    assert 5 == done.returncode
    assert "no endpoint 'suport' serves here" in done.stderr
    (begun,) = home.client.experiments.list_().items
    assert "cancelled" == home.client.runs.get(begun.run_id).status


def test_gate_whose_baseline_fails(home: Home, tmp_path: Path) -> None:
    """
    Where one experiment fails the other is not asked on for nothing, and the files for the build say what went wrong.
    """
    version = keep(home, ROWS)
    serve_scripted(home, "broken", [Rule(status=400, reply="out of order")])
    serve_scripted(home, "slow", [Rule(reply="lost", delay_ms=5_000)])
    files = ["--markdown", str(tmp_path / "gate.md"), "--junit", str(tmp_path / "gate.xml")]

    done = _gate(
        home, "--endpoint", "broken", "--dataset", version, "--candidate", "slow", "--concurrency", "2", *files
    )

    assert done.returncode not in (0, 8), done.stderr
    statuses = {each.target.endpoint: each.status for each in home.client.experiments.list_().items}
    assert {"broken": "failed", "slow": "cancelled"} == statuses
    root = ElementTree.parse(tmp_path / "gate.xml").getroot()
    assert ("1", "0", "1") == (root.get("tests"), root.get("failures"), root.get("errors"))
    error = root[0][0].find("error")
    assert error is not None
    assert "answered none of 200 rows" in str(error.get("message"))
    assert "not judged" in (tmp_path / "gate.md").read_text()


def test_files_hold_what_answers_say_without_breaking() -> None:
    """
    Pipes, line breaks and control characters of an answer neither break the table nor the XML.
    """
    comparison = Comparison(
        scorer="exact_match", rows=2, baseline=1.0, candidate=0.5, difference=-0.5, low=-0.9, high=0.1, test="mcnemar_mid_p",
        p_value=0.5, p_adjusted=0.5, improved=0, regressed=1, detectable=0.5, verdict="not shown to be better", words="w",
    )  # fmt: skip
    change = Change(
        row=7,
        input="a|b\nc",
        expected=None,
        baseline_output="x",
        candidate_output="\x00<&>",
        baseline_score=1,
        candidate_score=0,
    )
    report = GateReport(
        result="failed", checks=[Check(name="c", passed=False, words="by \x01 much")], policy=GatePolicy(),
        baseline_experiment_id="exp_a", candidate_experiment_id="exp_b", comparisons=[comparison], changes=[change],
    )  # fmt: skip

    markdown, junit = to_markdown(report, title="t"), to_junit(report, title="t")

    assert "| 7 | a\\|b c | - | x | \ufffd<&> |" in markdown
    assert "row 7: a\\|b c" in str(ElementTree.fromstring(junit)[0][0][0].text)
