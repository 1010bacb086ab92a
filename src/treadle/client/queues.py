"""SDK: queues of answers to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.feedback.labels.types import AnswerValue
from treadle.feedback.queues.types import (
    Added,
    Fill,
    Item,
    Judgement,
    NewItem,
    NewItems,
    NewJudgement,
    NewQueue,
    Queue,
    QueueAgreement,
    Skip,
    Work,
)
from treadle.jobs.types import Run


class Queues:
    """`client.queues`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, new: NewQueue) -> Queue:
        """Make a queue. Raises Conflict for a name in use."""
        return self._send(Call("POST", "/queues", Queue, body=new))

    def list_(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Queue]:
        """Return queues by name. `q`: part of the name."""
        query = {"q": q, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/queues", Page[Queue], query=query))

    def get(self, name: str) -> Queue:
        """Return a queue with how far it is. Raises NotFound."""
        return self._send(Call("GET", f"/queues/{name}", Queue))

    def update(self, name: str, new: NewQueue, *, if_revision: str | None = None) -> Queue:
        """Change what a queue asks and how; what was judged stays. Raises NotFound, Conflict; Outdated unless it is as read."""
        return self._send(Call("PUT", f"/queues/{name}", Queue, body=new, headers=only(if_revision)))

    def delete(self, name: str) -> None:
        """Forget a queue with its items; the feedback that it gave stays. Raises NotFound."""
        self._send(Call("DELETE", f"/queues/{name}", NoneType))

    def add(self, name: str, items: Sequence[NewItem | str]) -> Added:
        """Put up to 1,000 answers into a queue, as items or trace ids; those that are there stay. Raises NotFound, InvalidInput."""
        new = NewItems(items=[item if isinstance(item, NewItem) else NewItem(trace_id=item) for item in items])
        return self._send(Call("POST", f"/queues/{name}/items", Added, body=new))

    def fill(self, name: str, fill: Fill) -> Run:
        """Start putting answers from traffic into a queue: newest, sample, or active learning. Raises NotFound, InvalidInput."""
        return self._send(Call("POST", f"/queues/{name}/fill", Run, body=fill))

    def list_items(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[Item]:
        """Return items in the order they came, with their known answers. Raises NotFound, Denied."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/queues/{name}/items", Page[Item], query=query))

    def list_judgements(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[Judgement]:
        """Return what people did, in the order in which they first opened items. Raises NotFound, Denied."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/queues/{name}/judgements", Page[Judgement], query=query))

    def get_agreement(self, name: str) -> QueueAgreement:
        """Return how far judges agree, with each other and with what is known. Raises NotFound."""
        return self._send(Call("GET", f"/queues/{name}/agreement", QueueAgreement))

    def open_next(self, name: str, *, ahead: int = 0) -> list[Work]:
        """Reserve the next item, and so many after it; empty when nothing is left. Raises NotFound, Denied."""
        return self._send(Call("POST", f"/queues/{name}/next", list[Work], query={"ahead": ahead}))

    def judge(
        self, name: str, item_id: str, answers: Mapping[str, AnswerValue], *, comment: str | None = None
    ) -> Judgement:
        """Say what you think of an item; saying something else replaces it. Raises NotFound, Conflict, InvalidInput."""
        new = NewJudgement(answers=dict(answers), comment=comment)
        return self._send(Call("PUT", f"/queues/{name}/items/{item_id}/judgement", Judgement, body=new))

    def skip(self, name: str, item_id: str, *, reason: str | None = None) -> Judgement:
        """Leave an item to others. Raises NotFound, Conflict."""
        return self._send(Call("PUT", f"/queues/{name}/items/{item_id}/skip", Judgement, body=Skip(reason=reason)))

    def undo(self, name: str) -> Work:
        """Take back what you judged or skipped last, and open it again. Raises NotFound, Conflict."""
        return self._send(Call("POST", f"/queues/{name}/undo", Work))
