"""A server for the module, a project for each test, and the people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.traces.home import Home, home, module_server
from treadle.client.client import Client
from treadle.governance.types import NewApiKey
from treadle.http.actor import RoleName

__all__ = ["home", "module_server"]


@pytest.fixture
def join(home: Home) -> Iterator[Callable[[str, RoleName], Client]]:
    """
    Make somebody a member of the project, and return a client of theirs.
    """
    clients: list[Client] = []

    def join_as(name: str, role: RoleName) -> Client:
        made = home.client.access.create_key(NewApiKey(name=f"{name}'s key {len(clients)}", person=name, role=role))
        clients.append(Client(home.client.url, api_key=made.key))
        return clients[-1]

    yield join_as
    for client in clients:
        client.close()
