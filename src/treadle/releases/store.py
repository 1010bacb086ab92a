"""Releases, approvals, environments and endpoints in PostgreSQL. Rollouts have a store of their own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from treadle.core.errors import NotFound
from treadle.evals.types import Target
from treadle.releases.approvals.types import Approval, ApprovalPolicy, Environment
from treadle.releases.endpoints.types import Endpoint
from treadle.releases.packaging.manifest import document_of, engines_of
from treadle.releases.types import Gate, Manifest, Release
from treadle.storage.database import Connection, Migration

_KEPT = [name for name in Release.model_fields if name not in ("gates", "approvals")]
_RELEASE = f"""{", ".join(_KEPT)},
    (select coalesce(jsonb_agg(g.value order by g.key), '[]') from jsonb_each(gates) g) as gates,
    (select coalesce(jsonb_agg(a.approval order by a.approved_at), '[]') from release_approvals a
        where a.project_id = releases.project_id and a.release_id = releases.release_id) as approvals"""
_ENDPOINT = ", ".join(Endpoint.model_fields)


class ReleaseNotFound(NotFound):
    """No release has the id."""

    code = "releases.not_found"


class EndpointNotFound(NotFound):
    """No endpoint has the name."""

    code = "releases.endpoint_not_found"


def insert_release(db: Connection, release: Release) -> None:
    """Keep a release."""
    values = release.model_dump(mode="python") | {"manifest": Jsonb(document_of(release.manifest))}
    values |= {"gate": None, "approval": None}
    db.execute(
        f"insert into releases ({', '.join(_KEPT)}) values ({', '.join(f'%({name})s' for name in _KEPT)})",
        values,
    )


def hold_release_name(db: Connection, name: str) -> None:
    """Be the only one to number releases of this name until this transaction ends."""
    db.execute(
        "select pg_advisory_xact_lock(hashtextextended('release|' || current_setting('treadle.project') || %s, 0))",
        [name],
    )


def newest_release_version(db: Connection, name: str) -> int:
    """Return the number of the newest release of a name, 0 when there is none."""
    row = db.execute("select coalesce(max(version), 0) as version from releases where name = %s", [name]).fetchone()
    assert row is not None
    return int(row["version"])


def find_release(db: Connection, release_id: str, *, lock: bool = False) -> Release | None:
    """Return a release, or None. lock: hold it, with its gate and approval, for this transaction."""
    suffix = " for update" if lock else ""
    row = db.execute(f"select {_RELEASE} from releases where release_id = %s{suffix}", [release_id]).fetchone()
    return Release.model_validate(row) if row else None


def require_release(db: Connection, release_id: str, *, lock: bool = False) -> Release:
    """Return a release. Raises ReleaseNotFound."""
    release = find_release(db, release_id, lock=lock)
    if release is None:
        raise ReleaseNotFound(f"there is no release '{release_id}'; list them with: treadle release list")
    return release


def find_release_by_digest(db: Connection, name: str, digest: str) -> Release | None:
    """Return the release of a name with this content, or None."""
    row = db.execute(f"select {_RELEASE} from releases where name = %s and digest = %s", [name, digest]).fetchone()
    return Release.model_validate(row) if row else None


def list_releases(
    db: Connection, *, name: str | None, text: str | None, before: tuple[str, str] | None, limit: int
) -> list[Release]:
    """Return releases, newest first; of a name, or with a text in it."""
    created, release_id = before or (None, None)
    rows = db.execute(
        f"""select {_RELEASE} from releases where (%(name)s::text is null or name = %(name)s)
            and (%(text)s::text is null or position(lower(%(text)s) in lower(name)) > 0)
            and (%(created)s::timestamptz is null or (created_at, release_id) < (%(created)s, %(id)s))
            order by created_at desc, release_id desc limit %(limit)s""",
        {"name": name, "text": text, "created": created, "id": release_id, "limit": limit},
    )
    return [Release.model_validate(row) for row in rows]


def models_of(db: Connection, release_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the model versions that need an engine, by release id; none for a release that providers answer."""
    rows = db.execute("select release_id, manifest from releases where release_id = any(%s)", [list(release_ids)])
    return {row["release_id"]: engines_of(Manifest.model_validate(row["manifest"])) for row in rows}


def set_gate(db: Connection, release_id: str, gate: Gate) -> None:
    """Keep a gate's evidence: the newest of its name, and the newest of all."""
    document = Jsonb(gate.model_dump(mode="json"))
    db.execute(
        "update releases set gate = %s, gates = gates || jsonb_build_object(%s::text, %s::jsonb) where release_id = %s",
        [document, gate.name, document, release_id],
    )


def put_approval(db: Connection, release_id: str, approval: Approval) -> None:
    """Keep an approval: the newest of its actor, and the first one of the release."""
    document = Jsonb(approval.model_dump(mode="json"))
    db.execute("update releases set approval = %s where release_id = %s and approval is null", [document, release_id])
    db.execute(
        """insert into release_approvals (release_id, actor_id, approved_at, approval) values (%s, %s, %s, %s)
        on conflict (project_id, release_id, actor_id) do update set approved_at = excluded.approved_at,
            approval = excluded.approval""",
        [release_id, approval.actor_id, approval.approved_at, document],
    )


def find_policy(db: Connection, environment: str) -> ApprovalPolicy | None:
    """Return the policy that somebody set for an environment, or None."""
    row = db.execute("select policy from environments where name = %s", [environment]).fetchone()
    return ApprovalPolicy.model_validate(row["policy"]) if row else None


def put_policy(db: Connection, name: str, policy: ApprovalPolicy, *, changed_by: str, changed_at: datetime) -> None:
    """Keep an environment's policy, replacing the one before."""
    db.execute(
        """insert into environments (name, policy, changed_by, changed_at) values (%s, %s, %s, %s)
        on conflict (project_id, name) do update set policy = excluded.policy, changed_by = excluded.changed_by,
            changed_at = excluded.changed_at""",
        [name, Jsonb(policy.model_dump(mode="json")), changed_by, changed_at],
    )


def lets_programs_approve(db: Connection) -> bool:
    """Tell whether any environment counts approvals by programs."""
    asked = "select exists (select from environments where policy->>'programs_may_approve' = 'true') as found"
    row = db.execute(asked).fetchone()
    return row is not None and bool(row["found"])


def list_environments(db: Connection) -> list[Environment]:
    """Return every environment that has a policy or an endpoint, by name."""
    rows = db.execute(
        """select n.name, e.policy, e.changed_by, e.changed_at,
            (select coalesce(array_agg(p.name order by p.name), '{}') from endpoints p where p.environment = n.name)
                as endpoints
        from (select name from environments union select environment from endpoints) n
        left join environments e on e.name = n.name order by n.name"""
    )
    return [Environment.model_validate({**row, "policy": row["policy"] or {}}) for row in rows]


def insert_endpoint(db: Connection, endpoint: Endpoint) -> bool:
    """Keep a new endpoint; return False when the name is taken."""
    names = list(Endpoint.model_fields)
    return (
        db.execute(
            f"insert into endpoints ({_ENDPOINT}) values ({', '.join(['%s'] * len(names))}) on conflict do nothing",
            [_value(endpoint, name) for name in names],
        ).rowcount
        == 1
    )


def find_endpoint(db: Connection, name: str, *, lock: bool = False) -> Endpoint | None:
    """Return an endpoint by name, or None. lock: hold it for this transaction."""
    suffix = " for update" if lock else ""
    row = db.execute(f"select {_ENDPOINT} from endpoints where name = %s{suffix}", [name]).fetchone()
    return Endpoint.model_validate(row) if row else None


def require_endpoint(db: Connection, name: str, *, lock: bool = False) -> Endpoint:
    """Return an endpoint by name. Raises EndpointNotFound."""
    endpoint = find_endpoint(db, name, lock=lock)
    if endpoint is None:
        raise EndpointNotFound(f"there is no endpoint '{name}'; list them with: treadle endpoint list")
    return endpoint


def list_endpoints(db: Connection, after: str | None, limit: int, *, text: str | None = None) -> list[Endpoint]:
    """Return endpoints by name; text: in the name."""
    rows = db.execute(
        f"""select {_ENDPOINT} from endpoints where (%(after)s::text is null or name > %(after)s)
        and (%(text)s::text is null or position(lower(%(text)s) in lower(name)) > 0) order by name limit %(limit)s""",
        {"text": text, "after": after, "limit": limit},
    )
    return [Endpoint.model_validate(row) for row in rows]


def list_serving(db: Connection, target: Target) -> list[str]:
    """Return the names of endpoints whose stable release bundles these parts, or that are the target; at most 20."""
    rows = db.execute(
        """select e.name from endpoints e join releases r on r.release_id = e.stable_release_id
        where e.name = %(endpoint)s or (%(endpoint)s::text is null and r.manifest->>'model_version_id' = %(model)s
            and r.manifest->>'prompt_version_id' is not distinct from %(prompt)s and coalesce(r.manifest->'parameters', '{}') = %(parameters)s)
        order by e.name limit 20""",
        {
            "endpoint": target.endpoint,
            "model": target.model_version_id,
            "prompt": target.prompt_version_id,
            "parameters": Jsonb(target.parameters),
        },
    )
    return [str(row["name"]) for row in rows]


def save_endpoint(db: Connection, endpoint: Endpoint) -> None:
    """Keep what stands behind an endpoint now, and how it serves."""
    names = [name for name in Endpoint.model_fields if name not in ("endpoint_id", "name", "created_at")]
    db.execute(
        f"update endpoints set {', '.join(f'{name} = %s' for name in names)} where endpoint_id = %s",
        [*(_value(endpoint, name) for name in names), endpoint.endpoint_id],
    )


def _value(endpoint: Endpoint, name: str) -> Any:
    return Jsonb(endpoint.settings.model_dump(mode="json")) if name == "settings" else getattr(endpoint, name)


MIGRATIONS = (
    Migration(
        "releases",
        """
        create table releases (
            project_id text not null default current_setting('treadle.project'),
            release_id text not null, name text not null, version int not null, manifest jsonb not null,
            digest text not null, notes text not null,
            gate jsonb, approval jsonb, created_by text not null, created_at timestamptz not null,
            primary key (project_id, release_id), unique (project_id, name, version), unique (project_id, name, digest)
        );
        create index releases_newest on releases (project_id, created_at desc, release_id desc);
        create table endpoints (
            project_id text not null default current_setting('treadle.project'),
            endpoint_id text not null, name text not null, stable_release_id text, previous_release_id text,
            next_release_id text, problem text, rollout_id text,
            created_at timestamptz not null, changed_at timestamptz not null,
            primary key (project_id, endpoint_id), unique (project_id, name)
        );
        create table rollouts (
            project_id text not null default current_setting('treadle.project'),
            rollout_id text not null, endpoint_id text not null, stable_release_id text not null,
            candidate_release_id text not null, plan jsonb not null, status text not null, step int not null,
            units int not null, step_units int not null, step_started_at timestamptz not null,
            limits_from timestamptz not null, limits_from_units int not null, seen jsonb not null,
            request_seq bigint not null, feedback_seq bigint not null, words text not null, reason text,
            created_by text not null, created_at timestamptz not null, started_at timestamptz, ended_at timestamptz,
            primary key (project_id, rollout_id)
        );
        create unique index rollouts_one_at_a_time on rollouts (project_id, endpoint_id)
            where status in ('pending', 'running', 'paused', 'held');
        create table rollout_units (
            project_id text not null default current_setting('treadle.project'),
            rollout_id text not null, unit text not null, arms text[] not null, bad text[] not null,
            primary key (project_id, rollout_id, unit)
        );
        create table rollout_points (
            project_id text not null default current_setting('treadle.project'),
            rollout_id text not null, sequence int not null, at timestamptz not null, status text not null,
            step int not null, weight float8 not null, units int not null, evidence jsonb not null, event text,
            primary key (project_id, rollout_id, sequence)
        );
        select treadle_isolate('releases'), treadle_isolate('endpoints'), treadle_isolate('rollouts'),
            treadle_isolate('rollout_units'), treadle_isolate('rollout_points');
        """,
    ),
    Migration(
        "environments",
        """
        alter table releases add column gates jsonb not null default '{}';
        alter table endpoints add column environment text not null default 'production', add column disabled text,
            add column notice text, add column settings jsonb not null default '{}';
        create table release_approvals (
            project_id text not null default current_setting('treadle.project'),
            release_id text not null, actor_id text not null, approved_at timestamptz not null, approval jsonb not null,
            primary key (project_id, release_id, actor_id)
        );
        create table environments (
            project_id text not null default current_setting('treadle.project'),
            name text not null, policy jsonb not null, changed_by text not null, changed_at timestamptz not null,
            primary key (project_id, name)
        );
        select treadle_isolate('release_approvals'), treadle_isolate('environments');
        set local role treadle_system;
        update releases set gates = jsonb_build_object('evaluation', gate) where gate is not null;
        insert into release_approvals (project_id, release_id, actor_id, approved_at, approval)
            select project_id, release_id, approval->>'actor_id', (approval->>'approved_at')::timestamptz, approval
            from releases where approval is not null;
        reset role;
        """,
    ),
    Migration(
        "stages",
        """
        alter table rollouts add column stage text not null default 'canary',
            add column arms jsonb not null default '{}';
        alter table rollout_points add column stage text not null default 'canary', add column target jsonb,
            add column shadow jsonb, add column readout jsonb;
        """,
    ),
    Migration("authors", "alter table releases add column author_id text;"),
    Migration(
        "marks",
        """
        alter table rollout_units add column marks text[] not null default '{}';
        set local role treadle_system;
        update rollout_units set
            marks = array(select substr(each, 2) from unnest(bad) as each where each like '#%' order by 1),
            bad = array(select each from unnest(bad) as each where each not like '#%' order by 1)
        where exists (select from unnest(bad) as each where each like '#%');
        reset role;
        """,
    ),
)
