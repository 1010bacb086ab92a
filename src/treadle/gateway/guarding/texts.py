"""Every text in a request, an answer or an event, wherever it stands, and the same JSON with what was found masked.

All strings are read but those that only name, point or encode (`_UNREAD`), so that a part of a kind that nobody knows yet
is read too, and of an answer also what stands beside it. In a tool's schema names and numbers are texts as well: a model
reads them. What is said stands by itself. The rest (descriptions of tools, names, arguments of calls, citations) is
joined into one text for each field, since checks that embed pay for each text. Arguments are JSON in a text: they are
read after decoding, where no escape hides anything, and stay JSON. Only fields in which something is masked are written
anew. Cost: one more decoding, where a guard looks at all; at most `MOST_VALUES` values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from treadle.gateway.protocols import fields
from treadle.gateway.translate.from_responses import unsealed
from treadle.gateway.translate.from_responses_answer import SEALED, sealed
from treadle.guards.spans import Finding

_Mode = Literal["said", "aside", "free"]
"""What is said; what stands beside it; JSON of the caller's own making, in which names and numbers are texts too."""

MOST_VALUES = 100_000
"""Items and fields that are read of one object; with more it cannot be read, so that nobody else waits for it."""
CONVERSATION = frozenset({"messages", "input", "system", "instructions", "prompt", "suffix"})
_SAID = frozenset(
    {
        "content", "text", "input", "output", "instructions", "system", "prompt", "suffix", "data", "thinking",
        "reasoning", "reasoning_content", "refusal",
    }
)  # fmt: skip
_FREE = frozenset({"input", "arguments", "variables", "metadata", "treadle", "parameters", "input_schema", "schema"})
"""Objects under these names are the caller's own making."""
_TOKENS = ("prompt_token_ids", "input_ids", "prompt_embeds", "input_embeds")
"""Where servers take in the place of text what nobody here can read."""
_ECHOED = frozenset(
    {
        "instructions", "tools", "tool_choice", "metadata", "text", "reasoning", "prompt", "user", "safety_identifier",
    }
)  # fmt: skip
"""What a response says of the request that it answers: the caller's own."""
_MEASURED = frozenset(
    {
        "usage", "created", "system_fingerprint", "service_tier", "prompt_logprobs", "prompt_token_ids", "token_ids",
        "timings",
    }
)  # fmt: skip
"""What an answer says of how it was made."""
_UNREAD = frozenset(
    {
        "type", "role", "id", "model", "object", "status", "url", "image_url", "file_url", "file_id", "file_data",
        "call_id", "tool_call_id", "tool_use_id", "item_id", "media_type", "encrypted_content",
        "signature", "cache_control", "previous_response_id", "conversation", "prompt_cache_key", "authorization",
        "headers", "server_url", "container", "logprobs", "$ref", "$id", "$schema",
    }
)  # fmt: skip
"""Names of fields that hold no prose: a hit there would be an accident, and a mask would break the request."""
_PLAIN_TYPES = (None, "message", "text", "output_text")
"""Types of what holds an answer's own text; what stands in parts of other types stands beside it."""


class TooMany(ValueError):
    """There is more in it than guards read."""


class _Leaf(NamedTuple):
    holder: Any
    key: Any
    text: str
    is_name: bool = False
    """Whether the text is the name of a field."""


class _Group(NamedTuple):
    """Leaves that are looked at as one text."""

    field: str
    leaves: list[_Leaf]
    joint: str

    @property
    def text(self) -> str:
        return self.joint.join(leaf.text for leaf in self.leaves)


class _Nested(NamedTuple):
    """JSON that stands in a text."""

    field: str
    holder: Any
    key: Any
    box: list[Any]
    """Its value."""
    before: bytes
    is_sealed: bool = False
    """Whether it is thinking that we sealed (see translate/from_responses_answer)."""


class Texts:
    """The texts of one JSON object."""

    def __init__(
        self, data: bytes | dict[str, Any], *, answer: str | None = None, known: Collection[tuple[int, str]] = ()
    ) -> None:
        """answer: the field of an answer that holds what was said; None reads a request, or an event that is decoded
        already. known: places (id of the object, name) that are left out. Raises ValueError where it cannot be read, TooMany among them."""
        self._data = data
        self._object = fields.read_object(data) if isinstance(data, bytes) else data
        self._is_answer = answer is not None
        self._is_request = answer is None and isinstance(data, bytes)
        self._known = known
        self._left = MOST_VALUES
        self._said: list[_Group] = []
        self._asides: dict[str, _Group] = {}
        self._nested: list[_Nested] = []
        skipped = _UNREAD if answer is None else _UNREAD | _MEASURED | (_ECHOED if answer == "output" else frozenset())
        for name in self._object if answer != "" else ():
            if name not in skipped:
                is_said = name in CONVERSATION if answer is None else name == answer
                self._read(name, self._object, name, "said" if is_said else "aside")
        self._groups = [*self._said, *self._asides.values()]

    @property
    def said(self) -> list[str]:
        """What is said: of a request every text, of an answer its text as one."""
        return [group.text for group in self._said]

    @property
    def asides(self) -> list[str]:
        """The rest, one text for each field."""
        return [group.text for group in self._asides.values()]

    @property
    def tokens_in(self) -> str | None:
        """The field that some server reads in the place of text, and nobody here can; None where there is none."""
        return next((name for name in _TOKENS if self._object.get(name)), None)

    def masked(self, masks: Sequence[Sequence[Finding]]) -> bytes:
        """Return the object with what was found masked. masks: for each of `said`, then each of `asides`."""
        changed = {group.field for group, findings in zip(self._groups, masks, strict=True) if _mask(group, findings)}
        for nested in self._nested:
            after = fields.encode(nested.box[0])
            if after != nested.before:
                nested.holder[nested.key] = sealed(nested.box[0]) if nested.is_sealed else after.decode()
        if self._is_answer:
            for name in changed:
                forget_measures(self._object[name])
        if not isinstance(self._data, bytes):
            return fields.encode(self._object)
        split = fields.split_fields(self._data)
        split.update({name: fields.raw(self._object[name]) for name in changed})
        return fields.encode(split)

    def _read(self, field: str, holder: Any, key: Any, mode: _Mode) -> None:
        """Take the texts below a place, in order. A loop, since whoever sends the JSON says how deep it goes."""
        places: list[tuple[Any, Any, str, _Mode]] = [(holder, key, field, mode)]
        while places:
            holder, key, name, mode = places.pop()
            value = holder[key]
            if isinstance(value, str):
                if value and (id(holder), key) not in self._known:
                    places += self._take(field, _Leaf(holder, key, value), name, mode)
            elif isinstance(value, list):
                self._count(len(value))
                places += [(value, index, name, mode) for index in reversed(range(len(value)))]
            elif isinstance(value, dict):
                self._count(len(value))
                if mode == "free" or (name in _FREE and isinstance(holder, dict)):
                    places += [(value, each, name, "free") for each in reversed(value)]
                    self._aside(field, [_Leaf(value, each, each, is_name=True) for each in value if each])
                    continue
                if self._is_answer and value.get("type") not in _PLAIN_TYPES:
                    mode = "aside"
                places += [(value, each, each, mode) for each in reversed(value) if self._is_read(each, value)]
            elif mode == "free" and isinstance(value, int | float) and not isinstance(value, bool):
                self._aside(field, [_Leaf(holder, key, str(value))])

    def _take(self, field: str, leaf: _Leaf, name: str, mode: _Mode) -> list[tuple[Any, Any, str, _Mode]]:
        """Take a text; return the place of the JSON in it, if it is such."""
        if name == "arguments" and (box := _boxed(leaf.text)) is not None:
            self._nested.append(_Nested(field, leaf.holder, leaf.key, box, fields.encode(box[0])))
            return [(box, 0, name, "free")]
        if name == "encrypted_content" and not self._is_request and (blocks := unsealed(leaf.text)):
            box = [blocks]
            self._nested.append(_Nested(field, leaf.holder, leaf.key, box, fields.encode(blocks), is_sealed=True))
            return [(box, 0, name, "aside")]
        if mode == "said" and self._is_answer and name in ("content", "text"):
            if not self._said:
                self._said.append(_Group(field, [], ""))
            self._said[0].leaves.append(leaf)
        elif mode == "said" and not self._is_answer and name in _SAID:
            self._said.append(_Group(field, [leaf], ""))
        else:
            self._aside(field, [leaf])
        return []

    def _is_read(self, name: str, holder: Mapping[str, Any]) -> bool:
        if name == "data":
            return holder.get("type") == "text"  # of a document; elsewhere it is base64
        if name == "thinking":
            return not (self._is_request and holder.get("signature"))  # its provider takes it only as it wrote it
        if name == "encrypted_content":
            return not self._is_request and str(holder[name]).startswith(SEALED)
        return name not in _UNREAD

    def _count(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise TooMany(f"it holds more than {MOST_VALUES} values, and guards have to read each; send fewer")

    def _aside(self, field: str, leaves: list[_Leaf]) -> None:
        if field not in self._asides:
            self._asides[field] = _Group(field, [], "\n")
        self._asides[field].leaves.extend(leaves)


def forget_measures(value: Any) -> None:
    """Take out of an answer what was measured on a text that is no longer in it."""
    places = [value]
    while places:
        each = places.pop()
        if isinstance(each, list):
            places += each
        elif isinstance(each, dict):
            for name in ("logprobs", "annotations", "citations"):
                if each.get(name):
                    each[name] = [] if isinstance(each[name], list) else None
            places += each.values()


def _boxed(text: str) -> list[Any] | None:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return [value] if isinstance(value, dict | list) else None


def _mask(group: _Group, findings: Sequence[Finding]) -> bool:
    """Put a token in the place of each finding; one that lies across several leaves has it in the first."""
    if not findings:
        return False
    texts: list[tuple[_Leaf, str]] = []
    start = first = 0
    for leaf in group.leaves:
        end, parts, at = start + len(leaf.text), [], start
        while first < len(findings) and findings[first].end <= start:
            first += 1
        at_finding = first
        while at_finding < len(findings) and findings[at_finding].start < end:
            finding = findings[at_finding]
            at_finding += 1
            parts += [leaf.text[at - start : max(finding.start, start) - start]]
            parts += [f"[{finding.kind}]"] if finding.start >= start else []
            at = min(finding.end, end)
        if parts:
            texts.append((leaf, "".join([*parts, leaf.text[at - start :]])))
        start = end + len(group.joint)
    renamed: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for leaf, text in texts:
        if leaf.is_name:
            renamed.setdefault(id(leaf.holder), (leaf.holder, {}))[1][leaf.key] = text
        else:
            leaf.holder[leaf.key] = text
    for holder, names in renamed.values():
        items = {names.get(name, name): value for name, value in holder.items()}
        holder.clear()
        holder.update(items)
    return bool(texts)
