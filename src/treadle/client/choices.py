"""SDK: the catalogue of models, and choices among them."""

from __future__ import annotations

from types import NoneType
from urllib.parse import quote

from treadle.choosing.types import Choice, ChoicePlan, Entry, NewChoice, NewEntry
from treadle.client.calls import Call, Send
from treadle.core.types import Page


class Catalogue:
    """`client.catalogue`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Entry]:
        """Return models by name."""
        return self._send(Call("GET", "/catalogue", Page[Entry], query={"limit": limit, "cursor": cursor}))

    def get(self, name: str) -> Entry:
        """Return what is known of a model: 'provider/model', 'name@version' or 'endpoint:name'. Raises NotFound."""
        return self._send(Call("GET", f"/catalogue/{quote(name)}", Entry))

    def put(self, name: str, entry: NewEntry) -> Entry:
        """State facts of a model; what is given wins over what ships. Safe to repeat. Raises InvalidInput."""
        return self._send(Call("PUT", f"/catalogue/{quote(name)}", Entry, body=entry))

    def remove(self, name: str) -> None:
        """Forget what the project states of a model. Raises NotFound."""
        self._send(Call("DELETE", f"/catalogue/{quote(name)}", NoneType))


class Choices:
    """`client.choices`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def plan(self, new: NewChoice) -> ChoicePlan:
        """Return what a choice would ask and cost at most; nothing is asked. Raises NotFound, InvalidInput."""
        return self._send(Call("POST", "/choices/plan", ChoicePlan, body=new))

    def start(self, new: NewChoice) -> Choice:
        """Choose a model; returns at once. Wait with `client.runs.wait`. Raises NotFound, InvalidInput."""
        return self._send(Call("POST", "/choices", Choice, body=new))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[Choice]:
        """Return choices, newest first."""
        return self._send(Call("GET", "/choices", Page[Choice], query={"limit": limit, "cursor": cursor}))

    def get(self, choice_id: str) -> Choice:
        """Return a choice with what came of it. Raises NotFound."""
        return self._send(Call("GET", f"/choices/{choice_id}", Choice))
