"""SDK: schedules, by which the loop goes around by itself."""

from __future__ import annotations

from types import NoneType

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.pipelines.schedules.types import Firing, NewSchedule, Schedule


class Schedules:
    """`client.schedules`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def put(self, new: NewSchedule, *, if_revision: str | None = None, if_new: bool = False) -> Schedule:
        """Make a schedule, or change the one of this name; its turns have your rights.

        if_revision: what was read, so that nothing that others changed meanwhile is lost. if_new: replace none.
        Raises Denied, NotFound, InvalidInput, Outdated.
        """
        return self._send(Call("PUT", "/schedules", Schedule, body=new, headers=only(if_revision, if_new=if_new)))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Schedule]:
        """Return schedules by name."""
        return self._send(Call("GET", "/schedules", Page[Schedule], query={"limit": limit, "cursor": cursor}))

    def get(self, name: str) -> Schedule:
        """Return a schedule with how near it is. Raises NotFound."""
        return self._send(Call("GET", f"/schedules/{name}", Schedule))

    def delete(self, name: str) -> None:
        """Forget a schedule; its turns stay. Raises NotFound."""
        self._send(Call("DELETE", f"/schedules/{name}", NoneType))

    def list_firings(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[Firing]:
        """Return the times that a schedule went, newest first. Raises NotFound."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/schedules/{name}/firings", Page[Firing], query=query))
