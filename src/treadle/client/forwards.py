"""SDK: destinations that spans are sent on to."""

from __future__ import annotations

from types import NoneType

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.gateway.forwarding.types import Forward, ForwardTest, NewForward


class Forwards:
    """`client.forwards`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, new: NewForward) -> Forward:
        """Send on what is stored from now on. Raises Conflict for a name in use, InvalidInput for an address that cannot be."""
        return self._send(Call("POST", "/forwards", Forward, body=new))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Forward]:
        """Return destinations by name."""
        return self._send(Call("GET", "/forwards", Page[Forward], query={"limit": limit, "cursor": cursor}))

    def get(self, name: str) -> Forward:
        """Return a destination with how far it is. Raises NotFound."""
        return self._send(Call("GET", f"/forwards/{name}", Forward))

    def pause(self, name: str) -> Forward:
        """Send nothing more for now; what is stored meanwhile waits. Raises NotFound."""
        return self._send(Call("POST", f"/forwards/{name}/pause", Forward))

    def resume(self, name: str) -> Forward:
        """Go on, at once. Raises NotFound."""
        return self._send(Call("POST", f"/forwards/{name}/resume", Forward))

    def test(self, name: str) -> ForwardTest:
        """Send an export without spans now and return what came of it. Raises NotFound."""
        return self._send(Call("POST", f"/forwards/{name}/test", ForwardTest))

    def remove(self, name: str) -> None:
        """Forget a destination, its headers and what waits for it. Raises NotFound."""
        self._send(Call("DELETE", f"/forwards/{name}", NoneType))
