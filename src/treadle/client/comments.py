"""SDK: what people say about objects, and what asks for the caller."""

from __future__ import annotations

from types import NoneType

from treadle.client.calls import Call, Send
from treadle.comments.types import (
    Comment,
    CommentCount,
    Edit,
    Erased,
    Erasure,
    KeptComment,
    Mention,
    MentionCount,
    NewComment,
    NewReply,
    Person,
    ReadMentions,
    Resolution,
)
from treadle.core.types import Page


class Comments:
    """`client.comments`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def add(self, kind: str, name: str, body: str) -> KeptComment:
        """Begin a thread on an object: 'prompt', 'support'; a version as 'support@2'. Raises NotFound, InvalidInput."""
        new = NewComment(kind=kind, name=name, body=body)
        return self._send(Call("POST", "/comments", KeptComment, body=new))

    def reply(self, comment_id: str, body: str) -> KeptComment:
        """Answer in a comment's thread. Raises NotFound."""
        return self._send(Call("POST", f"/comments/{comment_id}/replies", KeptComment, body=NewReply(body=body)))

    def list_(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        is_resolved: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Comment]:
        """Return what is said about an object: threads oldest first, each with its answers behind it; without one, of all, newest
        first. Raises NotFound, InvalidInput.
        """
        query = {"kind": kind, "name": name, "is_resolved": is_resolved, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/comments", Page[Comment], query=query))

    def count(self, kind: str, name: str) -> CommentCount:
        """Count what is said about an object. Raises NotFound."""
        return self._send(Call("GET", "/comments/count", CommentCount, query={"kind": kind, "name": name}))

    def get(self, comment_id: str) -> Comment:
        """Return a comment. Raises NotFound."""
        return self._send(Call("GET", f"/comments/{comment_id}", Comment))

    def edit(self, comment_id: str, body: str, *, version: int) -> KeptComment:
        """Put other words in its place. Raises Denied, and Conflict (its `values['current']` is what stands there now)."""
        edit = Edit(body=body, version=version)
        return self._send(Call("PUT", f"/comments/{comment_id}", KeptComment, body=edit))

    def delete(self, comment_id: str) -> None:
        """Take it away. Raises NotFound, Denied."""
        return self._send(Call("DELETE", f"/comments/{comment_id}", NoneType))

    def resolve(self, comment_id: str, *, is_resolved: bool = True) -> Comment:
        """Settle a thread by its first comment, or open it again. Raises NotFound, InvalidInput."""
        wanted = Resolution(is_resolved=is_resolved)
        return self._send(Call("PUT", f"/comments/{comment_id}/resolution", Comment, body=wanted))

    def list_people(self, text: str = "", *, limit: int = 50, cursor: str | None = None) -> Page[Person]:
        """Return who can be mentioned, by name."""
        query = {"q": text, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/comments/people", Page[Person], query=query))

    def list_mentions(self, *, is_unread: bool = False, limit: int = 50, cursor: str | None = None) -> Page[Mention]:
        """Return what asks for the caller, newest first."""
        query = {"is_unread": is_unread, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/comments/mentions", Page[Mention], query=query))

    def count_mentions(self) -> MentionCount:
        """Count what asks for the caller and is unread."""
        return self._send(Call("GET", "/comments/mentions/count", MentionCount))

    def read_mentions(self, comment_ids: list[str] | None = None) -> MentionCount:
        """Say that the caller has seen what asks for them, in these comments or all; return what is left."""
        seen = ReadMentions(comment_ids=comment_ids)
        return self._send(Call("POST", "/comments/mentions/read", MentionCount, body=seen))

    def erase_person(self, person: str) -> Erased:
        """Take a person's words and name out of every comment. Raises NotFound."""
        return self._send(Call("POST", "/comments/erasures", Erased, body=Erasure(person=person)))
