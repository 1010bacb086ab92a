"""Talking to an endpoint in a browser: an answer grows, can be stopped and judged; what a model writes does nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import expect

from tests.browser.aside import beside, look, unsound, until, wait_for_trace
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import settle
from tests.traces.home import Home, ensure_endpoint
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Rule

HOSTILE = (
    '# Big\n\n<script>window.wasRun = true</script><img src=x onerror="window.wasRun = true">\n\n'
    "![a picture](https://evil.example/leak.png) [press](javascript:window.wasRun=true) "
    "[out](https://example.org/)\n\nمرحبا بالعالم\n\n" + "word" * 400
)
KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('treadle-'))"


def test_a_conversation_with_thumbs(home: Home, open_home: OpenPage) -> None:
    """
    What is said is answered, a thumb and a comment become feedback on the answer's trace, and the trace is a link away.
    """
    _serve(home, [Rule(match=r"(?s)(.*)", reply=r"You said: **\1**")])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)

    box = page.get_by_role("textbox", name="Say something to desk")
    box.fill("where is my parcel")
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log.locator("strong")).to_have_text("where is my parcel")
    log.get_by_role("button", name="Bad").click()
    expect(log.get_by_text("Kept with its trace.")).to_be_visible()
    log.get_by_label("Comment on this answer").fill("too short")
    with page.expect_response("**/api/v1/feedback"):
        log.get_by_role("button", name="Say it").click()
    expect(log.get_by_text("Kept with its trace.")).to_be_visible()
    assert [] == unsound(page)
    look(page, "chat")

    said = home.client.feedback.list_().items
    assert {("thumbs", 0.0)} == {(one.name, one.value) for one in said}
    assert "too short" in {one.comment for one in said}
    wait_for_trace(home.client, str(said[0].trace_id))
    log.get_by_role("link", name="Trace", exact=True).click()
    expect(page).to_have_url(re.compile(f"traces/{said[0].trace_id}"))
    page.locator("h1").wait_for()


def test_a_conversation_outlives_a_look_at_its_trace(home: Home, open_home: OpenPage) -> None:
    """
    Who opens a trace and goes back finds what was said, the thumb, the words being written and the same session; a new
    beginning forgets it.
    """
    _serve(home, [Rule(match=r"(?s)(.*)", reply=r"You said: **\1**")])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)
    box = page.get_by_role("textbox", name="Say something to desk")
    box.fill("where is my parcel")
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    log.get_by_role("button", name="Good").click()
    expect(log.get_by_text("Kept with its trace.")).to_be_visible()
    session = page.get_by_role("link", name="This conversation as a session").get_attribute("href")
    wait_for_trace(home.client, str(home.client.feedback.list_().items[0].trace_id))
    box.fill("and then")

    log.get_by_role("link", name="Trace", exact=True).click()
    expect(page).to_have_url(re.compile("traces/"))
    page.go_back()

    expect(log.locator("strong")).to_have_text("where is my parcel")
    expect(log.get_by_role("button", name="Good")).to_have_attribute("aria-pressed", "true")
    expect(box).to_have_value("and then")
    assert session == page.get_by_role("link", name="This conversation as a session").get_attribute("href")
    page.get_by_role("button", name="Begin anew").click()
    box.fill("")
    page.reload()
    expect(page.get_by_text("Nothing was said yet.")).to_be_visible()


def test_signing_out_leaves_nothing_of_a_conversation(home: Home, open_home: OpenPage) -> None:
    """
    What this tab kept of a conversation is gone once one has signed out, also from the page that shows it.
    """
    _serve(home, [Rule(match=r"(?s)(.*)", reply=r"You said: **\1**")])
    open_home("/settings", expect="401")
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)
    page.get_by_role("textbox", name="Say something to desk").fill("where is my parcel")
    page.wait_for_function(f"() => {KEPT}.length > 0")

    page.keyboard.press("Control+K")
    page.get_by_role("combobox", name="Go to anything").fill("Sign out")
    page.get_by_role("option", name=re.compile("^Sign out")).click()

    expect(page.get_by_label("API key")).to_be_visible()
    assert [] == page.evaluate(KEPT)


def test_nobody_who_reads_above_is_pulled_down(home: Home, open_home: OpenPage) -> None:
    """
    While an answer comes, the page follows its end, until somebody scrolls up: then it stays where it is read.
    """
    _serve(home, [Rule(match="", reply="a line\n\n" * 600, chunk_delay_ms=25)])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)
    page.get_by_role("textbox", name="Say something to desk").fill("slow please")
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.scrollY > 400")

    page.evaluate("() => window.scrollTo(0, 0)")
    before = page.evaluate("() => document.documentElement.scrollHeight")
    page.wait_for_function("before => document.documentElement.scrollHeight > before + 400", arg=before)

    assert 0 == page.evaluate("() => window.scrollY")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()


def test_an_answer_is_stopped(home: Home, open_home: OpenPage) -> None:
    """
    Stopping keeps what had come, and the next question can be asked at once.
    """
    _serve(home, [Rule(match="slow", reply="one " * 4000, chunk_delay_ms=50), Rule(match="", reply="quick")])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)

    box = page.get_by_role("textbox", name="Say something to desk")
    box.fill("slow please")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("one one")
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped.")).to_be_visible()
    box.fill("again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("quick")


def test_what_a_model_writes_does_nothing(home: Home, open_home: OpenPage) -> None:
    """
    Scripts are text, images are not fetched, links that run something lose their address; nothing scrolls the page sideways.
    """
    _serve(home, [Rule(match="", reply=HOSTILE)])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))

    page.get_by_role("textbox", name="Say something to desk").fill("hello")
    page.keyboard.press("Enter")
    log = page.get_by_role("log")
    expect(log.get_by_role("link", name="out")).to_have_attribute("rel", re.compile("noopener"))

    expect(log.get_by_text("[image: a picture]")).to_be_visible()
    expect(log.locator("img, script")).to_have_count(0)
    expect(log.get_by_role("link", name="press")).to_have_count(0)
    assert page.evaluate("window.wasRun") is None
    assert not [url for url in fetched if "evil.example" in url]
    assert [] == unsound(page)
    look(page, "chat-hostile")


def test_an_endpoint_that_cannot_answer_says_why(home: Home, open_home: OpenPage) -> None:
    """
    A failed answer stands in its place with the reason, and can be asked for again.
    """
    _serve(home, [Rule(match="", status=503, reply="down for repairs")])
    page = open_home("/endpoints/desk/chat", expect="releases/rel_desk")
    settle(page)

    page.get_by_role("textbox", name="Say something to desk").fill("hello")
    page.keyboard.press("Enter")

    expect(page.get_by_role("log").get_by_role("alert")).to_contain_text("No answer: status 503")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()


def _serve(home: Home, rules: Sequence[Rule]) -> None:
    """Have an endpoint answer by script, and wait until the gateway serves it."""
    ensure_endpoint(home.client, "desk")
    arm = Arm(
        release_id="rel_desk",
        model_version_id="mdv_x",
        role="stable",
        weight=1.0,
        provider="scripted",
        script=tuple(rules),
    )
    made = Endpoint(project_id=home.ctx.project_id, name="desk", salt="salt", arms=(arm,))
    beside(home.ctx.db.write(lambda db: gateway.publish_endpoint(db, made)))

    def is_served() -> bool:
        table = home.platform.data_plane.live.table  # type: ignore[union-attr]
        found = None if table is None else table.snapshot.endpoints.get((home.ctx.project_id, "desk"))
        return found is not None and bool(found.arms)

    until(is_served)
