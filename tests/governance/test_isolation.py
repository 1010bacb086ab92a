"""Projects do not see each other, and every route knows who asks."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import RunningServer
from treadle.client.client import Client
from treadle.core.errors import NotFound, Unauthenticated
from treadle.governance.types import NewApiKey
from treadle.http.policy import Public, policy_of, walk_routes
from treadle.prompts.types import Message
from treadle.server.app import build_api

OF_NO_PROJECT = {
    "engine_addresses": "an engine belongs to a machine and serves whoever's release names its model version",
    "treadle_changes": "numbers that say that something changed, not what",
    "treadle_migrations": "the schema is one for all",
}
"""Tables that hold nothing of a project, and why; the system role alone sees them."""


def test_another_projects_things_do_not_exist(server: RunningServer) -> None:
    """
    A key of one project gets 404 for another's ids and names, not 403, and an empty list.
    """
    server.client.prompts.create_version("secret-plan", [Message(role="user", template="x")])
    stranger = _key_in_another_project(server)

    with pytest.raises(NotFound):
        stranger.prompts.get("secret-plan")
    assert [] == stranger.prompts.list_().items
    stranger.close()


def test_same_name_in_two_projects(server: RunningServer) -> None:
    """
    Names are unique within a project only.
    """
    ours = server.client.prompts.create_version("greeting", [Message(role="user", template="ours")])
    stranger = _key_in_another_project(server)

    theirs = stranger.prompts.create_version("greeting", [Message(role="user", template="theirs")])

    stranger.close()
    assert 1 == theirs.version
    assert ours == server.client.prompts.get_version("greeting")


def test_every_table_is_isolated(database_url: str) -> None:
    """
    Row-level security is on and forced for every table of ours, whatever slice made it; the role that works for projects
    reaches no other.
    """
    with psycopg.connect(database_url) as connection:
        bare = connection.execute(
            """select relname, has_any_column_privilege('treadle_app', c.oid, 'select, insert, update, references')
                or has_table_privilege('treadle_app', c.oid, 'delete, truncate')
            from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'public'
            and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity) and not relispartition
            order by relname"""
        ).fetchall()

    assert [(name, False) for name in sorted(OF_NO_PROJECT)] == bare


def test_without_a_project_nothing_is_seen(client: Client, database_url: str) -> None:
    """
    The application's role without a project set sees no row at all.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="x")])

    with psycopg.connect(database_url) as connection:
        connection.execute("set role treadle_app")
        connection.execute("select set_config('treadle.project', '', false)")

        assert (0,) == connection.execute("select count(*) from prompts").fetchone()


def test_stranger_gets_nothing_anywhere(server: RunningServer) -> None:
    """
    Every route that is not open on purpose answers 401 without a key, for every method.
    """
    import httpx2

    answers = {}
    with httpx2.Client(base_url=server.url) as http:
        for route in walk_routes(list(build_api().routes)):
            if isinstance(policy_of(route), Public) if hasattr(route, "dependant") else True:
                continue
            path = route.path.replace("{", "").replace("}", "")
            answers |= {f"{method} {path}": http.request(method, path).status_code for method in route.methods or ()}

    assert {} == {route: status for route, status in answers.items() if status != 401}
    assert len(answers) > 20


def test_cookie_from_another_site(server: RunningServer) -> None:
    """
    A browser's session cookie does not let another site's page change anything.
    """
    import httpx2

    with httpx2.Client(base_url=server.url) as http:
        http.post("/api/v1/session", json={"key": server.key}).raise_for_status()
        ours = http.post("/api/v1/session/links", headers={"origin": server.url})
        theirs = http.post("/api/v1/session/links", headers={"origin": "https://evil.example"})

    assert 200 == ours.status_code
    assert 403 == theirs.status_code


def test_sign_in_link_is_good_once(server: RunningServer) -> None:
    """
    A link signs its opener in and is used up.
    """
    import httpx2

    token = server.client.access.create_sign_in_link().token
    with httpx2.Client(base_url=server.url) as http:
        first = http.post("/api/v1/session", json={"token": token})
        me = http.get("/api/v1/me")
    with httpx2.Client(base_url=server.url) as http:
        second = http.post("/api/v1/session", json={"token": token})

    assert [204, 200, 401] == [first.status_code, me.status_code, second.status_code]


def test_unknown_host_name(server: RunningServer) -> None:
    """
    A request for a host name that is not ours (DNS rebinding) reaches no route.
    """
    import httpx2

    answer = httpx2.get(f"{server.url}/healthz", headers={"host": "evil.example"})

    assert 421 == answer.status_code


def test_signed_out_session(server: RunningServer) -> None:
    """
    After signing out the cookie is worth nothing, even if it was copied.
    """
    import httpx2

    with httpx2.Client(base_url=server.url) as http:
        http.post("/api/v1/session", json={"key": server.key}).raise_for_status()
        cookies = dict(http.cookies)
        http.delete("/api/v1/session").raise_for_status()
        answer = httpx2.get(f"{server.url}/api/v1/me", cookies=cookies)

    assert 401 == answer.status_code


def test_nobody_is_told_how_to_sign_in(server: RunningServer) -> None:
    """
    A caller without a key learns what to do next.
    """
    nobody = Client(server.url)

    with pytest.raises(Unauthenticated) as caught:
        nobody.prompts.list_()

    nobody.close()
    assert "treadle access key create" in caught.value.message


def _key_in_another_project(server: RunningServer) -> Client:
    """Return a client of a second project."""
    server.client.projects.create("other")
    made = server.client.projects.create_key("other", NewApiKey(name="other owner", role="owner"))
    return Client(server.url, api_key=made.key)
