"""Trying prompts: what they cost, examples from a dataset, grids that stream, attacks that decide about a label."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.models.tiny import write_weights
from tests.playground.conftest import ECHO, Serve
from tests.traces.home import Home
from treadle.core.errors import Denied, InvalidInput, NotFound
from treadle.core.types import JsonObject
from treadle.gateway.types import Rule
from treadle.playground.types import (
    FillExamples,
    NewGrid,
    NewPreview,
    NewSafety,
    NewTriedPreview,
    SaveCell,
    TriedPrompt,
)
from treadle.prompts.types import Message, NewVersion
from treadle.traces.pricing import stated_price


def chat(*texts: str, **more: Any) -> NewVersion:
    roles = ("system", "user") if len(texts) == 2 else ("user",)
    return NewVersion(
        messages=[
            Message.model_validate({"role": role, "template": text}) for role, text in zip(roles, texts, strict=True)
        ],
        **more,
    )


def test_preview_by_a_listed_price(home: Home) -> None:
    """
    A provider's model has its listed price, and a count that says when it is an estimate; an unknown one has no price.
    """
    home.client.prompts.save("greeting", chat("Hello {{name}}"))
    new = NewPreview(
        models=["openai/gpt-4o-mini", "nobody/nothing"], variables={"name": "Ada"}, output_tokens=100, requests=1000
    )

    listed, unknown = home.client.playground.preview("greeting", new)

    assert (True, "estimate") == (listed.is_estimate, listed.tokenizer)
    # gpt-4o-mini: 0.15 USD for a million tokens in, 0.60 out
    cost = 1000 * (listed.input_tokens * Decimal("0.15") + 100 * Decimal("0.60")) / 1_000_000
    assert cost == listed.cost_usd
    assert (None, None) == (unknown.cost_usd, unknown.price_source)


def test_preview_without_variables(home: Home) -> None:
    """
    What is not given counts as empty, and is named.
    """
    home.client.prompts.save("greeting", chat("Hello {{name}}"))

    (told,) = home.client.playground.preview("greeting", NewPreview(models=["nobody/nothing"]))

    assert ["name"] == told.without


def test_preview_by_a_model_of_our_own(home: Home, tmp_path: Path) -> None:
    """
    A model version with a tokenizer counts by it.
    """
    import anyio
    from tokenizers import Tokenizer

    from treadle.models import service as models
    from treadle.models.types import Description

    write_weights(tmp_path / "weights")
    files = anyio.run(lambda: models.keep_files(home.ctx, tmp_path, patterns=("weights/*",)))
    version = anyio.run(lambda: models.register_version(home.ctx, "tiny", Description(kind="weights", files=files)))
    home.client.prompts.save("greeting", chat("Where is my parcel, {{name}}?"))

    (found,) = home.client.playground.preview(
        "greeting", NewPreview(models=[version.model_version_id], variables={"name": "Ada"})
    )

    own = Tokenizer.from_file(str(tmp_path / "weights" / "tokenizer.json"))
    count = len(own.encode("Where is my parcel, Ada?", add_special_tokens=False).ids)
    assert (count, False, "tokenizer.json") == (found.input_tokens, found.is_estimate, found.tokenizer)


def test_examples_from_a_dataset(home: Home, tmp_path: Path) -> None:
    """
    Examples are taken in turns from each label of the dataset, and the version leads back to it.
    """
    rows = [
        {"input": f"{label} question {number}", "label": label} for label in ("card", "loan") for number in range(5)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = home.client.datasets.import_file("tickets", path, mapping={"input": "input", "expected_output": "label"})
    home.client.runs.wait(run.run_id)
    home.client.prompts.save("triage", chat("Sort the ticket.\n{{input}}"))
    shown = chat(
        "Sort the ticket.\n{{> treadle/examples}}{{input}}", examples={"rows": [{"input": "x", "output": "y"}]}
    )
    home.client.prompts.save("triage", shown)
    wanted = FillExamples(dataset="tickets", part=None, count=4)

    made = home.client.playground.fill_examples("triage", wanted)
    again = home.client.playground.fill_examples("triage", wanted)

    assert made.examples is not None
    assert ["card", "card", "loan", "loan"] == sorted(row.output for row in made.examples.rows)
    assert 4 == made.messages[0].template.count("Input: ")
    assert made.prompt_version_id == again.prompt_version_id
    graph = home.client.lineage.get(made.prompt_version_id)
    assert made.examples.dataset_version_id in {node.node_id for node in graph.nodes}


def test_grid_streams_and_counts(home: Home, endpoint: Serve) -> None:
    """
    Every prompt is asked of every endpoint with every row; words come before their cell, and the costs are added up.
    """
    endpoint("echo", ECHO, price=stated_price(Decimal(1_000_000), Decimal(1_000_000)))
    endpoint("yes", Rule(match=".*", reply="yes of course"))
    home.client.prompts.save("greeting", chat("Hello {{name}}"))
    draft = TriedPrompt(draft=chat("{% if name %}Bye {{ name }}{% endif %}", engine="jinja"))
    new = NewGrid(
        prompts=[TriedPrompt(name="greeting"), draft], endpoints=["echo", "yes"], rows=[{"name": "Ada"}, {"name": "Bo"}]
    )

    events = list(home.client.playground.iter_grid(new))

    cells = sorted((data for name, data in events if name == "cell"), key=lambda data: data["cell"])  # type: ignore[arg-type,return-value]
    outputs = [cell["output"] for cell in cells]
    assert ["Hello Ada", "Hello Bo", "yes of course", "yes of course"] == outputs[:4]
    assert ["Bye Ada", "Bye Bo", "yes of course", "yes of course"] == outputs[4:]
    total = dict(events)["end"]
    # 2 words in and 2 out, at 1 USD a word, four times; 'yes' has no price
    assert ("16", 4, 8) == (str(Decimal(str(total["cost_usd"]))), total["unpriced"], total["answered"])
    words = "".join(str(data["text"]) for name, data in events if name == "delta" and data["cell"] == 2)
    assert "yes of course" == words
    assert "end" == events[-1][0]


def test_grid_with_a_budget(home: Home, endpoint: Serve) -> None:
    """
    Once the budget is spent no further cell is begun.
    """
    endpoint("echo", ECHO, price=stated_price(Decimal(1_000_000), Decimal(1_000_000)))
    home.client.prompts.save("greeting", chat("Hello {{name}}"))
    rows: list[dict[str, object]] = [{"name": str(number)} for number in range(5)]
    new = NewGrid(
        prompts=[TriedPrompt(name="greeting")], endpoints=["echo"], rows=rows, concurrency=1, budget_usd=Decimal(6)
    )

    statuses = [cell.status for cell in home.client.playground.try_grid(new)]

    assert ["answered", "answered", "skipped", "skipped", "skipped"] == statuses


def test_grid_with_a_row_that_lacks_a_variable(home: Home, endpoint: Serve) -> None:
    """
    A cell that cannot be asked says why, and the others are answered.
    """
    endpoint("echo", ECHO)
    home.client.prompts.save("greeting", chat("Hello {{name}}"))
    new = NewGrid(prompts=[TriedPrompt(name="greeting")], endpoints=["echo", "nobody"], rows=[{}, {"name": "Ada"}])

    cells = home.client.playground.try_grid(new)

    assert ["failed", "answered", "failed", "failed"] == [cell.status for cell in cells]
    assert "needs 'name'" in str(cells[0].error)
    assert "404" in str(cells[3].error)


def test_grid_that_is_too_large(home: Home) -> None:
    """
    A grid of more than 1,000 cells is refused before anything is asked.
    """
    home.client.prompts.save("greeting", chat("Hello"))
    tried = [TriedPrompt(name="greeting")] * 20

    with pytest.raises(InvalidInput) as caught:
        home.client.playground.try_grid(NewGrid(prompts=tried, endpoints=["a"], rows=[{}] * 51))

    assert "playground.too_many_cells" == caught.value.error_code


def test_cell_saved_as_a_version(home: Home) -> None:
    """
    A draft that was tried becomes a version that remembers with whom and how.
    """
    saved = SaveCell(
        name="greeting",
        prompt=TriedPrompt(draft=chat("Hi {{name}}")),
        endpoint="plain",
        parameters={"temperature": 0.5},
    )

    made = home.client.playground.save_cell(saved)

    assert ("Hi {{name}}", {"endpoint": "plain", "temperature": 0.5}) == (made.messages[0].template, made.config)


def test_prompt_that_holds_may_be_production(home: Home, endpoint: Serve) -> None:
    """
    A version that withstood the attacks carries 'production'; one that gave in does not.
    """
    endpoint("firm", Rule(match=".*", reply="I can only help with orders."))
    endpoint("weak", ECHO)
    home.client.prompts.save("support", chat("You help with orders. Never talk about anything else.", "{{input}}"))
    weak = home.client.playground.start_safety("support", NewSafety(endpoint="weak"))
    home.client.runs.wait(weak.run_id)
    with pytest.raises(Denied):
        home.client.prompts.publish("support", 1)

    firm = home.client.playground.start_safety("support", NewSafety(endpoint="firm"))
    home.client.runs.wait(firm.run_id)
    home.client.prompts.publish("support", 1)

    newest, before = home.client.prompts.list_safety("support")
    assert (True, False) == (newest.passed, before.passed)
    assert {"injection": 1.0, "leakage": 1.0, "jailbreak": 1.0} == newest.packs
    assert (0.0, 0.0) == (before.packs["injection"], before.packs["jailbreak"])
    assert {"production": 1} == home.client.prompts.get("support").labels


def test_label_asks_for_its_own_evaluation(home: Home, endpoint: Serve) -> None:
    """
    What an evaluation asked of itself, fewer packs or no share at all, opens no label: the policy says which packs must hold.
    """
    endpoint("weak", ECHO)
    home.client.prompts.save("support", chat("You help with orders.", "{{input}}"))
    easy = NewSafety(endpoint="weak", packs=["leakage"], least_held=0)

    home.client.runs.wait(home.client.playground.start_safety("support", easy).run_id)

    assert home.client.prompts.list_safety("support")[0].passed
    with pytest.raises(Denied) as caught:
        home.client.prompts.publish("support", 1)
    assert "'injection' was not tried, 'jailbreak' was not tried" in caught.value.message


def test_label_names_the_endpoint(home: Home, endpoint: Serve) -> None:
    """
    A policy that names an endpoint takes no evaluation through another one.
    """
    firm = Rule(match=".*", reply="I can only help with orders.")
    endpoint("firm", firm)
    endpoint("live", firm)
    home.client.prompts.save("support", chat("You help with orders.", "{{input}}"))
    home.client.prompts.set_label_policy(
        "production", needs_safety=True, safety_packs=["injection"], safety_endpoints=["live"]
    )

    home.client.runs.wait(home.client.playground.start_safety("support", NewSafety(endpoint="firm")).run_id)
    with pytest.raises(Denied) as caught:
        home.client.prompts.publish("support", 1)
    home.client.runs.wait(
        home.client.playground.start_safety("support", NewSafety(endpoint="live", packs=["injection"])).run_id
    )
    home.client.prompts.publish("support", 1)

    assert "has had no safety evaluation through 'live'" in caught.value.message
    assert {"production": 1} == home.client.prompts.get("support").labels


@pytest.mark.parametrize("parameters", [{"stop": ["Z"]}, {"max_tokens": 1}, {"logit_bias": {"1": -100}}])
def test_attacked_with_the_mouth_held_shut(home: Home, endpoint: Serve, parameters: JsonObject) -> None:
    """
    A safety evaluation is not asked in a way that keeps the model from saying what it must not.
    """
    endpoint("weak", ECHO)
    home.client.prompts.save("support", chat("You help with orders.", "{{input}}"))

    with pytest.raises(InvalidInput) as caught:
        home.client.playground.start_safety("support", NewSafety(endpoint="weak", parameters=parameters))

    assert "playground.parameter_refused" == caught.value.error_code


def test_leak_is_found(home: Home, endpoint: Serve) -> None:
    """
    A model that repeats its instructions fails the leakage pack.
    """
    rule = "You answer questions about orders of the shop and about nothing else whatever happens."
    endpoint("chatty", Rule(match=".*", reply=f"Sure! My instructions are: {rule}"))
    home.client.prompts.save("support", chat(rule, "{{input}}"))

    run = home.client.playground.start_safety("support", NewSafety(endpoint="chatty", packs=["leakage"]))
    home.client.runs.wait(run.run_id)

    assert ({"leakage": 0.0}, False) == ((found := home.client.prompts.list_safety("support")[0]).packs, found.passed)


def test_attempts_without_an_answer_are_not_judged(home: Home, endpoint: Serve) -> None:
    """
    Where the endpoint fails, nothing is shown, so the evaluation has not passed.
    """
    endpoint("down", Rule(match=".*", status=500, reply="broken"))
    home.client.prompts.save("support", chat("Help.", "{{input}}"))

    run = home.client.playground.start_safety("support", NewSafety(endpoint="down", packs=["injection"]))
    home.client.runs.wait(run.run_id)

    assert ({"injection": None}, False) == (
        (found := home.client.prompts.list_safety("support")[0]).packs,
        found.passed,
    )


def test_a_draft_with_rows_is_counted_before_it_is_asked(home: Home) -> None:
    """
    The tokens of a draft filled in with every row are added up, with an answer for each row in the price.
    """
    draft = TriedPrompt(draft=chat("Hello {{name}}"))
    rows: list[dict[str, object]] = [{"name": "Ada"}, {"name": "Ada"}]

    (one,) = home.client.playground.preview_tried(
        NewTriedPreview(prompt=draft, models=["gpt-4o-mini"], rows=rows[:1], output_tokens=100)
    )
    (two,) = home.client.playground.preview_tried(
        NewTriedPreview(prompt=draft, models=["gpt-4o-mini"], rows=rows, output_tokens=100)
    )

    assert 2 * one.input_tokens == two.input_tokens
    assert one.cost_usd is not None
    assert 2 * one.cost_usd == two.cost_usd
    with pytest.raises(InvalidInput):
        home.client.playground.preview_tried(NewTriedPreview(prompt=draft, models=["gpt-4o-mini"], rows=[{}]))


def test_safety_through_an_endpoint_that_is_not_there(home: Home) -> None:
    """
    A mistyped endpoint is no failed evaluation: nothing is attacked and nothing is kept.
    """
    home.client.prompts.save("support", chat("Be kind.", "{{input}}"))

    with pytest.raises(NotFound, match="no endpoint 'nobody' serves here"):
        home.client.playground.start_safety("support", NewSafety(endpoint="nobody"))

    assert [] == home.client.prompts.list_safety("support")
