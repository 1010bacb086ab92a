"""Images, documents and sound in a message: OpenAI's parts as what they are."""

from __future__ import annotations

import base64
from typing import Any, Literal, NamedTuple

from treadle.gateway.translate.limits import cannot, malformed, mapping, text

_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
}
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}


Mark = dict[str, Any] | None
"""Anthropic's `cache_control` at a part: all up to its end may be kept and read again at less cost. None: there is none."""


def mark_of(part: dict[str, Any]) -> Mark:
    """Return the mark at a part, a message or a tool."""
    mark = part.get("cache_control")
    return mark if isinstance(mark, dict) else None


class Media(NamedTuple):
    """Something to look at or to listen to: its bytes, or where they are."""

    kind: Literal["image", "document", "audio"]
    media_type: str
    """Such as 'image/png'; guessed from the ending of a URL."""
    data: str
    """Base64; empty when there is a URL."""
    url: str
    """Empty when there is data."""
    name: str
    """Name of the file, where it has one."""
    where: str
    """Path of the field, for refusals."""
    cache: Mark = None
    """The mark at it."""


def media_of(part: dict[str, Any], where: str) -> Media:
    """Return what a part of a chat message shows; raises Refusal naming it when that is unknown."""
    kind = part.get("type")
    if kind == "image_url":
        holder = part.get("image_url")
        url = holder if isinstance(holder, str) else text(mapping(part, "image_url", f"{where}."), "url", where)
        return _from_url("image", url, "", f"{where}.image_url", "image/jpeg")
    if kind == "input_audio":
        audio = mapping(part, "input_audio", f"{where}.")
        media_type = _AUDIO_TYPES.get(text(audio, "format", f"{where}.input_audio"))
        if media_type is None:
            raise malformed(f"{where}.input_audio.format", "'wav' or 'mp3' is needed")
        return Media("audio", media_type, text(audio, "data", f"{where}.input_audio"), "", "", f"{where}.input_audio")
    if kind == "file":
        file = mapping(part, "file", f"{where}.")
        if file.get("file_data") is None:
            raise cannot(
                f"{where}.file.file_id", "files that are kept elsewhere cannot be read there; send 'file_data'"
            )
        name = file.get("filename")
        data = text(file, "file_data", f"{where}.file")
        return _from_url("document", data, name if isinstance(name, str) else "", f"{where}.file", "application/pdf")
    raise cannot(f"{where}.type", f"parts of type '{kind}' are unknown")


def data_url(media_type: str, data: str) -> str:
    """Return bytes in base64 as a URL."""
    return f"data:{media_type};base64,{data}"


def split_data_url(url: str) -> tuple[str, str] | None:
    """Return the media type and the base64 of a data URL; None when it is no such."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head[len("data:") : -len(";base64")].partition(";")[0], data


def decoded_text(part: Media) -> str:
    """Return the text of a document of plain text; raises Refusal when its bytes are none."""
    try:
        return base64.b64decode(part.data, validate=True).decode()
    except ValueError:
        raise malformed(part.where, "base64 of a text in UTF-8 is needed") from None


def _from_url(kind: Literal["image", "document"], url: str, name: str, where: str, default: str) -> Media:
    if url.startswith("data:"):
        found = split_data_url(url)
        if found is None:
            raise malformed(where, "a data URL has the form 'data:image/png;base64,...'")
        return Media(kind, found[0] or default, found[1], "", name, where)
    if "://" not in url:
        raise malformed(where, "a URL, or a data URL, is needed")
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return Media(kind, _ENDINGS.get(ending, default), "", url, name, where)
