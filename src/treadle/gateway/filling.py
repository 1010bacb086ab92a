"""What some prompts need before they can be put together: rendering Jinja elsewhere, choosing examples by meaning.

Most prompts need nothing of it, have no filler and pay for none. Jinja goes to a process with limits on time and memory (a
tenth of a millisecond). Examples are chosen by the cosine of their inputs' vectors with that of the request's last user
message; their own vectors are made by the first request and kept with the other recent ones. Where embedding is not
installed, too busy or too slow the first examples stand in: an answer with other examples beats none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from treadle.core.errors import TreadleError, Unavailable
from treadle.embeddings.room import Busy, EmbeddingRoom
from treadle.gateway import outages, refusals
from treadle.gateway.compose import Filled, variables_of
from treadle.gateway.protocols.base import Asked
from treadle.gateway.types import Arm, PromptExample, PromptExamples
from treadle.prompts.jinja_room import Renders
from treadle.prompts.types import Examples

log = logging.getLogger("treadle.gateway")

EMBED_SECONDS = 2.0
"""Longest wait for the examples of one request."""


def filler_of(arm: Arm, room: EmbeddingRoom | None, jinja: Renders | None) -> Filler | None:
    """Return what an arm's prompt needs; None where it needs nothing."""
    if arm.prompt_engine == "mustache" and arm.examples is None:
        return None
    return Filler(arm, room, jinja)


def pool_of(examples: Examples | None) -> PromptExamples | None:
    """Return what a gateway chooses from; None where there are no examples, or they stand in the prompt's text."""
    if examples is None or examples.selection != "nearest":
        return None
    rows = tuple(PromptExample(input=row.input, output=row.output) for row in examples.rows)
    return PromptExamples(count=examples.count, rows=rows)


class Filler:
    """Does it for one arm."""

    def __init__(self, arm: Arm, room: EmbeddingRoom | None, jinja: Renders | None) -> None:
        self._templates = [message.template for message in arm.prompt] if arm.prompt_engine == "jinja" else None
        self._examples = arm.examples
        self._room = room
        self._jinja = jinja

    async def fill(self, asked: Asked) -> Filled:
        """Return what was done for a request. Raises Refusal (400, 503)."""
        more: dict[str, Any] = {}
        if self._examples is not None:
            chosen = await self._choose(self._examples, asked.input_text)
            more["examples"] = [
                {"input": self._examples.rows[at].input, "output": self._examples.rows[at].output} for at in chosen
            ]
        if self._templates is None:
            return Filled(more)
        try:
            if self._jinja is None:
                raise Unavailable(
                    "nothing here renders Jinja prompts; serve this release through a gateway: treadle up"
                )
            return Filled(more, await self._jinja.render(self._templates, variables_of(asked) | more))
        except Unavailable as error:
            raise outages.upstream_failed(error.message) from None
        except TreadleError as error:
            raise refusals.invalid_field("treadle.variables", error.message) from None

    async def _choose(self, examples: PromptExamples, text: str) -> Sequence[int]:
        first = range(min(examples.count, len(examples.rows)))
        if self._room is None or len(first) == len(examples.rows) or not text.strip():
            return first
        room, inputs = self._room, [row.input for row in examples.rows]
        try:
            return await room.run(lambda: nearest(room.embedder, inputs, text, len(first)), seconds=EMBED_SECONDS)
        except (Busy, TreadleError) as error:
            log.warning("examples are not chosen by meaning: %s", error)
            return first


def nearest(embedder: Any, inputs: Sequence[str], text: str, count: int) -> Sequence[int]:
    """Return the indices of the inputs most like a text, least like it first, so that the best stands next to the question."""
    vectors = embedder.embed([*inputs, text])
    closeness = (vectors[:-1] @ vectors[-1]).tolist()
    order = sorted(range(len(inputs)), key=lambda at: (-closeness[at], at))[:count]
    return order[::-1]
