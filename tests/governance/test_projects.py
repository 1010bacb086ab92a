"""Projects: who makes them, who sees them, and how one works in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import RunningServer
from treadle.client.client import Client
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.settings import Settings
from treadle.governance.types import NewApiKey


def test_work_in_a_second_project(server: RunningServer) -> None:
    """
    The owner of the workspace makes a project and a key for it; whoever calls with that key works there.
    """
    made = server.client.projects.create("research")
    key = server.client.projects.create_key("research", NewApiKey(name="first", role="owner"))

    with Client(server.url, api_key=key.key) as member:
        assert made == member.access.me().project
        assert ["access.create_key"] == [entry.action for entry in member.audit.list_().items]
    assert "projects.create" == server.client.audit.list_().items[0].action


def test_other_projects_do_not_exist(server: RunningServer) -> None:
    """
    A member sees their own project only; another one's name or id is as unknown as one that nobody made.
    """
    server.client.projects.create("research")
    key = server.client.projects.create_key("research", NewApiKey(name="first", role="owner"))
    default = server.client.access.me().project

    with Client(server.url, api_key=key.key) as member:
        assert ["research"] == [project.name for project in member.projects.list_().items]
        for stranger in (default.project_id, default.name, "prj_00000000000000000000000001"):
            with pytest.raises(NotFound) as caught:
                member.projects.get(stranger)
            assert "projects.not_found" == caught.value.error_code


def test_an_owner_of_a_project_owns_no_other(server: RunningServer) -> None:
    """
    Only the owner of the workspace makes projects, keys for any of them, and rotates the master key that they share.
    """
    made = server.client.access.create_key(NewApiKey(name="boss", role="owner"))

    with Client(server.url, api_key=made.key) as boss:
        for deed in (
            lambda: boss.projects.create("mine"),
            lambda: boss.projects.create_key("default", NewApiKey(name="more")),
            boss.secrets.rotate,
        ):
            with pytest.raises(Denied):
                deed()


def test_all_projects_by_name(client: Client) -> None:
    """
    The owner of the workspace sees every project, page by page.
    """
    for name in ("c", "a", "b"):
        client.projects.create(name)

    first = client.projects.list_(limit=3)
    second = client.projects.list_(limit=3, cursor=first.next_cursor)

    assert ["a", "b", "c", "default"] == [project.name for project in first.items + second.items]


def test_name_in_use(client: Client) -> None:
    """
    Two projects never share a name.
    """
    client.projects.create("research")

    with pytest.raises(Conflict) as caught:
        client.projects.create("research")

    assert "projects.name_in_use" == caught.value.error_code


@pytest.mark.parametrize("name", ["", "Research", "a b", "-a", "prj_x", "a" * 41])
def test_name_that_cannot_be(client: Client, name: str) -> None:
    """
    A name is 1 to 40 of a-z, 0-9 and '-'.
    """
    with pytest.raises((InvalidInput, ValueError)):
        client.projects.create(name)


def test_key_for_no_project(client: Client) -> None:
    """
    A key for a project that is not there is not made.
    """
    with pytest.raises(NotFound):
        client.projects.create_key("nowhere", NewApiKey(name="first"))


def test_from_the_command_line(settings: Settings) -> None:
    """
    `treadle project` makes a project and a key for it, which `me` of a later command belongs to.
    """
    made = json.loads(_treadle(settings, "project", "create", "research", "--json"))
    key = json.loads(_treadle(settings, "project", "key", "research", "--name", "first", "--json"))
    listed = json.loads(_treadle(settings, "project", "list", "--json"))

    assert key["key"].startswith("tdl_")
    assert [made["name"], "default"] == sorted((project["name"] for project in listed["items"]), reverse=True)


def _treadle(settings: Settings, *arguments: str) -> str:
    environment = os.environ | {
        "TREADLE_WORKSPACE": str(settings.workspace),
        "TREADLE_DATABASE_URL": str(settings.database_url),
    }
    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli.main", *arguments],
        env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    return done.stdout
