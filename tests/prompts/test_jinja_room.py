"""The process that renders Jinja: what slow prompts do to others, what it inherits, what odd templates come to."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from treadle.client.client import Client
from treadle.core.errors import TreadleError, Unavailable
from treadle.core.types import JsonValue
from treadle.playground.types import NewPreview
from treadle.prompts.jinja_room import JinjaRoom
from treadle.prompts.jinja_rooms import JinjaRooms
from treadle.prompts.render import RenderRefused
from treadle.prompts.types import Message, NewVersion

ENDLESS = "{% for a in t %}" * 5 + "{% endfor %}" * 5
MANY: dict[str, JsonValue] = {"t": list(range(300))}


async def test_slow_prompts_do_not_pile_up() -> None:
    """
    Behind prompts that never end nobody waits longer than was said: some are refused for their time, the rest at once after
    the wait, and the room renders again.
    """
    room = JinjaRoom(seconds=1.0, waiting_seconds=0.5)
    try:
        told = await asyncio.gather(
            *(room.render([ENDLESS], MANY) for _ in range(4)),
            return_exceptions=True,
        )

        assert 1 == sum(isinstance(one, RenderRefused) for one in told)
        assert 3 == sum(isinstance(one, Unavailable) for one in told)
        assert ["hello"] == await room.render(["hello"], {})
    finally:
        await room.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_secret_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nothing of the server's environment is in the process that runs templates but what Python needs.
    """
    monkeypatch.setenv("TREADLE_MASTER_KEY", "a-secret-of-the-server")
    room = JinjaRoom()
    try:
        await room.render(["hello"], {})

        (child,) = _renderers()
        assert b"a-secret-of-the-server" not in Path(f"/proc/{child}/environ").read_bytes()
    finally:
        await room.close()


async def test_filter_that_is_given_what_it_is_not_for() -> None:
    """
    Whatever a filter raises is told by its name, and the process goes on.
    """
    room = JinjaRoom()
    try:
        with pytest.raises(TreadleError) as caught:
            await room.render(["{{ 'text' | dictsort }}"], {})

        assert "AttributeError" in caught.value.message
        assert ["hello"] == await room.render(["hello"], {})
    finally:
        await room.close()


async def test_prompts_of_one_project_hold_up_no_other() -> None:
    """
    While a prompt of one project loops, another project's is rendered, and there are never more processes than was said.
    """
    rooms = JinjaRooms(processes=2, seconds=300.0, waiting_seconds=300.0)
    try:
        slow = asyncio.create_task(rooms.of("a").render([ENDLESS], MANY))
        while not _renderers():
            await asyncio.sleep(0.05)

        for name in ("b", "c", "b"):
            assert ["hello"] == await rooms.of(name).render(["hello"], {})

        assert not slow.done()
        assert 2 == len(_renderers())
    finally:
        await rooms.close()
    with pytest.raises(TreadleError):  # its room was closed
        await slow
    assert [] == _renderers()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_renders_of_a_server_share_a_process(client: Client) -> None:
    """
    Asking for renders one after the other starts one process, which stays for the next.
    """
    message = Message(role="user", template="{{ name }}")
    client.prompts.save("greeting", NewVersion(messages=[message], engine="jinja"))

    for name in ("Ada", "Bob", "Cleo"):
        client.prompts.render("greeting", variables={"name": name})
        client.playground.preview("greeting", NewPreview(models=["gpt-5-mini"], variables={"name": name}))

    assert 1 == len(_renderers())


def _renderers() -> list[int]:
    """Return the processes of this one that render; others may end while one looks."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "treadle.prompts.jinja_child" in child.cmdline():
                found.append(child.pid)
    return found
