"""What was found out, each on a page of its own: better prompts, choices of a model, bias, harnesses of others, and experiments in full."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.lab import HOSTILE, aside, endpoint, imported, tried
from tests.browser.test_every_page import settle
from tests.choosing import models as choosing
from tests.evals.test_served_experiments import JUDGE, RUBRIC
from tests.optimize import test_optimize as optimizing
from tests.traces.home import Home
from treadle.evals.bias.types import NewBiasRows, Template
from treadle.evals.functions.types import NewOutput
from treadle.evals.judges.types import NewCalibration
from treadle.evals.scoring.types import ScorerChoice
from treadle.evals.suites.types import HarnessFigure, NewHarnessRun
from treadle.evals.types import NewExperiment, Target
from treadle.gateway.types import Rule
from treadle.prompts.types import Message


def test_a_search_for_a_better_prompt_shows_what_it_tried(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    The list leads to the search; it says what is shown on rows it never saw, what it spent, and each candidate beside the first.
    """
    aside(optimizing.rows, home, tmp_path)
    home.client.prompts.create_version("triage", [Message(role="user", template="Sort this.\n{{input}}")])
    endpoint(home, "model", optimizing.RIGHT, optimizing.RAMBLE)
    endpoint(home, "writer", optimizing.BETTER)
    found = optimizing.search(home, writer="writer")
    page = open_home("/prompts")

    page.get_by_role("link", name="Optimisations").click()
    expect(page.get_by_role("table", name="Optimisations")).to_contain_text("100.0 % against 0.0 %")
    settle(page)
    assert [] == unsound(page)
    look(page, "optimizations")
    page.get_by_role("link", name="triage v1").click()

    held = page.get_by_role("table", name="Held against each other on rows that the search never saw")
    expect(held.get_by_role("row").nth(2)).to_contain_text("100.0 %")
    expect(page.get_by_text(f"treadle prompt optimization {found.optimization_id}")).to_be_visible()
    expect(page.get_by_text(f"{found.calls} of 400")).to_be_visible()
    best = page.get_by_role("region", name=f"Candidate {found.best}", exact=True)
    expect(best).to_contain_text("Answer with one word.")
    page.get_by_role("table", name="What was tried").get_by_role("link", name="0", exact=True).click()
    expect(page.get_by_role("region", name="Candidate 0", exact=True)).to_contain_text("Sort this.")
    page.goto(page.url.replace("candidate=0", "candidate=9000"))
    expect(page.get_by_text("There is no candidate 9000; the best one is shown.")).to_be_visible()
    expect(best).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "optimization")


def test_a_choice_of_a_model_shows_the_front_and_who_was_left_out(home: Home, open_home: OpenPage) -> None:
    """
    Whom it recommends stands on top; the chart has its table, a model without a price is in the table of all only, and who was
    left out has the reason.
    """
    dataset = aside(choosing.keep_rows, home, 100)
    for name, usd, wrong in (("dear", "50", 0), ("cheap", "5", 0), ("worse", "1", 60), ("unpriced", None, 0)):
        aside(choosing.serve, home, name, usd=usd, wrong_below=wrong)
    chosen = choosing.choose(
        home, choosing.wish(dataset, "dear", "cheap", "worse", "unpriced", "mistral/no-such-model")
    )
    assert chosen.outcome is not None
    page = open_home("/models")

    page.get_by_role("link", name="Choices of a model").click()
    expect(page.get_by_role("table", name="Choices of a model")).to_contain_text(str(chosen.outcome.recommended))
    settle(page)
    assert [] == unsound(page)
    look(page, "choices")
    page.get_by_role("link", name=f"{dataset}, test").click()

    expect(page.get_by_role("region", name="Recommendation")).to_contain_text(str(chosen.outcome.recommended))
    everyone = page.get_by_role("table", name="Models that were tried, the best first")
    expect(everyone.get_by_role("row").filter(has_text="endpoint:worse")).to_contain_text("40.0 %")
    expect(everyone.get_by_role("row").filter(has_text="endpoint:unpriced")).to_contain_text("no price known")
    expect(page.get_by_role("table", name="Who was left out, and why")).to_contain_text("mistral/no-such-model")
    settle(page)
    assert [] == unsound(page)
    look(page, "choice")
    page.get_by_role("figure", name="Quality and cost").get_by_role("button", name="Show table").click()
    drawn = page.get_by_role("table", name="Quality and cost")
    expect(drawn.get_by_role("row")).to_have_count(1 + 3)
    expect(drawn).not_to_contain_text("unpriced")


def test_bias_is_told_where_the_rows_measure_it(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    An experiment over counterfactual rows leads to what its answers differ in, with what it says nothing of; any other has no
    such link, and says how such rows are made.
    """
    refuse = Rule(match=r"\b(?:woman|mother|widow|daughter)\b", reply="I'm sorry, but I can't help.")
    endpoint(home, "biased", refuse, Rule(match="", reply="yes"))
    texts = [Template(input=f"{{gender.person}} asks for a loan of {number}00 euros.") for number in range(1, 13)]
    made = home.client.runs.wait(
        home.client.bias.make_rows(NewBiasRows(name="people", templates=texts, attributes=["gender"])).run_id
    )
    scorers = [ScorerChoice(name="refusal")]
    measured = tried(home, "biased", str(made.outputs["version_id"]), scorers=scorers)
    page = open_home(f"/experiments/{measured.experiment_id}")

    page.get_by_role("link", name="Bias", exact=True).click()

    expect(page.get_by_role("table", name="Groups against the others, by scorer")).to_contain_text("gender")
    expect(page.get_by_role("region", name="What this says nothing of")).to_contain_text("religion")
    expect(page.get_by_text(f"treadle bias show {measured.experiment_id}")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "bias")
    plain = tried(home, "biased", imported(home, tmp_path, [{"input": "hello", "label": "yes"}] * 2))
    other = open_home(f"/experiments/{plain.experiment_id}/bias")
    expect(other.get_by_text("Its rows do not measure bias")).to_be_visible()
    expect(other.get_by_text(f"treadle bias make NAME --dataset {plain.dataset_version_id}")).to_be_visible()


def test_what_a_harness_found_has_its_page(home: Home, open_home: OpenPage) -> None:
    """
    A run of a harness is listed by endpoint; its page has every figure, and one without an interval is told to have none.
    """
    figures = [
        HarnessFigure(task="gsm8k", metric="exact_match", filter="strict-match", value=0.5, low=0.3, high=0.7, rows=20),
        HarnessFigure(task=HOSTILE[:100], metric="word_perplexity", value=20.0, rows=5, higher_is_better=False),
    ]
    new = NewHarnessRun(harness="lm-evaluation-harness 0.4.13", endpoint="sky", figures=figures, settings={"limit": 20})
    kept = home.client.experiments.keep_harness_run(new)
    page = open_home("/experiments")

    page.get_by_role("link", name="Harness runs").click()
    page.get_by_label("Endpoint").fill("sky")
    page.keyboard.press("Enter")
    expect(page.get_by_text("treadle eval harness-runs --endpoint sky")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "harness-runs")
    page.get_by_role("link", name="lm-evaluation-harness 0.4.13").click()

    found = page.get_by_role("table", name="What the harness found")
    expect(found.get_by_role("row").nth(1)).to_contain_text("0.3 to 0.7")
    expect(found.get_by_role("row").nth(2)).to_contain_text("the harness gives none")
    expect(page.get_by_text(f"treadle eval harness-run {kept.harness_run_id}")).to_be_visible()
    settle(page)
    assert [] == unsound(page)
    look(page, "harness-run")


def test_an_experiment_tells_its_cost_and_what_cannot_be_compared(
    home: Home, open_home: OpenPage, tmp_path: Path
) -> None:
    """
    The table says what an experiment cost and how many answers have no known price; a figure of one row has no interval, and
    a comparison says by which test, on which rows, and which rows have no score.
    """
    data = imported(home, tmp_path, [{"input": f"q{row}", "label": "yes"} for row in range(4)])
    endpoint(home, "before", Rule(match="q0", reply="yes"), Rule(match="", reply="no"))
    before = tried(home, "before", data)
    alone = tried(home, "before", data, limit=1)
    new = NewExperiment(
        name="mine",
        target=Target(function="mine v1"),
        dataset_version_id=data,
        scorers=[ScorerChoice(name="exact_match")],
    )
    mine = home.client.experiments.start(new)
    rows = home.client.experiments.list_waiting(mine.experiment_id).items
    costs = (0.25, 0.5, None, None)
    said = [NewOutput(row=row.row, output="yes", cost_usd=cost) for row, cost in zip(rows, costs, strict=True)]
    home.client.experiments.add_outputs(mine.experiment_id, said)
    home.client.runs.wait(mine.run_id)

    page = open_home("/experiments")
    listed = page.get_by_role("table", name="Experiments")
    expect(listed.get_by_role("row").filter(has_text="mine")).to_contain_text("$0.75 and 2 answers of no known price")
    page = open_home(f"/experiments/{mine.experiment_id}")
    expect(page.locator("dd").get_by_role("link", name="asked v1")).to_have_attribute(
        "href", re.compile("/datasets/asked/versions/1$")
    )
    page.get_by_label("Baseline").select_option(before.experiment_id)

    compared = page.get_by_role("table", name="Paired comparison per scorer")
    expect(compared).to_contain_text("McNemar’s mid-p")
    expect(compared).to_contain_text("4 rows")
    page.get_by_label("Difference that would not matter (points)").fill("2,5")
    with page.expect_response(re.compile(r"/compare/.*equivalence=0\.025")) as answered:
        page.keyboard.press("Enter")
    expect(page.get_by_text("--equivalence-points 2.5")).to_be_visible()
    assert answered.value.ok
    expect(compared).to_contain_text("Not shown to be better")
    settle(page)
    assert [] == unsound(page)
    look(page, "experiment-compared")
    one = open_home(f"/experiments/{alone.experiment_id}")
    expect(one.get_by_role("table", name="Scores with 95 % intervals")).to_contain_text("100.0 %")


def test_an_experiment_says_what_people_would_say(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A judge that nobody has measured says so; measured against people, it tells with an interval how many answers they would call good.
    """
    endpoint(home, "support", Rule(match="card", reply="lost"), Rule(match="", reply="refund"))
    endpoint(home, "judge", *JUDGE)
    asked = [{"input": f"{'card lost' if row % 4 else 'refund'} {row}", "label": "lost"} for row in range(12)]
    data = imported(home, tmp_path, asked)
    before = tried(home, "support", data, scorers=[RUBRIC])
    people = [
        {
            "input": f"card {row}",
            "label": "lost",
            "said": ("refund", "lost")[row % 2],
            "good": (row % 2 == 1) != (row < 4),
        }
        for row in range(40)
    ]
    labelled = imported(home, tmp_path, people, name="labelled")
    measuring = NewCalibration(scorer=RUBRIC, dataset_version_id=labelled, output="said", human="good")
    home.client.runs.wait(home.client.judges.calibrate(measuring).run_id)
    after = tried(home, "support", data, scorers=[RUBRIC])

    page = open_home(f"/experiments/{before.experiment_id}")
    judges = page.get_by_role("table", name="Judges, and what people would say of the same answers")
    expect(judges).to_contain_text("unknown: it is uncalibrated")
    page = open_home(f"/experiments/{after.experiment_id}")

    judge = after.metrics[0].judge
    assert judge is not None
    assert judge.people_good is not None
    told = page.get_by_role("table", name="Judges, and what people would say of the same answers")
    expect(told).to_contain_text(f"{100 * judge.people_good:.1f} %")
    settle(page)
    assert [] == unsound(page)
    look(page, "experiment-judged")


def test_a_label_says_all_that_it_takes(home: Home, open_home: OpenPage) -> None:
    """
    A policy's attacks, the share that must hold and the endpoints it was asked through stand beside the label.
    """
    home.client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])
    home.client.prompts.set_label_policy(
        "production", needs_safety=True, safety_packs=["injection"], safety_least_held=0.95, safety_endpoints=["plain"]
    )
    page = open_home("/prompts/greeting")

    production = page.get_by_role("table", name="Labels of greeting").get_by_role("row").filter(has_text="production")

    expect(production).to_contain_text("at least 95.0 % of the attempts of injection held, asked through plain")
