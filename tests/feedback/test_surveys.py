"""Surveys: shown to a share of sessions by web pages, answered once, told per release with intervals."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from tests.traces.home import Home, ensure_endpoint
from tests.traces.test_traces import new_span, record
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, NotFound
from treadle.feedback.labels.types import Field, Option
from treadle.feedback.surveys.results import mean_interval
from treadle.feedback.surveys.service import _is_in_share
from treadle.feedback.surveys.types import NewSurvey
from treadle.governance.types import NewApiKey

SHOP = "https://shop.example"
RECOMMEND = Field(name="recommend", kind="number", low=0, high=10, step=1)
SOLVED = Field(name="solved", kind="boolean")
WHY = Field(name="why", kind="category", options=[Option(label="fast"), Option(label="kind")], is_required=False)


def _survey(home: Home, **more: Any) -> None:
    wanted: dict[str, Any] = {
        "name": "nps",
        "endpoint": "support",
        "title": "How was it?",
        "fields": [RECOMMEND, SOLVED, WHY],
    }
    home.client.surveys.put(NewSurvey(**wanted | more))


def _sessions(home: Home, *session_ids: str, **more: Any) -> None:
    record(home, [new_span(number, session_id=one, **more) for number, one in enumerate(session_ids)])


def _page(home: Home, method: str, path: str, **more: Any) -> httpx2.Response:
    keys = {key.name for key in home.client.access.list_keys()}
    name, endpoint = f"pages {len(keys)}", more.pop("endpoint", "support")
    ensure_endpoint(home.client, endpoint)
    key = home.client.access.create_key(
        NewApiKey(name=name, kind="publishable", endpoints=[endpoint], origins=[SHOP])
    ).key
    address = f"{home.client.url}/api/v1/public/surveys/{path}"
    asked = {"key": key, **more.pop("params", {})}
    return httpx2.request(method, address, params=asked, headers={"origin": SHOP}, trust_env=False, **more)


def test_a_page_asks_and_sends(home: Home) -> None:
    """
    A page learns what to ask, sends what was answered, and a session that answered is not asked again.
    """
    _survey(home)
    _sessions(home, "s1", release_id="rel_1")

    asked = _page(home, "GET", "nps", params={"session_id": "s1"}).json()
    sent = _page(home, "POST", "nps/answers", json={"session_id": "s1", "answers": {"recommend": 9, "solved": True}})
    again = _page(home, "GET", "nps", params={"session_id": "s1"}).json()

    assert (True, "How was it?", "recommend") == (asked["is_asked"], asked["title"], asked["fields"][0]["name"])
    assert (204, SHOP) == (sent.status_code, sent.headers["access-control-allow-origin"])
    assert {"is_asked": False, "title": "", "fields": []} == again
    (answer,) = home.client.surveys.list_answers("nps").items
    assert ("s1", "rel_1", {"recommend": 9, "solved": True}) == (answer.session_id, answer.release_id, answer.answers)


def test_what_a_page_may_not(home: Home) -> None:
    """
    Another endpoint's survey does not exist for a page, nor does a session that its endpoint never answered.
    """
    _survey(home)
    _sessions(home, "s1", endpoint="billing")
    said = {"session_id": "s1", "answers": {"recommend": 9, "solved": True}}

    foreign = _page(home, "GET", "nps", endpoint="billing", params={"session_id": "s1"})
    stranger = _page(home, "POST", "nps/answers", json=said)
    wrong = _page(home, "POST", "nps/answers", json={**said, "answers": {"recommend": 11}})

    assert [(404, "surveys.not_found"), (404, "surveys.session_unknown"), (422, "feedback.answers_invalid")] == [
        (one.status_code, one.json()["code"]) for one in (foreign, stranger, wrong)
    ]
    assert [] == home.client.surveys.list_answers("nps").items


def test_a_share_of_sessions(home: Home) -> None:
    """
    About as many sessions are asked as was said, always the same ones; a closed survey asks nobody and takes nothing.
    """
    _survey(home, share=0.5)
    survey = home.client.surveys.get("nps")
    in_share = [name for name in (f"s{number}" for number in range(200)) if _is_in_share(survey, name)]
    _sessions(home, "s0")

    asked = [
        _page(home, "GET", "nps", params={"session_id": name}).json()["is_asked"] for name in ("s0", "s1", "s2", "s0")
    ]
    _survey(home, is_open=False)
    closed = _page(home, "GET", "nps", params={"session_id": in_share[0]}).json()["is_asked"]

    assert 60 < len(in_share) < 140
    assert [name in in_share for name in ("s0", "s1", "s2", "s0")] == asked
    assert closed is False
    with pytest.raises(NotFound):
        home.client.surveys.answer("nps", "s0", {"recommend": 1, "solved": False})


def test_results_per_release(home: Home) -> None:
    """
    Each release gets its own figures with intervals; an answer given anew replaces the one before.
    """
    _survey(home)
    _sessions(home, *[f"a{number}" for number in range(6)], release_id="rel_a")
    _sessions(home, "b0", release_id="rel_b")
    for number, score in enumerate([8, 8, 9, 9, 10, 10]):
        home.client.surveys.answer("nps", f"a{number}", {"recommend": score, "solved": number > 0, "why": "fast"})
    for score in (1, 3):
        home.client.surveys.answer("nps", "b0", {"recommend": score, "solved": False})

    told = {(one.release_id, one.name): one for one in home.client.surveys.get_results("nps")}
    shown = CliRunner().invoke(
        cli,
        ["survey", "results", "nps"],
        env={"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"},
    )

    mean = told["rel_a", "recommend"]
    assert (6, 9.0) == (mean.num_answers, mean.mean)
    assert [8.061, 9.939] == pytest.approx([mean.low, mean.high], abs=0.001)
    assert (1, 3.0, None) == tuple(getattr(told["rel_b", "recommend"], name) for name in ("num_answers", "mean", "low"))
    yes = told["rel_a", "solved"].shares[0]
    assert ("yes", 5) == (yes.label, yes.count)
    assert yes.low == pytest.approx(0.436, abs=0.001)
    assert ["fast"] == [share.label for share in told["rel_a", "why"].shares]
    assert "9.00 (8.06 to 9.94)" in shown.stdout
    assert "3.00 (too few to tell)" in shown.stdout


@pytest.mark.parametrize(("count", "t"), [(5, 2.7764), (10, 2.2622), (30, 2.0452), (200, 1.9720)])
def test_students_t(count: int, t: float) -> None:
    """
    The interval is the mean plus and minus t times the standard error, t from the tables within 0.3 %.
    """
    values = [0.0, 1.0] * (count // 2) + [0.5] * (count % 2)
    ends = mean_interval(values, -9, 9)

    assert ends is not None
    error = (sum((one - 0.5) ** 2 for one in values) / (count - 1) / count) ** 0.5
    assert t == pytest.approx((ends[1] - 0.5) / error, rel=0.003)


def test_a_survey_asks_no_corrections(home: Home) -> None:
    """
    A correction is of one answer, and a survey is of a session.
    """
    with pytest.raises(ValueError, match="not of a session"):
        _survey(home, fields=[Field(name="better", kind="correction")])
    with pytest.raises(InvalidInput):
        _survey_of_nobody(home)


def _survey_of_nobody(home: Home) -> None:
    from treadle.client.calls import Call
    from treadle.feedback.surveys.types import Survey

    home.client.send(Call("PUT", "/surveys", Survey, body={"name": "x", "endpoint": "", "fields": []}))


def test_words_are_read_in_the_terminal(home: Home) -> None:
    """
    What sessions answered in words has no figure, and is listed answer by answer.
    """
    home.client.surveys.put(
        NewSurvey(
            name="nps",
            endpoint="support",
            fields=[Field(name="why", kind="text"), Field(name="solved", kind="boolean")],
        )
    )
    _sessions(home, "s1")
    home.client.surveys.answer("nps", "s1", {"why": "quick and kind", "solved": True})
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}

    told = CliRunner().invoke(cli, ["survey", "answers", "nps"], env=environment)

    assert "why: quick and kind, solved: yes" in told.stdout


def test_sessions_of_an_application_that_only_sends_traces(home: Home) -> None:
    """
    A survey without an endpoint asks all sessions: one that came by spans answers it, and a page those of its own endpoint.
    """
    _survey(home, endpoint=None, fields=[RECOMMEND])
    _sessions(home, "s1", endpoint=None)

    kept = home.client.surveys.answer("nps", "s1", {"recommend": 9})
    from_a_page = _page(home, "POST", "nps/answers", json={"session_id": "s1", "answers": {"recommend": 1}})
    with pytest.raises(NotFound, match="nothing was answered in session 's2'"):
        home.client.surveys.answer("nps", "s2", {"recommend": 9})

    assert {"recommend": 9} == kept.answers
    assert (404, "surveys.session_unknown") == (from_a_page.status_code, from_a_page.json()["code"])
    assert [kept] == home.client.surveys.list_answers("nps").items


def test_a_survey_of_an_endpoint_that_is_not_there(home: Home) -> None:
    """
    It is kept, since the endpoint may come, and the terminal says that nobody is asked yet.
    """
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}
    wanted = ["survey", "put", "nps", "--field", "solved:boolean"]

    nowhere = CliRunner().invoke(cli, [*wanted, "--endpoint", "nobody"], env=environment)
    everywhere = CliRunner().invoke(cli, wanted, env=environment)

    assert "there is no endpoint 'nobody', so nobody is asked yet" in nowhere.stderr
    assert "asks 100% of all sessions" in everywhere.stdout
    assert "" == everywhere.stderr


def test_from_the_terminal(home: Home) -> None:
    """
    A survey is made and listed from the terminal.
    """
    environment = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key, "COLUMNS": "200"}

    made = CliRunner().invoke(
        cli,
        ["survey", "put", "nps", "--endpoint", "support", "--field", "recommend:number:0-10", "--share", "0.2"],
        env=environment,
    )
    listed = CliRunner().invoke(cli, ["survey", "list"], env=environment)

    assert "asks 20% of the sessions of 'support'" in made.stdout
    assert "recommend" in listed.stdout
