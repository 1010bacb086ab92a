"""The catalogue: providers' models with what is known of them, and the registry's models with what was measured.

'provider/model' is a provider's model, 'name@version' one of the registry, 'endpoint:name' whatever answers there. Anything of
these may be asked for by its name; listed are the entries that ship, those that the project states and the registry's newest.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from treadle.choosing import store
from treadle.choosing.facts import Known, Told, price_stated, put_together, read_shipped, told_by
from treadle.choosing.types import Entry, ModelFacts, NewEntry, SpeedFigures, StatedFacts
from treadle.core.errors import InvalidInput, NotFound
from treadle.core.types import Page
from treadle.evals import service as evals
from treadle.gateway import service as gateway
from treadle.gateway.providers.service import find_served, find_target_price
from treadle.gateway.types import Arm
from treadle.gateway.types import Provider as ServedProvider
from treadle.governance import audit
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.models import service as models
from treadle.models.types import WEIGHTS_PREFIX, Version
from treadle.storage.database import Connection
from treadle.traces.pricing import Price, find_context_length, find_price

ENDPOINT = "endpoint:"
_PAGE = 200


class EntryNotFound(NotFound):
    """The catalogue has no such entry."""

    code = "choosing.entry_not_found"


class _Books(NamedTuple):
    shipped: dict[str, StatedFacts]
    stated: dict[str, NewEntry]


async def list_entries(ctx: Context, *, limit: int, cursor: str | None) -> Page[Entry]:
    """Return the catalogue by name: entries that ship or are stated, and the registry's newest versions."""
    ctx.require("models.read")
    after = decode_cursor(cursor, str)
    books = await _books(ctx)
    names = sorted(name for name in await _names(ctx, books) if after is None or name > str(after[0]))
    page = page_of(names[: limit + 1], limit, lambda name: (name,))
    shown = [(await _known(ctx, name, books)).entry for name in page.items]
    return Page(items=shown, next_cursor=page.next_cursor)


async def get_entry(ctx: Context, name: str) -> Entry:
    """Return what is known of a model by its name. Raises EntryNotFound, NotFound of the registry."""
    ctx.require("models.read")
    return (await _known(ctx, name, await _books(ctx))).entry


async def list_known(ctx: Context, names: list[str]) -> list[Known]:
    """Return the models that are named, or the whole catalogue, with what is needed to try them. Raises as `get_entry`."""
    books = await _books(ctx)
    chosen = list(dict.fromkeys(names)) or sorted(await _names(ctx, books))
    return [await _known(ctx, name, books) for name in chosen]


async def put_entry(ctx: Context, name: str, entry: NewEntry) -> Entry:
    """State facts of a model: what is given wins over what ships. Safe to repeat. Raises InvalidInput, NotFound."""
    ctx.require("models.write")
    if entry.input_usd_per_million is not None:
        if name.startswith(ENDPOINT) or "/" not in name:
            raise InvalidInput(
                f"'{name}' takes no price: an endpoint has that of its release's target, and weights have none; state it "
                f"of the provider's model, such as 'openai/gpt-4.1'",
                code="choosing.no_price_here",
            )
        bare = await _known(ctx, name, _Books(read_shipped(), {}))
        if bare.price is not None:
            raise InvalidInput(
                f"'{name}' has a price already ({bare.entry.price_source}), and a model has one price only; leave the prices "
                f"out, or state another one on the target of a release: treadle release create --help",
                code="choosing.priced_already",
            )

    def write(db: Connection) -> None:
        store.put_entry(db, name, entry, ctx.actor.actor_id, ctx.clock.now())
        detail = entry.model_dump(mode="json", exclude_none=True)
        audit.record(db, ctx, action="choosing.put_entry", object_id=name, detail=detail)

    await ctx.db.write(write)
    return await get_entry(ctx, name)


async def remove_entry(ctx: Context, name: str) -> None:
    """Forget what the project states of a model; what ships holds again. Raises EntryNotFound."""
    ctx.require("models.write")

    def write(db: Connection) -> None:
        if not store.delete_entry(db, name):
            raise EntryNotFound(f"the project states nothing of '{name}'; see: treadle model catalogue")
        audit.record(db, ctx, action="choosing.remove_entry", object_id=name, detail={})

    await ctx.db.write(write)


async def _books(ctx: Context) -> _Books:
    return _Books(read_shipped(), await ctx.db.read(store.list_entries))


async def _names(ctx: Context, books: _Books) -> set[str]:
    found, cursor = {*books.shipped, *books.stated}, None
    while True:
        page = await models.list_models(ctx, limit=_PAGE, cursor=cursor)
        found |= {f"{model.name}@{model.latest_version}" for model in page.items if model.latest_version}
        cursor = page.next_cursor
        if cursor is None:
            return found


async def _known(ctx: Context, name: str, books: _Books) -> Known:
    if name.startswith(ENDPOINT):
        return await _endpoint(ctx, name, books)
    if "/" in name:
        return await _provided(ctx, name, books)
    model, at, version = name.partition("@")
    if not at:
        raise EntryNotFound(
            f"'{name}' names no model; write 'provider/model', 'name@version' of the registry, or 'endpoint:name'"
        )
    return await _registered(ctx, name, await models.get_version(ctx, model, version), books)


async def _provided(ctx: Context, name: str, books: _Books) -> Known:
    provider, _, model = name.partition("/")
    served = await ctx.db.read(lambda db: find_served(db, provider))
    stated = books.stated.get(name)
    listed, length = await asyncio.to_thread(_look_up, served, provider, model)
    price = listed or price_stated(stated)
    told = [*_told(name, books), *length]
    return Known(put_together(name, told, price, hosting="provider", provider=provider, model=model), price)


async def _registered(ctx: Context, name: str, version: Version, books: _Books) -> Known:
    said = Told("registry", _facts_of(version), f"registry, {version.model_version_id}")
    if version.provider is not None:
        other = await _provided(ctx, f"{version.provider.provider}/{version.provider.model}", books)
        told = [*told_by("stated", books.stated.get(name)), said, Told("listed", _bare(other.entry), None)]
        price = other.price or price_stated(books.stated.get(name))
        return Known(
            put_together(
                name, told, price, hosting="provider", provider=version.provider.provider, model=version.provider.model,
                model_version_id=version.model_version_id,
            ).model_copy(update={"sources": [said.source or "", *other.entry.sources]}),
            price,
        )  # fmt: skip
    entry = put_together(
        name,
        [*told_by("stated", books.stated.get(name)), said],
        None,
        hosting="local",
        model_version_id=version.model_version_id,
        size_bytes=version.size_bytes,
        parameters_count=version.parameters_count,
        speed=await _speed(ctx, version.model_version_id),
    )
    return Known(entry, None)


async def _endpoint(ctx: Context, name: str, books: _Books) -> Known:
    endpoint = name.removeprefix(ENDPOINT)
    published = await ctx.db.read(lambda db: gateway.find_published(db, endpoint))
    if published is None:
        raise EntryNotFound(f"no endpoint '{endpoint}' serves here; list them with: treadle endpoint list")
    arm = next(each for each in published.arms if each.role == "stable")
    stated = told_by("stated", books.stated.get(name))
    behind = await _behind(ctx, arm, books)
    price = arm.price if not arm.targets else arm.targets[0].price if len(arm.targets) == 1 else None
    if behind is None:
        return Known(put_together(name, stated, price, hosting=None), price, published)
    told = [*stated, Told("endpoint", _bare(behind.entry), None)]
    entry = behind.entry
    return Known(
        put_together(
            name, told, price, hosting=entry.hosting, provider=entry.provider, model=entry.model,
            model_version_id=entry.model_version_id, size_bytes=entry.size_bytes,
            parameters_count=entry.parameters_count, speed=entry.speed,
        ).model_copy(update={"sources": [*(each.source or "" for each in stated), *entry.sources]}),
        price,
        published,
    )  # fmt: skip


async def _behind(ctx: Context, arm: Arm, books: _Books) -> Known | None:
    """Return the one model that answers an endpoint; None where there are several, or nobody knows it."""
    if len(arm.targets) > 1:
        return None
    target = arm.targets[0] if arm.targets else None
    version_id = target.model_version_id if target is not None else arm.model_version_id
    if target is not None and target.provider not in ("engine", "scripted"):
        return await _provided(ctx, f"{target.provider}/{target.model}", books)
    if (target.provider if target is not None else arm.provider) != "engine" or version_id is None:
        return None
    try:
        version = await models.get_version_by_id(ctx, version_id)
    except NotFound:
        return None
    return await _registered(ctx, f"{version.model_name}@{version.version}", version, books)


async def _speed(ctx: Context, model_version_id: str) -> SpeedFigures | None:
    page = await evals.list_experiments(ctx, model_version_id=model_version_id, limit=20)
    measured = next((each for each in page.items if each.latency_p95_ms is not None), None)
    if measured is None:
        return None
    return SpeedFigures(
        latency_p50_ms=measured.latency_p50_ms, latency_p95_ms=measured.latency_p95_ms, source_id=measured.experiment_id
    )


def _told(name: str, books: _Books) -> list[Told]:
    return [*told_by("stated", books.stated.get(name)), *told_by("shipped", books.shipped.get(name))]


def _look_up(served: ServedProvider | None, provider: str, model: str) -> tuple[Price | None, list[Told]]:
    return _listed_price(served, provider, model), _from_price_book(served, provider, model)


def _from_price_book(served: ServedProvider | None, provider: str, model: str) -> list[Told]:
    if served is not None and served.private:
        return []
    length = find_context_length(model, **_place(served, provider))
    return [] if length is None else [Told("listed", ModelFacts(context_length=length), "genai-prices")]


def _listed_price(served: ServedProvider | None, provider: str, model: str) -> Price | None:
    return find_price(model, provider) if served is None else find_target_price(served, model)


def _place(served: ServedProvider | None, provider: str) -> dict[str, str]:
    if served is None:
        return {"provider": provider}
    return {"api_url": served.base_url} if served.kind == "openai" else {"provider": served.kind}


def _facts_of(version: Version) -> ModelFacts:
    weights = any(file.path.startswith(WEIGHTS_PREFIX) for file in version.files)
    is_text = version.chat_template is not None
    return ModelFacts(
        context_length=version.context_length,
        licence=version.licence,
        can_fine_tune=True if weights else None,
        input_modalities=["text"] if is_text else None,
        output_modalities=["text"] if is_text else None,
    )


def _bare(entry: Entry) -> ModelFacts:
    return ModelFacts(**{field: getattr(entry, field) for field in ModelFacts.model_fields})
