"""The spend cap of a rule whose scorer costs: reserved before a call, settled after it, one call in flight for a rule.

What is spent is only known afterwards, so a call is let through while the day's spending and what a call has cost at most so
far stay within the cap; the first call has nothing to go by. With one call in flight at a time, whoever makes it, the cap is
exceeded by less than one call. A call that never came back (its process died) counts with what was reserved for it. Where a
call's price turns out to be unknown a cap cannot be held: the rule stops for the day and says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from treadle.monitoring.rules import store
from treadle.monitoring.rules.store import Kept
from treadle.storage.database import Connection

LEASE = timedelta(minutes=3)
"""Longer than a call takes."""


class Reservation(NamedTuple):
    """What is set aside for one call."""

    rule_id: str
    day: str
    usd: Decimal


def reserve(db: Connection, name: str, now: datetime) -> Reservation | str | None:
    """Set money aside for one call. Returns why none may be made today, or None while another is in flight."""
    kept = store.find_rule(db, name, lock=True)
    if kept is None:
        return "the rule is gone"
    if kept.in_flight_until is not None and kept.in_flight_until > now:
        return None
    kept = of_today(_settled(kept, kept.in_flight_usd), now)
    reason = refusal(kept)
    if reason is None:
        kept = kept.model_copy(update={"in_flight_until": now + LEASE, "in_flight_usd": kept.usd_most})
    store.save_rule(db, kept)
    return reason if reason is not None else Reservation(kept.rule_id, kept.day, kept.in_flight_usd)


def settle(db: Connection, name: str, held: Reservation, cost_usd: Decimal | None) -> None:
    """Write down what a call cost, in place of what was set aside. None: its price is not known."""
    kept = store.find_rule(db, name, lock=True)
    if kept is None or kept.rule_id != held.rule_id or kept.in_flight_until is None:
        return
    if cost_usd is None:
        store.save_rule(db, _settled(kept, held.usd).model_copy(update={"unpriced_day": held.day}))
    else:
        store.save_rule(db, _settled(kept, cost_usd))


def refusal(kept: Kept) -> str | None:
    """Return why no further call may be made today; None where one may."""
    if kept.usd_per_day is None:
        return None
    if kept.unpriced_day == kept.day:
        return "the price of its calls is not known, so its cap cannot be held; give the model a price, or use another"
    if kept.usd_most > kept.usd_per_day:
        most = f"a call has cost up to {kept.usd_most:.6g} USD, more than the {kept.usd_per_day:g} of a day"
        return f"{most}; allow more in `usd_per_day`, or use another model"
    if kept.usd_today >= kept.usd_per_day or kept.usd_today + kept.usd_most > kept.usd_per_day:
        return f"the {kept.usd_per_day:g} USD of this day are used up ({kept.usd_today:.6g} spent)"
    return None


def of_today(kept: Kept, now: datetime) -> Kept:
    """Return a rule with the counts of this day (UTC); who began on an earlier day than others takes nothing of theirs back."""
    day = now.date().isoformat()
    if kept.day >= day:
        return kept
    return kept.model_copy(update={"day": day, "scores_today": 0, "usd_today": Decimal(0)})


def _settled(kept: Kept, usd: Decimal) -> Kept:
    if kept.in_flight_until is None:
        return kept
    return kept.model_copy(
        update={
            "in_flight_until": None,
            "in_flight_usd": Decimal(0),
            "usd_today": kept.usd_today + usd,
            "usd_total": kept.usd_total + usd,
            "usd_most": max(kept.usd_most, usd),
        }
    )
