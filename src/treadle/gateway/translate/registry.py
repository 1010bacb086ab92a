"""Which callers can reach which upstreams, and what carries an exchange between them.

A front is a protocol of callers, a back a dialect of upstreams; each is one line here, and every pair of them works.
The same protocol on both sides needs no translation: its bytes pass.
"""

from __future__ import annotations

from collections.abc import Mapping

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Translation
from treadle.gateway.translate.from_completions import CompletionsFront
from treadle.gateway.translate.from_messages import MessagesFront
from treadle.gateway.translate.from_responses import ResponsesFront
from treadle.gateway.translate.pivot import Back, ChatBack, ChatFront, Front, Joined
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.translate.to_converse import ConverseBack
from treadle.gateway.translate.to_gemini import GeminiBack
from treadle.gateway.translate.to_gemini_embeddings import EmbeddingsToGemini
from treadle.gateway.translate.to_messages import MessagesBack
from treadle.gateway.types import Dialect, ProtocolName

Translations = Mapping[tuple[ProtocolName, Dialect], Translation]


def translations(stamps: Stamps) -> Translations:
    """Return every translation, with its own source of times and ids."""
    fronts: list[Front] = [ChatFront(), CompletionsFront(), MessagesFront(stamps), ResponsesFront(stamps)]
    backs: list[Back] = [ChatBack(), MessagesBack(stamps), GeminiBack(stamps), ConverseBack(stamps)]
    made: dict[tuple[ProtocolName, Dialect], Translation] = {
        (front.protocol, back.dialect): Joined(front, back)
        for front in fronts
        for back in backs
        if front.protocol != back.dialect
    }
    made["embeddings", "gemini"] = EmbeddingsToGemini()
    return made


TRANSLATIONS = translations(Stamps())


_FRONTS: Mapping[ProtocolName, Front] = {
    front.protocol: front for front in (MessagesFront(Stamps()), ResponsesFront(Stamps()), CompletionsFront())
}
PLAIN_CHAT: Translation = Joined(ChatFront(), ChatBack())
"""For a chat request that was made of another protocol's: takes out what only carries words that chat has not."""


def chat_of(caller: ProtocolName, body: bytes) -> bytes | None:
    """Return a request as chat that still carries what chat has no words for; None where nothing makes it chat.

    Raises Refusal (400) for what cannot be carried either. A server that speaks chat gets it by way of `PLAIN_CHAT`.
    """
    front = _FRONTS.get(caller)
    return None if front is None else fields.encode(front.request(body))


def find_translation(caller: ProtocolName, dialect: Dialect) -> Translation | None:
    """Return what carries an exchange between them; None when they are the same, or when nothing does (see `speaks`)."""
    return TRANSLATIONS.get((caller, dialect))


def speaks(caller: ProtocolName, dialect: Dialect) -> bool:
    """Tell whether a caller can be answered by an upstream of this dialect."""
    return caller == dialect or (caller, dialect) in TRANSLATIONS
