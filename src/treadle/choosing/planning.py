"""Who is tried, on how many rows, and what that costs at most: before a single request.

The bound on tokens is a hard one: no tokenizer makes more tokens than a text has bytes, and an answer is no longer than its
limit. It is some four times what English takes, so a budget cuts rows earlier than it would have to, and never too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from treadle.choosing.catalogue import list_known
from treadle.choosing.facts import Known
from treadle.choosing.ranking import pairs_of
from treadle.choosing.requirements import reasons_against
from treadle.choosing.types import ChoicePlan, Exclusion, NewChoice, PlannedModel
from treadle.choosing.words import plan_in_words
from treadle.core.errors import InvalidInput
from treadle.core.types import JsonObject
from treadle.data import service as data
from treadle.data.types import Example, ExampleFilter
from treadle.evals.scorers import resolve
from treadle.evals.statistics import minimum_detectable_effect
from treadle.evals.target import Row, request_of, row_of
from treadle.gateway.providers.service import find_served
from treadle.gateway.types import Arm
from treadle.http.context import Context
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import JinjaRoom
from treadle.prompts.types import Version as PromptVersion
from treadle.traces.pricing import Price, cost_usd, rates_for

PAGE = 500
MESSAGE_TOKENS = 64
"""For the marks that a model puts around a message; none that is known takes as many."""
DISCORDANCE = 0.2
"""Share of rows on which two models are taken to differ, to say what so many rows show."""


class BudgetTooSmall(InvalidInput):
    """The budget surely pays for no comparison."""

    code = "choosing.budget"


class NobodyLeft(InvalidInput):
    """Every model is left out."""

    code = "choosing.nobody_left"


class _Asked(NamedTuple):
    """One row as an upper bound sees it."""

    plain: int
    """Bytes of the request as it is."""
    framed: int
    """Bytes of the request within the choice's prompt."""
    messages: int


async def make_plan(ctx: Context, new: NewChoice) -> ChoicePlan:
    """Return what a choice would do. Raises NotFound, InvalidInput, BudgetTooSmall. Sends nothing to any model.

    Cost: reads the rows; a few milliseconds for each entry of the catalogue.
    """
    for choice in new.scorers:
        resolve(choice)
    version = await data.get_version(ctx, new.dataset, new.dataset_version)
    asked = await _asked(ctx, new)
    known, excluded = await _filtered(ctx, new)
    bounded = [(each, _most_by_row(each, asked, new)) for each in known]
    if new.budget_usd is not None:
        excluded += [
            Exclusion(name=each.entry.name, reasons=[_unbounded(each) or "its cost has no bound"])
            for each, most in bounded
            if most is None
        ]
        bounded = [(each, most) for each, most in bounded if most is not None]
    rows = _rows_within([most for _, most in bounded if most is not None], len(asked), new.budget_usd)
    models = [
        PlannedModel(
            entry=each.entry,
            usd_per_thousand=_usual_usd(each.price, new),
            most_usd=None if most is None else sum(most[:rows], Decimal(0)),
        )
        for each, most in bounded
    ]
    mosts = [model.most_usd for model in models]
    plan = ChoicePlan(
        dataset_version_id=version.version_id,
        rows=rows,
        models=models,
        excluded=excluded,
        requests=rows * len(models),
        most_usd=None if any(most is None for most in mosts) else sum((m for m in mosts if m is not None), Decimal(0)),
        words="",
    )
    detectable = minimum_detectable_effect(rows, DISCORDANCE, alpha=new.alpha / pairs_of(len(models)))
    return plan.model_copy(update={"words": plan_in_words(plan, new, len(asked), detectable)})


def require_models(plan: ChoicePlan) -> None:
    """Raise NobodyLeft, with every reason, for a plan that tries nobody."""
    if plan.models:
        return
    reasons = "; ".join(f"{each.name}: {', '.join(each.reasons)}" for each in plan.excluded[:20])
    raise NobodyLeft(
        f"no model is left to try ({reasons or 'the catalogue has none'}); ask for less, name candidates, "
        f"or see what there is: treadle model catalogue"
    )


async def _filtered(ctx: Context, new: NewChoice) -> tuple[list[Known], list[Exclusion]]:
    kept: list[Known] = []
    excluded: list[Exclusion] = []
    for each in await list_known(ctx, list(new.candidates)):
        reasons = reasons_against(each.entry, new.requirements, _usual_usd(each.price, new))
        provider = each.entry.provider
        if each.arm is None and provider is not None:
            served = await ctx.db.read(lambda db: find_served(db, provider))  # noqa: B023
            if served is None:
                reasons.append(f"no provider '{provider}' is configured; add it with: treadle provider add {provider}")
        if each.endpoint is not None and len(each.endpoint.arms) > 1:
            reasons.append("a rollout moves its traffic, so two releases would be measured as one; end it first")
        if reasons:
            excluded.append(Exclusion(name=each.entry.name, reasons=reasons))
        else:
            kept.append(each)
    kept.sort(key=lambda each: (_usual_usd(each.price, new) is None, _usual_usd(each.price, new) or 0, each.entry.name))
    late = [
        Exclusion(name=each.entry.name, reasons=[f"{new.max_models} models are tried at most, and those cost less"])
        for each in kept[new.max_models :]
    ]
    return kept[: new.max_models], excluded + late


def _usual_usd(price: Price | None, new: NewChoice) -> Decimal | None:
    wanted = new.requirements
    cost = cost_usd(price, wanted.input_tokens, wanted.output_tokens)
    return None if cost is None else cost * 1000


def _most_by_row(known: Known, asked: Sequence[_Asked], new: NewChoice) -> list[Decimal] | None:
    """Return what each row's answer costs at most; None where nobody can say."""
    if known.is_free:
        return [Decimal(0)] * len(asked)
    price, arm = known.price, known.arm
    limit = new.max_tokens if arm is None else _limit_of(arm)
    if price is None or limit is None or _unbounded(known) is not None:
        return None
    times = 2 if known.endpoint is not None and known.endpoint.routing.hedge is not None else 1
    found = []
    for row in asked:
        read = (row.framed if arm is None else _framed_by(arm, row.plain)) + MESSAGE_TOKENS * row.messages
        rates = rates_for(price, read)
        dearest_read = max(rates.input_usd_per_token, rates.cache_write_usd_per_token or Decimal(0))
        dearest_written = max(rates.output_usd_per_token, rates.reasoning_usd_per_token or Decimal(0))
        found.append(times * (price.usd_per_request + dearest_read * read + dearest_written * limit))
    return found


def _unbounded(known: Known) -> str | None:
    """Return why nobody can say what a model's answers cost at most; None where one can."""
    arm = known.arm
    if known.price is None:
        where = "state it with: treadle model state" if arm is None else "state it on the only target of its release"
        return f"its price is not known, so a budget cannot be held; {where}"
    if arm is None:
        return None
    if arm.prompt_engine == "jinja":
        return "how long its Jinja prompt becomes is not known before it is rendered, so a budget cannot be held"
    if arm.refinement.ask_again:
        return "its release asks again when an answer does not fit, so a budget cannot be held"
    if _limit_of(arm) is None:
        return "its release pins no max_tokens, so what an answer costs at most is not known; pin it, or choose without a budget"
    return None


def _limit_of(arm: Arm) -> int | None:
    pinned = [arm.parameters.get(name) for name in ("max_tokens", "max_completion_tokens")]
    limits = [int(limit) for limit in pinned if isinstance(limit, int)]
    return min(limits, default=None)


def _framed_by(arm: Arm, plain: int) -> int:
    """Return the bytes of a row within an endpoint's prompt at most: every variable may hold all of the row."""
    templates = [message.template for message in arm.prompt]
    shown = [] if arm.examples is None else sorted(len((r.input + r.output).encode()) for r in arm.examples.rows)
    examples = sum(shown[-arm.examples.count :]) if arm.examples is not None else 0
    holes = sum(template.count("{{") for template in templates)
    return sum(len(template.encode()) for template in templates) + (1 + holes) * (plain + examples) + MESSAGE_TOKENS


def _rows_within(mosts: Sequence[Sequence[Decimal]], rows: int, budget: Decimal | None) -> int:
    if budget is None or not mosts:
        return rows
    sums = list(accumulate(sum(row, Decimal(0)) for row in zip(*mosts, strict=True)))
    within = sum(1 for total in sums if total <= budget)
    if within < 2:
        raise BudgetTooSmall(
            f"a budget of {budget} USD surely pays for {within} rows, and a comparison needs 2 or more, which cost at most "
            f"{sums[min(1, len(sums) - 1)]:.6f} USD; give more, shorter answers (max_tokens) or fewer models"
        )
    return within


async def _asked(ctx: Context, new: NewChoice) -> list[_Asked]:
    prompt = await prompts.get_version(ctx, new.prompt, new.prompt_version) if new.prompt is not None else None
    room = JinjaRoom()
    try:
        found = [await _measure(row, prompt, room) for row in await _rows(ctx, new)]
    finally:
        await room.close()
    if len(found) < 2:
        part = f" in part '{new.part}'" if new.part else ""
        raise InvalidInput(
            f"dataset '{new.dataset}' has {len(found)} rows{part}, and a comparison needs 2 or more; name another part or "
            f"dataset, see: treadle data versions {new.dataset}",
            code="choosing.no_rows",
        )
    return found


async def _measure(row: Row, prompt: PromptVersion | None, room: JinjaRoom) -> _Asked:
    plain = len(request_of(row, tuple(row.metadata)))
    if prompt is None:
        return _Asked(plain, plain, len(row.messages or ()) or 1)
    given: JsonObject = {**row.metadata, "input": row.input}
    filled = await prompts.fill(prompt, {**dict.fromkeys(prompt.variables, ""), **given}, room)
    framed = sum(len(str(message["content"]).encode()) for message in filled)
    return _Asked(plain, framed + plain, len(filled) + (len(row.messages or ()) or 1))


async def _rows(ctx: Context, new: NewChoice) -> list[Row]:
    found: list[Example] = []
    cursor = None
    while len(found) < new.rows:
        page = await data.list_examples(
            ctx, new.dataset, new.dataset_version, ExampleFilter(part=new.part), limit=PAGE, cursor=cursor
        )
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return [
        row_of(
            {
                "row": each.row,
                "input": each.input,
                "expected": each.expected_output,
                "messages": None if each.messages is None else [one.model_dump() for one in each.messages],
                "metadata": dict(each.metadata),
            }
        )
        for each in found[: new.rows]
    ]
