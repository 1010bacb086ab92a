"""SDK: how the gateway's targets stand."""

from __future__ import annotations

from treadle.client.calls import Call, Send
from treadle.core.types import Page
from treadle.gateway.standing.types import NewReset, TargetHealth, TargetState


class GatewayCalls:
    """`client.gateway`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def health(
        self,
        *,
        state: TargetState | None = None,
        provider: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TargetHealth]:
        """Return what requests are sent to, by name: breakers, failures and speed over all workers."""
        query = {"state": state, "provider": provider, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/gateway/health", Page[TargetHealth], query=query))

    def reset(self, target: str) -> TargetHealth:
        """Ask every worker to close its breaker for '<provider>/<model>' now. Safe to repeat. Raises NotFound."""
        return self._send(Call("POST", "/gateway/resets", TargetHealth, body=NewReset(target=target)))
