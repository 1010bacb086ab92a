"""A server for the module, a project for each test, and a tracing that sends to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import treadle
from tests.conftest import RunningServer
from tests.traces.home import Home, new_home, serve_module
from treadle.storage.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def module_server(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    One real server for all tests of a module.
    """
    with serve_module(postgres, tmp_path_factory.mktemp("server") / "workspace") as server:
        yield server


@pytest.fixture
def home(module_server: RunningServer, tmp_path: Path) -> Iterator[Home]:
    """
    A project that only this test knows, and that this process sends its spans to.
    """
    with new_home(module_server) as made:
        treadle.configure_tracing(made.client.url, api_key=made.key, service="shop", spool=tmp_path / "spool")
        yield made
        treadle.configure_tracing(enabled=False)
