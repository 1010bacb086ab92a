"""SDK: limits and what is used of them."""

from __future__ import annotations

from types import NoneType

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.gateway.limits.types import (
    Limit,
    LimitStanding,
    LimitUsage,
    Outage,
    Scope,
    SetLimit,
    Unit,
    Unpriced,
    Window,
)


class Limits:
    """`client.limits`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def set_(
        self,
        amount: float,
        unit: Unit,
        *,
        per: Window | None = None,
        scope: Scope = "key",
        subject: str | None = None,
        unpriced: Unpriced = "allow",
        outage: Outage | None = None,
        if_revision: str | None = None,
        if_new: bool = False,
    ) -> Limit:
        """Bound use, or change the amount of the limit that does so already. Safe to repeat.

        per: None only for 'concurrency'. subject: a key's id, an endpoint's name, a user; None means each by itself. unpriced:
        for 'usd', whether requests whose price nobody knows are served. outage: while the database cannot be asked, 'share' goes on
        with each worker's share of what was free, 'refuse' answers 503; None means 'refuse' for 'usd' and 'share' for all else.
        if_revision: what was read, so that nothing that others changed meanwhile is lost. if_new: replace none. Raises Outdated.
        """
        new = SetLimit(
            scope=scope, subject=subject, unit=unit, amount=amount, window=per, unpriced=unpriced, outage=outage
        )
        return self._send(Call("POST", "/limits", Limit, body=new, headers=only(if_revision, if_new=if_new)))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Limit]:
        """Return the project's limits."""
        return self._send(Call("GET", "/limits", Page[Limit], query={"limit": limit, "cursor": cursor}))

    def standing(
        self, *, at_least: float | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[LimitStanding]:
        """Return the limits with what is used of each in its window, by subject. at_least: only this share, such as 0.8, or more."""
        query = {"at_least": at_least, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/limits/standing", Page[LimitStanding], query=query))

    def remove(self, limit_id: str) -> None:
        """Bound this use no longer. Raises NotFound."""
        self._send(Call("DELETE", f"/limits/{limit_id}", NoneType))

    def list_usage(self, limit_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[LimitUsage]:
        """Return what was used in the present window, by subject. Raises NotFound."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/limits/{limit_id}/usage", Page[LimitUsage], query=query))
