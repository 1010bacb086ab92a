"""A project of its own for each test on one real server per module: as apart as two databases, and much quicker.

A folder's conftest takes the fixtures `module_server` and `home` over.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import RunningServer, new_database, running
from treadle.client.client import Client
from treadle.core.errors import Conflict
from treadle.core.settings import Settings
from treadle.governance.types import NewApiKey
from treadle.http.context import Context
from treadle.server.platform import Platform
from treadle.storage.embedded import EmbeddedPostgres


@dataclass
class Home:
    """A fresh project on a server."""

    platform: Platform
    ctx: Context
    client: Client
    key: str
    """The owner's API key."""


@contextmanager
def serve_module(postgres: EmbeddedPostgres, folder: Path) -> Iterator[RunningServer]:
    """Serve a workspace on a database of its own for as long as a module's tests run."""
    with new_database(postgres) as url:
        yield from running(Settings(workspace=folder, database_url=url, port=0))


def ensure_endpoint(client: Client, name: str) -> None:
    """Make an endpoint that serves nothing yet, where it is not there."""
    try:
        client.endpoints.create(name)
    except Conflict:
        return


@contextmanager
def new_home(server: RunningServer) -> Iterator[Home]:
    """Make a project with a client for its owner."""
    platform = server.platform
    project = server.client.projects.create(f"test-{uuid.uuid4().hex[:12]}")
    key = server.client.projects.create_key(project.name, NewApiKey(name="owner", role="owner")).key
    ctx = platform.gatekeeper.context_for(project.project_id, platform.local_context().actor)
    with Client(server.url, api_key=key) as client:
        yield Home(platform, ctx, client, key)


@pytest.fixture(scope="module")
def module_server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    One real server for all tests of a module.
    """
    with serve_module(postgres, tmp_path_factory.mktemp("server") / "workspace") as server:
        yield server


@pytest.fixture
def home(module_server: RunningServer) -> Iterator[Home]:
    """
    A project that only this test knows.
    """
    with new_home(module_server) as made:
        yield made
