"""The policy and the findings in PostgreSQL. One finding per caller is open at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.monitoring.abuse.types import AbuseFilter, AbuseFinding, AbusePolicy
from treadle.storage.database import Connection, Migration

_FINDING = ", ".join(AbuseFinding.model_fields)


class KeptPolicy(NamedTuple):
    """The policy, and until when callers were looked at."""

    policy: AbusePolicy
    looked_until: datetime | None


class KeptFinding(NamedTuple):
    """A finding with what undoes its action."""

    finding: AbuseFinding
    limit_id: str | None
    amount_before: float | None
    """Of the limit that was there before; None where there was none."""


def get_policy(db: Connection, *, lock: bool = False) -> KeptPolicy:
    """Return the policy: the default one where none was set. `lock` keeps others out until this transaction ends."""
    if lock:
        db.execute(
            "insert into abuse_policies (policy) values (%s) on conflict do nothing", [Jsonb(_policy(AbusePolicy()))]
        )
    row = db.execute(f"select policy, looked_until from abuse_policies{' for update' if lock else ''}").fetchone()
    if row is None:
        return KeptPolicy(AbusePolicy(), None)
    return KeptPolicy(AbusePolicy.model_validate(row["policy"]), row["looked_until"])


def put_policy(db: Connection, policy: AbusePolicy) -> None:
    """Keep the policy."""
    db.execute(
        "insert into abuse_policies (policy) values (%s) on conflict (project_id) do update set policy = excluded.policy",
        [Jsonb(_policy(policy))],
    )


def set_looked(db: Connection, until: datetime) -> None:
    """Keep until when callers were looked at."""
    db.execute("update abuse_policies set looked_until = %s", [until])


def put_finding(db: Connection, kept: KeptFinding) -> None:
    """Keep a finding, or what has become of it."""
    values = [_value(getattr(kept.finding, name)) for name in AbuseFinding.model_fields]
    names = [*AbuseFinding.model_fields, "limit_id", "amount_before"]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names if name != "finding_id")
    db.execute(
        f"insert into abuse_findings ({_FINDING}, limit_id, amount_before) values ({', '.join(['%s'] * len(names))})"
        f" on conflict (project_id, finding_id) do update set {changed}",
        [*values, kept.limit_id, kept.amount_before],
    )


def find_finding(db: Connection, finding_id: str, *, lock: bool = False) -> KeptFinding | None:
    """Return a finding."""
    row = db.execute(
        f"select {_FINDING}, limit_id, amount_before from abuse_findings where finding_id = %s{' for update' if lock else ''}",
        [finding_id],
    ).fetchone()
    return None if row is None else _kept(row)


def find_newest(db: Connection, caller_kind: str, caller: str) -> KeptFinding | None:
    """Return a caller's newest finding."""
    row = db.execute(
        f"""select {_FINDING}, limit_id, amount_before from abuse_findings where caller_kind = %s and caller = %s
            order by first_seen_at desc limit 1""",
        [caller_kind, caller],
    ).fetchone()
    return None if row is None else _kept(row)


def list_ended(db: Connection, now: datetime) -> list[KeptFinding]:
    """Return open findings whose time has passed."""
    rows = db.execute(
        f"select {_FINDING}, limit_id, amount_before from abuse_findings where status = 'open' and ends_at <= %s limit 200",
        [now],
    )
    return [_kept(row) for row in rows]


def list_findings(
    db: Connection, wanted: AbuseFilter, before: tuple[str, str] | None, limit: int
) -> list[AbuseFinding]:
    """Return findings, newest first."""
    at, finding_id = before or (None, None)
    rows = db.execute(
        f"""select {_FINDING} from abuse_findings where (%s::text is null or status = %s)
            and (%s::text is null or caller = %s)
            and (%s::timestamptz is null or (first_seen_at, finding_id) < (%s::timestamptz, %s))
            order by first_seen_at desc, finding_id desc limit %s""",
        [wanted.status, wanted.status, wanted.caller, wanted.caller, at, at, finding_id, limit],
    )
    return [AbuseFinding(**row) for row in rows]


def _kept(row: dict[str, Any]) -> KeptFinding:
    limit_id, amount = row.pop("limit_id"), row.pop("amount_before")
    return KeptFinding(AbuseFinding(**row), limit_id, amount)


def _policy(policy: AbusePolicy) -> dict[str, Any]:
    return policy.model_dump(mode="json")


def _value(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return Jsonb([each if isinstance(each, str) else each.model_dump(mode="json") for each in value])


MIGRATIONS = (
    Migration(
        "abuse",
        """
        create table abuse_policies (
            project_id text not null default current_setting('treadle.project') primary key,
            policy jsonb not null,
            looked_until timestamptz
        );
        select treadle_isolate('abuse_policies');
        create table abuse_findings (
            project_id text not null default current_setting('treadle.project'),
            finding_id text not null,
            caller_kind text not null,
            caller text not null,
            score integer not null,
            reasons jsonb not null,
            trace_ids jsonb not null,
            action text not null,
            status text not null,
            first_seen_at timestamptz not null,
            last_seen_at timestamptz not null,
            ends_at timestamptz not null,
            limit_id text,
            amount_before double precision,
            primary key (project_id, finding_id)
        );
        create index abuse_findings_newest on abuse_findings (project_id, first_seen_at, finding_id);
        create index abuse_findings_by_caller on abuse_findings (project_id, caller_kind, caller, first_seen_at);
        select treadle_isolate('abuse_findings');
        """,
    ),
)
