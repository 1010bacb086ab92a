"""A gateway with an endpoint for each kind of provider, all of them at one wall: what tests with official clients ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import anthropic
import openai

from tests.gateway.harness import Plane
from tests.gateway.upstreams import provide, publish, serve, served_by
from tests.gateway.wall import Fault, Seen, Wall
from treadle.gateway.types import Arm, PromptMessage, Routing, Target

KINDS = {"open": "openai", "azure": "azure", "claude": "anthropic", "gemini": "gemini", "bedrock": "bedrock"}
"""Name of the provider, of its endpoint and of its model; and its kind."""
ALL = tuple(KINDS)
IMAGE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""


class Site:
    """The gateway under test, and clients of it."""

    def __init__(self, plane: Plane, wall: Wall) -> None:
        self.plane = copy(plane)
        """Stays with its project when the module's plane goes on to another."""
        self.wall = wall
        self.key = plane.create_key().key
        self.openai = openai.OpenAI(base_url=f"{plane.url}/v1", api_key=self.key, max_retries=0, timeout=30)
        self.anthropic = anthropic.Anthropic(base_url=plane.url, api_key=self.key, max_retries=0, timeout=30)

    def say(self, **fault: Any) -> None:
        """Have every model answer so from now on, and forget what was asked."""
        self.wall.behave("*", Fault(**fault))
        self.wall.requests.clear()

    def serve(self, name: str, provider: str, *, arm: dict[str, Any], **more: Any) -> Arm:
        """Publish another endpoint of a provider, by a target of its own; return its arm."""
        served = serve(self.plane, name, Target(provider=provider, model=name), arm_=arm, **more)
        return served.arms[0]

    @property
    def asked(self) -> Seen:
        """The last request that the wall was sent."""
        return self.wall.requests[-1]

    def close(self) -> None:
        """Close the clients."""
        self.openai.close()
        self.anthropic.close()


@contextmanager
def opened(plane: Plane) -> Iterator[Site]:
    """Configure the providers in the plane's project and publish their endpoints."""
    with Wall(strict=True) as wall:
        for name, kind in KINDS.items():
            provide(plane, wall, name, kind)
        publish(plane, [served_by(plane, name, Target(provider=name, model=name), routing=Routing()) for name in KINDS])
        site = Site(plane, wall)
        yield site
        site.close()


PROMPT = (
    PromptMessage(role="system", template="Answer in {{language}}."),
    PromptMessage(role="user", template="Question: {{input}}"),
)
