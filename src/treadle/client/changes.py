"""SDK: what changes in the project, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from treadle.client.calls import Call
from treadle.core.types import JsonObject
from treadle.live.types import Change

Stream = Callable[[Call[Any]], Iterator[tuple[str, JsonObject]]]


class Changes:
    """`client.changes`"""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def follow(self) -> Iterator[Change]:
        """Yield what changed, as it happens, until the server ends; needs a running server.

        A change with kind None says that some may have been missed: look at everything again. Raises Unavailable when the
        stream breaks off, LimitExceeded for too many streams at once.
        """
        for name, data in self._stream(Call("GET", "/changes", Change)):
            if name == "change":
                yield Change.model_validate(data)
            elif name == "resync":
                yield Change(kind=None, object_id=None, how="changed")
