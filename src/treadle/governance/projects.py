"""Projects: made by the owner of the workspace, chosen by the key one calls with. A key belongs to one project, and so does its session.

Whoever is not the owner of the workspace sees one project, their own; every other one does not exist for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import psycopg

from treadle.core.errors import Conflict, NotFound
from treadle.core.ids import new_id
from treadle.core.types import Page
from treadle.governance import audit, service, store
from treadle.governance.envelope import MasterKeys
from treadle.governance.types import CreatedApiKey, NewApiKey, NewProject, Project
from treadle.http.context import Context
from treadle.http.paging import decode_cursor, page_of
from treadle.storage.database import Connection, Database

T = TypeVar("T")


async def create_project(ctx: Context, new: NewProject, database: Database) -> Project:
    """Make a project; nobody may act in it before it gets a key. Raises Conflict for a name in use."""
    ctx.require("projects.write")
    project = Project(project_id=new_id("prj"), name=new.name, created_at=ctx.clock.now())

    def write(db: Connection) -> None:
        try:
            store.put_project(db, project)
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(
                f"a project named '{new.name}' exists; choose another name, or make a key for it with: "
                f"treadle project key {new.name} --name NAME",
                code="projects.name_in_use",
            ) from error
        store.enter_project(db, ctx.project_id)
        audit.record(db, ctx, action="projects.create", object_id=project.project_id, detail={"name": new.name})

    await database.system(write)
    return project


async def list_projects(ctx: Context, database: Database, *, limit: int, cursor: str | None) -> Page[Project]:
    """Return projects by name: every one for the owner of the workspace, their own for everybody else."""
    after = decode_cursor(cursor, str)
    rows = await _look(ctx, database, lambda db: store.list_projects(db, str(after[0]) if after else None, limit + 1))
    return page_of(rows, limit, lambda project: (project.name,))


async def get_project(ctx: Context, name_or_id: str, database: Database) -> Project:
    """Return a project. Raises NotFound, also for one that is there and not the caller's."""
    project = await _look(ctx, database, lambda db: store.find_project(db, name_or_id))
    if project is None:
        raise NotFound(
            f"there is no project '{name_or_id}'; list yours with: treadle project list", code="projects.not_found"
        )
    return project


async def create_key(
    ctx: Context,
    name_or_id: str,
    new: NewApiKey,
    database: Database,
    master_keys: MasterKeys,
    *,
    has_endpoint: service.HasEndpoint | None = None,
) -> CreatedApiKey:
    """Make a key for a project, such as its first. Audited there. Raises NotFound, Conflict for a name in use."""
    ctx.require("projects.write")
    project = await get_project(ctx, name_or_id, database)
    there = replace(ctx, project_id=project.project_id, db=database.for_project(project.project_id))
    return await service.create_key(there, new, master_keys, has_endpoint=has_endpoint)


async def _look(ctx: Context, database: Database, read: Callable[[Connection], T]) -> T:
    """Read with the caller's eyes: the owner of the workspace sees every project."""
    return await (database.system(read) if "projects.write" in ctx.actor.permissions else ctx.db.read(read))
