"""Models and runs in the browser: runs side by side, checkpoints, aliases, size and speed, and starting a training."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.browser.world import World


def test_runs_are_chosen_and_stand_side_by_side(world: World, open_page: OpenPage) -> None:
    """
    Two runs ticked in the list stand beside each other: curves of one name in one chart, what differs first.
    """
    page = open_page("/runs?kind=training.finetune")
    settle(page)
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()

    ids = [world.step(name).run_id for name in ("base", "finetune")]
    page.goto(f"{world.url}/#/runs")
    for run_id in ids:
        page.get_by_role("row").filter(has=page.locator(f"a[href*='{run_id}']")).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_role("heading", level=1, name="Runs side by side")).to_be_visible()
    settle(page)
    figure = page.get_by_role("figure", name="Train loss")
    figure.get_by_role("button", name="Show table").click()
    cells = figure.get_by_role("table").locator("tbody td:first-child")
    expect(cells.first).to_be_visible()
    names = {text.strip() for text in cells.all_inner_texts()}
    assert 2 == len(names)
    differing = page.get_by_role("table", name="Parameters, run by run")
    expect(differing).to_contain_text("base_version_id")
    expect(differing).not_to_contain_text("dataset_version_id")
    page.get_by_role("region", name="Parameters", exact=True).get_by_role("switch").check(force=True)
    expect(differing).to_contain_text("dataset_version_id")
    assert [] == unsound(page)
    look(page, "runs-compared")


def test_nothing_to_compare_says_how_to_choose(world: World, open_page: OpenPage) -> None:
    """
    An address without runs teaches the first step, and one with a run that is not there says so.
    """
    page = open_page("/runs/compare", expect="404")
    expect(page.get_by_text("Choose two runs or more")).to_be_visible()

    page.goto(f"{world.url}/#/runs/compare?runs=run_nowhere,run_neither")

    expect(page.get_by_role("alert")).to_contain_text("jobs.run_not_found")


def test_checkpoints_say_which_became_the_model(world: World, open_page: OpenPage) -> None:
    """
    A fine-tune's page lists when it scored itself, with its scores, and marks the step whose weights were kept.
    """
    run = world.step("finetune")
    page = open_page(f"/runs/{run.run_id}")

    table = page.get_by_role("table", name="Checkpoints with their scores")

    expect(table.get_by_role("row").filter(has_text="the model’s weights")).to_contain_text(
        str(run.outputs["best_step"])
    )
    expect(table.locator("tbody tr").nth(1)).to_be_visible()


def test_an_alias_is_moved_in_place(world: World, open_page: OpenPage) -> None:
    """
    A name is put on a version from the model's page, with the command that does the same, and stands there at once.
    """
    alias = f"tried-{uuid.uuid4().hex[:8]}"
    page = open_page(f"/models/{world.name}", expect="422")
    settle(page)

    page.get_by_role("button", name="Move an alias").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Alias").fill("Not A Name")
    dialog.get_by_role("button", name="Set it").click()
    expect(dialog.get_by_label("Alias")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("Alias").fill(alias)
    expect(dialog).to_contain_text(f"treadle model alias {world.name} {alias} 1")
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name=re.compile("Set it|Move it")).click()

    expect(page.get_by_role("table", name=f"Versions of {world.name}")).to_contain_text(alias)
    assert 1 == world.client.models.get(world.name).aliases[alias]


def test_size_per_engine_and_measured_speed(world: World, open_page: OpenPage) -> None:
    """
    A version says what each engine reads of it and how large that is, and how fast experiments found it.
    """
    page = open_page(f"/models/{world.name}/versions/1?tab=served")
    settle(page)

    engines = page.get_by_role("table", name="Engines, with what each reads")

    expect(engines.get_by_role("row").filter(has_text="llama.cpp")).to_contain_text(
        re.compile("serves it here.*MB", re.DOTALL)
    )
    expect(
        page.get_by_role("table", name="Experiments that timed its answers").locator("tbody tr").first
    ).to_contain_text("ms")
    assert [] == unsound(page)
    look(page, "model-served")


def test_a_training_is_examined_from_the_model_that_it_would_start_from(world: World, open_page: OpenPage) -> None:
    """
    The form takes a dataset's version, shows the command, and leads to the run with its pre-flight; the run can be stopped.
    """
    page = open_page(f"/models/{world.name}-base/versions/1")
    settle(page)

    page.get_by_role("button", name="Fine-tune it").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What to do").select_option("preflight")
    dialog.get_by_label("Dataset").select_option(world.name)
    expect(dialog).to_contain_text(re.compile("treadle train preflight --data dsv_"))
    dialog.get_by_role("button", name="Examine").click()

    expect(page).to_have_url(re.compile("/runs/run_"))
    run_id = page.url.rsplit("/", 1)[-1]
    expect(page.get_by_role("region", name="Pre-flight: what the trainer reads, and what it learns")).to_be_visible()
    run = world.client.runs.get(run_id)
    assert "training.preflight" == run.kind
    world.client.runs.cancel(run_id)
