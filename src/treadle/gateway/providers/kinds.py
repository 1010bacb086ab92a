"""The kinds of providers that there are. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from treadle.gateway.providers.anthropic import AnthropicKind
from treadle.gateway.providers.azure import AzureKind
from treadle.gateway.providers.base import Kind
from treadle.gateway.providers.bedrock import BedrockKind
from treadle.gateway.providers.gemini import GeminiKind
from treadle.gateway.providers.local import EngineKind
from treadle.gateway.providers.openai import OpenAIKind
from treadle.gateway.providers.scripted import ScriptedKind
from treadle.gateway.types import Dialect, Provider

ALL: tuple[Kind, ...] = (
    OpenAIKind(),
    AzureKind(),
    AnthropicKind(),
    GeminiKind(),
    BedrockKind(),
    EngineKind(),
    ScriptedKind(),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in ALL}
"""By name."""

BUILT_IN = frozenset({"engine", "scripted"})
"""Kinds that nobody configures: they are always there, under the same name."""


def dialects_of(kind: Kind, provider: Provider) -> tuple[Dialect, ...]:
    """Return what a provider speaks, preferred first: its kind's dialects, cut down to its option `dialects`.

    A server of the kind 'openai' may also name 'messages' there.
    """
    named = provider.options.get("dialects")
    if not named:
        return kind.dialects
    known: dict[str, Dialect] = {each: each for each in (*kind.dialects, *_MORE.get(kind.name, ()))}
    return tuple(known[each.strip()] for each in named.split(",") if each.strip() in known)


_MORE: Mapping[str, tuple[Dialect, ...]] = {"openai": ("messages",), "engine": ("responses", "messages")}
"""What some servers of a kind speak besides."""
