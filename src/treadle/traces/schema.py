"""The tables of traces. Steps are applied once and never edited; a new one goes at the end.

`spans` holds a narrow row per span, `span_blocks` their content, both in partitions by day so that forgetting a day is
dropping a table. Days between 92 days ago and tomorrow get partitions of their own when they are first needed
(`treadle_ensure_span_day`, under a lock, so that any number of processes may ask at once); whatever says that it is from
another time is in the partition of `OTHER_DAY`. One index finds a trace and keeps a span from being stored twice: its
key begins with the first 48 bits of the trace's id, which are the time in ids of ours, so that new rows lie together.
The project is hashed into the rest: no project can take a place that another's span would need.
"""

from __future__ import annotations

from treadle.storage.database import Migration
from treadle.traces.rows import COLUMNS, PREVIEW

OTHER_DAY = "1970-01-01"
OWN_DAYS = 92

ROLLUP_GROUP = {
    "kind": "text",
    "is_root": "boolean",
    "endpoint": "text",
    "release_id": "text",
    "model": "text",
    "key_id": "text",
}
"""What rollups are kept by; an empty text where a span has none."""
ROLLUP_SUMS = {
    "count": "bigint",
    "error_count": "bigint",
    "cancelled_count": "bigint",
    "input_tokens": "bigint",
    "output_tokens": "bigint",
    "cost_usd": "numeric",
    "unpriced_count": "bigint",
    "cache_hits": "bigint",
    "refusals": "bigint",
    "guard_hits": "bigint",
    "answering_ms": "double precision",
    "answering_tokens": "bigint",
    "json_answers": "bigint",
    "json_valid": "bigint",
}
"""What rollups add up."""
_SUMS_SINCE = ("json_answers", "json_valid")
"""Added by a later step."""

_FIRST_SPAN_COLUMNS = {
    "day": "date",
    "trace_id": "text",
    "span_id": "text",
    "parent_span_id": "text",
    "name": "text",
    "kind": "text",
    "status": "text",
    "error_code": "text",
    "error_message": "text",
    "started_at": "timestamptz",
    "latency_ms": "double precision",
    "time_to_first_token_ms": "double precision",
    "endpoint": "text",
    "release_id": "text",
    "rollout_id": "text",
    "arm": "text",
    "arm_weight": "double precision",
    "unit": "text",
    "session_id": "text",
    "key_id": "text",
    "config_hash": "text",
    "provider": "text",
    "model_version_id": "text",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "cost_usd": "numeric",
    "finish_reason": "text",
}
_FIRST_CONTENT_COLUMNS = {
    "day": "date",
    "trace_id": "text",
    "span_id": "text",
    "input_messages": "jsonb",
    "output_messages": "jsonb",
    "variables": "jsonb",
    "attributes": "jsonb",
    "input_text": "text",
    "output_text": "text",
}
_FIRST_KEY = "(project_id, day, trace_id, span_id)"

_CARRIED = ", ".join(name for name in _FIRST_SPAN_COLUMNS if name != "day")
_CONTENTS = ("input_messages", "output_messages", "variables", "attributes", "input_text", "output_text")
_CONTENT_OBJECT = " || ".join(
    f"case when c.{name} is null then '{{}}' else jsonb_build_object('{name}', c.{name}) end" for name in _CONTENTS
)

_SECOND = f"""
alter table spans rename to spans_before;
alter table span_contents rename to span_contents_before;
alter index spans_pkey rename to spans_before_pkey;
alter index spans_newest rename to spans_before_newest;
alter index spans_by_trace rename to spans_before_by_trace;
alter index spans_by_rollout rename to spans_before_by_rollout;

create function treadle_trace_key(project_id text, trace_id text) returns uuid language sql immutable parallel safe as $$
    select (case when trace_id ~ '^[0-9a-f]{{32}}$' then left(trace_id, 12) || substr(md5(project_id || '|' || trace_id), 13)
        else md5(project_id || '|' || trace_id) end)::uuid
$$;

create table spans (
    project_id text not null default current_setting('treadle.project'),
    day date not null,
    seq bigint not null,
    trace_key uuid not null,
    {", ".join(f"{column.name} {column.table_type}" for column in COLUMNS)},
    unique (trace_key, span_id, day)
) partition by range (day);
create index spans_newest on spans (project_id, started_at desc, trace_id desc) where parent_span_id is null;
create index spans_by_rollout on spans (project_id, rollout_id, seq) where rollout_id is not null;
create index spans_by_seq on spans (seq);

create sequence span_block_ids;
grant usage on sequence span_block_ids to treadle_app, treadle_system;
create table span_blocks (
    project_id text not null default current_setting('treadle.project'),
    day date not null,
    block_id bigint not null default nextval('span_block_ids'),
    span_count integer not null,
    created_at timestamptz not null default now(),
    data bytea not null,
    primary key (day, block_id, project_id)
) partition by range (day);
alter table span_blocks alter column data set storage external;

create table span_blocks_waiting (
    project_id text not null default current_setting('treadle.project'),
    work text not null,
    day date not null,
    block_id bigint not null,
    created_at timestamptz not null default now(),
    primary key (work, block_id, day, project_id)
);
create table span_rollups (
    project_id text not null default current_setting('treadle.project'),
    step text not null,
    at timestamptz not null,
    {", ".join(f"{name} {kind} not null" for name, kind in ROLLUP_GROUP.items())},
    {", ".join(f"{name} {kind} not null" for name, kind in ROLLUP_SUMS.items() if name not in _SUMS_SINCE)},
    errors jsonb not null,
    latency_ms bytea,
    time_to_first_token_ms bytea,
    primary key (project_id, step, at, {", ".join(ROLLUP_GROUP)})
);
select treadle_isolate('spans'), treadle_isolate('span_blocks'), treadle_isolate('span_blocks_waiting'),
    treadle_isolate('span_rollups');

-- An index on arrays is of no use under a project's policy (its operators are not leakproof), so a project reaches its words
-- through the functions below and not at all otherwise. The project is hashed into every word.
create table span_words (
    project_id text not null,
    day date not null,
    block_id bigint not null,
    part smallint not null,
    words integer[] not null,
    texts bytea not null,
    primary key (day, block_id, part, project_id)
) partition by range (day);
alter table span_words alter column texts set storage external;
create index span_words_by_word on span_words using gin (words);
alter table span_words enable row level security, force row level security;
create policy of_owner on span_words to current_user using (true) with check (true);
create policy of_system on span_words to treadle_system using (true) with check (true);
grant select, insert, update, delete on span_words to treadle_system;

create function treadle_put_words(day date, block_id bigint, part smallint, words integer[], texts bytea)
returns void language sql security definer set search_path = public, pg_temp as $$
    insert into span_words values (current_setting('treadle.project'), day, block_id, part, words, texts) on conflict do nothing
$$;
-- The words come first and alone, or a planner without statistics (a day is new, and rows come all the time) takes an index
-- that has to open every row's words.
create function treadle_find_words(wanted integer[], since date, until date, before_block bigint, at_most integer)
returns table (day date, block_id bigint, part smallint, texts bytea)
language sql stable security definer set search_path = public, pg_temp set enable_seqscan = off set enable_indexscan = off as $$
    with found as materialized (
        select w.project_id, w.day, w.block_id, w.part, w.texts from span_words w where w.words @> wanted
    )
    select f.day, f.block_id, f.part, f.texts from found f
        where f.project_id = current_setting('treadle.project') and (f.day between since and until or f.day = '{OTHER_DAY}')
        and f.block_id <= before_block
        order by f.block_id desc, f.part desc limit at_most
$$;
revoke execute on function treadle_put_words, treadle_find_words from public;
grant execute on function treadle_put_words, treadle_find_words to treadle_app;

create function treadle_span_partition(wanted date, until date) returns void language plpgsql as $$
declare
    suffix text := to_char(wanted, 'YYYYMMDD');
    target text;
begin
    perform pg_advisory_xact_lock(hashtextextended('treadle span partitions', 0));
    foreach target in array array['spans', 'span_blocks', 'span_words'] loop
        if to_regclass(format('%I', target || '_' || suffix)) is null then
            -- Attaching takes a weaker lock than creating in place: nobody who reads or writes waits.
            execute format('create table %I (like %I including defaults including constraints including storage)',
                target || '_' || suffix, target);
            execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                target, target || '_' || suffix, wanted, until);
        end if;
    end loop;
end $$;

create function treadle_ensure_span_day(wanted date) returns date language plpgsql security definer
set search_path = public, pg_temp as $$
begin
    if to_regclass('span_blocks_' || to_char(wanted, 'YYYYMMDD')) is not null then
        return wanted;
    end if;
    if wanted < current_date - {OWN_DAYS} or wanted > current_date + 1 then
        return '{OTHER_DAY}';
    end if;
    perform treadle_span_partition(wanted, wanted + 1);
    return wanted;
end $$;
create table trace_retention (
    project_id text not null default current_setting('treadle.project'),
    days integer not null check (days > 0),
    primary key (project_id)
);
select treadle_isolate('trace_retention');

-- Drops a day where none but these projects have anything; looks under the lock, so nobody's new spans go with it.
create function treadle_forget_span_day(wanted date, expired text[]) returns boolean language plpgsql security definer
set search_path = public, pg_temp set lock_timeout = '2s' as $$
declare
    suffix text := to_char(wanted, 'YYYYMMDD');
    is_kept boolean;
begin
    lock table spans, span_blocks, span_words in access exclusive mode;
    execute format('select exists (select from %I where project_id <> all(%L::text[]))', 'span_blocks_' || suffix, expired)
        into is_kept;
    if is_kept then
        return false;
    end if;
    execute format('drop table %I, %I, %I', 'spans_' || suffix, 'span_blocks_' || suffix, 'span_words_' || suffix);
    delete from span_blocks_waiting where day = wanted;
    return true;
end $$;
revoke execute on function treadle_forget_span_day from public;
grant execute on function treadle_forget_span_day to treadle_system;
revoke execute on function treadle_span_partition, treadle_ensure_span_day from public;
grant execute on function treadle_ensure_span_day to treadle_app, treadle_system;
select treadle_span_partition('{OTHER_DAY}', '{OTHER_DAY}'::date + 1);

-- What was stored before: a position stays what it was, because rollouts remember how far they have read.
create temporary table span_days on commit drop as
    select before.day as started_on, treadle_ensure_span_day(before.day) as day from (select distinct day from spans_before) before;
insert into spans (project_id, day, seq, trace_key, {_CARRIED}, input_text, output_text, signals, cache)
    select s.project_id, d.day, s.seq, treadle_trace_key(s.project_id, s.trace_id),
        {", ".join("s." + name for name in _FIRST_SPAN_COLUMNS if name != "day")},
        case when s.parent_span_id is null then left(c.input_text, {PREVIEW}) end,
        case when s.parent_span_id is null then left(c.output_text, {PREVIEW}) end,
        nullif(array(select jsonb_array_elements_text(case when jsonb_typeof(c.attributes->'treadle.signals') = 'array'
            then c.attributes->'treadle.signals' else '[]' end)) || case when not c.attributes ? 'treadle.rescued' then '{{}}'::text[]
            when c.attributes->>'treadle.rescued' like '%timeout%' then '{{rescued:timeout}}' else '{{rescued}}' end, '{{}}'),
        c.attributes->>'treadle.cache'
    from spans_before s join span_days d on d.started_on = s.day
    left join span_contents_before c on c.project_id = s.project_id and c.day = s.day and c.trace_id = s.trace_id
        and c.span_id = s.span_id
    on conflict do nothing;
insert into span_blocks (project_id, day, block_id, span_count, data)
    select project_id, day, block_id, count(*), convert_to('[' || string_agg(repeat('null,', gap) || document, ',' order by seq)
        || ']', 'UTF8')
    from (
        select n.project_id, n.day, n.seq >> 12 as block_id, n.seq,
            ((n.seq & 4095) - coalesce(lag(n.seq & 4095) over (partition by n.project_id, n.day, n.seq >> 12 order by n.seq), -1)
                - 1)::integer as gap,
            (jsonb_strip_nulls(to_jsonb(s) - 'seq' - 'day' || jsonb_build_object('cost_usd', s.cost_usd::text))
                || {_CONTENT_OBJECT})::text as document
        from spans n join spans_before s on s.project_id = n.project_id and s.trace_id = n.trace_id and s.span_id = n.span_id
            and s.seq = n.seq
        left join span_contents_before c on c.project_id = s.project_id and c.day = s.day and c.trace_id = s.trace_id
            and c.span_id = s.span_id
    ) told group by project_id, day, block_id;
insert into span_blocks_waiting (project_id, work, day, block_id)
    select project_id, work, day, block_id from span_blocks, unnest(array['signals', 'words']) as work;
select setval('span_block_ids', (select coalesce(max(seq), 0) >> 12 from spans_before) + 1);
drop table spans_before, span_contents_before;
"""

MIGRATIONS = (
    Migration(
        "spans",
        f"""
        create table spans (
            project_id text not null default current_setting('treadle.project'),
            seq bigint generated always as identity,
            {", ".join(f"{name} {kind}" for name, kind in _FIRST_SPAN_COLUMNS.items())},
            primary key {_FIRST_KEY}
        );
        create index spans_by_trace on spans (project_id, trace_id);
        create index spans_newest on spans (project_id, started_at desc, trace_id desc) where parent_span_id is null;
        create index spans_by_rollout on spans (project_id, rollout_id, seq) where rollout_id is not null;
        create table span_contents (
            project_id text not null default current_setting('treadle.project'),
            {", ".join(f"{name} {kind}" for name, kind in _FIRST_CONTENT_COLUMNS.items())},
            primary key {_FIRST_KEY}
        );
        create table trace_scores (
            project_id text not null default current_setting('treadle.project'),
            trace_id text not null,
            name text not null,
            source text not null,
            value double precision,
            label text,
            updated_at timestamptz not null default now(),
            primary key (project_id, trace_id, name, source)
        );
        select treadle_isolate('spans'), treadle_isolate('span_contents'), treadle_isolate('trace_scores');
        """,
    ),
    Migration("spans_by_day", _SECOND),
    Migration(
        "trace_archives",
        """
        alter table trace_retention add column archive boolean not null default false,
            add column archive_days integer check (archive_days > days);
        create table trace_archives (
            project_id text not null default current_setting('treadle.project'),
            digest text not null,
            day date not null,
            state text not null check (state in ('writing', 'kept', 'leaving')),
            counts_from date not null,
            first_at timestamptz not null,
            last_at timestamptz not null,
            span_count bigint not null,
            size_bytes bigint not null,
            traces bytea not null,
            created_at timestamptz not null default now(),
            primary key (project_id, digest)
        );
        alter table trace_archives alter column traces set storage external;
        select treadle_isolate('trace_archives');
        """,
    ),
    Migration(
        "rollups_count_json",
        f"alter table span_rollups {', '.join(f'add column {name} bigint not null default 0' for name in _SUMS_SINCE)};",
    ),
    Migration(
        "scores_on_scales",
        "alter table trace_scores add column low double precision, add column high double precision;",
    ),
)
