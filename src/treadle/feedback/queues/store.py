"""Queues in PostgreSQL: queues, their items, and what each person did with each item."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from treadle.feedback.queues.types import Item, Judgement, NewItem, NewQueue, Queue
from treadle.storage.database import Connection, Migration
from treadle.storage.notes import tell_change

_SETTINGS = (
    "name",
    "description",
    "instructions",
    "mode",
    "fields",
    "judges_per_item",
    "reserve_minutes",
    "gold_every",
)
_JUDGED = "(select count(*) from queue_judgements j where j.item_id = i.item_id and j.state = 'judged')"
_ITEM = f"""i.item_id, i.trace_id, i.other_trace_id, i.status, i.priority, i.reason, i.gold, i.assigned_to,
    {_JUDGED} as num_judged, i.created_at"""
_JUDGEMENT = """j.item_id, j.actor_id, j.state, j.answers, j.comment, j.is_swapped, j.is_right, j.seconds, j.at"""
_QUEUE = f"""select q.queue_id, {", ".join(f"q.{name}" for name in _SETTINGS)}, q.created_by, q.created_at,
    count(i.item_id) as num_items, count(*) filter (where i.status = 'done') as num_done,
    count(*) filter (where exists (select from queue_judgements j where j.item_id = i.item_id
        and j.state = 'reserved' and j.reserved_until > %s)) as num_reserved,
    count(*) filter (where i.status = 'open' and exists (select from queue_judgements j where j.item_id = i.item_id
        and j.state = 'skipped')) as num_skipped,
    count(i.gold) as num_gold, coalesce(sum({_JUDGED}), 0)::bigint as num_judgements
    from queues q left join queue_items i on i.queue_id = q.queue_id"""


class Doing(NamedTuple):
    """What one person does with one item, with what only the service needs to know."""

    judgement: Judgement
    opened_at: datetime
    reserved_until: datetime
    feedback_ids: list[str]


def insert_queue(db: Connection, queue_id: str, new: NewQueue, actor_id: str, now: datetime) -> bool:
    """Keep a queue; returns False when its name is in use."""
    values = [queue_id, *_settings(new), actor_id, now]
    return (
        db.execute(
            f"""insert into queues (queue_id, {", ".join(_SETTINGS)}, created_by, created_at)
            values ({", ".join(["%s"] * len(values))}) on conflict do nothing""",
            values,
        ).rowcount
        > 0
    )


def update_queue(db: Connection, queue_id: str, new: NewQueue) -> None:
    """Change what a queue asks and how; items may become done or open by that. Raises psycopg's UniqueViolation."""
    assignments = ", ".join(f"{name} = %s" for name in _SETTINGS)
    db.execute(f"update queues set {assignments} where queue_id = %s", [*_settings(new), queue_id])
    db.execute(f"update queue_items i set status = {_status()} where queue_id = %s", [queue_id])


def delete_queue(db: Connection, queue_id: str) -> None:
    """Forget a queue with its items; the feedback that it gave stays."""
    for table in ("queue_judgements", "queue_items", "queues"):
        db.execute(f"delete from {table} where queue_id = %s", [queue_id])


def find_queue(db: Connection, name: str, now: datetime) -> Queue | None:
    """Return a queue by name, or None."""
    row = db.execute(f"{_QUEUE} where q.name = %s group by q.project_id, q.queue_id", [now, name]).fetchone()
    return Queue.model_validate(row) if row else None


def list_queues(db: Connection, text: str | None, after: str | None, limit: int, now: datetime) -> list[Queue]:
    """Return queues by name; text: in the name."""
    rows = db.execute(
        f"""{_QUEUE} where (%s::text is null or q.name > %s)
        and (%s::text is null or position(lower(%s) in lower(q.name)) > 0) group by q.project_id, q.queue_id
        order by q.name limit %s""",
        [now, after, after, text, text, limit],
    )
    return [Queue.model_validate(row) for row in rows]


def hold_queue(db: Connection, queue_id: str) -> None:
    """Be the only one to hand out or take back items of a queue until this transaction ends."""
    db.execute("select pg_advisory_xact_lock(hashtextextended('queue|' || %s, 0))", [queue_id])


def insert_items(
    db: Connection, queue_id: str, items: Sequence[tuple[str, NewItem, str]], now: datetime, run_id: str | None
) -> int:
    """Put items (id, item, reason) into a queue; returns how many were new."""
    with db.cursor() as cursor:
        cursor.executemany(
            """insert into queue_items (item_id, queue_id, trace_id, other_trace_id, priority, reason, gold, assigned_to,
                created_at, run_id) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [
                (
                    item_id, queue_id, new.trace_id, new.other_trace_id, new.priority, reason,
                    None if new.gold is None else Jsonb(new.gold), new.assigned_to, now, run_id,
                )
                for item_id, new, reason in items
            ],
        )  # fmt: skip
        return cursor.rowcount


def list_items(db: Connection, queue_id: str, after_seq: int, limit: int) -> list[tuple[int, Item]]:
    """Return items with their places, in the order they came."""
    rows = db.execute(
        f"select i.seq, {_ITEM} from queue_items i where i.queue_id = %s and i.seq > %s order by i.seq limit %s",
        [queue_id, after_seq, limit],
    )
    return [(row.pop("seq"), Item.model_validate(row)) for row in rows]


def count_of_run(db: Connection, run_id: str) -> int:
    """Count what a run put into queues."""
    row = db.execute("select count(*) as items from queue_items where run_id = %s", [run_id]).fetchone()
    assert row is not None
    return int(row["items"])


def list_trace_ids(db: Connection, queue_id: str) -> set[str]:
    """Return which answers are in a queue."""
    return {row["trace_id"] for row in db.execute("select trace_id from queue_items where queue_id = %s", [queue_id])}


def find_item(db: Connection, queue_id: str, item_id: str) -> Item | None:
    """Return an item of a queue, or None."""
    row = db.execute(
        f"select {_ITEM} from queue_items i where i.queue_id = %s and i.item_id = %s", [queue_id, item_id]
    ).fetchone()
    return Item.model_validate(row) if row else None


def list_open(db: Connection, queue: Queue, actor_id: str, *, gold: bool, limit: int, now: datetime) -> list[Item]:
    """Return items that this person may be given, in order: those with known answers, or the others."""
    rows = db.execute(
        f"""select {_ITEM} from queue_items i where i.queue_id = %s and (i.gold is not null) = %s
            and (i.status = 'open' or i.gold is not null) and (i.assigned_to is null or i.assigned_to = %s)
            and not exists (select from queue_judgements j where j.item_id = i.item_id and j.actor_id = %s
                and (j.state <> 'reserved' or j.reserved_until > %s))
            and (i.gold is not null or (select count(*) from queue_judgements j where j.item_id = i.item_id
                and j.actor_id <> %s and (j.state = 'judged' or (j.state = 'reserved' and j.reserved_until > %s))) < %s)
            order by i.priority desc, i.seq limit %s""",
        [queue.queue_id, gold, actor_id, actor_id, now, actor_id, now, queue.judges_per_item, limit],
    )
    return [Item.model_validate(row) for row in rows]


def count_others(db: Connection, item_id: str, actor_id: str, now: datetime) -> int:
    """Count who else judged an item or has it open."""
    row = db.execute(
        """select count(*) as others from queue_judgements where item_id = %s and actor_id <> %s
        and (state = 'judged' or (state = 'reserved' and reserved_until > %s))""",
        [item_id, actor_id, now],
    ).fetchone()
    assert row is not None
    return int(row["others"])


def put_doing(db: Connection, queue_id: str, doing: Doing) -> None:
    """Keep what somebody does with an item, and whether the item is done by that."""
    said = doing.judgement
    values = [
        queue_id, said.item_id, said.actor_id, said.state, None if said.answers is None else Jsonb(said.answers),
        said.comment, said.is_swapped, said.is_right, said.seconds, said.at, doing.opened_at, doing.reserved_until,
        doing.feedback_ids,
    ]  # fmt: skip
    db.execute(
        """insert into queue_judgements (queue_id, item_id, actor_id, state, answers, comment, is_swapped, is_right,
            seconds, at, opened_at, reserved_until, feedback_ids)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (project_id, item_id, actor_id) do update set state = excluded.state, answers = excluded.answers,
        comment = excluded.comment, is_right = excluded.is_right, seconds = excluded.seconds, at = excluded.at,
        opened_at = excluded.opened_at, reserved_until = excluded.reserved_until, feedback_ids = excluded.feedback_ids""",
        values,
    )
    db.execute(f"update queue_items i set status = {_status()} where item_id = %s", [said.item_id])
    tell_change(db, "queue", queue_id)


def find_doing(db: Connection, item_id: str, actor_id: str) -> Doing | None:
    """Return what somebody does with an item, or None."""
    found = _doings(db, "j.item_id = %s and j.actor_id = %s", [item_id, actor_id])
    return found[0] if found else None


def list_reserved(db: Connection, queue_id: str, actor_id: str, now: datetime) -> list[Doing]:
    """Return what somebody has open, oldest first."""
    return _doings(
        db, "j.queue_id = %s and j.actor_id = %s and j.state = 'reserved' and j.reserved_until > %s order by j.opened_at, j.seq",
        [queue_id, actor_id, now],
    )  # fmt: skip


def find_last(db: Connection, queue_id: str, actor_id: str) -> Doing | None:
    """Return what somebody judged or skipped last, or None."""
    found = _doings(
        db, "j.queue_id = %s and j.actor_id = %s and j.state <> 'reserved' order by j.at desc, j.seq desc limit 1",
        [queue_id, actor_id],
    )  # fmt: skip
    return found[0] if found else None


def list_judgements(db: Connection, queue_id: str, after_seq: int, limit: int | None) -> list[tuple[int, Judgement]]:
    """Return what people did, with places, in the order in which they first opened the items."""
    rows = db.execute(
        f"""select j.seq, {_JUDGEMENT} from queue_judgements j where j.queue_id = %s and j.seq > %s
        order by j.seq limit %s""",
        [queue_id, after_seq, limit],
    )
    return [(row.pop("seq"), Judgement.model_validate(row)) for row in rows]


def count_since_gold(db: Connection, queue_id: str, actor_id: str) -> int:
    """Count what somebody opened or did since the last item with known answers."""
    row = db.execute(
        """select count(*) as items from queue_judgements j join queue_items i on i.item_id = j.item_id
        where j.queue_id = %s and j.actor_id = %s and i.gold is null and j.seq > coalesce((
            select max(g.seq) from queue_judgements g join queue_items k on k.item_id = g.item_id
            where g.queue_id = %s and g.actor_id = %s and k.gold is not null), 0)""",
        [queue_id, actor_id, queue_id, actor_id],
    ).fetchone()
    assert row is not None
    return int(row["items"])


def _doings(db: Connection, condition: str, values: Sequence[Any]) -> list[Doing]:
    rows = db.execute(
        f"select {_JUDGEMENT}, j.opened_at, j.reserved_until, j.feedback_ids from queue_judgements j where {condition}",
        values,
    )
    return [
        Doing(
            opened_at=row.pop("opened_at"),
            reserved_until=row.pop("reserved_until"),
            feedback_ids=row.pop("feedback_ids"),
            judgement=Judgement.model_validate(row),
        )
        for row in rows
    ]


def _settings(new: NewQueue) -> list[Any]:
    fields = Jsonb([field.model_dump(mode="json") for field in new.fields])
    return [fields if name == "fields" else getattr(new, name) for name in _SETTINGS]


def _status() -> str:
    enough = "(select q.judges_per_item from queues q where q.queue_id = i.queue_id)"
    return f"case when {_JUDGED} >= {enough} then 'done' else 'open' end"


MIGRATIONS = (
    Migration(
        "queues",
        """
        create table queues (
            project_id text not null default current_setting('treadle.project'),
            queue_id text not null, name text not null, description text not null, instructions text not null,
            mode text not null, fields jsonb not null, judges_per_item int not null, reserve_minutes int not null,
            gold_every int not null, created_by text not null, created_at timestamptz not null,
            primary key (project_id, queue_id), unique (project_id, name)
        );
        create table queue_items (
            project_id text not null default current_setting('treadle.project'),
            item_id text not null, queue_id text not null, seq bigint generated always as identity,
            trace_id text not null, other_trace_id text, status text not null default 'open', priority int not null,
            reason text not null, gold jsonb, assigned_to text, created_at timestamptz not null, run_id text,
            primary key (project_id, item_id)
        );
        create index queue_items_in_order on queue_items (project_id, queue_id, priority desc, seq);
        create table queue_judgements (
            project_id text not null default current_setting('treadle.project'),
            queue_id text not null, item_id text not null, actor_id text not null, seq bigint generated always as identity,
            state text not null, answers jsonb, comment text, is_swapped boolean not null, is_right boolean,
            seconds double precision, at timestamptz not null, opened_at timestamptz not null,
            reserved_until timestamptz not null, feedback_ids text[] not null,
            primary key (project_id, item_id, actor_id)
        );
        create index queue_judgements_of_actor on queue_judgements (project_id, queue_id, actor_id, at);
        select treadle_isolate('queues'), treadle_isolate('queue_items'), treadle_isolate('queue_judgements');
        """,
    ),
)
