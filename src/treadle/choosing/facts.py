"""Put together what is known of a model: what the project states wins, then the registry, what ships, and the price book. Pure.

Prices are in no entry that ships: they are the price book's, and only of a model that it does not list a stated one counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from treadle.choosing.types import Entry, Hosting, ModelFacts, NewEntry, Origin, StatedFacts
from treadle.gateway.types import Arm, Endpoint
from treadle.traces.pricing import Price, stated_price

SHIPPED = Path(__file__).with_name("catalogue.json")
_MILLION = Decimal(1_000_000)


class Known(NamedTuple):
    """A model with what is needed to try it."""

    entry: Entry
    price: Price | None
    endpoint: Endpoint | None = None
    """As it is served; None for what is no endpoint."""

    @property
    def arm(self) -> Arm | None:
        """Of an endpoint: what answers."""
        if self.endpoint is None:
            return None
        return next(each for each in self.endpoint.arms if each.role == "stable")

    @property
    def is_free(self) -> bool:
        """Whether nobody bills its answers: engines of one's own and scripts."""
        if self.price is not None:
            return False
        arm = self.arm
        if arm is None:
            return self.entry.model_version_id is not None and self.entry.provider is None
        providers = {target.provider for target in arm.targets} or {arm.provider}
        return providers <= {"engine", "scripted"}


class Told(NamedTuple):
    """Facts of one origin."""

    origin: Origin
    facts: ModelFacts
    source: str | None


def read_shipped() -> dict[str, StatedFacts]:
    """Return the entries that ship, by name. Cost: reads a file of some kilobytes."""
    return {name: StatedFacts.model_validate(facts) for name, facts in json.loads(SHIPPED.read_text("utf-8")).items()}


def told_by(origin: Origin, stated: StatedFacts | None) -> list[Told]:
    """Return what an entry says, with its source and date."""
    return [] if stated is None else [Told(origin, stated, f"{stated.source} ({stated.as_of})")]


def put_together(
    name: str,
    told: Sequence[Told],
    price: Price | None,
    *,
    hosting: Hosting | None,
    provider: str | None = None,
    model: str | None = None,
    **more: Any,
) -> Entry:
    """Return an entry: of each fact the first that anybody knows. told: the strongest first. more: the registry's figures."""
    facts: dict[str, Any] = {}
    for field in ModelFacts.model_fields:
        values = (getattr(each.facts, field) for each in told)
        facts[field] = next((value for value in values if value is not None), None)
    stated = next(
        (each.facts.hosting for each in told if isinstance(each.facts, NewEntry) and each.facts.hosting), None
    )
    return Entry(
        name=name,
        origin=list(dict.fromkeys(each.origin for each in told)),
        hosting=stated or hosting,
        provider=provider,
        model=model,
        input_usd_per_million=None if price is None else price.input_usd_per_token * _MILLION,
        output_usd_per_million=None if price is None else price.output_usd_per_token * _MILLION,
        price_source=None if price is None else price.source,
        sources=[each.source for each in told if each.source is not None],
        **facts,
        **more,
    )


def price_stated(entry: NewEntry | None) -> Price | None:
    """Return the price that somebody states, None where nobody does."""
    if entry is None or entry.input_usd_per_million is None or entry.output_usd_per_million is None:
        return None
    return stated_price(entry.input_usd_per_million, entry.output_usd_per_million)
