"""POST /v1/moderations on our own guards: OpenAI's shape, with the categories that are really checked and no others.

A category's score is the surest finding's, 0 where nothing was found. Categories that OpenAI has and no guard of ours
checks (violence, self-harm ...) are absent, not false: a client that relies on them finds out at once. Nothing runs on
the loop: shapes are looked for in a thread, a piece of text at a time, and the thread that embeds gets one text at a time,
so that a guard waits for no more than that. Projects take turns, piece by piece; requests of one project wait in its line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from treadle.core.errors import TreadleError
from treadle.embeddings.installed import is_installed
from treadle.embeddings.room import Busy, EmbeddingRoom
from treadle.gateway import refusals
from treadle.guards.attacks import AttackCheck
from treadle.guards.catalog import make_check
from treadle.guards.check import Check
from treadle.guards.spans import Finding

MODEL = "treadle-guards"
CATEGORIES = ("pii", "secrets", "injection", "jailbreak")
MAX_INPUTS = 256
MAX_CHARACTERS = 100_000
PIECE = 20_000
"""Characters that are looked at in one turn."""
OVERLAP = 5_000
"""Characters that are looked at twice, so that nothing is cut in two that is shorter than that."""
DEADLINE_SECONDS = 10.0


class _Part(Struct):
    type: str
    text: str | None = None


class _Request(Struct):
    input: msgspec.Raw


_requests = msgspec.json.Decoder(_Request)
_parts = msgspec.json.Decoder(list[_Part])
_strings = msgspec.json.Decoder(str | list[str])


def parse_moderation(body: bytes) -> list[str]:
    """Return the texts to look at, one for each result. Raises Refusal (400) naming the field at fault."""
    try:
        asked = _requests.decode(body)
    except msgspec.ValidationError as error:
        raise refusals.invalid_field("input", str(error)) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise refusals.malformed_json(str(error)) from None
    try:
        said = _strings.decode(asked.input)
        texts = [said] if isinstance(said, str) else said
    except msgspec.ValidationError:
        texts = [_text_of_parts(bytes(asked.input))]
    if not texts or len(texts) > MAX_INPUTS:
        raise refusals.invalid_field("input", f"it holds {len(texts)} texts; send 1 to {MAX_INPUTS}")
    size = sum(map(len, texts))
    if size > MAX_CHARACTERS:
        raise refusals.invalid_field("input", f"it holds {size} characters; send at most {MAX_CHARACTERS} at once")
    return texts


def moderation_answer(moderation_id: str, found: Sequence[Mapping[str, Sequence[Finding]]]) -> bytes:
    """Return OpenAI's moderation object. found: for each text, category to findings."""
    return msgspec.json.encode({"id": moderation_id, "model": MODEL, "results": [_result(each) for each in found]})


class _Piece(NamedTuple):
    """A piece of one of the texts."""

    place: int
    """Which of the texts."""
    start: int
    end: int


class Looked(NamedTuple):
    """What a request for moderation found."""

    texts: list[str]
    found: list[dict[str, list[Finding]]]
    """For each text, category to findings."""

    @property
    def facts(self) -> dict[str, Any]:
        """How much was looked at and what was found, without any text: for the trace."""
        kinds = {name: sum(bool(each[name]) for each in self.found) for name in CATEGORIES}
        return {
            "inputs": len(self.texts),
            "characters": sum(map(len, self.texts)),
            "flagged": sum(any(each.values()) for each in self.found),
            "categories": {name: count for name, count in kinds.items() if count},
        }


class Moderator:
    """Looks at texts with every category's check. Built once."""

    def __init__(self, room: EmbeddingRoom | None, *, has_model: bool | None = None) -> None:
        """room: None (or a machine without the text model) looks for signatures only. has_model: None finds that out."""
        has_model = is_installed() if has_model is None else has_model
        self._room = room if has_model else None
        self._line = asyncio.Semaphore()
        """Where one piece of each project at most waits for its turn."""
        self._lines: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """Where the requests of each project wait."""
        self._checks: dict[str, Check] = {}
        for name in CATEGORIES:
            options: dict[str, Any] = {}
            if name in ("injection", "jailbreak") and self._room is None:
                options["model"] = False
            embedder = None if self._room is None else self._room.embedder
            self._checks[name] = make_check(name, options, embedder=embedder)

    async def look(self, texts: list[str], project_id: str) -> Looked:
        """Look at texts for a project. Raises Refusal (503) when that is not done in time."""
        found: list[dict[str, list[Finding]]] = [{name: [] for name in CATEGORIES} for _ in texts]
        own = self._lines.setdefault(project_id, asyncio.Semaphore())
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), own:
                for pieces in _turns(texts):
                    async with self._line:
                        await _ended(asyncio.to_thread(_add_shapes, self._checks, texts, pieces, found))
                if self._room is not None:
                    for text, each in zip(texts, found, strict=True):
                        async with self._line:
                            work = partial(_add_likely, self._checks, text, each)
                            await self._room.run(work, seconds=DEADLINE_SECONDS)
        except (TimeoutError, Busy, TreadleError):
            raise refusals.guard_unready("moderations") from None
        return Looked(texts, found)


def _turns(texts: Sequence[str]) -> Iterator[list[_Piece]]:
    """Yield what is looked at in one turn after the other."""
    turn: list[_Piece] = []
    size = 0
    for place, text in enumerate(texts):
        for start in range(0, max(len(text) - OVERLAP, 1), PIECE - OVERLAP):
            piece = _Piece(place, start, min(start + PIECE, len(text)))
            if turn and size + piece.end - start > PIECE:
                yield turn
                turn, size = [], 0
            turn.append(piece)
            size += piece.end - start
    yield turn


async def _ended(work: Coroutine[Any, Any, None]) -> None:
    """Wait for a work in a thread; also when nobody wants it any more, since the thread works on until it is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _add_shapes(
    checks: Mapping[str, Check], texts: Sequence[str], pieces: Sequence[_Piece], found: list[dict[str, list[Finding]]]
) -> None:
    """Add what has the shape of something in these pieces of the texts."""
    for place, start, end in pieces:
        text = texts[place][start:end]
        for name, check in checks.items():
            seen = check.find_signatures(text) if isinstance(check, AttackCheck) else check.find(text)
            found[place][name] += [each._replace(start=each.start + start, end=each.end + start) for each in seen]


def _add_likely(checks: Mapping[str, Check], text: str, found: dict[str, list[Finding]]) -> None:
    """Add what the classifiers take for something."""
    for name, check in checks.items():
        if isinstance(check, AttackCheck):
            found[name] += check.find_likely(text, found[name])


def _result(found: Mapping[str, Sequence[Finding]]) -> dict[str, Any]:
    return {
        "flagged": any(found.values()),
        "categories": {name: bool(findings) for name, findings in found.items()},
        "category_scores": {
            name: round(max((each.score for each in findings), default=0.0), 6) for name, findings in found.items()
        },
        "category_applied_input_types": {name: ["text"] for name in found},
    }


def _text_of_parts(raw: bytes) -> str:
    try:
        parts = _parts.decode(raw)
    except msgspec.ValidationError as error:
        raise refusals.invalid_field(
            "input", f"{error}; send a text, a list of texts, or a list of text parts"
        ) from None
    other = next((part.type for part in parts if part.type != "text"), None)
    if other is not None:
        raise refusals.invalid_field("input", f"parts of type '{other}' cannot be checked here; send text")
    return "\n".join(part.text or "" for part in parts)
