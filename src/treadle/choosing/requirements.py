"""What speaks against a model before a single request is sent. Pure.

A fact that is not known is no yes: the model is left out with that as its reason, unless the requirements keep the unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from treadle.choosing.types import Entry, Requirements


def reasons_against(entry: Entry, wanted: Requirements, usd_per_thousand: Decimal | None) -> list[str]:
    """Return why a model is left out, every reason; none where it may be tried. usd_per_thousand: see `limit_of`."""
    found = [
        _of_licence(entry, wanted),
        _of_hosting(entry, wanted),
        _of_cost(entry, wanted, usd_per_thousand),
        _of_context(entry, wanted),
        _lacking("language", wanted.languages, entry.languages, wanted),
        _lacking("input", wanted.input_modalities, entry.input_modalities, wanted),
        _lacking("output", wanted.output_modalities, entry.output_modalities, wanted),
        _of_tuning(entry, wanted),
    ]
    if entry.output_modalities is not None and "text" not in entry.output_modalities:
        found.append("it writes no text, so its answers cannot be judged here")
    return [reason for reason in found if reason is not None]


def limit_of(wanted: Requirements) -> Decimal | None:
    """Return what a thousand usual requests may cost by both budgets; None where there is none."""
    limits = [] if wanted.max_usd_per_thousand is None else [wanted.max_usd_per_thousand]
    if wanted.max_usd_per_month is not None and wanted.requests_per_month is not None:
        limits.append(wanted.max_usd_per_month * 1000 / wanted.requests_per_month)
    return min(limits, default=None)


def _of_licence(entry: Entry, wanted: Requirements) -> str | None:
    if not wanted.licences:
        return None
    if entry.licence is None:
        return _unknown("its licence", wanted)
    if entry.licence.casefold() in {licence.casefold() for licence in wanted.licences}:
        return None
    return f"its licence is {entry.licence}, not {' or '.join(wanted.licences)}"


def _of_hosting(entry: Entry, wanted: Requirements) -> str | None:
    if wanted.hosting is None or entry.hosting == wanted.hosting:
        return None
    if entry.hosting is None:
        return _unknown("who runs it", wanted)
    who = {"provider": "a provider runs it", "local": "it runs on engines of one's own"}
    return f"{who[entry.hosting]}, and '{wanted.hosting}' is asked for"


def _of_cost(entry: Entry, wanted: Requirements, usd_per_thousand: Decimal | None) -> str | None:
    limit = limit_of(wanted)
    if limit is None or (usd_per_thousand is None and entry.hosting == "local"):
        return None  # nobody bills weights of one's own; the words say that their cost is not known
    if usd_per_thousand is None:
        return _unknown("its price", wanted)
    if usd_per_thousand <= limit:
        return None
    return (
        f"1,000 requests of {wanted.input_tokens} and {wanted.output_tokens} tokens cost {usd_per_thousand:.4f} USD "
        f"({entry.price_source}), above {limit:.4f} USD"
    )


def _of_context(entry: Entry, wanted: Requirements) -> str | None:
    if wanted.min_context is None:
        return None
    if entry.context_length is None:
        return _unknown("its context length", wanted)
    if entry.context_length >= wanted.min_context:
        return None
    return f"it takes {entry.context_length:,} tokens, and {wanted.min_context:,} are asked for"


def _of_tuning(entry: Entry, wanted: Requirements) -> str | None:
    if not wanted.fine_tuning or entry.can_fine_tune:
        return None
    return _unknown("whether it can be tuned", wanted) if entry.can_fine_tune is None else "it cannot be tuned"


def _lacking(what: str, asked: Sequence[str], known: Sequence[str] | None, wanted: Requirements) -> str | None:
    if not asked:
        return None
    if known is None:
        return _unknown(f"its {what}s", wanted)
    missing = [each for each in asked if each not in known]
    return f"{what} {', '.join(missing)} is not among what is stated of it ({', '.join(known)})" if missing else None


def _unknown(what: str, wanted: Requirements) -> str | None:
    return None if wanted.keep_unknown else f"{what} is not known; state it with: treadle model state"
