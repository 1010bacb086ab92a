"""Models, their immutable versions, the aliases that move over them, and what was measured of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.revisions import Pointer
from treadle.core.types import JsonObject, Record

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
"""1 to 80 of a-z, 0-9, '.', '_' and '-'; unique within the project."""
AliasName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
FilePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,3}$")]
Kind = Literal["weights", "adapter", "provider"]

GGUF_FILE = "model.gguf"
"""The file that a llama.cpp engine serves."""
WEIGHTS_PREFIX = "weights/"
"""Below it lies the transformers folder."""
ADAPTER_PREFIX = "adapter/"
"""Below it lies a PEFT adapter."""


class File(Record):
    """One file of a version, in the blob store."""

    path: FilePath
    """Its place in the version: 'weights/model.safetensors', 'model.gguf', 'adapter/adapter_config.json'."""
    digest: str
    """'sha256:…' of its content."""
    size_bytes: int
    """Length of its content."""


class ProviderModel(Record):
    """A model that somebody else runs."""

    provider: str = Field(min_length=1, max_length=80)
    """Which provider, as the gateway knows it: 'openai', 'anthropic' …"""
    model: str = Field(min_length=1, max_length=200)
    """The provider's own name of the model."""


class Measurement(Record):
    """One number that was measured of a version, and by what."""

    name: str = Field(min_length=1, max_length=80)
    """Such as 'exact_match'."""
    value: float
    """The estimate."""
    low: float | None = None
    """Lower end of its 95 % interval; None when none was computed."""
    high: float | None = None
    """Upper end; None when none was computed."""
    rows_count: int = Field(ge=0)
    """On how many rows."""
    source_id: str
    """The run or experiment that measured it."""
    part: str
    """Which part of the data: 'test', 'validation' …"""
    measured_at: datetime
    """Aware UTC."""


class Model(Record):
    """A named model."""

    model_id: str
    """'mdl_…'."""
    name: Name
    """What people and programs call it."""
    latest_version: int
    """The number of its newest version."""
    aliases: dict[str, int]
    """Where each alias points now."""
    created_at: datetime
    """Aware UTC."""


class Description(Record):
    """What is known about a version when it is registered; everything that a card states comes from here."""

    kind: Kind
    """Weights that we hold, an adapter on some, or a pointer to a provider's model."""
    files: list[File] = Field(default_factory=list, max_length=1000)
    """Its files; none for a provider's model."""
    provider: ProviderModel | None = None
    """Where it runs; only for kind 'provider'."""
    base_version_id: str | None = None
    """The model version it was tuned from; None for one that was not."""
    dataset_version_id: str | None = None
    """The dataset version it was trained on; None when it was not trained here."""
    prompt_version_id: str | None = None
    """The prompt version its training rows were rendered with; None when rows were used as they are."""
    run_id: str | None = None
    """The run that made it; None when it was registered by hand."""
    licence: str | None = Field(default=None, max_length=200)
    """SPDX identifier or words; None when nobody stated one."""
    chat_template: str | None = Field(default=None, max_length=100_000)
    """The Jinja template that turns messages into its text; None for a provider's model."""
    parameters_count: int | None = None
    """Weights, shared ones once; None when unknown."""
    context_length: int | None = None
    """Longest prompt plus answer in tokens; None when unknown."""
    special_tokens_seen: dict[str, int] | None = None
    """How often each special token was trained on in the base; None when unknown."""
    facts: JsonObject = Field(default_factory=dict)
    """What the run measured and was asked: recipe, rows, steps, seconds, tokens, export comparison."""
    limits: list[str] = Field(default_factory=list, max_length=100)
    """What it should not be used for, or was not shown to do, in sentences."""


class Version(Description):
    """One version of a model; never changes."""

    model_version_id: str
    """'mdv_…'."""
    model_name: Name
    """The model it belongs to."""
    version: int
    """1, 2, 3 …"""
    digest: str
    """SHA-256 of its files' digests and its provider pointer, in canonical JSON."""
    created_at: datetime
    """Aware UTC."""

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)

    def find_file(self, path: str) -> File | None:
        """Return a file by its place in the version, or None."""
        return next((file for file in self.files if file.path == path), None)


class Alias(Pointer):
    """A movable name on one version of a model, such as 'champion'."""

    name: AliasName
    """1 to 40 of a-z, 0-9 and '-'; unique within the model."""
    moved_at: datetime
    """Aware UTC: the moment it changed."""


class MoveAlias(Record):
    """Where an alias should point."""

    version: int = Field(ge=1)
    """A version that exists."""


class NewProviderVersion(Record):
    """A provider's model to register."""

    provider: ProviderModel
    """Where it runs."""
    licence: str | None = Field(default=None, max_length=200)
    """Its terms; None when nobody stated them."""
    context_length: int | None = Field(default=None, ge=1)
    """Longest prompt plus answer in tokens; None when unknown."""
    limits: list[str] = Field(default_factory=list, max_length=100)
    """What it should not be used for, in sentences."""


class Fact(Record):
    """One line of a card."""

    name: str
    """What is stated."""
    value: str
    """As people read it."""


class Card(Record):
    """What a version is, was made from, can do and cannot, from recorded facts only."""

    model_version_id: str
    """The version."""
    title: str
    """Name and version."""
    summary: str
    """One sentence."""
    made_from: list[Fact]
    """Base, dataset, prompt, run, recipe."""
    training: list[Fact]
    """How it was trained."""
    measurements: list[Measurement]
    """What was measured, newest first."""
    checks: list[Fact]
    """What was checked about the export and the chat format."""
    limits: list[str]
    """What it should not be used for."""
    not_measured: list[str]
    """What nobody has measured; silence is not a pass."""
    licence: str
    """The stated licence, or the words that none was."""
    files: list[File]
    """Its files with digests."""
    markdown: str
    """The same, to read."""
