"""Experiments side by side: regressions first, words told apart, a link to a cell, and starting one from the page."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.aside import look, unsound
from tests.browser.conftest import OpenPage
from tests.browser.lab import ARABIC, HOSTILE, LONG, endpoint, imported, tried
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from treadle.evals.scoring.types import ScorerChoice
from treadle.gateway.types import Rule
from treadle.governance.types import NewApiKey

ROWS = [
    {"input": f"question {row}.", "label": "the red lamp", "kind": "odd" if row % 2 else "even"} for row in range(1, 31)
]
RIGHT = Rule(match=".*", reply="the red lamp")


def test_regressions_are_first_and_a_cell_has_a_link(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    The row that got worse is on top with its words told apart; a cell opens below, and its link leads back to it.
    """
    endpoint(home, "before", Rule(match=r"question 9\.", reply="the blue lamp"), RIGHT)
    endpoint(home, "after", Rule(match=r"question 21\.", reply="the green lamp"), RIGHT)
    data = imported(home, tmp_path, ROWS)
    ids = [tried(home, name, data).experiment_id for name in ("before", "after")]
    page = open_home("/experiments")
    for name in ("before", "after"):
        page.get_by_label(f"Choose {name}").check()
    page.get_by_role("button", name="Lay side by side").click()

    grid = page.get_by_role("grid")
    first = grid.get_by_role("row").nth(1)
    expect(first.get_by_role("rowheader")).to_contain_text("question 21.")
    expect(first.get_by_role("gridcell").nth(1)).to_contain_text("regressed")
    expect(first.get_by_role("gridcell").nth(1).locator("del")).to_have_text("red")
    expect(first.get_by_role("gridcell").nth(1).locator("ins")).to_have_text("green")
    expect(grid.get_by_role("row").nth(2).get_by_role("gridcell").nth(1)).to_contain_text("improved")
    expect(page.get_by_role("table", name=re.compile("^Scores with 95"))).to_contain_text("Not shown to be better")
    first.get_by_role("gridcell").nth(1).click()
    row = page.get_by_role("region", name="Row 21", exact=True)
    expect(row.get_by_role("article", name="after")).to_contain_text("regressed")
    expect(page).to_have_url(re.compile(r"cell=21\.2"))
    settle(page)
    assert [] == unsound(page)
    look(page, "grid")

    address = page.url.split("#")[1]
    again = open_home(address)

    expect(again.get_by_role("region", name="Row 21", exact=True)).to_contain_text("green")
    expect(again.get_by_role("gridcell", selected=True)).to_contain_text("regressed")
    assert ids == re.findall("exp_[a-z0-9]+", address)


def test_the_keyboard_walks_the_grid_and_parts_narrow_it(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Arrows go from cell to cell and Enter opens one; a part of the rows shows its rows alone, and so does a kind of change.
    """
    endpoint(home, "before", RIGHT)
    endpoint(home, "after", Rule(match=r"question \d*[13579]\.", reply="no"), RIGHT)
    data = imported(home, tmp_path, ROWS)
    ids = ",".join(tried(home, name, data).experiment_id for name in ("before", "after"))
    page = open_home(f"/experiments/grid?ids={ids}")
    page.get_by_role("button", name="Compare parts of the rows").click()
    parts = page.get_by_role("table", name="Parts of the rows, regressions first")
    expect(parts.get_by_role("row").nth(1)).to_contain_text("kind: odd")
    expect(parts.get_by_role("row").nth(1)).to_contain_text("Worse")

    parts.get_by_role("link", name="kind: even").click()
    expect(page.get_by_text("15 of 30 rows, kind even.")).to_be_visible()
    page.get_by_role("link", name="Show all parts").click()
    expect(page.get_by_text("30 of 30 rows.")).to_be_visible()
    page.get_by_label("Show", exact=True).focus()
    page.get_by_label("Show", exact=True).select_option("regressed")
    expect(page.get_by_text("15 of 30 rows, those that regressed.")).to_be_visible()
    expect(page.get_by_label("Show", exact=True)).to_be_focused()
    page.get_by_role("grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")

    expect(page.get_by_role("region", name="Row 3", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Row 3", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile(r"cell=3\.2"))


def test_rows_on_both_sides_of_a_block_come(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Rows are asked for in blocks of fifty: where the eye rests on the border of two, the rows of both come.
    """
    endpoint(home, "plain", RIGHT)
    rows = [{"input": f"question {row}.", "label": "the red lamp"} for row in range(1, 61)]
    made = tried(home, "plain", imported(home, tmp_path, rows))
    page = open_home(f"/experiments/grid?ids={made.experiment_id}&by=row&diff=nothing")
    grid = page.get_by_role("grid")
    expect(grid.get_by_role("rowheader", name=re.compile(r"question 1\."))).to_be_visible()

    grid.evaluate("element => { element.scrollTop = 47 * 118 }")

    for row in (49, 50, 51, 52):
        expect(grid.get_by_role("rowheader", name=re.compile(rf"question {row}\."))).to_be_attached()
    expect(grid.get_by_text("loading…")).to_have_count(0)


def test_a_grid_asks_for_its_rows_before_anything_else(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Verdicts come one after the other once rows are there; parts of the rows are compared when somebody asks, and once.
    """
    for name in ("before", "middle", "after"):
        endpoint(home, name, RIGHT)
    data = imported(home, tmp_path, ROWS)
    ids = ",".join(tried(home, name, data).experiment_id for name in ("before", "middle", "after"))
    page = open_home("/experiments")
    # Nobody tells of changes: one that is told late, or a stream that comes late, has everything asked for again.
    page.route("**/api/v1/changes*", lambda route: None)
    page.reload()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.split("/api/v1/")[-1]))

    page.goto(f"{home.client.url}/#/experiments/grid?ids={ids}")
    scores = page.get_by_role("table", name=re.compile("^Scores with 95"))
    expect(scores.get_by_role("row")).to_have_count(4)
    expect(scores).not_to_contain_text("comparing…")
    page.get_by_role("button", name="Compare parts of the rows").click()
    expect(page.get_by_role("table", name="Parts of the rows, regressions first")).to_be_visible()

    compared = [number for number, url in enumerate(asked) if "/compare/" in url and "/slices" not in url]
    rows = min(number for number, url in enumerate(asked) if url.startswith("experiment-grid?"))
    assert 2 == len(compared)
    assert rows < min(compared)
    (slices,) = [url for url in asked if "/slices" in url]
    assert "topic" not in slices
    assert "scorer=exact_match" in slices


def test_what_models_say_stays_text(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Markup, very long answers and Arabic in cells and below them; an answer that failed says why.
    """
    endpoint(home, "odd", Rule(match="one", reply=HOSTILE), Rule(match="two", reply=LONG), Rule(match="three", reply=ARABIC), Rule(match="four", status=500))  # fmt: skip
    rows = [{"input": number, "label": "x"} for number in ("one", "two", "three", "four")]
    made = tried(home, "odd", imported(home, tmp_path, rows))

    page = open_home(f"/experiments/grid?ids={made.experiment_id}&cell=2.1&diff=nothing")

    expect(page.get_by_role("grid").get_by_text("onerror")).to_be_visible()
    expect(page.get_by_role("grid").get_by_text("no answer:").first).to_be_visible()
    expect(page.get_by_role("article", name="odd")).to_contain_text("word end")
    settle(page)
    assert [] == unsound(page)
    assert "Experiments side by side · Treadle" == page.title()


def test_an_experiment_is_started_from_the_page(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Target, rows and scorers are chosen, a scorer's parameter asked for, and the experiment runs.
    """
    endpoint(home, "plain", RIGHT)
    imported(home, tmp_path, ROWS[:3])
    page = open_home("/experiments")
    page.get_by_role("button", name="Start an experiment").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("first try")
    dialog.get_by_label("Endpoint", exact=True).select_option("plain")
    dialog.get_by_label("Dataset", exact=True).select_option("asked")
    dialog.get_by_label("Dataset version").select_option(index=1)
    dialog.get_by_label("Scorers").fill("regex")
    page.get_by_role("option", name="regex", exact=True).click()
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("button", name="Start it")).to_be_disabled()
    dialog.get_by_label("regex: pattern").fill("red")
    assert [] == unsound(page)
    look(page, "experiment-start")
    dialog.get_by_role("button", name="Start it").click()

    expect(page.get_by_role("heading", level=1, name="first try")).to_be_visible()
    (made,) = home.client.experiments.list_().items
    assert [ScorerChoice(name="exact_match"), ScorerChoice(name="regex", parameters={"pattern": "red"})] == made.scorers
    expect(page.get_by_role("table", name=re.compile("^Scores"))).to_contain_text("100.0 %", timeout=180_000)


def test_a_grid_of_nothing_or_of_other_rows_says_so(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Without experiments the page says where to choose them; over other rows, what a grid needs; without permission, which.
    """
    endpoint(home, "plain", RIGHT)
    here, there = (
        tried(home, "plain", imported(home, tmp_path, ROWS[:num], f"rows{num}")).experiment_id for num in (3, 4)
    )
    page = open_home("/experiments/grid", expect="40")
    expect(page.get_by_text("No experiment was chosen")).to_be_visible()

    page = open_home(f"/experiments/grid?ids={here},{there}", expect="422")
    expect(page.get_by_role("alert").first).to_contain_text("needs the same rows")

    key = home.client.access.create_key(NewApiKey(name=f"program {uuid.uuid4().hex}", role="service")).key
    answer = page.context.request.post(f"{home.client.url}/api/v1/session", data={"key": key})
    assert 204 == answer.status
    page.reload()
    expect(page.get_by_text("You may not see this")).to_be_visible()
