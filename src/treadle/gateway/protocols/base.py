"""What a protocol is to the gateway: how a request is understood, an answer read, a fault told.

Bodies stay bytes. A room parses the few fields that routing, guards, limits and the record need, and everything else,
known or not, passes through as it came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import Struct, field

from treadle.gateway.protocols.pieces import Piece
from treadle.gateway.refusals import Refusal
from treadle.gateway.types import ProtocolName

_LETTERS_PER_TOKEN = 4


class Asked(Struct, kw_only=True):
    """What the gateway understood of a request."""

    protocol: ProtocolName
    body: bytes
    """The request as it came."""
    model: str
    """The endpoint's name."""
    stream: bool = False
    wants_usage: bool = False
    """Whether a streaming caller asked for the token counts."""
    session: str | None = None
    """Session that the body names."""
    user: str | None = None
    """End user that the body names."""
    token_limit: int | None = None
    """Most tokens that the caller wants to be answered with; None when it did not say."""
    answers: int = 1
    """How many answers it asks for: choices times prompts."""
    texts: list[str] = field(default_factory=list)
    """What the messages say, in order (or the inputs to embed): what is counted. Guards read more, see guarding/texts."""
    input_text: str = ""
    """The last thing the user said, as plain text: what a prompt's `{{input}}` takes."""
    variables: dict[str, Any] = field(default_factory=dict)
    """The caller's own values for the prompt, from the field `treadle.variables`."""
    no_training: bool = False
    """Whether the caller says that nothing may be learnt from the request."""
    tokens_in: str | None = None
    """The field that holds tokens in the place of text, which nobody here can read; None where there is none."""
    is_lone: bool = False
    """Whether all of it is one message of the user, in plain text."""
    follows: str | None = None
    """The earlier response that it goes on from, as the caller names it."""
    has_images: bool = False
    tools_count: int = 0


class Usage(Struct, kw_only=True):
    """Tokens in disjoint buckets: no token is in two. None is not stated, 0 is none."""

    input_tokens: int | None = None
    """Text read afresh: neither from a cache nor written to one."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_tokens: int | None = None
    """Text written, reasoning not included."""
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    estimated: bool = False
    """Whether we counted ourselves because the answer was cut before it stated its usage."""


class CallPiece(Struct, kw_only=True):
    """A tool call, or the piece of one that an event carries."""

    index: int = 0
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class Reading(Struct, kw_only=True):
    """What a whole answer, or one event of a stream, says."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: Sequence[CallPiece] = ()
    finish_reason: str | None = None
    """In OpenAI's words: stop, length, tool_calls, content_filter; None while there is none."""
    usage: Usage | None = None
    model: str | None = None
    """What the upstream says it is."""
    error: str | None = None
    """A fault that an event reports in the middle of a stream."""
    is_usage_only: bool = False
    """Whether the event exists only to state the usage (a caller that did not ask for it does not get it)."""
    ends: bool = False
    """Whether this is the protocol's end mark."""
    place: tuple[int, int] = (0, 0)
    """Which block of the answer speaks, and which part of it; protocols without blocks have one."""
    closes: int | None = None
    """The block that ends with this event; None where none does."""

    @property
    def has_content(self) -> bool:
        """Whether anything was said: from then on nothing may be asked again."""
        return bool(self.text or self.refusal or self.reasoning or self.calls)

    @property
    def tokens(self) -> int:
        """How long a whole answer is: as stated, else about a token for four characters."""
        usage = self.usage
        if usage is not None and usage.output_tokens is not None:
            return usage.output_tokens + usage.reasoning_tokens
        return (len(self.text) + len(self.reasoning)) // _LETTERS_PER_TOKEN


Kind = Literal["text", "reasoning", "refusal", "call", "other"]
"""What a piece of an answer is; 'other' is whatever no room reads."""


class Lane(NamedTuple):
    """One thing that a stream says piece by piece."""

    kind: Kind
    block: int
    """Of a call its index."""
    part: int = 0
    name: str = ""
    """Of what nobody reads: where it stands."""


class SpokenProtocol(Protocol):
    """One protocol that callers speak. Instances have no state."""

    name: ProtocolName
    answer: str
    """The field of a whole answer that holds what was said; empty where it holds no words."""
    path: str
    """Where callers post, such as '/v1/chat/completions'."""

    def parse(self, body: bytes) -> Asked:
        """Understand a request; raises Refusal (400) naming the field at fault."""
        ...

    def read(self, data: bytes) -> Reading | None:
        """Read a whole answer; None when it is not one."""
        ...

    def read_event(self, payload: bytes) -> Reading | None:
        """Read the data of one server-sent event; None when there is nothing in it that we know (it passes on)."""
        ...

    def named(self, data: bytes, name: str) -> bytes:
        """Return an answer or an event (framed or not) with the endpoint's name as its model."""
        ...

    def with_text(self, data: bytes, text: str) -> bytes:
        """Return a whole answer with its text replaced (trimmed, repaired)."""
        ...

    def rewritten(self, payload: bytes, reading: Reading) -> bytes:
        """Return an event payload like this one, which said something, that says what the reading says instead.

        Calls count one for one; without any, those of the payload go.
        """
        ...

    def call_event(self, payload: bytes, piece: CallPiece) -> bytes:
        """Return an event payload like this one, which carried arguments of a call, that carries only this piece."""
        ...

    def said_again(self, event: dict[str, Any]) -> Iterator[tuple[Lane, dict[str, Any], str]]:
        """Yield where an event repeats what was said in pieces: of what, and the object and the field it stands in."""
        ...

    def pieces(self, event: dict[str, Any]) -> Iterator[Piece]:
        """Yield what an event says a piece of besides what `read_event` tells."""
        ...

    def piece_event(self, payload: bytes, name: str, words: str) -> bytes:
        """Return an event payload like this one, which said a piece of this name, that says only these words of it."""
        ...

    def beside(self, event: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the fields (and their objects) of an event with words that say neither words nor pieces: read for themselves."""
        ...

    def framed(self, payload: bytes) -> bytes:
        """Return a payload as an event."""
        ...

    def error(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the error's body in this protocol's shape."""
        ...

    def error_event(self, refusal: Refusal, request_id: str | None) -> bytes:
        """Return the framed event that ends a stream which failed; clients of this protocol raise when they read it."""
        ...

    @property
    def end_mark(self) -> bytes:
        """The framed event to add when an upstream finished but left its end mark out; empty where there is none."""
        ...


class StreamTranslation(Protocol):
    """Carries the events of one stream to another protocol; has state, one per stream."""

    @property
    def stated(self) -> Usage | None:
        """What the upstream stated so far of its usage; in many protocols the caller hears it at the end only."""
        ...

    def feed(self, payload: bytes, event: str | None) -> bytes:
        """Take the data (and name) of one upstream event; return framed events for the caller, maybe none."""
        ...

    def finish(self) -> bytes:
        """Return what still belongs at the end of a stream that ended well."""
        ...


class Translation(Protocol):
    """Carries an exchange between the protocol of the caller and the dialect of the upstream. Stateless."""

    def request(self, body: bytes) -> bytes:
        """Return the request for the upstream; raises Refusal (400) for what it cannot say there."""
        ...

    def answer(self, data: bytes) -> bytes:
        """Return a whole answer for the caller; raises ValueError when it is not one."""
        ...

    def stream(self) -> StreamTranslation:
        """Return a fresh translation of one stream."""
        ...
