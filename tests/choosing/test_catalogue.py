"""The catalogue: what ships, what a project states, the registry's models, and one price book for all of them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from click.testing import CliRunner

from tests.choosing.models import choose, keep_rows, serve, wish
from tests.traces.home import Home
from treadle.choosing.facts import SHIPPED, read_shipped
from treadle.choosing.measured import risks_of
from treadle.choosing.types import NewEntry
from treadle.cli.main import cli
from treadle.core.errors import InvalidInput, NotFound
from treadle.evals.types import Metric
from treadle.models.types import Measurement
from treadle.traces.pricing import find_price

HAIKU = "anthropic/claude-haiku-4-5"


def test_every_shipped_entry_has_a_source_and_no_price() -> None:
    """
    Facts that ship name where and when they were read; prices are the price book's alone.
    """
    shipped = read_shipped()

    assert len(shipped) >= 20
    assert all(entry.source.startswith("https://") for entry in shipped.values())
    assert "usd" not in SHIPPED.read_text("utf-8")


def test_price_is_the_price_books(home: Home) -> None:
    """
    A listed model has the price book's price with its version, and its context length where nobody states another.
    """
    entry = home.client.catalogue.get(HAIKU)
    unlisted = home.client.catalogue.get("openai/gpt-4.1-mini")

    price = find_price("claude-haiku-4-5", "anthropic")
    assert price is not None
    assert price.input_usd_per_token * 1_000_000 == entry.input_usd_per_million
    assert price.source == entry.price_source
    assert ["shipped", "listed"] == entry.origin
    assert (["listed"], None) == (unlisted.origin, unlisted.licence)
    assert (unlisted.context_length or 0) >= 1_000_000


def test_unknown_stays_unknown(home: Home) -> None:
    """
    A model that nobody knows has no price, no context and no licence, rather than zeros.
    """
    entry = home.client.catalogue.get("nobody/nothing")

    facts = (entry.input_usd_per_million, entry.context_length, entry.licence, entry.can_fine_tune, entry.languages)
    assert (None,) * 5 == facts


def test_correction_wins_and_the_rest_stays(home: Home) -> None:
    """
    What a project states wins over what ships, names its source, and is forgotten again; other projects do not see it.
    """
    before = home.client.catalogue.get(HAIKU)

    stated = home.client.catalogue.put(
        HAIKU,
        NewEntry(languages=["en", "de"], licence="our contract", source="contract of May", as_of=date(2026, 5, 1)),
    )

    assert (["en", "de"], "our contract", before.context_length) == (
        stated.languages, stated.licence, stated.context_length,
    )  # fmt: skip
    assert "contract of May (2026-05-01)" == stated.sources[0]
    home.client.catalogue.remove(HAIKU)
    assert before == home.client.catalogue.get(HAIKU)
    with pytest.raises(NotFound):
        home.client.catalogue.remove(HAIKU)


def test_no_second_price(home: Home) -> None:
    """
    A price for a model that the price book lists is refused; one for a model that it does not list is taken.
    """
    priced = {"input_usd_per_million": Decimal(3), "output_usd_per_million": Decimal(4)}
    entry = NewEntry(source="our bill", as_of=date(2026, 5, 1), **priced)

    with pytest.raises(InvalidInput) as caught:
        home.client.catalogue.put(HAIKU, entry)

    assert "choosing.priced_already" == caught.value.error_code
    with pytest.raises(InvalidInput) as caught:
        home.client.catalogue.put("assistant@1", entry)
    assert "choosing.no_price_here" == caught.value.error_code
    assert Decimal(3) == home.client.catalogue.put("house/own", entry).input_usd_per_million


def test_pages_go_through_the_whole_catalogue(home: Home) -> None:
    """
    Page by page come the entries that ship, those that are stated and the registry's, each once, by name.
    """
    home.client.models.register_provider_version("assistant", provider="anthropic", model="claude-haiku-4-5")
    home.client.catalogue.put("house/own", NewEntry(source="our wiki", as_of=date(2026, 5, 1)))

    names: list[str] = []
    cursor = None
    while True:
        page = home.client.catalogue.list_(limit=7, cursor=cursor)
        names += [entry.name for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted({*read_shipped(), "house/own", "assistant@1"}) == names
    registered = home.client.catalogue.get("assistant@1")
    assert home.client.catalogue.get(HAIKU).input_usd_per_million == registered.input_usd_per_million
    assert 200_000 == registered.context_length


@pytest.mark.parametrize("name", ["plain", "endpoint:nowhere", "nobody@1"])
def test_names_of_nothing(home: Home, name: str) -> None:
    """
    A name that leads nowhere is refused in words.
    """
    with pytest.raises((InvalidInput, NotFound)):
        home.client.catalogue.get(name)


def test_commands_state_choose_and_show(home: Home) -> None:
    """
    On the command line: state a fact, see it, plan without asking, choose, and read the choice again.
    """
    dataset = keep_rows(home)
    serve(home, "good", usd="2")
    serve(home, "poor", usd="1", wrong_below=30)
    shell = {"TREADLE_URL": home.client.url, "TREADLE_API_KEY": home.key}

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, words, env=shell, catch_exceptions=False)
        assert 0 == done.exit_code, done.output
        return done.stdout

    options = ["--dataset", dataset, "--part", "test", "--scorer", "exact_match", "--licence", "MIT"]
    options += ["--candidate", "endpoint:good", "--candidate", "endpoint:poor"]
    for name in ("endpoint:good", "endpoint:poor"):
        run("model", "state", name, "--licence", "MIT", "--source", "our wiki", "--as-of", "2026-05-01")
    facts = run("model", "facts", "endpoint:good")
    planned = run("model", "choose", *options, "--dry-run")
    chosen = run("model", "choose", *options)
    again = json.loads(run("model", "choices", "--json"))["items"][0]
    shown = run("model", "choice", again["choice_id"])

    assert "MIT" in facts
    assert "not known" in facts
    assert "Tries 2 models on 40 rows: 80 requests; it costs at most" in planned
    assert "Recommended: endpoint:good" in chosen
    assert "not measured" in shown
    assert "endpoint:good" == again["outcome"]["recommended"]
    assert HAIKU in run("model", "catalogue", "--limit", "500", "--json")


def test_risks_that_nobody_measured_say_so(home: Home) -> None:
    """
    Without a scorer of groundedness, and without a measurement of bias, both are told as not measured.
    """
    dataset = keep_rows(home)
    serve(home, "good", usd="1")

    outcome = choose(home, wish(dataset, "good")).outcome

    assert outcome is not None
    assert [("hallucination", "not measured"), ("bias", "not measured")] == [
        (risk.kind, risk.words) for risk in outcome.tried[0].risks
    ]


def test_risks_that_were_measured_are_told() -> None:
    """
    A choice's own scorer of groundedness counts before one on the model's card; bias is what the card holds.
    """
    own = Metric(name="faithfulness", mean=0.9, low=0.8, high=0.95, interval="wilson", scored=40, unscored=0)
    card = [
        Measurement(
            name=name,
            value=value,
            rows_count=20,
            source_id="exp_1",
            part="test",
            measured_at=datetime(2026, 5, 1, tzinfo=UTC),
        )
        for name, value in (("faithfulness", 0.5), ("bias_gender", 0.03))
    ]

    hallucination, bias = risks_of([own], card)
    (of_card, _) = risks_of([], card)

    assert "faithfulness 90.0 % (95 % interval 80.0 to 95.0) over 40 rows" == hallucination.words
    assert "bias_gender 0.030 over 20 rows, by exp_1" == bias.words
    assert "faithfulness 0.500 over 20 rows, by exp_1" == of_card.words
