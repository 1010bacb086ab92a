"""Chat to an upstream that speaks Google's generateContent. The model is named in the URL, so the body holds none."""

from __future__ import annotations

import base64
from typing import Any

from treadle.gateway.protocols import fields
from treadle.gateway.protocols.base import Usage
from treadle.gateway.protocols.usage import write_chat_usage
from treadle.gateway.translate.limits import cannot, refuse_fields
from treadle.gateway.translate.media import Media
from treadle.gateway.translate.pivot import Call, Choice, Chunk, Completion, FunctionCall, Said
from treadle.gateway.translate.stamps import Stamps
from treadle.gateway.translate.tools import choice_of, effort_of, format_of, stops_of, token_limit_of, tools_of
from treadle.gateway.translate.turns import (
    Part,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
    conversation_of,
    read_arguments,
)
from treadle.gateway.types import Dialect

_NO_FIELD = "Gemini has no such field"
_REFUSED = {
    "logit_bias": _NO_FIELD,
    "audio": "answers with sound are not carried over",
    "modalities": "answers with sound are not carried over",
    "web_search_options": "OpenAI's search has no like there",
    "moderation": _NO_FIELD,
}
_SAME = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_DEFAULTS = {"n": 1, "frequency_penalty": 0, "presence_penalty": 0, "logprobs": False}
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
"""Tokens of thinking by effort, as Google's own OpenAI endpoint has them; for models before Gemini 3."""
_LEVELS = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}
_BUDGETED = ("gemini-1", "gemini-2", "gemini-robotics-er-1")
_UNSIGNED = base64.b64encode(b"skip_thought_signature_validator").decode()
"""What Google documents for calls that another model made or whose signature is lost; Gemini 3 refuses a call without one."""
_BLOCKED = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
)


class GeminiBack:
    """An upstream that speaks generateContent."""

    dialect: Dialect = "gemini"

    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps

    def request(self, chat: dict[str, Any]) -> bytes:
        """Return the request for Gemini; raises Refusal (400) for what it cannot say there."""
        refuse_fields(chat, _REFUSED)
        conversation, signs = conversation_of(chat), not _thinks_by_budget(chat)
        request: dict[str, Any] = {}
        if conversation.system:
            request["systemInstruction"] = {"parts": [{"text": part.text} for part in conversation.system]}
        request["contents"] = [_content(turn, signs=signs) for turn in conversation.turns]
        request |= _tools(chat)
        if config := _config(chat):
            request["generationConfig"] = config
        return fields.encode(request)

    def answer(self, data: bytes) -> Completion:
        """Read a whole answer; raises ValueError when it is not one."""
        found = fields.read_object(data)
        candidates = found.get("candidates") or []
        blocked = (found.get("promptFeedback") or {}).get("blockReason")
        if not candidates and blocked is None:
            raise ValueError("an answer of Gemini's without candidates")
        choices = [self._choice(candidate, index) for index, candidate in enumerate(candidates)]
        if not choices:
            said = Said(role="assistant", content=None, refusal=f"the prompt was blocked: {blocked}")
            choices = [Choice(message=said, finish_reason="content_filter")]
        return Completion(
            id=found.get("responseId") or f"chatcmpl-{self._stamps.new_id()}",
            created=int(self._stamps.now()),
            model=found.get("modelVersion") or "",
            choices=choices,
            usage=write_chat_usage(read_gemini_usage(found.get("usageMetadata"))),
        )

    def stream(self) -> GeminiBackStream:
        """Return what reads one stream."""
        return GeminiBackStream(self._stamps)

    def _choice(self, candidate: dict[str, Any], position: int) -> Choice:
        said = _said(candidate, self._stamps, 0)
        for call in said.tool_calls or ():
            call.index = None
        said.role = "assistant"
        if not isinstance(said.content, str):
            said.content = None if said.tool_calls else ""
        reason = _finish(candidate.get("finishReason"), called=bool(said.tool_calls))
        choice = Choice(index=candidate.get("index", position), message=said, finish_reason=reason or "stop")
        if (logprobs := _logprobs(candidate)) is not None:
            choice.logprobs = logprobs
        return choice


class GeminiBackStream:
    """Reads Gemini's events: each is a small answer, and there is no end mark."""

    def __init__(self, stamps: Stamps) -> None:
        self.ended = False
        self._stamps = stamps
        self._id = f"chatcmpl-{stamps.new_id()}"
        self._created = int(stamps.now())
        self._model = ""
        self.stated: Usage | None = None
        self._calls: dict[int, int] = {}
        """How many calls each candidate has made."""

    def feed(self, payload: bytes, event: str | None) -> list[Chunk]:
        """Return the chunks of one event."""
        try:
            found = fields.read_object(payload)
        except ValueError:
            return []
        if found.get("error"):
            return [Chunk(id=self._id, choices=[], error=found["error"])]
        self._model = found.get("modelVersion") or self._model
        self._id = found.get("responseId") or self._id
        self.stated = read_gemini_usage(found.get("usageMetadata")) or self.stated
        blocked = (found.get("promptFeedback") or {}).get("blockReason")
        if blocked is not None and not found.get("candidates"):
            said = Said(role="assistant", refusal=f"the prompt was blocked: {blocked}")
            return [self._chunk([Choice(delta=said, finish_reason="content_filter")])]
        choices = [self._choice(candidate, place) for place, candidate in enumerate(found.get("candidates") or ())]
        return [self._chunk(choices)] if choices else []

    def finish(self) -> list[Chunk]:
        """Return the usage, which each event states anew."""
        usage = write_chat_usage(self.stated)
        if usage is None:
            return []
        chunk = self._chunk([])
        chunk.usage = usage
        return [chunk]

    def _choice(self, candidate: dict[str, Any], position: int) -> Choice:
        index = candidate.get("index", position)
        made = self._calls.get(index)
        said = _said(candidate, self._stamps, made or 0)
        if made is None:
            said.role = "assistant"
        count = self._calls[index] = (made or 0) + len(said.tool_calls or ())
        choice = Choice(index=index, delta=said, finish_reason=_finish(candidate.get("finishReason"), called=count > 0))
        if (logprobs := _logprobs(candidate)) is not None:
            choice.logprobs = logprobs
        return choice

    def _chunk(self, choices: list[Choice]) -> Chunk:
        return Chunk(id=self._id, created=self._created, model=self._model, choices=choices)


def read_gemini_usage(stated: Any) -> Usage | None:
    """Read Gemini's usage; its prompt includes what was cached, its candidates exclude thoughts."""
    if not isinstance(stated, dict) or stated.get("promptTokenCount") is None:
        return None
    cached = stated.get("cachedContentTokenCount") or 0
    read = max(0, stated["promptTokenCount"] + (stated.get("toolUsePromptTokenCount") or 0) - cached)
    kinds = {
        detail.get("modality"): detail.get("tokenCount") or 0 for detail in stated.get("promptTokensDetails") or ()
    }
    audio = min(read, kinds.get("AUDIO", 0))
    image = min(read - audio, kinds.get("IMAGE", 0))
    return Usage(
        input_tokens=read - audio - image,
        cache_read_tokens=cached,
        input_audio_tokens=audio,
        input_image_tokens=image,
        output_tokens=stated.get("candidatesTokenCount") or 0,
        reasoning_tokens=stated.get("thoughtsTokenCount") or 0,
    )


def _finish(reason: str | None, *, called: bool) -> str | None:
    if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    if reason == "MAX_TOKENS":
        return "length"
    if reason in _BLOCKED:
        return "content_filter"
    return "tool_calls" if called else "stop"


def _said(candidate: dict[str, Any], stamps: Stamps, calls_before: int) -> Said:
    said = Said()
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Call] = []
    for part in (candidate.get("content") or {}).get("parts") or ():
        if (function := part.get("functionCall")) is not None:
            call = Call(
                index=calls_before + len(calls),
                id=function.get("id") or f"call_{stamps.new_id()[-24:]}",
                type="function",
                function=FunctionCall(
                    name=function.get("name"), arguments=fields.encode(function.get("args") or {}).decode()
                ),
            )
            if part.get("thoughtSignature"):
                call.extra_content = {"google": {"thought_signature": part["thoughtSignature"]}}
            calls.append(call)
        elif isinstance(text := part.get("text"), str):
            (thoughts if part.get("thought") else texts).append(text)
    if texts:
        said.content = "".join(texts)
    said.reasoning_content = "".join(thoughts) or None
    said.tool_calls = calls or None
    return said


def _logprobs(candidate: dict[str, Any]) -> dict[str, Any] | None:
    result = candidate.get("logprobsResult")
    if not isinstance(result, dict):
        return None
    tops = result.get("topCandidates") or []
    content = []
    for index, chosen in enumerate(result.get("chosenCandidates") or ()):
        top = (tops[index].get("candidates") or ()) if index < len(tops) else ()
        content.append({**_logprob(chosen), "top_logprobs": [_logprob(each) for each in top]})
    return {"content": content, "refusal": None}


def _logprob(token: dict[str, Any]) -> dict[str, Any]:
    text = token.get("token") or ""
    return {"token": text, "logprob": token.get("logProbability") or 0.0, "bytes": list(text.encode())}


def _content(turn: Turn, *, signs: bool) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    called = False
    for part in turn.parts:
        if isinstance(part, Thinking):
            continue  # another provider's, whose signature says nothing there
        made = _part(part)
        if isinstance(part, ToolUse):
            # Of several calls in a turn only the first is signed.
            if part.signature or (signs and not called):
                made["thoughtSignature"] = part.signature or _UNSIGNED
            called = True
        parts.append(made)
    return {"role": "user" if turn.party == "user" else "model", "parts": parts or [{"text": ""}]}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, ToolUse):
        return {"functionCall": {"name": part.name, "args": part.arguments}}
    if isinstance(part, ToolResult):
        if not part.name:
            raise cannot("messages", f"Gemini wants a result's tool by name, and no call '{part.call_id}' came before")
        returned = read_arguments(part.text) if part.text.lstrip().startswith("{") else None
        response = {"error" if part.is_error else "output": part.text} if returned is None else returned
        return {"functionResponse": {"name": part.name, "response": response}}
    assert isinstance(part, Media)
    if part.url:
        return {"fileData": {"mimeType": part.media_type, "fileUri": part.url}}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


def _tools(chat: dict[str, Any]) -> dict[str, Any]:
    tools = tools_of(chat)
    if not tools:
        return {}
    if chat.get("parallel_tool_calls") is False:
        raise cannot("parallel_tool_calls", "Gemini may always call several tools at once")
    declarations = []
    for tool in tools:
        entry: dict[str, Any] = {"name": tool.name, "parametersJsonSchema": tool.schema}
        if tool.description:
            entry["description"] = tool.description
        declarations.append(entry)
    found: dict[str, Any] = {"tools": [{"functionDeclarations": declarations}]}
    choice = choice_of(chat)
    if choice is not None:
        mode = {"auto": "AUTO", "none": "NONE", "required": "ANY"}[choice.mode]
        config: dict[str, Any] = {"mode": mode}
        if choice.name:
            config["allowedFunctionNames"] = [choice.name]
        found["toolConfig"] = {"functionCallingConfig": config}
    return found


def _config(chat: dict[str, Any]) -> dict[str, Any]:
    config = {
        theirs: chat[ours]
        for ours, theirs in _SAME.items()
        if chat.get(ours) is not None and chat[ours] != _DEFAULTS.get(ours)  # some models refuse even the default
    }
    if (limit := token_limit_of(chat)) is not None:
        config["maxOutputTokens"] = limit
    if stops := stops_of(chat):
        config["stopSequences"] = stops
    form = format_of(chat)
    if form.kind != "text":
        config["responseMimeType"] = "application/json"
    if form.kind == "json_schema":
        config["responseJsonSchema"] = form.schema
    if (effort := effort_of(chat)) is not None:
        if _thinks_by_budget(chat):
            config["thinkingConfig"] = {"thinkingBudget": _BUDGETS[effort], "includeThoughts": effort != "none"}
        else:
            config["thinkingConfig"] = {"thinkingLevel": _LEVELS.get(effort, "HIGH"), "includeThoughts": True}
    return config


def _thinks_by_budget(chat: dict[str, Any]) -> bool:
    return str(chat["model"]).removeprefix("models/").startswith(_BUDGETED)
