"""SDK: what something was made from, and what came of it."""

from __future__ import annotations

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.lineage.types import Graph, Node


class Lineage:
    """`client.lineage`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def find(self, text: str, *, limit: int = 50, cursor: str | None = None) -> Page[Node]:
        """Return what people call so, or what has that id; whole names first, of versions the newest."""
        return self._send(Call("GET", "/lineage", Page[Node], query={"q": text, "limit": limit, "cursor": cursor}))

    def named(self, node_ids: list[str]) -> list[Node]:
        """Return what people call some ids, up to 100; ids without lineage are left out."""
        return self._send(Call("GET", "/lineage/nodes", Page[Node], query={"node_id": [*node_ids]})).items

    def get(self, node_id: str) -> Graph:
        """Return the graph around an id; a trace's id works too. Raises NotFound."""
        path = f"/traces/{node_id}/lineage" if _is_trace_id(node_id) else f"/lineage/{node_id}"
        return self._send(Call("GET", path, Graph))


def _is_trace_id(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")
