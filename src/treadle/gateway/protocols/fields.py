"""What the protocols share: refusals that name the field, raw JSON fields, and our model's name in an answer.

A request is decoded only as far as somebody must read it, and a mistake in it is told with the field's path. The name
of the model is put into an answer by cutting and joining bytes; nothing is parsed for it where the position is sure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from treadle.core.halves import around_halves
from treadle.gateway import refusals
from treadle.gateway.refusals import Refusal
from treadle.traces.consent import is_refusal

T = TypeVar("T")
Slot = tuple[MutableMapping[str, Any], str]
"""Where one text stands: an object and the name of its field."""

encode = msgspec.json.encode
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_object_decoder = msgspec.json.Decoder(dict[str, Any])
_PATH_IN_ERROR = re.compile(r"at `\$\.?([^`]*)`")
_MISSING = re.compile(r"required field `(\w+)`")
_MODEL = re.compile(rb'"model"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"')
"""Cannot match inside a string: there the quotes are escaped."""
CHUNK_FIELDS = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",
        "timings",
    }
)
"""What every chunk of OpenAI's and of servers like it holds around its choices."""
CHOICE_FIELDS = frozenset(
    {
        "index", "delta", "message", "text", "finish_reason", "native_finish_reason", "stop_reason", "matched_stop",
        "logprobs", "token_ids", "content_filter_results", "content_filter_offsets",
    }
)  # fmt: skip
"""What their choices hold besides what is said."""


class Extension(Struct):
    """Our own request field `treadle`."""

    variables: dict[str, Any] = {}
    """Values for the prompt's template, besides `input`."""
    no_training: bool = False
    """Whether nothing may be learnt from this request."""


class Head(Struct):
    """One chat message, as far as a prompt needs it."""

    role: str
    content: Any = None


_heads_decoder = msgspec.json.Decoder(list[Head])


class RequestReader(Generic[T]):
    """Decodes the fields of a request that the gateway reads."""

    def __init__(self, kind: type[T], api: str, needs: str) -> None:
        """api: whose fields they are, in words. needs: what a good body has, for the message about a bad one."""
        self._decoder = msgspec.json.Decoder(kind)
        self._api = api
        self._needs = needs

    def read(self, body: bytes) -> T:
        """Return the request; raises Refusal (400) naming the field at fault."""
        try:
            return self._decoder.decode(body)
        except msgspec.ValidationError as error:
            text = str(error)
            found, missing = _PATH_IN_ERROR.search(text), _MISSING.search(text)
            path = [] if found is None else [found[1].replace("[...]", "[]")]
            raise self.invalid(".".join([*path, *([missing[1]] if missing else [])]) or None, text) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._malformed(str(error)) from None
        except RecursionError:
            raise self._malformed("nested too deep") from None

    def invalid(self, param: str | None, reason: str) -> Refusal:
        """Return the refusal of a body that is JSON but not a request of this protocol."""
        return refusals.invalid_field(param, reason, self._api)

    def check_messages(self, name: str, messages: Sequence[dict[str, Any]]) -> None:
        """Raise Refusal unless each message has a role, and content that is text or a list of parts."""
        for index, message in enumerate(messages):
            if not isinstance(message.get("role"), str):
                raise self.invalid(f"{name}[{index}].role", "a message needs a role, such as 'user'")
            content = message.get("content")
            if not isinstance(content, str):
                self.check_content(f"{name}[{index}].content", content)

    def check_content(self, where: str, content: Any) -> None:
        """Raise Refusal unless the content is text, a list of objects, or absent."""
        if content is None or isinstance(content, str):
            return
        if not isinstance(content, list):
            raise self.invalid(where, "content is a text or a list of parts")
        for index, part in enumerate(content):
            if not isinstance(part, dict):
                raise self.invalid(f"{where}[{index}]", "a part is an object with a 'type'")

    def _malformed(self, reason: str) -> Refusal:
        return refusals.malformed_json(reason, self._needs)


def part_slots(content: Any, types: Collection[str]) -> Iterator[Slot]:
    """Yield where the texts of a list of parts stand; parts of other types have none."""
    for part in content:
        if isinstance(part, dict) and part.get("type") in types and _is_text(part.get("text")):
            yield part, "text"


def content_slots(holder: MutableMapping[str, Any], name: str, types: Collection[str]) -> Iterator[Slot]:
    """Yield where the texts of a field stand that holds a text or a list of parts; empty texts are no texts."""
    content = holder.get(name)
    if _is_text(content):
        yield holder, name
    elif isinstance(content, list):
        yield from part_slots(content, types)


def heads_in(messages: Raw) -> list[Head]:
    """Return what a prompt needs of chat messages. Raises msgspec.DecodeError for others."""
    return _heads_decoder.decode(messages)


def texts_at(slots: Iterable[Slot]) -> list[str]:
    """Return the texts that stand there."""
    return [holder[name] for holder, name in slots]


def put_texts(slots: Iterable[Slot], texts: Sequence[str]) -> None:
    """Put other texts in their places, one for one."""
    for (holder, name), text in zip(list(slots), texts, strict=True):
        holder[name] = text


def text_of(content: Any, types: Collection[str]) -> str:
    """Return a content's text: the text itself, or its text parts joined by line breaks."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(texts_at(part_slots(content, types)))
    return ""


def has_part(content: Any, kind: str) -> bool:
    """Tell whether a list of parts has one of this type."""
    return isinstance(content, list) and any(isinstance(part, dict) and part.get("type") == kind for part in content)


def named_in(metadata: Any, name: str) -> str | None:
    """Return a text that the caller put under a name into `metadata`; None when there is none."""
    found = metadata.get(name) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) and found else None


def refuses_training(metadata: Any, extension: Extension | None) -> bool:
    """Tell whether the caller says that nothing may be learnt from the request: in our field, or in its metadata."""
    if extension is not None and extension.no_training:
        return True
    return isinstance(metadata, dict) and is_refusal(metadata.get("no_training"))


def split_fields(body: bytes | Raw) -> dict[str, Raw]:
    """Return an object's fields as raw JSON."""
    return _fields_decoder.decode(body)


def read_object(data: bytes) -> dict[str, Any]:
    """Return an object; raises ValueError when it is none."""
    try:
        return _object_decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"not a JSON object: {error}") from None


def raw(value: Any) -> Raw:
    """Return a value as raw JSON to put among the fields."""
    return Raw(encode(value))


def choices_of(chunk: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the choices of a chunk of OpenAI's, each with its index."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            index = choice.get("index")
            yield index if isinstance(index, int) else 0, choice


def splice_model(data: bytes, name: str) -> bytes:
    """Put a name where an answer first names its model; nothing else changes. For answers that name it on top."""
    found = _MODEL.search(data)
    if found is None:
        return data
    start, end = found.span()
    return b"".join((data[:start], b'"model":', encode(name), data[end:]))


def name_model(data: bytes, name: str, within: str) -> bytes:
    """Return an answer or an event (framed or not) with a name as its model, on top or in the object `within`; a 'model'
    anywhere else stays."""
    if b'"model"' not in data:
        return data
    return change_answer(data, within, lambda split: split.update(model=raw(name)))


def change_answer(data: bytes, within: str, change: Callable[[dict[str, Raw]], None]) -> bytes:
    """Return an answer with some fields changed, or an event (framed or not) with those of the answer that it holds as
    `within`; the values of all other fields stay as they came."""
    before, payload, after = payload_of(data)
    try:
        return before + _changed(payload, within, change) + after
    except msgspec.DecodeError:
        return before + around_halves(payload, lambda plain: _changed(plain, within, change)) + after


def payload_of(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before, in and after the payload of one event (of one data line); a bare payload is all payload."""
    if data.startswith(b"{"):
        return b"", data, b""
    start = data.find(b"data:")
    end = data.find(b"\n", start)
    if start < 0 or end < 0:
        return data, b"{}", b""
    start += 6 if data.startswith(b" ", start + 5) else 5
    return data[:start], data[start:end], data[end:]


def frame(payload: bytes, name: str | None = None) -> bytes:
    """Return a payload as an event."""
    if name is None:
        return b"data: " + payload + b"\n\n"
    return b"event: " + name.encode() + b"\ndata: " + payload + b"\n\n"


def _changed(payload: bytes, within: str, change: Callable[[dict[str, Raw]], None]) -> bytes:
    split = split_fields(payload)
    if "model" in split:
        change(split)
    elif within in split:
        inner = split_fields(split[within])
        change(inner)
        split[within] = raw(inner)
    else:
        return payload
    return encode(split)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
