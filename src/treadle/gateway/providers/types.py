"""Providers as people configure them: presets, what is kept, what a check found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.revisions import Revised
from treadle.core.types import Record

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
ConfiguredKind = Literal["openai", "azure", "anthropic", "gemini", "bedrock"]
OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
HeaderText = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[\x20-\x7e]*$")]


class ProviderOption(Record):
    """One option that a kind of provider understands."""

    name: OptionName
    """Key in `options`."""
    meaning: str
    """What it does, with its default."""


class ProviderPreset(Record):
    """A well-known provider: everything about it but your key."""

    name: ProviderName
    """What it is called, and what the provider is called when no other name is given."""
    title: str
    """Its name as people write it."""
    kind: ConfiguredKind
    """What it speaks."""
    base_url: str
    """Where it is; in <angle brackets> what you fill in yourself."""
    key_from: str
    """Where its key is found; empty where it needs none."""
    options: dict[OptionName, str] = {}
    """What a provider made from it starts with."""
    private: bool = False
    """Whether it runs on your own network, so that the owner's permission is needed."""
    known_options: list[ProviderOption] = []
    """What else can be set."""


class NewProvider(Record):
    """A provider to be."""

    name: ProviderName | None = None
    """What targets call it; None takes the preset's name."""
    preset: ProviderName | None = None
    """What to start from; whatever else is given wins. None needs `kind` and `base_url`."""
    kind: ConfiguredKind | None = None
    """What it speaks."""
    base_url: str | None = Field(default=None, max_length=2000)
    """Where it is, such as 'https://api.openai.com/v1'."""
    secret: str | None = Field(default=None, min_length=1, max_length=20_000, repr=False)
    """Its key; kept closed, never shown again."""
    headers: dict[HeaderName, HeaderText] = {}
    """Sent with each request; keys and cookies are refused here, they belong into `secret`."""
    region: str | None = Field(default=None, max_length=60)
    """For routing by region, and for signing requests to Bedrock."""
    options: dict[OptionName, HeaderText] = {}
    """The kind's own, see the preset's `known_options`."""
    private: bool | None = None
    """Whether it may be at a private address: needs the owner's permission. None takes the preset's."""
    max_connections: int = Field(default=200, ge=1, le=5000)
    """Requests to it at once, from each gateway process."""


class ChangedProvider(Record):
    """What a provider should be from now on; everything but its name and its key."""

    kind: ConfiguredKind
    """What it speaks."""
    base_url: str = Field(max_length=2000)
    """Where it is. Another one drops the stored key, unless a new key comes along."""
    secret: str | None = Field(default=None, min_length=1, max_length=20_000, repr=False)
    """A new key; None keeps the stored one where the destination stays."""
    headers: dict[HeaderName, HeaderText] = {}
    """Sent with each request."""
    region: str | None = Field(default=None, max_length=60)
    """For routing by region, and for signing requests to Bedrock."""
    options: dict[OptionName, HeaderText] = {}
    """The kind's own."""
    private: bool = False
    """Whether it may be at a private address: needs the owner's permission."""
    max_connections: int = Field(default=200, ge=1, le=5000)
    """Requests to it at once, from each gateway process."""


class Provider(Revised):
    """A provider as it is kept; its key is never shown."""

    EDITED = frozenset(ChangedProvider.model_fields) - {"secret"}

    name: ProviderName
    """What targets call it."""
    preset: ProviderName | None
    """What it was made from."""
    kind: ConfiguredKind
    """What it speaks."""
    base_url: str
    """Where it is."""
    has_secret: bool
    """Whether a key is stored."""
    headers: dict[HeaderName, HeaderText]
    """Sent with each request."""
    region: str | None
    """Where it is, in its own words."""
    options: dict[OptionName, HeaderText]
    """The kind's own."""
    private: bool
    """Whether it may be at a private address."""
    max_connections: int
    """Requests to it at once, from each gateway process."""
    updated_at: datetime
    """Aware UTC: when it was last changed."""
    notice: str | None = None
    """What the change that this answers did besides, such as dropping the stored key."""


class ProviderToCheck(Record):
    """What to try."""

    model: str | None = Field(default=None, max_length=300)
    """A model to ask for one word; None only lists the provider's models, which costs nothing."""


class ProviderCheck(Record):
    """What one real call to a provider showed."""

    is_working: bool
    """Whether it answered as it should."""
    message: str
    """What was found, what would be right, what to do next."""
    status: int | None = None
    """HTTP status of its answer; None when there was none."""
    latency_ms: float
    """Until its answer was complete, or until it failed."""
    models: list[str] = []
    """Models that it lists, when they were asked for; at most 100."""
