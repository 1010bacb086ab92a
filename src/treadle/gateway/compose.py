"""From the caller's request to the upstream's: the release's prompt is filled in, its parameters are pinned.

OpenAI's chat request is the pivot: a release with a prompt or parameters turns a request of another protocol into a
chat request first; one with neither leaves every field as it came. Order of the messages: the prompt's messages before
its last user message, then the caller's earlier messages, then the prompt's last user message in the place of the
caller's, then whatever the caller had after it (tool results). A prompt without a user message only goes in front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from treadle.core.errors import TreadleError
from treadle.gateway import refusals
from treadle.gateway.protocols.base import Asked
from treadle.gateway.protocols.fields import Head, heads_in
from treadle.gateway.template import Said, Template
from treadle.gateway.translate.media import mark_of
from treadle.gateway.translate.registry import chat_of
from treadle.gateway.types import Arm, ProtocolName
from treadle.prompts.render import Allowance

_TOKEN_LIMITS = ("max_completion_tokens", "max_tokens")
_ALL_LIMITS = frozenset((*_TOKEN_LIMITS, "max_output_tokens", "max_new_tokens", "n_predict", "num_predict"))
"""Every name under which some server takes the most tokens of an answer."""
_BOUNDS: dict[ProtocolName, str] = {
    "completions": "max_tokens",
    "messages": "max_tokens",
    "responses": "max_output_tokens",
}
"""Where other protocols than chat say how long an answer may be."""
_FORMATS = {"chat": ("response_format",), "responses": ("text", "format"), "messages": ("output_config", "format")}
"""Where protocols say what form an answer is asked for in."""
_USAGE = {"include_usage": True}
_USAGE_RAW = Raw(msgspec.json.encode(_USAGE))
_encode = msgspec.json.encode
_fields = msgspec.json.Decoder(dict[str, Raw])
_items = msgspec.json.Decoder(list[Raw])
_integer = msgspec.json.Decoder(int)


class Composed(Struct):
    """What goes upstream, and what is recorded of it."""

    protocol: ProtocolName
    """What the fields are in: the caller's protocol, or chat where a prompt or parameters were put in."""
    fields: dict[str, Raw]
    """The request; `model` is set for each target."""
    variables: dict[str, Any]
    """What the prompt was filled with: `input` and the caller's own."""
    bound: int | None = None
    """Most tokens of an answer that goes along in the place of all that is stated; None leaves what is stated."""

    @property
    def size_bytes(self) -> int:
        """How large the request is."""
        return len(_encode(self.fields))

    @property
    def messages(self) -> Raw | None:
        """Its messages (or input) as JSON, for the record."""
        return self.fields.get("messages") or self.fields.get("input") or self.fields.get("prompt")

    @property
    def asks_json(self) -> bool:
        """Whether the answer is asked for as JSON, by the caller or by the release, as the protocol says it."""
        name, *inner = _FORMATS.get(self.protocol, ("",))
        if name not in self.fields:
            return False
        found = msgspec.json.decode(self.fields[name])
        for each in (*inner, "type"):
            found = found.get(each) if isinstance(found, dict) else None
        return found in ("json_object", "json_schema")

    @property
    def token_limit(self) -> int | None:
        """The smallest limit on the tokens of an answer under any name that a server knows; None where none is stated.

        In chat and in Responses 0 states none: there are servers that take it for no limit.
        """
        least = 1 if self.protocol in ("chat", "responses") else 0
        found: int | None = None
        for name in _ALL_LIMITS.intersection(self.fields):
            number = _number(self.fields[name])
            if number is not None and number >= least and (found is None or number < found):
                found = number
        return found

    def body_for(self, model: Raw, limit_field: str = "max_tokens") -> bytes:
        """Return the request to a target that calls the model so, and the most tokens of an answer in chat."""
        self.fields["model"] = model
        if self.bound is None:
            return _encode(self.fields)
        fields: dict[str, Any] = dict(self.fields)
        for name in _ALL_LIMITS.intersection(fields):
            del fields[name]
        fields[_BOUNDS.get(self.protocol, limit_field)] = self.bound
        return _encode(fields)

    def followed_by(self, answer: str, words: str) -> Composed:
        """Return the request with an answer and what is said to it added, as a chat request."""
        fields = dict(self.fields)
        if self.protocol != "chat":
            chat = chat_of(self.protocol, _encode(fields))
            assert chat is not None  # whatever answers in text can be asked as chat
            fields = _fields.decode(chat)
        turns = [{"role": "assistant", "content": answer}, {"role": "user", "content": words}]
        fields["messages"] = Raw(_encode([*_items.decode(fields["messages"]), *turns]))
        return Composed("chat", fields, self.variables, self.bound)


class Filled(NamedTuple):
    """What was done for a prompt before it was put together."""

    variables: dict[str, Any]
    """Besides the caller's."""
    texts: list[str] | None = None
    """The texts of its messages where they are not Mustache."""


class _Filling(Struct, frozen=True):
    """A prompt's messages, as they stand around the caller's."""

    leading: Sequence[Template | Said]
    asking: Template | Said | None
    """The last message of a user; None where the prompt has none."""
    trailing: Sequence[Template | Said]
    all: Sequence[Template | Said]


class Composer:
    """Makes the upstream's requests for one arm."""

    def __init__(self, arm: Arm) -> None:
        users = [index for index, message in enumerate(arm.prompt) if message.role == "user"]
        split = users[-1] if users else len(arm.prompt)
        self._prompt = arm.prompt
        self._has_prompt = bool(arm.prompt)
        # Templates in another language are filled in before, see `filling`.
        self._filling = _parted([Template(message) for message in arm.prompt if arm.prompt_engine == "mustache"], split)
        self._split = split
        self._is_foreign = arm.prompt_engine != "mustache" and bool(arm.prompt)
        self._parameters = {name: Raw(_encode(value)) for name, value in arm.parameters.items()}
        self._answers = max(_number(self._parameters.get(name)) or 1 for name in ("n", "n_cmpl", "best_of"))
        self._limits = [limit for name in _TOKEN_LIMITS if (limit := _limit(self._parameters.get(name))) is not None]
        self._pinned = dict(self._parameters)
        """The parameters, of their token limits only the smallest."""
        self.token_limit = min(self._limits, default=None)
        """Most tokens that the release lets an answer have; None when it pins none."""
        _limit_to(self._pinned, _limit_name(self._parameters), self._limits)

    def answers(self, asked: Asked) -> int:
        """Return how many answers are asked for, by the caller or by the release."""
        return max(asked.answers, self._answers)

    def compose(self, asked: Asked, filled: Filled | None = None) -> Composed:
        """Return the upstream's request; raises Refusal (400) when the prompt cannot be filled in.

        filled: what was done for it before, where the prompt needs that; see `Ready.compose`.
        """
        variables = variables_of(asked)
        filling = self._filling
        if self._is_foreign and (filled is None or filled.texts is None):
            raise refusals.invalid_field("model", "its prompt is written in Jinja, which only a gateway fills in")
        if filled is not None:
            variables |= filled.variables
            if filled.texts is not None:
                said = [Said(message, text) for message, text in zip(self._prompt, filled.texts, strict=True)]
                filling = _parted(said, self._split)
        protocol, body = asked.protocol, asked.body
        if protocol not in ("chat", "embeddings") and (self._has_prompt or self._parameters):
            chat = chat_of(protocol, body)
            if chat is not None:
                protocol, body = "chat", chat
        fields = _fields.decode(body)
        if protocol == "chat":
            if self._has_prompt:
                fields["messages"] = _messages(fields["messages"], variables, filling, is_lone=asked.is_lone)
            self._pin(fields)
            if asked.stream:
                # The caller's own wish decides later whether it sees the usage; we need it for the record.
                fields["stream_options"] = _with_usage(fields.get("stream_options"))
        elif protocol == "completions" and asked.stream:
            fields["stream_options"] = _with_usage(fields.get("stream_options"))
        fields.pop("treadle", None)
        return Composed(protocol, fields, variables)

    def _pin(self, fields: dict[str, Raw]) -> None:
        """Set the release's parameters; of two token limits the smaller counts."""
        if not self._parameters:
            return
        if "max_tokens" not in fields and "max_completion_tokens" not in fields:
            fields.update(self._pinned)
            return
        name = _limit_name(fields)
        asked = [_limit(fields.pop(each, None)) for each in _TOKEN_LIMITS]
        limits = [*self._limits, *(limit for limit in asked if limit is not None)]
        fields.update(self._parameters)
        _limit_to(fields, name, limits)


def _limit_name(fields: Mapping[str, Raw]) -> str:
    return "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"


def _limit_to(fields: dict[str, Raw], name: str, limits: Sequence[int]) -> None:
    """Put the smallest of the token limits, where there is one, in the place of every other."""
    if limits:
        for each in _TOKEN_LIMITS:
            fields.pop(each, None)
        fields[name] = Raw(_encode(min(limits)))


def _last_of_user(heads: Sequence[Head]) -> int | None:
    """Return where the user's last message stands, None where there is none."""
    for index in range(len(heads) - 1, -1, -1):
        if heads[index].role == "user":
            return index
    return None


def _filled(template: Template | Said, variables: dict[str, Any], allowance: Allowance, content: Any = None) -> bytes:
    """Return a prompt's message as JSON; parts of the caller's content that are not text are kept behind the text.

    A mark of a cache at the caller's text stays at what takes its place.
    """
    if template.fixed is not None and not isinstance(content, list):
        return template.fixed
    try:
        text = template.fill(variables, allowance)
    except TreadleError as error:
        raise refusals.invalid_field("treadle.variables", error.message) from None
    if not isinstance(content, list):
        return template.message_json(text)
    others = [part for part in content if not _is_text(part)]
    marks = [mark for part in content if _is_text(part) and (mark := mark_of(part))]
    words: dict[str, Any] = {"type": "text", "text": text}
    if marks:
        words["cache_control"] = marks[-1]
    return _encode({"role": template.role, "content": [words, *others]})


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text"


def variables_of(asked: Asked) -> dict[str, Any]:
    """Return what a prompt may be filled in with: `input` and the caller's own."""
    return {"input": asked.input_text, **asked.variables}


def _parted(messages: Sequence[Template | Said], split: int) -> _Filling:
    asking = messages[split] if split < len(messages) else None
    return _Filling(messages[:split], asking, messages[split + 1 :], messages)


def _messages(raw: Raw, variables: dict[str, Any], filling: _Filling, *, is_lone: bool) -> Raw:
    allowance = Allowance()
    if is_lone and filling.asking is not None:  # the prompt's last message takes the place of all that was sent
        return Raw(b"[" + b",".join([_filled(each, variables, allowance) for each in filling.all]) + b"]")
    heads = heads_in(raw)
    asked = _last_of_user(heads)
    given: list[Any] = [] if len(heads) == 1 and asked == 0 and filling.asking is not None else _items.decode(raw)
    messages: list[Any] = [_filled(template, variables, allowance) for template in filling.leading]
    if filling.asking is None:
        messages += given
    else:
        split = len(given) if asked is None else asked
        content = None if asked is None else heads[asked].content
        messages += given[:split]
        messages.append(_filled(filling.asking, variables, allowance, content))
        messages += [_filled(template, variables, allowance) for template in filling.trailing]
        messages += given[split + 1 :]
    return Raw(b"[" + b",".join(messages) + b"]")


def _with_usage(options: Raw | None) -> Raw:
    """Return stream options that ask for the usage; the caller's others stay."""
    given = None if options is None else msgspec.json.decode(options)
    if not isinstance(given, dict) or given.keys() <= _USAGE.keys():
        return _USAGE_RAW
    return Raw(_encode({**given, **_USAGE}))


def _limit(raw: Raw | None) -> int | None:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=int | None)
    except msgspec.ValidationError as error:
        raise refusals.invalid_field("max_tokens", str(error)) from None


def _number(raw: Raw | None) -> int | None:
    """Return a whole number; None where it is none."""
    try:
        return None if raw is None else _integer.decode(raw)
    except msgspec.DecodeError:
        return None
