"""An arm of an endpoint made ready for the request path: its prompt, its guards, and how each target is reached."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from treadle.embeddings.room import EmbeddingRoom
from treadle.gateway.cache.keys import arm_digest
from treadle.gateway.compose import Composed, Composer
from treadle.gateway.filling import filler_of
from treadle.gateway.following import Followed, holder_of
from treadle.gateway.guarding.stages import Guards
from treadle.gateway.protocols.base import Asked, Translation
from treadle.gateway.providers.base import Kind
from treadle.gateway.providers.kinds import BUILT_IN, KINDS, dialects_of
from treadle.gateway.refine import Refiner
from treadle.gateway.translate.registry import PLAIN_CHAT, find_translation, speaks
from treadle.gateway.types import Arm, Dialect, Endpoint, ProtocolName, Provider, Snapshot, Target
from treadle.guards.leak import canary_for, with_canary
from treadle.prompts.jinja_room import Renders
from treadle.traces.pricing import cost_usd


class Path(Struct, frozen=True):
    """How a protocol of callers reaches a target."""

    dialect: Dialect
    """What is spoken to it."""
    asking: Translation | None
    """Of the request, from what it was composed in; None when that is spoken."""
    translation: Translation | None
    """Of the answer, to the caller's protocol; None when that is spoken."""


class Route:
    """One target made ready."""

    def __init__(self, target: Target, provider: Provider, kind: Kind) -> None:
        self.target = target
        self.provider = provider
        self.kind = kind
        self.model = Raw(msgspec.json.encode(target.model))
        self.limit_field = _limit_field(kind, provider)
        """In which field of a chat request it takes the most tokens of an answer."""
        self._paths: dict[tuple[ProtocolName, ProtocolName], Path | None] = {}

    def path(self, protocol: ProtocolName, composed: ProtocolName) -> Path | None:
        """Return how callers of a protocol reach it with a request composed in this or in chat; None when they cannot."""
        place = (protocol, composed)
        if place not in self._paths:
            self._paths[place] = self._find_path(protocol, composed)
        return self._paths[place]

    def _find_path(self, protocol: ProtocolName, composed: ProtocolName) -> Path | None:
        dialects = dialects_of(self.kind, self.provider)
        for dialect in (protocol, composed, *dialects):
            # Nothing turns chat into responses or completions, so a composed request may have to leave them.
            if dialect in dialects and speaks(composed, dialect) and speaks(protocol, dialect):
                asking = find_translation(composed, dialect)
                if composed == dialect == "chat" != protocol:
                    asking = PLAIN_CHAT
                return Path(dialect, asking, find_translation(protocol, dialect))
        return None


def _limit_field(kind: Kind, provider: Provider) -> str:
    # OpenAI's reasoning models refuse the old name; of the servers that speak like it many know no other.
    is_openai = kind.name == "azure" or urlsplit(provider.base_url).hostname == "api.openai.com"
    return "max_completion_tokens" if is_openai else "max_tokens"


class Ready:
    """One arm made ready."""

    def __init__(
        self,
        arm: Arm,
        endpoint: Endpoint,
        snapshot: Snapshot,
        *,
        room: EmbeddingRoom | None = None,
        jinja: Renders | None = None,
        secret: bytes = b"",
    ) -> None:
        """room: for guards and examples that embed. jinja: for prompts written in it. secret: what the marks in prompts are made with."""
        self.arm = arm
        leaks = any(rule.check == "leak" for rule in arm.guards)
        canary = canary_for(secret, arm.release_id) if leaks else None
        marked = arm if canary is None else _marked(arm, canary)
        self.composer = Composer(marked)
        self._filler = filler_of(marked, room, jinja)
        systems = [message.template for message in arm.prompt if message.role == "system"]
        self.guards = Guards(arm.guards, endpoint.guard_actions, room=room, prompts=systems, canary=canary)
        refiner = Refiner(arm.refinement)
        self.refiner = refiner if refiner.is_active else None
        """What may be done to answers; None leaves them as they are."""
        self.cache_digest = arm_digest(arm, endpoint.guard_actions) if endpoint.cache.mode != "off" else b""
        """What the cache tells this arm by."""
        targets = _targets_of(arm)
        self.routes: dict[str, Route] = {}
        for target in targets:
            provider = _provider(snapshot, endpoint.project_id, target.provider)
            kind = None if provider is None else KINDS.get(provider.kind)
            if provider is not None and kind is not None:
                if target.region is None and provider.region is not None:
                    target = msgspec.structs.replace(target, region=provider.region)
                self.routes[target.key] = Route(target, provider, kind)
        self.targets = tuple(route.target for route in self.routes.values())
        self.prices = tuple({target.price for target in self.targets if target.price is not None})
        """What answers may cost; empty when no price is known."""
        self.is_priced = bool(self.targets) and all(target.price is not None for target in self.targets)
        """Whether the price is known whichever target answers."""
        self.hedges = endpoint.routing.hedge is not None
        """Whether a second request may be sent while the first is slow."""
        self.is_followed = len({holder_of(target) for arm in endpoint.arms for target in _targets_of(arm)}) > 1
        """Whether ids of responses must say who keeps them, because the endpoint asks several."""
        self._held: dict[str, tuple[Target, ...]] = {}
        self.missing = sorted({target.provider for target in targets if target.key not in self.routes})
        """Providers that targets name and nobody configured."""

    def targets_for(self, followed: Followed | None) -> tuple[Target, ...]:
        """Return the targets that can answer a request: all, or those that keep the response which it goes on from."""
        if followed is None:
            return self.targets
        held = self._held.get(followed.holder)
        if held is None:  # the same object for each request: what the fleet plans is kept by it
            held = tuple(target for target in self.targets if holder_of(target) == followed.holder)
            if held:
                self._held[followed.holder] = held
        return held

    async def compose(self, asked: Asked) -> Composed:
        """Return the upstream's request; raises Refusal (400, 503) when the prompt cannot be filled in."""
        composed = self.compose_now(asked)
        if composed is None:
            assert self._filler is not None
            composed = self.composer.compose(asked, await self._filler.fill(asked))
        return composed

    def compose_now(self, asked: Asked) -> Composed | None:
        """As `compose`, where the prompt takes no waiting; else None."""
        if self._filler is None or asked.protocol == "embeddings":
            return self.composer.compose(asked)
        return None

    @property
    def embeds(self) -> bool:
        """Whether something of this arm compares meanings."""
        return self.guards.embeds or self.arm.examples is not None

    def cost_at_most(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return what so many tokens cost at the dearest target, for these very numbers; None when no price is known."""
        if not self.prices:
            return None
        costs = (cost_usd(price, input_tokens, output_tokens) for price in self.prices)
        return max((cost for cost in costs if cost is not None), default=None)


def _targets_of(arm: Arm) -> tuple[Target, ...]:
    version = arm.model_version_id
    return arm.targets or (Target(provider=arm.provider, model=version, model_version_id=version, price=arm.price),)


def _marked(arm: Arm, canary: str) -> Arm:
    """Return the arm with the mark in its first system message, where it has one."""
    prompt = list(arm.prompt)
    for index, message in enumerate(prompt):
        if message.role == "system":
            prompt[index] = msgspec.structs.replace(message, template=with_canary(message.template, canary))
            break
    return msgspec.structs.replace(arm, prompt=tuple(prompt))


def _provider(snapshot: Snapshot, project_id: str, name: str) -> Provider | None:
    found = snapshot.providers.get((project_id, name))
    if found is None and name in BUILT_IN:
        return Provider(project_id=project_id, name=name, kind=name, private=True)
    return found
