"""Where the projects of one server have their Jinja prompts rendered: a few processes, and each project in one of them at a time.

So nobody starts processes by asking for renders, and prompts that loop hold up their own project: others go to the process that
fewest wait for. A process is started when it is first needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from treadle.core.types import JsonValue
from treadle.prompts.jinja_room import SECONDS, WAITING_SECONDS, JinjaRoom, Renders

PROCESSES = 3
"""Each takes about 60 MB."""


@dataclass
class _Place:
    room: JinjaRoom
    waiting: int = 0
    """Renders under way, with those that wait for their turn."""


@dataclass
class _Visit:
    place: _Place
    count: int = 0


class JinjaRooms:
    """Renders for many projects. Built once at the roof, closed by it; belongs to one event loop."""

    def __init__(
        self, *, processes: int = PROCESSES, seconds: float = SECONDS, waiting_seconds: float = WAITING_SECONDS
    ) -> None:
        self._places = [_Place(JinjaRoom(seconds=seconds, waiting_seconds=waiting_seconds)) for _ in range(processes)]
        self._visits: dict[str, _Visit] = {}
        """By project, while it has a render under way."""

    def of(self, project_id: str) -> Renders:
        """Return what renders for one project."""
        return _OfProject(self, project_id)

    async def render(self, project_id: str, templates: Sequence[str], variables: Mapping[str, JsonValue]) -> list[str]:
        """Return the texts. Raises as `JinjaRoom.render`."""
        visit = self._visits.get(project_id)
        if visit is None:
            visit = self._visits[project_id] = _Visit(min(self._places, key=lambda place: place.waiting))
        visit.count += 1
        visit.place.waiting += 1
        try:
            return await visit.place.room.render(templates, variables)
        finally:
            visit.count -= 1
            visit.place.waiting -= 1
            if visit.count == 0:
                del self._visits[project_id]

    async def close(self) -> None:
        """End the processes."""
        for place in self._places:
            await place.room.close()


class _OfProject:
    def __init__(self, rooms: JinjaRooms, project_id: str) -> None:
        self._rooms = rooms
        self._project_id = project_id

    async def render(self, templates: Sequence[str], variables: Mapping[str, JsonValue]) -> list[str]:
        return await self._rooms.render(self._project_id, templates, variables)
