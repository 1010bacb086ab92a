"""A real server with a scripted endpoint, and OpenAI's client on it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import openai
from openai.types import Batch

from tests.conftest import RunningServer
from tests.gateway.harness import arm, scripted, wait_for
from tests.gateway.wall import Wall
from treadle.gateway import service as gateway
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.providers.service import Surroundings, create_provider
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Arm, Endpoint, Limit, Retries, Routing, Rule, Target
from treadle.traces.pricing import Price

FINAL = ("failed", "completed", "expired", "cancelled")
CHAT: Final = "/v1/chat/completions"
ONCE = Routing(retries=Retries(attempts=1))
RULES = (
    Rule(match="slow", reply="late", delay_ms=400),
    Rule(match="bad", status=400, reply="no"),
    Rule(match=r"say (\w+)", reply=r"\1"),
    Rule(reply="parcel"),
)


class Desk:
    """What a test does batches with."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.ctx = server.platform.local_context()
        self.client = self.client_of(server.key)
        self.publish(*RULES)

    def client_of(self, key: str) -> openai.OpenAI:
        """Return the official client with a key."""
        return openai.OpenAI(base_url=f"{self.server.url}/v1", api_key=key, max_retries=0, timeout=60)

    def publish(self, *rules: Rule, price: Price | None = None) -> None:
        """Serve the endpoint 'support' by these rules, and wait until it is served."""
        self._publish(scripted(*rules, prompt=(), price=price))

    def publish_at(self, wall: Wall) -> None:
        """Serve the endpoint 'support' by the wall, asking it once for each request, and wait until it is served."""
        new = NewProvider(name="wall", kind="openai", base_url=f"{wall.url}/v1", private=True)
        around = Surroundings(self.server.platform.gatekeeper.master_keys, PrivateHosts(), _resolve)
        asyncio.run(create_provider(self.ctx, new, around))
        self._publish(arm(prompt=(), targets=(Target(provider="wall", model="m"),)), ONCE)

    def limits(self) -> tuple[Limit, ...]:
        """Return the limits that the gateway goes by."""
        assert self.server.platform.data_plane is not None
        table = self.server.platform.data_plane.live.table
        return () if table is None else table.snapshot.limits.get(self.ctx.project_id, ())

    def _publish(self, served: Arm, routing: Routing = Routing()) -> None:
        endpoint = Endpoint(project_id=self.ctx.project_id, name="support", salt="s", arms=(served,), routing=routing)
        asyncio.run(self.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))
        wait_for(lambda: self._served() == endpoint)

    def upload(self, *lines: dict[str, Any] | str) -> str:
        """Upload lines; returns the file's id."""
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        return self.client.files.create(file=("lines.jsonl", text.encode()), purpose="batch").id

    def start(self, *lines: dict[str, Any] | str, endpoint: Any = CHAT) -> Batch:
        """Start a batch over lines."""
        return self.client.batches.create(
            input_file_id=self.upload(*lines), endpoint=endpoint, completion_window="24h", metadata={"for": "test"}
        )

    def wait(self, batch: Batch, *statuses: str) -> Batch:
        """Return a batch once it has ended, or is in one of the statuses."""
        found: list[Batch] = []

        def there() -> bool:
            found[:] = [self.client.batches.retrieve(batch.id)]
            return found[0].status in (statuses or FINAL)

        wait_for(there)
        return found[0]

    def lines(self, file_id: str | None) -> dict[str, dict[str, Any]]:
        """Return the lines of an output file by custom id."""
        assert file_id is not None
        content = self.client.files.content(file_id).text
        return {line["custom_id"]: line for line in map(json.loads, content.splitlines())}

    def _served(self) -> Endpoint | None:
        assert self.server.platform.data_plane is not None
        table = self.server.platform.data_plane.live.table
        return None if table is None else table.snapshot.endpoints.get((self.ctx.project_id, "support"))


async def _resolve(host: str, port: int) -> list[str]:
    return [host]


def request(custom_id: str, text: str = "hello", **more: Any) -> dict[str, Any]:
    """Return one line."""
    body = {"model": "support", "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}
