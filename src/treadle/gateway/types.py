"""What the data plane knows: endpoints with their arms, and keys, as one immutable snapshot.

These are msgspec structs, not `Record`s: they are read on every request and never travel over the API. Whoever
publishes an endpoint (releases) builds an `Endpoint`; the gateway keeps it as one JSON document per endpoint.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from treadle.guards.capture import Capture
from treadle.traces.pricing import Price

Role = Literal["stable", "candidate"]
ProviderKind = Literal["engine", "scripted"]
ProtocolName = Literal["chat", "completions", "embeddings", "responses", "messages"]
"""What callers may speak: OpenAI's chat completions, completions, embeddings and responses, and Anthropic's messages."""
Dialect = Literal["chat", "completions", "embeddings", "responses", "messages", "gemini", "converse"]
"""What upstreams may speak: the same, and Google's generateContent and Bedrock's Converse."""
Strategy = Literal["weighted", "latency", "least_busy", "cheapest"]
GuardAction = Literal["allow", "mask", "block"]


class PromptMessage(Struct, frozen=True, kw_only=True):
    """One message of a prompt version, not yet filled in."""

    role: str
    """'system', 'user' or 'assistant'."""
    template: str
    """Mustache text; `{{input}}` is the text of the caller's last user message."""


class PromptExample(Struct, frozen=True, kw_only=True):
    """One demonstration."""

    input: str
    output: str


class PromptExamples(Struct, frozen=True, kw_only=True):
    """Demonstrations that are chosen for each request: those whose input is most like its last user message."""

    count: int
    """How many are shown."""
    rows: tuple[PromptExample, ...]


class Rule(Struct, frozen=True, kw_only=True):
    """One rule of a scripted model: the first whose `match` is found in the last user message answers."""

    match: str = ""
    """A regular expression, searched ignoring case; empty matches everything."""
    reply: str = ""
    """The answer; `\\1` and the like take groups of the match."""
    delay_ms: float = 0.0
    """Wait before the first byte."""
    chunk_delay_ms: float = 0.0
    """Wait between two chunks of a stream."""
    status: int = 200
    """HTTP status to answer with; from 400 on an error body is sent instead of a reply."""
    cut_after_chunks: int | None = None
    """Break the connection after so many chunks of a stream, or before a plain answer is complete; None never does."""


class Clocks(Struct, frozen=True, kw_only=True):
    """How long each part of an answer may take, in seconds."""

    connect_seconds: float = 5.0
    """Until the connection stands."""
    first_token_seconds: float = 60.0
    """From sending the request until the first content (the whole answer, where it does not stream)."""
    between_seconds: float = 60.0
    """Between two chunks of a stream."""
    total_seconds: float = 600.0
    """For everything together."""


class Retries(Struct, frozen=True, kw_only=True):
    """When an attempt that brought no content may be repeated, on the same target or another."""

    attempts: int = 3
    """At most so many attempts for a request, the first and hedges included."""
    base_seconds: float = 0.05
    """Backoff before the first repetition on a target that was tried already; doubles, with full jitter."""
    budget: float = 0.2
    """Repetitions may be at most this share of recent requests (plus a few), so that an outage is not multiplied."""


class Hedge(Struct, frozen=True, kw_only=True):
    """A second request, sent when the first is slow; whichever brings content first answers."""

    budget: float = 0.05
    """At most this share of requests is hedged."""
    min_seconds: float = 0.05
    """Never sooner than this, whatever the measured p95 of time to first token."""


class Routing(Struct, frozen=True, kw_only=True):
    """How an endpoint picks among the targets of a release."""

    strategy: Strategy = "weighted"
    """Within the best priority that is healthy: by weight, by latency (peak EWMA, power of two choices), by requests in
    flight, or the cheapest that meets `max_latency_ms`."""
    regions: tuple[str, ...] = ()
    """Only targets in these regions, in this order of preference; empty takes any."""
    max_latency_ms: float | None = None
    """For 'cheapest': the measured latency that a target must not exceed; None asks nothing."""
    sticky: bool = False
    """Whether a session keeps the target that answered it before, while that is healthy."""
    retries: Retries = Retries()
    hedge: Hedge | None = None
    """None never hedges."""
    clocks: Clocks = Clocks()


class GuardRule(Struct, frozen=True, kw_only=True):
    """One check of text on its way in or out, and what a hit does."""

    name: str
    """What people call it; unique within a release."""
    check: str
    """'pii', 'secrets', 'injection', 'jailbreak', 'topics', 'leak' or 'schema'."""
    stage: Literal["input", "output"] = "input"
    action: GuardAction = "block"
    """'allow' only records the hit."""
    options: dict[str, Any] = field(default_factory=dict)
    """The check's own: `kinds` for pii, `topics` and `threshold` for topics, `json_schema` for schema ..."""


class Refinement(Struct, frozen=True, kw_only=True):
    """What may be done to an answer before the caller gets it.

    A stream is trimmed as it goes; mending and a schema hold it back until it is complete.
    """

    trim: bool = False
    """Strip white space around it."""
    repair_json: bool = False
    """Take JSON out of code fences and mend what is plainly broken."""
    json_schema: dict[str, Any] | None = None
    """The answer must fit it; None asks nothing."""
    ask_again: bool = False
    """Ask once more, with the fault in words, when the answer does not fit the schema."""


class CachePolicy(Struct, frozen=True, kw_only=True):
    """When an answer that was given before is given again."""

    mode: Literal["off", "exact", "semantic"] = "off"
    """'semantic' looks for an exact one first."""
    ttl_seconds: float = 3600.0
    """How long an answer may be given again."""
    threshold: float | None = None
    """For 'semantic': least cosine similarity, chosen on the user's own data; None serves no similar answer."""
    check_share: float = 0.02
    """For 'semantic': share of hits that are asked upstream all the same, to measure how often they are wrong."""
    max_wrong_rate: float = 0.05
    """For 'semantic': share of similar answers that may be wrong, 0 to 1; when the checks show more, none is given any more."""


class Limit(Struct, frozen=True, kw_only=True):
    """A bound on use in a window of time. Several may apply to one request; all must hold."""

    limit_id: str
    """Starts with lim_."""
    project_id: str
    scope: Literal["key", "project", "endpoint", "user"]
    """Whose use is counted together."""
    subject: str | None = None
    """The key id, endpoint name or user that is meant; None applies to each one of the scope for itself."""
    unit: Literal["requests", "tokens", "usd", "concurrency"]
    amount: float
    """How much; for 'concurrency' how many at once."""
    window_seconds: int = 60
    """Length of the window, counted from the epoch; 0 for 'concurrency', 2,678,400 means a calendar month (UTC)."""
    unpriced: Literal["allow", "refuse"] = "allow"
    """For 'usd': what becomes of a request whose price is not known."""
    outage: Literal["share", "refuse"] = "refuse"
    """What becomes of requests while the database cannot be asked, once what was leased is used up."""


class Provider(Struct, frozen=True, kw_only=True):
    """An upstream as the gateway reaches it."""

    project_id: str
    name: str
    """What targets call it; unique in its project. 'engine' and 'scripted' are always there."""
    kind: str
    """'openai', 'azure', 'anthropic', 'gemini', 'bedrock', 'engine' or 'scripted': which room speaks to it."""
    base_url: str = ""
    """Such as 'https://api.openai.com/v1', without a slash at the end."""
    secret: str = field(default="")
    """Its key, opened; lives in memory only and is never part of a hash, a log or a document."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with each request."""
    region: str | None = None
    """For routing by region, and for Bedrock's signature."""
    options: dict[str, str] = field(default_factory=dict)
    """The kind's own, such as `api_version`, `reasoning_field`."""
    private: bool = False
    """Whether private addresses are allowed for it; each connection is checked."""
    max_connections: int = 200

    def __repr__(self) -> str:
        """Say what it is without its secret."""
        return f"Provider({self.project_id}/{self.name}, {self.kind}, {self.base_url})"


class Target(Struct, frozen=True, kw_only=True):
    """One place that can answer for a release."""

    provider: str = "engine"
    """Name of the provider."""
    model: str
    """What the provider calls the model; for 'engine' the model version's id."""
    model_version_id: str | None = None
    """The registered version that it is; None for one that nobody registered."""
    weight: float = 1.0
    priority: int = 0
    """Targets of a higher number are used only when all of the lower ones fail."""
    region: str | None = None
    price: Price | None = None
    """None when nobody stated one: the cost is then unknown, not 0."""

    @property
    def key(self) -> str:
        """What health and latency are kept by."""
        return f"{self.provider}/{self.model}"


class Arm(Struct, frozen=True, kw_only=True):
    """One release with its share of an endpoint's traffic."""

    release_id: str
    """The release that this arm serves."""
    role: Role
    """'stable' is what the endpoint served before, 'candidate' what a rollout tries."""
    weight: float
    """Share of the units, 0 to 1; the arms of an endpoint sum to 1."""
    model_version_id: str
    """The weights; the engine that runs them is looked up by this id."""
    prompt: tuple[PromptMessage, ...] = ()
    """Messages of the prompt version; empty passes the caller's messages on as they are."""
    prompt_engine: Literal["mustache", "jinja"] = "mustache"
    """The language of their templates."""
    examples: PromptExamples | None = None
    """What the prompt's `examples` are chosen from; None where there are none, or they stand in its text."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Pinned request fields such as temperature and max_tokens; they win over the caller's."""
    provider: ProviderKind = "engine"
    """'engine' is a local engine, 'scripted' answers from `script`."""
    script: tuple[Rule, ...] = ()
    """Rules of a scripted arm."""
    price: Price | None = None
    """None when nobody stated a price: the cost is then unknown, not 0."""
    targets: tuple[Target, ...] = ()
    """Where it can be answered; empty means one: `provider` with `model_version_id`."""
    guards: tuple[GuardRule, ...] = ()
    """Pinned by the release."""
    refinement: Refinement = Refinement()
    """Pinned by the release."""
    shadow_share: float = 0.0
    """Share of the stable arm's requests, 0 to 1, that are copied to this arm without the caller seeing its answer;
    above 0 only where `weight` is 0."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """The name an application calls, and the releases behind it."""

    project_id: str
    """The project that owns it."""
    name: str
    """What callers send as `model`."""
    salt: str
    """Mixed into the assignment of units to arms; a new salt shuffles them anew."""
    arms: tuple[Arm, ...]
    """At least one; exactly one is 'stable'."""
    rollout_id: str | None = None
    """The rollout that moves the weights; None when nothing is rolling out."""
    disabled: str | None = None
    """Why the kill switch is thrown; None serves."""
    routing: Routing = Routing()
    cache: CachePolicy = CachePolicy()
    guard_actions: dict[str, GuardAction] = field(default_factory=dict)
    """By guard name: what a hit does on this endpoint, instead of what the release says."""
    internal: bool = False
    """Whether only work inside this process may call it: it is in no list, and to every key it does not exist. For a model
    that is tried and that nobody has approved."""


class Key(Struct, frozen=True, kw_only=True):
    """An API key as the gateway needs it: enough to check it, nothing to leak it."""

    key_id: str
    """Public part of the key."""
    project_id: str
    """The only project whose endpoints it can call."""
    secret_hmac: bytes
    """HMAC of its secret part; the key itself is stored nowhere."""
    permissions: frozenset[str] = frozenset()
    """What it may do: its actor's role, cut down to its scopes."""
    endpoints: frozenset[str] | None = None
    """Names it may call; None means every endpoint of its project."""
    expires_at: datetime | None = None
    """Aware UTC; None never expires."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything the gateway serves by, at one moment; replaced whole, never changed."""

    hash: str
    """Digest of the content; stamped on every trace."""
    endpoints: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    """By (project id, endpoint name)."""
    keys: dict[str, Key] = field(default_factory=dict)
    """By key id."""
    providers: dict[tuple[str, str], Provider] = field(default_factory=dict)
    """By (project id, name)."""
    limits: dict[str, tuple[Limit, ...]] = field(default_factory=dict)
    """By project id."""
    captures: dict[str, Capture] = field(default_factory=dict)
    """How much content of spans is kept, by project id; of projects that are not here, all of it."""


EMPTY_SNAPSHOT = Snapshot(hash="empty")
"""Serves nobody: what a gateway starts from before its first look at the database."""
