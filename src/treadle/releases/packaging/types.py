"""The parts of a manifest, how two releases differ, and what a rendering for Kubernetes may be told."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from treadle.core.types import JsonObject, JsonValue, Record

ENGINE = "engine"
"""The provider of weights that we run ourselves."""
CODE_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*@sha256:[0-9a-f]{64}$"


class ManifestPrice(Record):
    """What a target's tokens cost, as somebody stated it."""

    input_usd_per_million: Decimal = Field(ge=0)
    """For a million tokens that the model reads."""
    output_usd_per_million: Decimal = Field(ge=0)
    """For a million tokens that the model writes."""
    cache_read_usd_per_million: Decimal | None = Field(default=None, ge=0)
    """For a million tokens read from the provider's cache; None: as input."""
    cache_write_usd_per_million: Decimal | None = Field(default=None, ge=0)
    """For a million tokens written to it; None: as input."""


class NewTarget(Record):
    """A place that may answer for a release: a registered model version, or a provider's model by name."""

    model_version_id: str | None = None
    """The registered version; its kind says who runs it. None for a provider's model that nobody registered."""
    provider: str | None = Field(default=None, min_length=1, max_length=80)
    """Name of the provider; needed without a model version."""
    model: str | None = Field(default=None, min_length=1, max_length=200)
    """What the provider calls the model; needed without a model version."""
    weight: float = Field(default=1.0, gt=0, le=1_000_000)
    """Share among the targets of its priority, relative to theirs."""
    priority: int = Field(default=0, ge=0, le=100)
    """Higher numbers are used only when all of the lower ones fail."""
    region: str | None = Field(default=None, min_length=1, max_length=80)
    """Where it is; None when nobody said."""
    price: ManifestPrice | None = None
    """None takes the listed price of the day; unknown stays unknown."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.model_version_id is None and (self.provider is None or self.model is None):
            raise ValueError("a target needs a model_version_id, or both provider and model")
        if self.model_version_id is not None and (self.provider is not None or self.model is not None):
            raise ValueError("a target with a model_version_id takes provider and model from it; leave them out")
        return self


class ManifestTarget(Record):
    """One place that may answer, resolved."""

    provider: str
    """Name of the provider; 'engine' for weights that we run."""
    model: str
    """What the provider calls the model; for 'engine' the model version's id."""
    model_version_id: str | None = None
    """The registered version that it is; None for one that nobody registered."""
    digest: str | None = None
    """Digest of that version; None without one."""
    weight: float = 1.0
    """Share among the targets of its priority."""
    priority: int = 0
    """Higher numbers are used only when all of the lower ones fail."""
    region: str | None = None
    """Where it is."""
    price: ManifestPrice | None = None
    """None takes the listed price of the day."""


class ManifestGuard(Record):
    """One check of text on its way in or out, and what a hit does."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    """What people call it; unique within the release."""
    check: Literal["pii", "secrets", "injection", "jailbreak", "topics", "leak", "schema"]
    """What is looked for."""
    stage: Literal["input", "output"] = "input"
    """Whether the caller's text is read or the answer."""
    action: Literal["allow", "mask", "block"] = "block"
    """What a hit does; 'allow' only records it."""
    options: JsonObject = Field(default_factory=dict)
    """The check's own: `kinds` for pii, `topics` and `threshold` for topics, `json_schema` for schema."""

    @model_validator(mode="after")
    def _has_its_options(self) -> Self:
        needed = {"topics": "topics", "schema": "json_schema"}.get(self.check)
        if needed is not None and not self.options.get(needed):
            raise ValueError(f"guard '{self.name}' of check '{self.check}' needs the option '{needed}'")
        return self


class ManifestRefinement(Record):
    """What may be done to an answer before the caller gets it."""

    trim: bool = False
    """Strip white space around it."""
    repair_json: bool = False
    """Take JSON out of code fences and mend what is plainly broken."""
    json_schema: JsonObject | None = None
    """The answer must fit it; None asks nothing."""
    ask_again: bool = False
    """Ask once more, with the fault in words, when the answer does not fit the schema."""

    @model_validator(mode="after")
    def _can_ask_again(self) -> Self:
        if self.ask_again and self.json_schema is None:
            raise ValueError("ask_again needs a json_schema: without one no answer is ever at fault")
        return self


def unlike_names(guards: list[ManifestGuard]) -> list[ManifestGuard]:
    """Return the guards; raises ValueError when two have the same name."""
    names = [guard.name for guard in guards]
    if len(set(names)) != len(names):
        raise ValueError(f"guards need different names; got {names}")
    return guards


Guards = Annotated[list[ManifestGuard], AfterValidator(unlike_names)]
IndexId = Annotated[str, Field(min_length=1, max_length=80)]
CodeEntry = Annotated[str, Field(max_length=300, pattern=CODE_PATTERN)]
"""'package.module:function@sha256:…', the digest being that of the code."""


class FieldChange(Record):
    """One field in which two releases differ."""

    path: str
    """Where, such as 'parameters.temperature' or 'messages[0].template'."""
    before: JsonValue
    """The value in the first; None when it has none."""
    after: JsonValue
    """The value in the second; None when it has none."""


class ReleaseDiff(Record):
    """How two releases differ."""

    before_id: str
    """The first release."""
    after_id: str
    """The second."""
    changes: list[FieldChange]
    """Field by field, by path; empty when they are made of the same parts."""
    prompt: str
    """The prompts' texts as a unified diff; empty when they are the same."""


class KubernetesOptions(Record):
    """How a release should run on Kubernetes."""

    engine: Literal["llama.cpp", "vllm"] = "llama.cpp"
    """What serves the weights: our image with the GGUF in it, or vLLM with the weights on a volume."""
    image: str | None = Field(default=None, min_length=1, max_length=300, pattern=r"^[^\s]+$")
    """The container image; needed for llama.cpp (build it from the exported folder), a pinned vLLM otherwise."""
    namespace: str = Field(default="default", pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """Where everything goes."""
    replicas: int = Field(default=2, ge=1, le=1000)
    """At least so many."""
    max_replicas: int = Field(default=6, ge=1, le=1000)
    """At most so many, by the autoscaler."""
    cpu: str = Field(default="2", pattern=r"^[0-9]+(\.[0-9]+)?m?$")
    """CPU of one replica."""
    memory: str | None = Field(default=None, pattern=r"^[0-9]+(Ki|Mi|Gi|Ti)$")
    """Memory of one replica; requested and limited alike. None: by the size of the weights, with room for the engine."""
    gpus: int = Field(default=0, ge=0, le=16)
    """GPUs of one replica; vLLM has at least one."""
    volume_claim: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
    """Claim of the volume with the exported folder, mounted read-only; needed for vLLM and Ray."""
    ray: bool = False
    """A RayService (Ray Serve LLM on KubeRay) instead of Deployment and autoscaler."""
    ray_image: str = Field(default="rayproject/ray-llm:2.52.0-py311-cu128", min_length=1, max_length=300)
    """Image of the Ray cluster; its tag states the version of Ray."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_replicas < self.replicas:
            raise ValueError(f"max_replicas ({self.max_replicas}) is less than replicas ({self.replicas})")
        if self.ray or self.engine == "vllm":
            if self.volume_claim is None:
                raise ValueError(
                    "vLLM and Ray read the weights from a volume; name its claim in 'volume_claim' (--volume-claim)"
                )
        elif self.image is None:
            raise ValueError(
                "llama.cpp needs an image with the GGUF in it: build one from `treadle release export`, and name it in 'image' (--image)"
            )
        return self
