"""Bring a database to the schema of this release: each slice's steps, in order, each once, each in its own transaction.

A kill in the middle loses at most the step that was running, and running again goes on from there. An advisory lock keeps two
servers that start together from racing. A database whose work another process does is never changed under that process. What
an earlier release wrote is said to be changed before it is: nobody goes back from there but with a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from treadle.core.errors import Conflict
from treadle.storage.database import Migration
from treadle.storage.errors import DatabaseDenied, DatabaseUnavailable, in_words

LOCK = 7_302_558_914_061_173_096  # any constant of ours; the same for every version

GROUND = """
create table if not exists treadle_migrations (
    slice text not null,
    name text not null,
    applied_at timestamptz not null default now(),
    primary key (slice, name)
);
do $$ declare
    wanted text;
    needed text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
    foreach wanted in array array['treadle_app', 'treadle_system'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            execute format('create role %I nologin', wanted);
        end if;
        -- An administrator may have granted it to a user who may grant nothing.
        if not pg_has_role(current_user, wanted, needed) then
            execute format('grant %I to %I', wanted, current_user);
        end if;
    end loop;
end $$;
grant usage on schema public to treadle_app, treadle_system;

create table if not exists treadle_changes (
    change_id bigint generated always as identity primary key,
    changed_at timestamptz not null default now()
);
grant select on treadle_changes to treadle_system;

create or replace function treadle_note_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, public as $$
begin
    insert into treadle_changes default values;
    delete from treadle_changes where change_id in (
        select change_id from treadle_changes where changed_at < now() - interval '1 hour' for update skip locked
    );
    perform pg_notify('treadle_changes', '');
    return null;
end $$;

create or replace function treadle_watch(target regclass) returns void
language plpgsql as $$
begin
    execute format('create trigger note_change after insert or update or delete on %s'
        ' for each statement execute function treadle_note_change()', target);
end $$;

create or replace function treadle_isolate(target regclass, append_only boolean default false) returns void
language plpgsql as $$
declare
    rights text := case when append_only then 'select, insert' else 'select, insert, update, delete' end;
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('create policy of_project on %s to treadle_app using (project_id = current_setting(''treadle.project''))'
        ' with check (project_id = current_setting(''treadle.project''))', target);
    execute format('create policy of_system on %s to treadle_system using (true) with check (true)', target);
    execute format('grant %s on %s to treadle_app, treadle_system', rights, target);
end $$;
"""


log = logging.getLogger("treadle.storage.migrations")


def migrate(url: str, slices: Mapping[str, Sequence[Migration]], *, worked_by: str | None = None) -> list[str]:
    """Apply every step that has not been applied; return their names, 'slice.name', in order.

    worked_by: the other process that does the work of the database; None when nobody else does.

    Raises Conflict when the database was written by a newer release, or by an older one that somebody still works with;
    DatabaseDenied when its user may not make what we need, DatabaseUnavailable when nobody answers.
    """
    applied_now: list[str] = []
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute("select pg_advisory_lock(%s)", [LOCK])
            done = _done(connection)
            _refuse_newer_schema(done, slices)
            due = [(name, step) for name, steps in slices.items() for step in steps if (name, step.name) not in done]
            if done and due:
                _say_upgrade([f"{name}.{step.name}" for name, step in due], worked_by)
            try:
                with connection.transaction():
                    connection.execute(GROUND)
                for name, step in due:
                    with connection.transaction():
                        connection.execute(step.sql.encode())
                        connection.execute(
                            "insert into treadle_migrations (slice, name) values (%s, %s)", [name, step.name]
                        )
                    applied_now.append(f"{name}.{step.name}")
            except psycopg.errors.InsufficientPrivilege as error:
                raise DatabaseDenied(connection.info.user, connection.info.dbname, str(error)) from error
    except psycopg.OperationalError as error:
        raise in_words(error) or DatabaseUnavailable(str(error)) from error
    return applied_now


def _done(connection: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    """Return the steps that were applied, (slice, name) each; none to a database that is new."""
    found = connection.execute("select to_regclass('treadle_migrations')").fetchone()
    if found is None or found[0] is None:
        return set()
    return {(row[0], row[1]) for row in connection.execute("select slice, name from treadle_migrations")}


def _say_upgrade(steps: list[str], worked_by: str | None) -> None:
    """Say what is about to happen to an earlier release's database; raises Conflict when its server still runs."""
    shown = ", ".join(steps[:3]) + (", …" if len(steps) > 3 else "")
    if worked_by is not None:
        raise Conflict(
            f"the database is of an earlier Treadle, whose server still works with it (process {worked_by}), and this release would "
            f"change its schema ({shown}); stop that server, install this release there and start it again, or use the release "
            f"that it runs",
            code="storage.schema_older",
        )
    log.warning(
        "the database is of an earlier release; its schema is brought to this one's, and earlier ones will not open it any more: %s",
        shown,
    )


def _refuse_newer_schema(done: set[tuple[str, str]], slices: Mapping[str, Sequence[Migration]]) -> None:
    known = {(name, step.name) for name, steps in slices.items() for step in steps}
    unknown = sorted(f"{name}.{step}" for name, step in done - known)
    if unknown:
        raise Conflict(
            f"the database holds schema steps that this release does not know ({', '.join(unknown[:3])}); it was written by a "
            f"newer Treadle: upgrade with pip install --upgrade treadle, go back to the copy from before (docs/upgrade.md), or use "
            f"another workspace",
            code="storage.schema_newer",
        )
