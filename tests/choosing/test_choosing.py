"""Choosing among scripted models of different quality, latency and price, through the API and the real gateway."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

import httpx2
import pytest

from tests.choosing.models import ROWS, choose, keep_rows, rules, serve, wish
from tests.evals.serving import done, experiment
from tests.gateway.harness import upstream
from tests.traces.home import Home
from treadle.choosing.planning import BudgetTooSmall, NobodyLeft
from treadle.choosing.types import NewEntry, Requirements
from treadle.core.errors import InvalidInput, NotFound
from treadle.evals.bias.types import NewBiasRows, Template
from treadle.evals.types import Target
from treadle.gateway.providers.types import NewProvider


def test_front_and_recommendation_of_three_models(home: Home) -> None:
    """
    The dear best, a cheap one as good, and a cheaper one that is shown to be worse: the cheap one is recommended, and the
    worse stays on the front as the cheapest.
    """
    dataset = keep_rows(home, 100)
    serve(home, "dear", usd="50", delay_ms=20)
    serve(home, "cheap", usd="5", delay_ms=20)
    serve(home, "worse", usd="1", wrong_below=60)

    choice = choose(home, wish(dataset, "dear", "cheap", "worse"))

    outcome = choice.outcome
    assert outcome is not None
    tried = {each.entry.name: each for each in outcome.tried}
    assert ("endpoint:cheap", "endpoint:cheap") == (outcome.best, outcome.recommended)
    assert {"endpoint:cheap", "endpoint:worse"} <= {name for name, each in tried.items() if each.on_front}
    assert "worse" == getattr(tried["endpoint:worse"].against_best, "verdict", None)
    assert "as good" == getattr(tried["endpoint:dear"].against_best, "verdict", None)
    assert "Shown to be worse than endpoint:cheap: endpoint:" in outcome.words
    assert "Of bias: not measured." in outcome.words
    cost, latency = tried["endpoint:dear"].usd_per_thousand, tried["endpoint:dear"].latency_p95_ms
    assert cost is not None
    assert latency is not None
    # 2 words in and 1 out at 50 USD for a million, a thousand times.
    assert pytest.approx(0.15) == cost.value
    assert latency.value >= 20
    assert sum((each.spent_usd or Decimal(0)) for each in outcome.tried) == outcome.spent_usd
    worse = home.client.experiments.get(str(tried["endpoint:worse"].experiment_id))
    assert (0.4, 100) == (worse.metrics[0].mean, worse.rows)


def test_few_rows_do_not_recommend_what_is_not_shown(home: Home) -> None:
    """
    A cheaper model that misses two of 40 rows is neither shown to be worse nor as good within 5 points: the words say so,
    and the best is recommended.
    """
    dataset = keep_rows(home)
    serve(home, "dear", usd="50")
    serve(home, "cheap", usd="1", wrong_below=2)

    outcome = choose(home, wish(dataset, "dear", "cheap")).outcome

    assert outcome is not None
    assert "endpoint:dear" == outcome.recommended
    assert "Not shown to differ in quality from endpoint:dear: endpoint:cheap" in outcome.words
    assert "nor shown to be as good within 5 points" in outcome.words


def test_measured_requirements_leave_out_with_their_reasons(home: Home) -> None:
    """
    Who is too slow, and whose quality is too low, is no recommendation however cheap; the reasons have the numbers.
    """
    dataset = keep_rows(home)
    serve(home, "good", usd="9")
    serve(home, "slow", usd="1", delay_ms=5000)
    serve(home, "poor", usd="1", wrong_below=20)
    wanted = Requirements(max_latency_p95_ms=4900, min_quality=0.7)

    outcome = choose(home, wish(dataset, "good", "slow", "poor", requirements=wanted, rows=8, concurrency=8)).outcome

    assert outcome is not None
    unmet = {each.entry.name: each.unmet for each in outcome.tried}
    assert ("endpoint:good", []) == (outcome.recommended, unmet["endpoint:good"])
    assert "above 4900 ms" in unmet["endpoint:slow"][0]
    assert "below 70.0 %" in unmet["endpoint:poor"][0]


def test_nothing_meets_the_requirements(home: Home) -> None:
    """
    Where nobody meets the requirements nothing is recommended, and the words say why.
    """
    dataset = keep_rows(home)
    serve(home, "poor", usd="1", wrong_below=20)
    serve(home, "poorer", usd="1", wrong_below=30)

    outcome = choose(home, wish(dataset, "poor", "poorer", requirements=Requirements(min_quality=0.9))).outcome

    assert outcome is not None
    assert (None, None) == (outcome.best, outcome.recommended)
    assert "Nothing is recommended" in outcome.words


def test_dry_run_asks_nothing_and_bounds_the_cost(home: Home) -> None:
    """
    A plan names who would be tried at what cost at most and who is left out with every reason; no run is started, and what
    the choice then costs is no more.
    """
    dataset = keep_rows(home)
    serve(home, "mine", usd="5")
    home.client.catalogue.put(
        "endpoint:mine", NewEntry(licence="MIT", context_length=4096, source="our wiki", as_of="2026-05-01")
    )
    wanted = Requirements(licences=["mit"], min_context=2000, hosting="provider", keep_unknown=True)
    new = wish(dataset, "mine", "mistral/open-mistral-nemo", requirements=wanted)

    plan = home.client.choices.plan(new)

    assert ["endpoint:mine"] == [model.entry.name for model in plan.models]
    (excluded,) = plan.excluded
    assert "mistral/open-mistral-nemo" == excluded.name
    assert any("its licence is Apache-2.0, not mit" in reason for reason in excluded.reasons)
    assert any("no provider 'mistral' is configured" in reason for reason in excluded.reasons)
    assert (ROWS, ROWS) == (plan.rows, plan.requests)
    assert [] == home.client.choices.list_().items
    assert [] == home.client.experiments.list_().items
    outcome = choose(home, new).outcome
    assert outcome is not None
    assert plan.most_usd is not None
    assert 0 < outcome.spent_usd <= plan.most_usd


def test_budget_cuts_the_rows_and_is_held(home: Home) -> None:
    """
    Rows are cut, for all models alike, to what the budget surely pays for; what cannot be bounded is left out; a budget for
    fewer than two rows is refused with the amount that would do.
    """
    dataset = keep_rows(home)
    serve(home, "one", usd="100")
    serve(home, "two", usd="200")
    serve(home, "endless", usd="1", max_tokens=None)
    serve(home, "unpriced", usd=None)
    whole = home.client.choices.plan(wish(dataset, "one", "two")).most_usd
    assert whole is not None
    half = (whole / 2).quantize(Decimal("0.000001"))

    choice = choose(home, wish(dataset, "one", "two", "endless", budget_usd=half))

    assert choice.outcome is not None
    assert {"endpoint:endless"} == {each.name for each in choice.plan.excluded}
    assert "pins no max_tokens" in choice.plan.excluded[0].reasons[0]
    assert 2 <= choice.plan.rows < ROWS
    assert {choice.plan.rows} == {each.metrics[0].scored for each in choice.outcome.tried}
    assert choice.outcome.spent_usd <= half
    with pytest.raises(InvalidInput) as caught:
        home.client.choices.start(wish(dataset, "one", "two", budget_usd=Decimal("0.000001")))
    assert BudgetTooSmall.code == caught.value.error_code


def test_provider_model_is_tried_through_an_endpoint_for_the_while(home: Home) -> None:
    """
    A model of a configured provider is asked with the stated price and the limit of its answers; afterwards nothing of the
    endpoint is left, and the price that somebody stated is the one that counted.
    """
    dataset = keep_rows(home)
    seen: list[bytes] = []
    with upstream(rules(), seen) as url:
        home.client.providers.create(NewProvider(name="house", kind="openai", base_url=f"{url}/v1", private=True))
        home.client.catalogue.put(
            "house/tiny",
            NewEntry(
                input_usd_per_million=Decimal(1000),
                output_usd_per_million=Decimal(1000),
                source="our bill",
                as_of="2026-05-01",
            ),
        )

        choice = choose(home, wish(dataset, "house/tiny", max_tokens=33))

    assert choice.outcome is not None
    (tried,) = choice.outcome.tried
    assert ("house/tiny", "succeeded") == (choice.outcome.recommended, choice.status)
    assert (Decimal(1000), "configured") == (tried.entry.input_usd_per_million, tried.entry.price_source)
    # 2 words in and 1 out, 40 times, at 0.001 USD each.
    assert Decimal("0.12") == choice.outcome.spent_usd
    assert ROWS == len([body for body in seen if b'"max_tokens":33' in body])
    _until(lambda: f"{choice.choice_id}-0" not in _published(home))


def test_a_model_that_does_not_answer_does_not_end_the_choice(home: Home) -> None:
    """
    Whoever answers nothing is told as not measured, and the others are ranked.
    """
    dataset = keep_rows(home)
    serve(home, "good", usd="1")
    with upstream([]) as url:
        home.client.providers.create(NewProvider(name="gone", kind="openai", base_url=f"{url}/v1", private=True))

        outcome = choose(home, wish(dataset, "good", "gone/model")).outcome

    assert outcome is not None
    assert "endpoint:good" == outcome.recommended
    assert "Not measured: gone/model (" in outcome.words


def test_nobody_else_calls_what_a_choice_tries(home: Home) -> None:
    """
    While a model is tried, no key finds it: not by its name, not in the list, not in the playground, not as a target.
    """
    dataset = keep_rows(home)
    seen: list[bytes] = []
    with upstream(rules(delay_ms=500), seen) as url:
        home.client.providers.create(NewProvider(name="house", kind="openai", base_url=f"{url}/v1", private=True))
        started = home.client.choices.start(wish(dataset, "house/slow", concurrency=1))
        _until(lambda: bool(seen))
        name = f"{started.choice_id}-0"
        asked = {"model": name, "messages": [{"role": "user", "content": "let me in"}]}
        headers = {"authorization": f"Bearer {home.key}"}
        with httpx2.Client(base_url=home.client.url, headers=headers, timeout=60) as caller:
            answers = [
                caller.post("/v1/chat/completions", json=asked),
                caller.get(f"/v1/models/{name}"),
                caller.post("/v1/messages/count_tokens", json=asked),
            ]
            listed = caller.get("/v1/models").json()["data"]
            chatted = caller.post("/api/v1/chat", json={"endpoint": name, "messages": asked["messages"]}).text
        with pytest.raises(NotFound):
            home.client.catalogue.get(f"endpoint:{name}")
        home.client.runs.cancel(started.run_id)

    assert [404, 404, 404] == [answer.status_code for answer in answers]
    assert [] == [each["id"] for each in listed if each["id"] == name]
    assert "there is no model" in chatted
    assert not any(b"let me in" in body for body in seen)


def _published(home: Home) -> set[str]:
    table = home.platform.data_plane.live.table  # type: ignore[union-attr]
    assert table is not None
    return {name for project_id, name in table.snapshot.endpoints if project_id == home.ctx.project_id}


def test_cancelled_choice_leaves_no_endpoint(home: Home) -> None:
    """
    A choice that is cancelled while a provider's model is asked takes that model's endpoint away.
    """
    dataset = keep_rows(home)
    seen: list[bytes] = []
    with upstream(rules(delay_ms=500), seen) as url:
        home.client.providers.create(NewProvider(name="house", kind="openai", base_url=f"{url}/v1", private=True))
        started = home.client.choices.start(wish(dataset, "house/slow", concurrency=1))
        _until(lambda: bool(seen))
        name = f"{started.choice_id}-0"
        assert name in _published(home)
        home.client.runs.cancel(started.run_id)

        _until(lambda: name not in _published(home))

    assert ("cancelled", None) == (
        home.client.choices.get(started.choice_id).status,
        home.client.choices.get(started.choice_id).outcome,
    )


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_nobody_left_says_every_reason(home: Home) -> None:
    """
    A choice that would try nobody is refused with the reasons, and no run begins.
    """
    dataset = keep_rows(home)
    serve(home, "mine", usd="1")

    with pytest.raises(InvalidInput) as caught:
        home.client.choices.start(wish(dataset, "mine", requirements=Requirements(licences=["MIT"], fine_tuning=True)))

    assert NobodyLeft.code == caught.value.error_code
    assert "its licence is not known" in caught.value.message
    assert "whether it can be tuned is not known" in caught.value.message


def test_bias_that_was_measured_before_is_told(home: Home) -> None:
    """
    An earlier experiment over counterfactual rows of the same endpoint is the figure of bias, with its id; another endpoint
    stays not measured.
    """
    dataset = keep_rows(home)
    serve(home, "known", usd="1")
    serve(home, "unknown", usd="2")
    texts = [Template(input=f"{{gender.person}} asks, say n{number:03d}", expected_output="x") for number in range(8)]
    made = done(
        home, home.client.bias.make_rows(NewBiasRows(name="people", templates=texts, attributes=["gender"])).run_id
    )
    before = experiment(home, target=Target(endpoint="known"), dataset_version_id=str(made.outputs["version_id"]))

    outcome = choose(home, wish(dataset, "known", "unknown")).outcome

    assert outcome is not None
    told = {each.entry.name: each.risks[1] for each in outcome.tried}
    assert [before.experiment_id] == told["endpoint:known"].source_ids
    assert "no difference between groups is shown" in told["endpoint:known"].words
    assert "not measured" == told["endpoint:unknown"].words
