"""What a person comes to each page for."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.browser.world import World


def test_home_shows_the_turn_and_leads_into_it(world: World, open_page: OpenPage) -> None:
    """
    Home shows every step with its result, and a step leads to its run.
    """
    page = open_page("/")

    steps = page.get_by_role("main").get_by_role("list").get_by_role("link")
    expect(steps.filter(has_text="Fine-tune")).to_contain_text("right on validation rows")
    expect(steps.filter(has_text="Roll out")).to_contain_text("promoted")
    expect(page.get_by_text("The candidate is better")).to_be_visible()
    expect(page.get_by_text("treadle turn start")).to_be_visible()
    steps.filter(has_text="Fine-tune").click()

    expect(page.get_by_role("heading", level=1, name="Fine-tune")).to_be_visible()


def test_examples_are_filtered_by_words_and_part(world: World, open_page: OpenPage) -> None:
    """
    The examples grid shows the rows that match, and the filter stands in the address.
    """
    page = open_page(f"/datasets/{world.name}/versions/2")

    page.get_by_label("Words in the input or output").fill("refund")
    page.keyboard.press("Enter")
    rows = page.get_by_role("table", name=re.compile("^Examples")).locator("tbody tr[data-index]")
    expect(rows.filter(has_not_text="refund")).to_have_count(0)
    page.get_by_label("Part").select_option("test")

    expect(page).to_have_url(re.compile(r"text=refund.*part=test|part=test.*text=refund"))
    expect(rows.filter(has_not_text="test")).to_have_count(0)
    expect(rows.filter(has_not_text="refund")).to_have_count(0)
    expect(rows.first).to_be_visible()


def test_dropped_rows_say_why(world: World, open_page: OpenPage) -> None:
    """
    Each row that a preparation dropped or changed names its reason.
    """
    page = open_page(f"/datasets/{world.name}/versions/2?tab=changes")

    rows = page.get_by_role("table", name="Rows dropped, changed or flagged").locator("tbody tr")

    expect(rows.first).to_contain_text(re.compile("dropped|changed|flagged"))
    expect(rows.first).to_contain_text(re.compile("duplicate|data masked|repaired|label"))


def test_chart_has_its_table(world: World, open_page: OpenPage) -> None:
    """
    Behind every chart stand its numbers.
    """
    page = open_page(f"/datasets/{world.name}/versions/1?tab=profile")
    figure = page.get_by_role("figure", name="Rows per label")

    figure.get_by_role("button", name="Show table").click()

    expect(figure.get_by_role("table")).to_contain_text("refund_request")
    expect(figure.get_by_role("table")).to_contain_text("delivery_status")


def test_model_shows_card_measurements_and_curves(world: World, open_page: OpenPage) -> None:
    """
    A model version shows what was measured of it, its card, and how its training went.
    """
    page = open_page(f"/models/{world.name}/versions/1")

    expect(page.get_by_role("table", name="What was measured")).to_contain_text("exact match")
    expect(page.get_by_role("heading", name="Limits")).to_be_visible()
    page.get_by_role("tab", name="Training").click()

    expect(page.get_by_role("figure", name="Loss", exact=True)).to_be_visible()


def test_fine_tune_shows_which_tokens_are_learned(world: World, open_page: OpenPage) -> None:
    """
    The pre-flight shows rows token by token, the learned ones marked.
    """
    page = open_page(f"/runs/{world.step('finetune').run_id}")

    section = page.get_by_role("region", name=re.compile("^Pre-flight"))

    expect(section).to_contain_text("may start")
    expect(section.locator("[data-learned]").filter(has_text="<|end|>").first).to_be_visible()


def test_experiment_is_compared_in_words(world: World, open_page: OpenPage) -> None:
    """
    Against the baseline on the same rows an experiment says better, worse or not shown to be better, with numbers.
    """
    candidate = world.step("evaluate").outputs["experiment_id"]
    baseline = world.step("evaluate-baseline").outputs["experiment_id"]

    page = open_page(f"/experiments/{candidate}?against={baseline}")

    expect(page.get_by_role("table", name="Paired comparison per scorer")).to_contain_text("better:")
    expect(page.get_by_role("table", name="Rows that changed, regressions first")).to_contain_text("improved")


def test_endpoint_shows_the_evidence_of_its_rollout(world: World, open_page: OpenPage) -> None:
    """
    An endpoint says what it serves and why, with traffic and evidence over time.
    """
    page = open_page(f"/endpoints/{world.name}")

    expect(page.get_by_role("table", name=f"Releases behind {world.name}")).to_contain_text("100 %")
    promoted = (
        page.get_by_role("table", name=f"Rollouts of {world.name}").get_by_role("row").filter(has_text="Promoted")
    )
    promoted.get_by_role("link", name="Evidence").click()
    figure = page.get_by_role("figure", name=re.compile("^Evidence: ")).first
    figure.get_by_role("button", name="Show table").click()

    expect(figure.get_by_role("table")).to_contain_text("×")
    expect(page.get_by_role("figure", name="Traffic to the candidate")).to_be_visible()


def test_release_shows_gate_and_approval(world: World, open_page: OpenPage) -> None:
    """
    A release shows the evidence it passed on and who let it serve.
    """
    page = open_page(f"/releases/{world.made['release_id']}")

    expect(page.get_by_role("region", name="Gates", exact=True)).to_contain_text("passed")
    expect(page.get_by_role("region", name="Approvals", exact=True)).to_contain_text("Its gates had passed")


def test_answer_leads_back_to_its_rows(world: World, open_page: OpenPage) -> None:
    """
    From the list of traces one comes to an answer, and from the answer to the rows that made it.
    """
    page = open_page("/traces")

    page.get_by_label("Filter", exact=True).fill("refund")
    page.keyboard.press("Enter")
    expect(page.get_by_text("treadle trace list refund")).to_be_visible()
    settle(page)
    page.get_by_role("table", name="Traces").get_by_role("link").first.click()
    lineage = page.get_by_role("region", name=re.compile("^Where the answer came from"))
    lineage.get_by_role("link", name=re.compile(f"dataset version {world.name} v2")).click()

    expect(page.get_by_role("heading", level=1, name=f"{world.name} v2")).to_be_visible()


def test_runs_are_filtered_by_kind(open_page: OpenPage) -> None:
    """
    The list of runs narrows to one kind, and its command says the same.
    """
    page = open_page("/runs?kind=training.finetune")

    rows = page.get_by_role("table", name="Runs").locator("tbody tr")

    expect(rows.first).to_contain_text("training.finetune")
    expect(page.get_by_text("treadle run list --kind training.finetune")).to_be_visible()
