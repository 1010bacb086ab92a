"""`treadle model choose`, `choices` and `choice`: choose a model by requirements and an experiment on rows of one's own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

import click

from treadle.choosing.types import Choice, ChoicePlan, Hosting, Modality, NewChoice, Spread, TriedModel
from treadle.cli.files import JsonFile
from treadle.cli.output import connected, emit_json, emit_table, json_option, say, wait
from treadle.cli.scorer_choice import choice_of, parameters_of
from treadle.core.types import JsonObject, JsonValue
from treadle.data.types import Part
from treadle.evals.comparisons.verdict import amount

_WANTED = (
    "licences", "hosting", "max_latency_p95_ms", "max_usd_per_thousand", "max_usd_per_month", "requests_per_month",
    "input_tokens", "output_tokens", "min_quality", "languages", "min_context", "input_modalities", "output_modalities",
    "fine_tuning", "keep_unknown",
)  # fmt: skip
_MODALITIES = click.Choice(get_args(Modality))


@click.command(
    "choose",
    epilog="\b\nExample: treadle model choose --dataset tickets --part test --scorer exact_match "
    "--licence Apache-2.0 --max-usd-per-thousand 0.50 --budget-usd 2 --dry-run",
)
@click.option("--dataset", required=True, help="The rows that models are tried on.")
@click.option("--dataset-version", default="latest", show_default=True, help="Of the dataset.")
@click.option("--part", type=click.Choice(get_args(Part)), help="Which part of them; none takes every row.")
@click.option("--rows", default=100, show_default=True, help="The first so many rows.")
@click.option(
    "--candidate",
    "candidates",
    multiple=True,
    help="provider/model, name@version of the registry, or endpoint:name; repeatable. None takes the whole catalogue.",
)
@click.option("--scorer", "scorers", multiple=True, required=True, help="The first is what quality means; repeatable.")
@click.option("--prompt", help="What frames each input; endpoints keep their own.")
@click.option("--prompt-version", default="latest", show_default=True, help="Of the prompt.")
@click.option("--licence", "licences", multiple=True, help="Any of these; repeatable.")
@click.option("--hosting", type=click.Choice(get_args(Hosting)), help="Who may run it.")
@click.option("--max-latency-p95-ms", type=float, help="95th percentile of latency at most, as measured.")
@click.option("--max-usd-per-thousand", type=Decimal, help="For 1,000 requests of the tokens below.")
@click.option("--max-usd-per-month", type=Decimal, help="For a month's requests of the tokens below.")
@click.option("--requests-per-month", type=int, help="What a month's cost is reckoned with.")
@click.option("--input-tokens", default=500, show_default=True, help="Of a usual request.")
@click.option("--output-tokens", default=200, show_default=True, help="Of a usual answer.")
@click.option("--min-quality", type=float, help="The first scorer's mean at least, such as 0.8.")
@click.option("--language", "languages", multiple=True, help="ISO 639-1 code; repeatable.")
@click.option("--min-context", type=int, help="In tokens.")
@click.option("--reads", "input_modalities", multiple=True, type=_MODALITIES, help="Repeatable.")
@click.option("--writes", "output_modalities", multiple=True, type=_MODALITIES, help="Repeatable.")
@click.option("--fine-tuning", is_flag=True, help="It must be possible to tune it.")
@click.option("--keep-unknown", is_flag=True, help="Keep models of which a fact is not known.")
@click.option(
    "--budget-usd", type=Decimal, help="What the answers may cost in all; rows are cut to what it surely pays."
)
@click.option("--max-tokens", default=512, show_default=True, help="Longest answer asked for.")
@click.option("--max-models", default=10, show_default=True, help="So many are tried, the cheapest first.")
@click.option(
    "--margin-points", default=5.0, show_default=True, type=click.FloatRange(0, 100, min_open=True),
    help="Loss of quality in points accepted for a cheaper model.",
)  # fmt: skip
@click.option("--parameters", help="JSON of further request fields, such as '{\"temperature\": 0}'.")
@click.option("--more", type=JsonFile(), help="File with further fields of the request.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs at most; ask nothing.")
@click.option("--wait/--no-wait", "is_waiting", default=True, show_default=True, help="Wait until it is chosen.")
@json_option
def choose(
    scorers: tuple[str, ...],
    parameters: str | None,
    more: JsonObject | None,
    dry_run: bool,
    is_waiting: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Choose a model: requirements filter the catalogue, an experiment on your rows ranks the rest."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    wanted = {name: given.pop(name) for name in _WANTED}
    margin = given.pop("margin_points") / 100
    facts = {
        **given,
        "margin": margin,
        "requirements": wanted,
        "scorers": [choice_of(scorer) for scorer in scorers],
        "parameters": {} if parameters is None else parameters_of(parameters),
    }
    new = NewChoice.model_validate({**facts, **(more or {})})
    with connected() as client:
        if dry_run:
            plan = client.choices.plan(new)
            return emit_json(plan) if as_json else _tell_plan(plan)
        found = client.choices.start(new)
        if is_waiting:
            wait(client, client.runs.get(found.run_id), quiet=as_json)
            found = client.choices.get(found.choice_id)
    return emit_json(found) if as_json else _tell(found)


@click.command("choices", epilog="\b\nExample: treadle model choices")
@json_option
def choices(as_json: bool) -> None:
    """List choices of models, newest first."""
    with connected() as client:
        page = client.choices.list_()
    if as_json:
        return emit_json(page)
    rows = [
        (each.choice_id, each.request.dataset, len(each.plan.models), each.status,
         each.outcome.recommended if each.outcome else None, each.created_at)
        for each in page.items
    ]  # fmt: skip
    columns = ["id", "dataset", "models", "status", "recommended", "started"]
    return emit_table(columns, rows, empty="none yet; start one: treadle model choose")


@click.command("choice", epilog="\b\nExample: treadle model choice cho_01m7y100mm81qbatdgsrcya7aa")
@click.argument("choice_id")
@json_option
def choice(choice_id: str, as_json: bool) -> None:
    """Show a choice: the front, the others, who was left out and why, and the recommendation."""
    with connected() as client:
        found = client.choices.get(choice_id)
    return emit_json(found) if as_json else _tell(found)


def _tell_plan(plan: ChoicePlan) -> None:
    say(plan.words)
    models = [(each.entry.name, each.usd_per_thousand, each.most_usd) for each in plan.models]
    emit_table(["would try", "USD per 1,000 usual requests", "USD at most"], models, empty="nobody is left to try")
    _tell_excluded(plan)


def _tell_excluded(plan: ChoicePlan) -> None:
    if plan.excluded:
        rows = [(each.name, "; ".join(each.reasons)) for each in plan.excluded]
        emit_table(["left out", "because"], rows, empty="")


def _tell(found: Choice) -> None:
    if found.outcome is None:
        say(f"{found.choice_id}: {found.status}")
        return
    rows = [_row(each) for each in found.outcome.tried]
    columns = [
        "model",
        "front",
        "quality",
        "95 % interval",
        "USD per 1,000",
        "p50 ms",
        "p95 ms",
        "hallucination",
        "bias",
        "but",
    ]
    emit_table(columns, rows, empty="nobody was tried")
    _tell_excluded(found.plan)
    say(found.outcome.words)
    say(f"{found.choice_id}: {found.outcome.spent_usd:.6f} USD known to be spent")


def _row(model: TriedModel) -> list[JsonValue]:
    first = model.metrics[0] if model.metrics else None
    quality = None if first is None or first.mean is None else amount(first.mean, first.unit)
    ends = None
    if first is not None and first.low is not None and first.high is not None:
        ends = f"{amount(first.low, first.unit)} to {amount(first.high, first.unit)}"
    risks = {each.kind: each.words for each in model.risks}
    trouble = [*([model.problem] if model.problem else []), *model.unmet, *model.doubts]
    return [
        model.entry.name, "yes" if model.on_front else "", quality, ends, _spread(model.usd_per_thousand, 4),
        _spread(model.latency_p50_ms, 0), _spread(model.latency_p95_ms, 0), risks.get("hallucination"), risks.get("bias"),
        "; ".join(trouble),
    ]  # fmt: skip


def _spread(spread: Spread | None, digits: int) -> str | None:
    return None if spread is None else f"{spread.value:.{digits}f}"
