"""Searches for better prompts on the scripted model: one that improves, ones that honestly do not, and what they may spend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.playground.conftest import Serve
from tests.traces.home import Home
from treadle.core.errors import InvalidInput
from treadle.data import keeping
from treadle.data.files import VersionWriter
from treadle.data.types import Part
from treadle.evals.scoring.types import ScorerChoice
from treadle.gateway.types import Rule
from treadle.optimize.types import NewOptimization, Optimization, SearchedParameter
from treadle.prompts.types import Message
from treadle.traces.pricing import stated_price

RIGHT = Rule(match=r"(?s)one word.*label (\w+)", reply=r"\1")
"""Answers right where the prompt asks for one word."""
RAMBLE = Rule(match=".*", reply="Well, that depends.")
BETTER = Rule(match=".*", reply="<prompt>\nAnswer with one word.\n{{input}}\n</prompt>")
"""A writer that finds the wording that works."""
PARTS: dict[Part, int] = {"train": 6, "validation": 6, "test": 20}


def rows(home: Home, folder: Path) -> None:
    """Keep a dataset 'tickets' with all three parts."""
    writer = VersionWriter(folder)
    for part, count in PARTS.items():
        for number in range(count):
            label = ("card", "loan")[number % 2]
            writer.add(f"{part} {number} label {label}", label, part=part)
    written = writer.finish()
    made: dict[str, Any] = {
        "examples": str(written.path),
        "digest": written.digest,
        "num_rows": written.num_rows,
        "parts": dict(PARTS),
        "num_labels": 2,
        "recipe": {"operation": "import"},
    }
    anyio.run(partial(keeping.keep_version, home.ctx, "tickets", made, run_id="run_test"))


def search(home: Home, **more: Any) -> Optimization:
    """Optimise 'triage' and return what came of it."""
    facts: dict[str, Any] = {
        "prompt": "triage",
        "dataset": "tickets",
        "endpoint": "model",
        "scorer": ScorerChoice(name="exact_match"),
        "method": "instructions",
        "candidates": 3,
        "max_calls": 400,
    }
    started = home.client.optimizations.start(NewOptimization(**{**facts, **more}))
    home.client.runs.wait(started.run_id)
    return home.client.optimizations.get(started.optimization_id)


@pytest.fixture(autouse=True)
def ready(home: Home, tmp_path: Path) -> None:
    """
    The rows, and a prompt to begin with.
    """
    rows(home, tmp_path)
    home.client.prompts.create_version("triage", [Message(role="user", template="Sort this.\n{{input}}")])


@pytest.mark.parametrize("method", ["instructions", "gepa"])
def test_a_wording_that_is_better(home: Home, endpoint: Serve, method: str) -> None:
    """
    A wording that answers more rows right becomes a version, with a comparison on rows that the search never saw.
    """
    endpoint("model", RIGHT, RAMBLE)
    endpoint(
        "writer",
        BETTER if method == "instructions" else Rule(match=".*", reply="```\nAnswer with one word.\n{{input}}\n```"),
    )

    found = search(home, method=method, writer="writer")

    assert found.held_out is not None
    assert ("better", 20, 0.0, 1.0) == (
        found.held_out.verdict, found.held_out.rows, found.held_out.baseline, found.held_out.candidate
    )  # fmt: skip
    made = home.client.prompts.get_version("triage", "latest")
    assert (found.best_version_id, [1]) == (made.prompt_version_id, made.parents)
    assert "Answer with one word.\n{{input}}" == made.messages[0].template
    assert found.words is not None
    assert "better: 100.0 % against 0.0 %" in found.words


def test_no_wording_is_better(home: Home, endpoint: Serve) -> None:
    """
    Where nothing scores above the first version there is no new one, and the words are 'not shown'.
    """
    endpoint("model", RAMBLE)
    endpoint("writer", BETTER)

    found = search(home, writer="writer")

    assert found.words is not None
    assert found.words.startswith("not shown")
    assert (0, None, None) == (found.best, found.best_version_id, found.held_out)
    assert 1 == home.client.prompts.get("triage").latest_version


def test_a_wording_that_only_fits_the_validation_rows(home: Home, endpoint: Serve) -> None:
    """
    What is better on the rows it was chosen by and not on held-out ones is not shown to be better.
    """
    endpoint("model", Rule(match=r"(?s)one word.*validation \d+ label (\w+)", reply=r"\1"), RAMBLE)
    endpoint("writer", BETTER)

    found = search(home, writer="writer")

    assert found.held_out is not None
    assert ("not shown", 0.0, 0.0) == (found.held_out.verdict, found.held_out.baseline, found.held_out.candidate)
    assert found.best_version_id is not None


def test_demonstrations_that_help(home: Home, endpoint: Serve) -> None:
    """
    Examples come from train rows that the prompt answers right, and are part of the version that is made.
    """
    right = Rule(match=r"(?s)Output: .*label (\w+)$", reply=r"\1")
    endpoint("model", right, Rule(match=r"train [01] label (\w+)", reply=r"\1"), RAMBLE)

    found = search(home, method="demonstrations", count=2)

    made = home.client.prompts.get_version("triage", "latest")
    assert (found.best_version_id, "fixed") == (made.prompt_version_id, made.examples and made.examples.selection)
    assert made.examples is not None
    assert {"train 0 label card", "train 1 label loan"} == {row.input for row in made.examples.rows}


def test_frozen_passage_is_kept(home: Home, endpoint: Serve) -> None:
    """
    A wording that lost a frozen passage is refused, kept with the reason, and never asked.
    """
    endpoint("model", RIGHT, RAMBLE)
    endpoint("writer", BETTER)

    found = search(home, writer="writer", frozen=["Sort this."])

    candidates = home.client.optimizations.list_candidates(found.optimization_id).items
    assert [None, "it lost 'Sort this.', which is frozen"] == [candidates[0].refused, candidates[1].refused]
    assert 0 == found.best


def test_parameters_are_searched(home: Home, endpoint: Serve) -> None:
    """
    Request fields are sampled in their bounds, the same for the same seed, and every one is kept with its score.
    """
    endpoint("model", RAMBLE)
    bounds = {"temperature": {"low": 0.0, "high": 1.0}}

    once = search(home, method="parameters", search=bounds, seed=7)
    again = search(home, method="parameters", search=bounds, seed=7)

    tried = [
        [candidate.parameters.get("temperature") for candidate in home.client.optimizations.list_candidates(each.optimization_id).items[1:]]
        for each in (once, again)
    ]  # fmt: skip
    assert 3 == len(tried[0])
    assert tried[0] == tried[1]
    assert all(0 <= float(str(value)) <= 1 for value in tried[0])


def test_calls_are_never_exceeded(home: Home, endpoint: Serve) -> None:
    """
    The calls of the comparison are set aside, the search ends with what is left, and the comparison is still done.
    """
    endpoint("model", RIGHT, RAMBLE)
    endpoint("writer", BETTER)
    # 6 for the first version, 6 train rows, 1 wording, 6 for it, 40 for the comparison: 59, and nothing for a second
    found = search(home, writer="writer", max_calls=62, candidates=50)

    assert found.held_out is not None
    assert "better" == found.held_out.verdict
    assert 59 <= found.calls <= 62


def test_too_few_calls(home: Home, endpoint: Serve) -> None:
    """
    A budget that cannot pay for the comparison is refused before anything is asked.
    """
    endpoint("model", RAMBLE)

    with pytest.raises(InvalidInput) as caught:
        search(home, max_calls=45)

    assert "optimize.budget" == caught.value.error_code


def test_usd_are_never_exceeded(home: Home, endpoint: Serve) -> None:
    """
    With a limit in USD the search stops while the comparison can still be paid.
    """
    price = stated_price(Decimal(1000), Decimal(1000))  # a word is 0.001 USD; a request here at most 0.009
    endpoint("model", RIGHT, RAMBLE, price=price)
    endpoint("writer", BETTER, price=price)

    found = search(home, writer="writer", max_usd=Decimal(2), candidates=200, max_calls=100_000)

    assert found.held_out is not None
    assert found.spent_usd <= 2


def test_endpoint_without_a_price_under_a_limit_in_usd(home: Home, endpoint: Serve) -> None:
    """
    Where no price is known a limit in USD cannot be kept, so the run ends and says so.
    """
    endpoint("model", RAMBLE)

    with pytest.raises(InvalidInput) as caught:
        search(home, max_usd=Decimal(2))

    assert "optimize.budget" == caught.value.error_code


@pytest.mark.parametrize("scorer", ["latency", "cost", "brier", "bleu"])
def test_scorer_that_cannot_guide_a_search(home: Home, endpoint: Serve, scorer: str) -> None:
    """
    What is better when it is less, or is not seen in an answer's text, is refused before anything is asked.
    """
    with pytest.raises(InvalidInput) as caught:
        search(home, scorer=ScorerChoice(name=scorer))

    assert "optimize.scorer" == caught.value.error_code


def test_bounds_in_the_wrong_order() -> None:
    """
    A field is searched from the smaller value to the larger.
    """
    with pytest.raises(ValueError, match="the first should be less than the second"):
        SearchedParameter(low=1, high=0)


def test_command_line_takes_a_scorer_with_parameters(home: Home, endpoint: Serve) -> None:
    """
    `--scorer NAME=JSON` is a scorer with its parameters, as everywhere else.
    """
    endpoint("model", RIGHT, RAMBLE)
    scorer = 'exact_match={"trim": true}'
    line = ["prompt", "optimize", "triage", "--dataset", "tickets", "--endpoint", "model", "--scorer", scorer]
    environment = os.environ | {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}

    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli.main", *line, "--method", "instructions", "--max-calls", "400", "--no-wait", "--json"],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip

    assert 0 == done.returncode, done.stderr
    told = json.loads(done.stdout)
    home.client.runs.cancel(told["run_id"])
    assert {"trim": True} == told["request"]["scorer"]["parameters"]
