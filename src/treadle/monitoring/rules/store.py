"""Rules in PostgreSQL, with how far each has come."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from treadle.monitoring.rules.types import NewRule, OnlineRule
from treadle.storage.database import Connection, Migration

_STATE = (
    "judged_until", "judged_late_until", "day", "scores_today", "scores_total", "words", "usd_today", "usd_total", "usd_most",
    "unpriced_day", "in_flight_until", "in_flight_usd",
)  # fmt: skip
"""How far a rule has come, besides what it should be."""
_FACTS = f"rule_id, wanted, created_at, {', '.join(_STATE)}"


class Kept(OnlineRule):
    """A rule with its second, late look."""

    judged_late_until: datetime
    """Aware UTC: where the second look has come to."""
    day: str
    """The day that `scores_today` and `usd_today` are of."""
    usd_most: Decimal = Decimal(0)
    """What a call has cost at most; 0 before the first."""
    unpriced_day: str | None = None
    """The last day on which the price of a call was not known."""
    in_flight_until: datetime | None = None
    """Aware UTC: a call is under way, by then it is over or its process is gone; None while there is none."""
    in_flight_usd: Decimal = Decimal(0)
    """What is set aside for it."""


def insert_rule(db: Connection, kept: Kept) -> bool:
    """Keep a rule; returns False when its name is taken."""
    names = ["name", "is_on", "rule_id", "wanted", "created_at", *_STATE]
    values = [kept.name, kept.is_on, kept.rule_id, Jsonb(_wanted(kept)), kept.created_at, *_state(kept)]
    return (
        db.execute(
            f"insert into online_rules ({', '.join(names)}) values ({', '.join(['%s'] * len(names))}) on conflict do nothing",
            values,
        ).rowcount
        > 0
    )


def save_rule(db: Connection, kept: Kept) -> None:
    """Keep what a rule should be and how far it has come."""
    db.execute(
        f"""update online_rules set is_on = %s, wanted = %s, {", ".join(f"{name} = %s" for name in _STATE)}
            where rule_id = %s""",
        [kept.is_on, Jsonb(_wanted(kept)), *_state(kept), kept.rule_id],
    )


def find_rule(db: Connection, name: str, *, lock: bool = False) -> Kept | None:
    """Return a rule by name; `lock` keeps others from changing it until this transaction ends."""
    row = db.execute(
        f"select {_FACTS} from online_rules where name = %s{' for update' if lock else ''}", [name]
    ).fetchone()
    return None if row is None else _kept(row)


def list_rules(db: Connection, after: str | None, limit: int, *, only_on: bool = False) -> list[Kept]:
    """Return rules by name."""
    rows = db.execute(
        f"select {_FACTS} from online_rules where (%s::text is null or name > %s) and (is_on or not %s) order by name limit %s",
        [after, after, only_on, limit],
    )
    return [_kept(row) for row in rows]


def delete_rule(db: Connection, name: str) -> None:
    """Forget a rule; its scores stay."""
    db.execute("delete from online_rules where name = %s", [name])


def _state(kept: Kept) -> list[Any]:
    return [getattr(kept, name) for name in _STATE]


def _wanted(kept: Kept) -> dict[str, Any]:
    return kept.model_dump(mode="json", include=set(NewRule.model_fields))


def _kept(row: dict[str, Any]) -> Kept:
    return Kept.model_validate({**row.pop("wanted"), **row})


MIGRATIONS = (
    Migration(
        "online_rules",
        """
        create table online_rules (
            project_id text not null default current_setting('treadle.project'),
            rule_id text not null,
            name text not null,
            is_on boolean not null,
            wanted jsonb not null,
            judged_until timestamptz not null,
            judged_late_until timestamptz not null,
            day text not null,
            scores_today bigint not null,
            scores_total bigint not null,
            words text not null,
            created_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('online_rules');
        """,
    ),
    Migration(
        "online_rules_spend",
        """
        alter table online_rules add column usd_today numeric not null default 0,
            add column usd_total numeric not null default 0, add column usd_most numeric not null default 0,
            add column unpriced_day text, add column in_flight_until timestamptz,
            add column in_flight_usd numeric not null default 0;
        """,
    ),
)
