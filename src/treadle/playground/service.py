"""Preview prompts for models, and keep what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from treadle.core.types import JsonObject
from treadle.http.context import Context
from treadle.models import service as models
from treadle.models.types import WEIGHTS_PREFIX
from treadle.playground.demonstrations import written
from treadle.playground.grid import version_of
from treadle.playground.tokens import ESTIMATE, Counter, count_all, counter_of_file, counter_of_name
from treadle.playground.types import NewPreview, NewTriedPreview, Preview, SaveCell
from treadle.prompts import service as prompts
from treadle.prompts.jinja_room import Renders
from treadle.prompts.types import Version
from treadle.traces.pricing import Price, cost_usd, find_price

TOKENIZER_FILE = WEIGHTS_PREFIX + "tokenizer.json"
OWN_PREFIX = "mdv_"


async def preview(ctx: Context, name: str, version: int | str, new: NewPreview, room: Renders) -> list[Preview]:
    """Return what a filled-in prompt is for each model: its tokens and what requests with it cost. What is not given is empty.

    Raises NotFound for a prompt or a model version that is not there, VariableMissing for a field of an object that is not given.
    """
    found = await prompts.get_version(ctx, name, version)
    without = [variable for variable in found.variables if variable not in (*new.variables, "examples")]
    given = {**dict.fromkeys(without, ""), **new.variables}
    rendered = await prompts.render_version(ctx, name, found.version, given, room)
    texts = [str(message["content"]) for message in rendered.messages]
    counted = await _count(ctx, new.models, texts, answers_tokens=new.output_tokens, requests=new.requests)
    return [each.model_copy(update={"without": without}) for each in counted]


async def preview_tried(ctx: Context, new: NewTriedPreview, room: Renders) -> list[Preview]:
    """Return what asking all rows once would be for each model, as `preview`; nothing is asked or kept."""
    version = await version_of(ctx, new.prompt)
    filled = [await prompts.fill(version, row, room) for row in new.rows]
    texts = [str(message["content"]) for messages in filled for message in messages]
    return await _count(ctx, new.models, texts, answers_tokens=len(new.rows) * new.output_tokens, requests=1)


async def _count(
    ctx: Context, names: Sequence[str], texts: Sequence[str], *, answers_tokens: int, requests: int
) -> list[Preview]:
    found = []
    for model in names:
        counter, price = await _own(ctx, model) if model.startswith(OWN_PREFIX) else _listed(model)
        tokens = count_all(counter, texts)
        cost = cost_usd(price, tokens, answers_tokens)
        found.append(
            Preview(
                model=model,
                input_tokens=tokens,
                is_estimate=counter.is_estimate,
                tokenizer=counter.name,
                cost_usd=None if cost is None else cost * Decimal(requests),
                price_source=None if price is None else price.source,
            )
        )
    return found


async def _own(ctx: Context, model_version_id: str) -> tuple[Counter, Price | None]:
    version = await models.get_version_by_id(ctx, model_version_id)
    if version.provider is not None:
        named = version.provider.model
        return counter_of_name(named), find_price(named, version.provider.provider)
    if version.find_file(TOKENIZER_FILE) is None:
        return ESTIMATE, None
    path = await models.fetch_file(ctx, version.model_name, version.version, TOKENIZER_FILE)
    return counter_of_file(path), None  # what an engine of one's own costs is nobody's price


def _listed(model: str) -> tuple[Counter, Price | None]:
    provider, slash, named = model.partition("/")
    if slash and (price := find_price(named, provider)) is not None:
        return counter_of_name(named), price
    return counter_of_name(model), find_price(model)


async def save_cell(ctx: Context, saved: SaveCell) -> Version:
    """Keep what a cell asked as a version, with its endpoint and parameters in the config. Raises as `create_version`."""
    tried = await version_of(ctx, saved.prompt)
    new = saved.prompt.draft or written(tried)
    config: JsonObject = {**new.config, "endpoint": saved.endpoint, **saved.parameters}
    is_own = saved.prompt.draft is None and saved.prompt.name == saved.name
    parents = [tried.version] if is_own else None
    more = {"config": config, "message": saved.message or new.message, "parents": parents}
    return await prompts.create_version(ctx, saved.name, new.model_copy(update=more))
