"""How many tokens a request gave to be read, as we count them: for answers whose provider did not get to say it.

What goes upstream is counted and not what its caller said: the release's prompt and examples, tools, schemas, arguments
of calls, and a fixed number for each image and file. Cost: one decoding of the request; only for answers that were cut.
"""

from __future__ import annotations

from treadle.gateway.compose import Composed
from treadle.gateway.counting import estimate_tokens, request_tokens
from treadle.gateway.guarding.texts import Texts
from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Asked
from treadle.gateway.referring import referred

_NOT_READ = frozenset({"model", "user", "metadata", "safety_identifier", "prompt_cache_key"})
"""Fields that no model reads."""


def sent_tokens(asked: Asked, composed: Composed) -> int:
    """Return about how many tokens of a request were read. asked: what it was composed from."""
    data = fields.encode({name: value for name, value in composed.fields.items() if name not in _NOT_READ})
    try:
        texts = Texts(data)
        tokens = sum(map(estimate_tokens, [*texts.said, *texts.asides]))
    except ValueError:  # it holds more values than anybody here looks at
        tokens = request_tokens(len(data))
    if asked.tokens_in is not None:
        tokens = max(tokens, asked.body.count(b",") + 1)
    return tokens + referred(asked.body).tokens
