"""How routes take preconditions and answer with the tag of what is there: If-Match, If-None-Match and ETag (RFC 9110).

A router that serves something people edit has `route_class=Tagged`; a route that changes it takes `Precondition` and hands it down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from treadle.core.revisions import Revised, When, etag_of, when_of


def _read(
    if_match: Annotated[
        str | None,
        Header(max_length=1_000, description="`revision` that was read: refused with 412 where it is another by now"),
    ] = None,
    if_none_match: Annotated[
        str | None, Header(max_length=100, description="`*`: refused with 412 where there is something already")
    ] = None,
) -> When:
    return when_of(if_match, if_none_match)


Precondition = Annotated[When, Depends(_read)]


class Tagged(APIRoute):
    """A route whose answer, where it is one object that people edit, says its revision as ETag."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()
        if not answers_revised(self):
            return answer

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            response.headers["etag"] = etag_of(json.loads(bytes(response.body))["revision"])
            return response

        return tagged


def answers_revised(route: APIRoute) -> bool:
    """Say whether a route answers one object that people edit."""
    return isinstance(route.response_model, type) and issubclass(route.response_model, Revised)
