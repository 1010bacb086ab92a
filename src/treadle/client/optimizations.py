"""SDK: searches for better prompts."""

from __future__ import annotations

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.optimize.types import Candidate, NewOptimization, Optimization


class Optimizations:
    """`client.optimizations`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def start(self, new: NewOptimization) -> Optimization:
        """Search for a better version of a prompt; returns at once. Wait with `client.runs.wait`. Raises NotFound."""
        return self._send(Call("POST", "/optimizations", Optimization, body=new))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Optimization]:
        """Return optimisations, newest first."""
        return self._send(Call("GET", "/optimizations", Page[Optimization], query={"limit": limit, "cursor": cursor}))

    def get(self, optimization_id: str) -> Optimization:
        """Return an optimisation with what came of it. Raises NotFound."""
        return self._send(Call("GET", f"/optimizations/{optimization_id}", Optimization))

    def list_candidates(self, optimization_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Candidate]:
        """Return everything that was tried, by number. Raises NotFound."""
        path = f"/optimizations/{optimization_id}/candidates"
        return self._send(Call("GET", path, Page[Candidate], query={"limit": limit, "cursor": cursor}))
