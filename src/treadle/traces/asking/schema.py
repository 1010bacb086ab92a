"""The tables of asking: sums by session and by end user, indexes that find their traces, saved views. Never edited; add at the end."""

from __future__ import annotations

from treadle.storage.database import Migration

SUMS = """coalesce(sum(input_tokens), 0)::bigint as input_tokens, coalesce(sum(output_tokens), 0)::bigint as output_tokens,
    coalesce(sum(cost_usd), 0) as cost_usd, count(*) filter (where cost_usd is null and (input_tokens > 0 or output_tokens > 0))
    as unpriced_count"""

MIGRATIONS = (
    Migration(
        "parties",
        f"""
        create index spans_by_session on spans (project_id, session_id, started_at desc, trace_id desc)
            where parent_span_id is null and session_id is not null;
        create index spans_by_user on spans (project_id, user_id, started_at desc, trace_id desc)
            where parent_span_id is null and user_id is not null;
        create table trace_parties (
            project_id text not null default current_setting('treadle.project'),
            sort text not null,
            name text not null,
            first_at timestamptz not null,
            last_at timestamptz not null,
            trace_count bigint not null,
            error_count bigint not null,
            span_count bigint not null,
            input_tokens bigint not null,
            output_tokens bigint not null,
            cost_usd numeric not null,
            unpriced_count bigint not null,
            primary key (project_id, sort, name)
        );
        create index trace_parties_newest on trace_parties (project_id, sort, last_at desc, name desc);
        select treadle_isolate('trace_parties');
        insert into trace_parties
            select r.project_id, p.sort, p.name, min(r.started_at), max(r.started_at), count(*),
                count(*) filter (where r.status = 'error'), sum(t.span_count), sum(t.input_tokens), sum(t.output_tokens),
                sum(t.cost_usd), sum(t.unpriced_count)
            from spans r cross join lateral (values ('session', r.session_id), ('user', r.user_id)) as p(sort, name)
            cross join lateral (select count(*) as span_count, {SUMS} from spans x
                where x.trace_key = r.trace_key and x.trace_id = r.trace_id and x.project_id = r.project_id
                and not exists (select from span_blocks_waiting w where w.work = 'signals' and w.block_id = x.seq >> 12)) t
            where r.parent_span_id is null and p.name is not null
                and not exists (select from span_blocks_waiting w where w.work = 'signals' and w.block_id = r.seq >> 12)
            group by 1, 2, 3;
        """,
    ),
    Migration(
        "trace_views",
        """
        create table trace_views (
            project_id text not null default current_setting('treadle.project'),
            name text not null,
            owner_id text not null,
            is_shared boolean not null,
            subject text not null,
            q text not null,
            columns text[] not null,
            updated_at timestamptz not null,
            primary key (project_id, owner_id, name)
        );
        create unique index trace_views_shared on trace_views (project_id, name) where is_shared;
        select treadle_isolate('trace_views');
        """,
    ),
    Migration(
        "trace_exports",
        """
        create table trace_exports (
            project_id text not null default current_setting('treadle.project'),
            run_id text not null,
            digest text not null,
            ends_at timestamptz not null,
            primary key (project_id, run_id)
        );
        select treadle_isolate('trace_exports');
        """,
    ),
    Migration(
        "trace_heads",
        """
        alter table spans add column stands_for_root boolean, add column counted_in text;
        drop index spans_newest;
        create index spans_newest on spans (project_id, started_at desc, trace_id desc) where coalesce(stands_for_root, parent_span_id is null);
        drop index spans_by_session;
        create index spans_by_session on spans (project_id, session_id, started_at desc, trace_id desc)
            where coalesce(stands_for_root, parent_span_id is null) and session_id is not null;
        drop index spans_by_user;
        create index spans_by_user on spans (project_id, user_id, started_at desc, trace_id desc)
            where coalesce(stands_for_root, parent_span_id is null) and user_id is not null;
        create index spans_answered_within on spans (project_id, started_at desc, trace_id desc)
            where unit is not null and parent_span_id is not null
            and arm is distinct from 'shadow';
        create table trace_watch (
            project_id text not null default current_setting('treadle.project'),
            trace_key uuid not null,
            trace_id text not null,
            since timestamptz not null default now(),
            due_at timestamptz,
            has_answers boolean not null,
            day date,
            seq bigint,
            primary key (project_id, trace_key)
        );
        create index trace_watch_due on trace_watch (due_at, project_id) where due_at is not null;
        select treadle_isolate('trace_watch');
        -- Of the last days: what is older has waited for its root in vain, and nobody asked for it.
        insert into trace_watch (project_id, trace_key, trace_id, due_at, has_answers)
            select distinct on (s.project_id, s.trace_key) s.project_id, s.trace_key, s.trace_id, now(), false
            from spans s where s.day >= current_date - 7 and s.parent_span_id is not null
            and s.trace_key not in (select r.trace_key from spans r where r.parent_span_id is null);
        """,
    ),
    Migration("views_of_other_lists", "alter table trace_views add column search jsonb not null default '{}';"),
)
