"""Datasets in the browser: rows edited into the next version without anybody's work being lost, differences, the map, importing."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.aside import look, unsound, until
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home
from treadle.data.versions.types import Edits, RowPlace, RowValues
from treadle.governance.types import NewApiKey

PATIENCE_MS = 120_000
"""Work is done in a process of its own, which takes its time on a busy machine."""
HOSTILE = '<img src=x onerror="window.hacked = true"> **bold** [x](javascript:alert(1))'
RIGHT_TO_LEFT = "متى يصل طلبي رقم 4711؟"


def test_rows_are_edited_into_the_next_version(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Changed, taken away and added rows wait on the page, outlive a reload, and become the next version with why.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave", "no,deny"])
    page = open_home("/datasets/support/versions/1")
    settle(page)

    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_role("button", name="Change row 2").click()
    page.get_by_label("Input", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Keep the change").click()
    page.get_by_role("button", name="Take away row 3").click()
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("Input", exact=True).fill(RIGHT_TO_LEFT)
    page.get_by_role("button", name="Add it").click()
    pending = page.get_by_role("table", name="Edits not saved yet")
    expect(pending.locator("tbody tr")).to_have_count(3)
    page.reload()
    settle(page)
    expect(pending.locator("tbody tr")).to_have_count(3)
    assert [] == unsound(page)
    look(page, "dataset-edits")
    usual = page.viewport_size
    for width, height in ((1280, 800), (640, 400), (320, 640)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("window.scrollTo(0, 0)")
        expect(page.get_by_role("form", name="Save the edits")).to_be_in_viewport(ratio=1)
    assert usual is not None
    page.set_viewport_size(usual)
    page.get_by_label("Why, for those who come later").fill("mended by hand")
    page.get_by_role("button", name="Save as the next version").click()

    expect(page.get_by_role("heading", level=1, name="support v2")).to_be_visible(timeout=PATIENCE_MS)
    expect(examples(page)).to_contain_text("<img src=x")
    assert [HOSTILE, "hi", RIGHT_TO_LEFT] == sorted(row.input for row in home.client.datasets.iter_examples("support"))
    assert "mended by hand" == home.client.datasets.get_version("support").recipe["message"]
    assert page.evaluate("window.hacked") is None
    page.get_by_role("tab", name="Differences").click()
    differences = page.get_by_role("table", name="What differs between v1 and v2")
    expect(differences.locator("tbody tr")).to_have_count(3)
    expect(differences.locator("tbody tr").first).to_contain_text("changed")
    assert [] == unsound(page)
    page.reload()
    page.get_by_role("tab", name="Examples").click()
    expect(page.get_by_role("table", name="Edits not saved yet")).to_have_count(0)


def test_rows_rest_while_edits_are_saved(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    What is being saved is what stands on the page: until it is, no row can be changed, so that nothing falls between.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave"])
    page = open_home("/datasets/support/versions/1")
    change_row(page, 2, "bye bye")
    held: list[Route] = []
    page.route("**/versions/1/edits", lambda route: held.append(route))

    page.get_by_label("Why, for those who come later").fill("mine")
    with page.expect_request("**/versions/1/edits"):
        page.get_by_role("button", name="Save as the next version").click()
    for name in ("Change row 1", "Take away row 1", "Add a row"):
        expect(page.get_by_role("button", name=name)).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Undo: changed"))).to_be_disabled()
    held[0].continue_()

    expect(page.get_by_role("heading", level=1, name="support v2")).to_be_visible(timeout=PATIENCE_MS)
    assert ["hi", "bye bye"] == [row.input for row in home.client.datasets.iter_examples("support")]


def test_edits_saved_while_one_looked_elsewhere_do_not_wait(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Who comes back to edits that were saved meanwhile is led to the version they made, and is not asked to save them again.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave"])
    page = open_home("/datasets/support/versions/1")
    change_row(page, 2, "bye bye")
    page.get_by_label("Why, for those who come later").fill("mine")
    with page.expect_response("**/versions/1/edits"):
        page.get_by_role("button", name="Save as the next version").click()
    page.goto(f"{home.client.url}/#/datasets")
    expect(page.get_by_role("heading", level=1, name="Datasets")).to_be_visible()
    until(lambda: home.client.datasets.get("support").num_versions == 2)

    page.goto(f"{home.client.url}/#/datasets/support/versions/1")

    expect(page.get_by_role("heading", level=1, name="support v2")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("table", name="Edits not saved yet")).to_have_count(0)
    assert 2 == home.client.datasets.get("support").num_versions


def test_edits_are_not_lost_where_somebody_was_faster(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A version that came in between is shown as it comes and not written over; laid on it, the edits join it.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave"])
    page = open_home("/datasets/support/versions/1")
    change_row(page, 2, "bye bye")
    saved_by_another(home, Edits(message="theirs", newest_version=1, added=[RowValues(input="hello")]))

    page.get_by_label("Why, for those who come later").fill("mine")
    expect(page.get_by_role("alert").filter(has_text="Somebody saved v2")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("table", name="Edits not saved yet")).to_contain_text("bye bye")
    assert 2 == home.client.datasets.get("support").num_versions
    page.get_by_role("button", name="Lay them on v2").click()

    expect(page.get_by_role("heading", level=1, name="support v3")).to_be_visible(timeout=PATIENCE_MS)
    assert ["hi", "bye bye", "hello"] == [row.input for row in home.client.datasets.iter_examples("support")]


def test_an_edit_of_a_row_that_is_gone_is_told(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    Where the other version took the row away, the page says which row, keeps the edits, and saves the rest on asking.
    """
    rows = imported(home, tmp_path, ["hi,greet", "bye,leave", "no,deny"])
    page = open_home("/datasets/support/versions/1")
    change_row(page, 2, "bye bye")
    change_row(page, 1, "hi there")
    saved_by_another(home, Edits(message="theirs", newest_version=1, deleted=[rows[1]]))
    page.get_by_label("Why, for those who come later").fill("mine")

    page.get_by_role("button", name="Lay them on v2").click(timeout=PATIENCE_MS)
    expect(page.get_by_text("1 row you edited is gone or different there: 2.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("table", name="Edits not saved yet")).to_contain_text("bye bye")
    page.get_by_role("button", name="Leave out the edits of these rows").click()
    page.get_by_role("button", name="Lay them on v2").click()

    expect(page.get_by_role("heading", level=1, name="support v3")).to_be_visible(timeout=PATIENCE_MS)
    assert ["hi there", "no"] == [row.input for row in home.client.datasets.iter_examples("support")]


def test_many_rows_scroll_and_only_those_in_sight_are_drawn(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A version of many rows is one table to scroll: more come as one goes, few are drawn, and the whole is counted.
    """
    imported(
        home, tmp_path, [f"text {number} {'long ' * 300 if number == 3 else ''},label" for number in range(1, 301)]
    )
    page = open_home("/datasets/support/versions/1")
    settle(page)
    table = examples(page)
    expect(table).to_have_attribute("aria-rowcount", "301")
    expect(page.get_by_text("The first 50 examples of 300")).to_be_visible()
    assert [] == unsound(page)

    frame = page.get_by_role("region", name="Examples of support v1")
    last = table.get_by_role("link", name="Only row 300", exact=True)

    def is_at_the_end() -> bool:
        frame.evaluate("(element) => { element.scrollTop = element.scrollHeight }")
        return last.is_visible()

    until(is_at_the_end)
    expect(page.get_by_text("300 examples", exact=True)).to_be_visible()
    assert table.locator("tbody tr").count() < 60
    last.click()
    expect(page.get_by_text("Only row 300.")).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(1)


def test_columns_and_filters_stand_in_the_address(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    What was left out and what was searched for is there again for whoever gets the link, and an empty answer says so.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave"])
    page = open_home("/datasets/support/versions/1")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Expected output").click()
    expect(examples(page).get_by_role("columnheader", name="Expected output")).to_have_count(0)

    page.get_by_label("Words in the input or output").fill("nowhere")
    page.keyboard.press("Enter")

    expect(page.get_by_text("No example matches")).to_be_visible()
    expect(page).to_have_url(re.compile(r"text=nowhere"))
    expect(page).to_have_url(re.compile(r"columns=input"))


def test_a_map_is_drawn_and_leads_to_rows(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A map is drawn from the page; its groups have names, and its table leads to each row.
    """
    imported(
        home, tmp_path, [line for n in range(20) for line in (f"where is parcel {n},delivery", f"refund {n},refund")]
    )
    page = open_home("/datasets/support/versions/1?tab=map")

    page.get_by_role("button", name="Draw the map").click()
    figure = page.get_by_role("figure", name="Map of the texts")
    expect(figure).to_be_visible(timeout=PATIENCE_MS)
    settle(page)
    assert [] == unsound(page)
    look(page, "dataset-map")
    figure.get_by_role("button", name="Show table").click()
    expect(figure.get_by_role("table")).to_contain_text("where is parcel 0")
    figure.get_by_role("link", name="7", exact=True).click()

    expect(examples(page)).to_contain_text("where is parcel 3")


def test_a_file_is_imported_from_the_page(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A file becomes a version that the page leads to; one that cannot be read says why and what to do.
    """
    (tmp_path / "Shop Mails.csv").write_text("text,label\nhi,greet\nbye,leave\n")
    (tmp_path / "broken.csv").write_text("text,label\n")
    page = open_home("/datasets")
    settle(page)
    expect(page.get_by_text("No dataset yet")).to_be_visible()

    page.get_by_role("button", name="Import a file").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.csv")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("broken.csv", timeout=PATIENCE_MS)
    page.locator("input[type=file]").set_input_files(tmp_path / "Shop Mails.csv")
    page.get_by_label("Dataset", exact=True).fill("shop-mails")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("dialog").get_by_role("link", name="shop-mails v1").click(timeout=PATIENCE_MS)

    expect(page.get_by_role("heading", level=1, name="shop-mails v1")).to_be_visible()
    expect(examples(page)).to_contain_text("greet")


def test_who_may_only_read_is_offered_no_work(home: Home, open_home: OpenPage, tmp_path: Path) -> None:
    """
    A viewer sees rows and differences and no buttons that would be refused; who may not read is told so.
    """
    imported(home, tmp_path, ["hi,greet", "bye,leave"])
    page = open_home("/datasets/support/versions/1", expect="403")
    sign_in(home, page, "viewer")
    expect(examples(page)).to_contain_text("greet")
    for name in ("Edit", "Train on it"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    page.get_by_role("tab", name="Map").click()
    expect(page.get_by_text("Not drawn yet")).to_be_visible()
    expect(page.get_by_role("button", name="Draw the map")).to_have_count(0)

    sign_in(home, page, "service")

    expect(page.get_by_role("alert").first).to_contain_text("You may not see this")


def examples(page: Page) -> Locator:
    return page.get_by_role("table", name=re.compile("^Examples"))


def change_row(page: Page, row: int, text: str) -> None:
    """Change a row's input on the page."""
    settle(page)
    mode = page.get_by_role("button", name=re.compile("^(Edit|Stop editing)$"))
    if "Edit" == mode.inner_text():
        mode.click()
    page.get_by_role("button", name=f"Change row {row}").click()
    page.get_by_label("Input", exact=True).fill(text)
    page.get_by_role("button", name="Keep the change").click()


def imported(home: Home, folder: Path, lines: list[str]) -> list[RowPlace]:
    """Make the dataset 'support' of some rows, and return how they are named."""
    path = folder / "rows.csv"
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    home.client.runs.wait(home.client.datasets.import_file("support", path).run_id)
    rows = home.client.datasets.list_examples("support", limit=500).items
    return [RowPlace(row=row.row, example_id=row.example_id) for row in rows]


def saved_by_another(home: Home, edits: Edits) -> None:
    """Save edits as somebody else would, from elsewhere."""
    home.client.runs.wait(home.client.datasets.start_edit("support", edits).run_id)


def sign_in(home: Home, page: Page, role: str) -> None:
    """Become somebody with a role, and look at the page again."""
    key = home.client.access.create_key(NewApiKey.model_validate({"name": role, "role": role})).key
    assert 204 == page.context.request.post(f"{home.client.url}/api/v1/session", data={"key": key}).status
    page.reload()
