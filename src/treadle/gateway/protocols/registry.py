"""Every protocol that callers speak, by the path they post to. A protocol is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from treadle.gateway.protocols.base import SpokenProtocol
from treadle.gateway.protocols.chat import ChatProtocol
from treadle.gateway.protocols.completions import CompletionsProtocol
from treadle.gateway.protocols.embeddings import EmbeddingsProtocol
from treadle.gateway.protocols.messages import MessagesProtocol
from treadle.gateway.protocols.responses import ResponsesProtocol
from treadle.gateway.types import ProtocolName

_ALL: tuple[SpokenProtocol, ...] = (
    ChatProtocol(),
    CompletionsProtocol(),
    EmbeddingsProtocol(),
    ResponsesProtocol(),
    MessagesProtocol(),
)

PROTOCOLS: Mapping[str, SpokenProtocol] = {protocol.path: protocol for protocol in _ALL}
"""By path, such as '/v1/chat/completions'."""
PROTOCOLS_BY_NAME: Mapping[ProtocolName, SpokenProtocol] = {protocol.name: protocol for protocol in _ALL}
"""By name, such as 'chat'."""
