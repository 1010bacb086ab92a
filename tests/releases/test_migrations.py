"""What an older release of Treadle kept is there after its schema has moved on."""

from __future__ import annotations

import json

import psycopg

from treadle.releases.approvals.types import Approval
from treadle.server.slices import MIGRATIONS
from treadle.storage.database import Database
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.migrations import migrate

APPROVAL = {
    "actor_id": "act_1", "actor_name": "ann", "approved_at": "2026-05-04T12:00:00Z", "override_reason": "looked at it",
}  # fmt: skip
GATE = {
    "result": "failed", "checks": [], "policy": {}, "baseline_experiment_id": "a", "candidate_experiment_id": "b",
    "evaluated_at": "2026-05-04T12:00:00Z", "evaluated_by": "act_1",
}  # fmt: skip
MANIFEST = {
    "model_version_id": "mdv_1", "model_digest": "sha256:0", "prompt_version_id": None, "messages": [], "parameters": {},
}  # fmt: skip


def test_gate_and_approval_of_before_environments_still_count(postgres: EmbeddedPostgres) -> None:
    """
    A release approved under the first schema is approved under the newest, with its gate under the usual name.
    """
    from treadle.releases import store

    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("create database before_environments")
    url = postgres.url("before_environments")
    migrate(url, {**MIGRATIONS, "releases": MIGRATIONS["releases"][:1]})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """insert into releases (project_id, release_id, name, version, manifest, digest, notes, gate, approval,
            created_by, created_at) values ('prj_1', 'rel_1', 'support', 1, %s, 'sha256:1', '', %s, %s, 'act_1', now())""",
            [json.dumps(MANIFEST), json.dumps(GATE), json.dumps(APPROVAL)],
        )

    migrate(url, MIGRATIONS)

    database = Database(url)
    database.open()
    try:
        release = database.transact(lambda db: store.require_release(db, "rel_1"), "treadle_app", "prj_1")
    finally:
        database.close()
    assert [Approval.model_validate(APPROVAL)] == release.approvals
    assert [("evaluation", "failed")] == [(gate.name, gate.result) for gate in release.gates]


def test_marks_of_units_leave_the_names_of_guards(postgres: EmbeddedPostgres) -> None:
    """
    What was remembered of a unit beside its guards has a place of its own, and counts the unit once as before.
    """
    from treadle.releases.rollouts import store

    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("create database before_marks")
    url = postgres.url("before_marks")
    names = [migration.name for migration in MIGRATIONS["releases"]]
    migrate(url, {**MIGRATIONS, "releases": MIGRATIONS["releases"][: names.index("marks")]})
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            """insert into rollout_units (project_id, rollout_id, unit, arms, bad)
            values ('prj_1', 'rol_1', 'ann', '{stable}', '{#judged,#paired,errors}'), ('prj_1', 'rol_1', 'bob', '{}', '{}')"""
        )

    migrate(url, MIGRATIONS)

    database = Database(url)
    database.open()
    try:
        units = database.transact(lambda db: store.load_units(db, "rol_1", ["ann", "bob"]), "treadle_app", "prj_1")
    finally:
        database.close()
    ann, bob = units["ann"], units["bob"]
    assert ({"errors"}, {"judged", "paired"}) == (set(ann.bad), set(ann.marks))
    assert not bob.bad | bob.marks
