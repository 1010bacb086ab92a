"""A data plane that serves on loopback: one for a module with a project for each test, or one for a single test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import new_database
from tests.gateway.harness import Plane, serving
from treadle.core.settings import Settings
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.workspace import Workspace


def _planes(database_url: str, folder: Path) -> Iterator[Plane]:
    folder.mkdir()
    made = Plane(database_url, folder, Workspace(Settings(workspace=folder / "workspace")).blobs())
    try:
        with serving(made.application, "on") as url:
            made.url = url
            yield made
            made.close_clients()
    finally:
        made.database.close()


@pytest.fixture(scope="module")
def module_plane(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """
    One real data plane over a new database for all tests of a module.
    """
    with new_database(postgres) as url:
        yield from _planes(url, tmp_path_factory.mktemp("plane") / "plane")


@pytest.fixture
def plane(module_plane: Plane) -> Iterator[Plane]:
    """
    The module's data plane, in a project that only this test knows.
    """
    module_plane.new_project()
    yield module_plane
    module_plane.close_clients()


@pytest.fixture
def own_plane(database_url: str, tmp_path: Path) -> Iterator[Plane]:
    """
    A data plane of the test's own, to do things to that others would notice.
    """
    yield from _planes(database_url, tmp_path / "plane")


@pytest.fixture
def key(plane: Plane) -> str:
    """
    A key that may call every endpoint of the test's project.
    """
    return plane.create_key().key
