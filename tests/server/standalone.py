"""`treadle gateway` as a real process over a real database, with one scripted endpoint and a key."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import openai
import psutil
import psycopg

from tests.children import child
from tests.gateway.harness import scripted
from treadle.core.clock import SystemClock
from treadle.core.settings import Settings
from treadle.gateway import service as gateway
from treadle.gateway.addresses import PrivateHosts
from treadle.gateway.providers.service import Surroundings, create_provider
from treadle.gateway.providers.types import NewProvider
from treadle.gateway.types import Arm, Endpoint, Rule
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.governance.service import create_key, ensure_local_owner
from treadle.governance.types import NewApiKey
from treadle.http.context import Context
from treadle.storage.database import Database
from treadle.storage.workspace import Workspace


class Installation:
    """A workspace and a database that a gateway can serve from, without the platform running."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.settings = Settings(workspace=folder, database_url=database_url)
        self.settings.keys_folder.mkdir(parents=True)
        self.master_keys = master_keys = MasterKeys(self.settings.keys_folder / "master.json")
        self.database = Database(database_url)
        self.database.open()
        keeper = Gatekeeper(self.database, Workspace(self.settings).blobs(), SystemClock(), master_keys)
        self.ctx: Context = keeper.local_context()
        asyncio.run(ensure_local_owner(self.database, SystemClock()))
        self.key = asyncio.run(create_key(self.ctx, NewApiKey(name="app"), master_keys)).key

    def publish(self, *arms: Arm, name: str = "support") -> None:
        """Serve an endpoint."""
        endpoint = Endpoint(project_id=self.ctx.project_id, name=name, salt="salt", arms=arms)
        asyncio.run(self.ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint)))

    def add_provider(self, name: str, base_url: str) -> None:
        """Configure a provider at a private address."""
        around = Surroundings(self.master_keys, PrivateHosts(), itself)
        new = NewProvider(name=name, kind="openai", base_url=base_url, private=True)
        asyncio.run(create_provider(self.ctx, new, around))

    def slow(self, delay_ms: float, reply: str = "parcel") -> Arm:
        """Return an arm that takes its time."""
        return scripted(Rule(reply=reply, delay_ms=delay_ms))

    def count_spans(self) -> int:
        """Return how many requests the database knows of."""
        with psycopg.connect(self.settings.database_url or "") as connection:
            row = connection.execute("select count(*) from spans where parent_span_id is null").fetchone()
            return int(row[0]) if row else 0


class Running:
    """A gateway that serves."""

    def __init__(self, process: subprocess.Popen[str], url: str, key: str) -> None:
        self.process = process
        self.url = url
        self.key = key

    def client(self) -> openai.OpenAI:
        """Return the official client, told to try nothing twice."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0, timeout=60)

    def ask(self, client: openai.OpenAI | None = None, question: str = "Where is it?") -> str:
        """Ask the endpoint once."""
        with client or self.client() as asked:
            made = asked.chat.completions.create(model="support", messages=[{"role": "user", "content": question}])
        return made.choices[0].message.content or ""

    def workers(self) -> list[int]:
        """Return the workers' process ids."""
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]


@contextmanager
def standalone(
    installation: Installation, *options: str, workers: int = 2, environment: dict[str, str] | None = None
) -> Iterator[Running]:
    """Run `treadle gateway` until the block ends; the last lines it printed are checked by the caller."""
    settings = installation.settings
    command = [sys.executable, "-m", "treadle.cli.main", "gateway", "--workers", str(workers), "--port", "0", *options]
    command += ["--workspace", str(settings.workspace), "--database", settings.database_url or ""]
    with child(command, stdout=subprocess.PIPE, text=True, env=clean_environment() | (environment or {})) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "serves at" in line, line
        yield Running(process, line.split("serves at ")[1].split()[0], installation.key)


async def itself(host: str, port: int) -> list[str]:
    """Know addresses only: each is its own."""
    return [host]


def clean_environment() -> dict[str, str]:
    """Return our environment without settings of Treadle."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TREADLE_")}


class Load:
    """Callers that ask one request after the other, each on connections of its own."""

    def __init__(self, running: Running, *, callers: int = 6) -> None:
        self.answers: queue.SimpleQueue[tuple[datetime, str]] = queue.SimpleQueue()
        self.failures: queue.SimpleQueue[tuple[datetime, Exception]] = queue.SimpleQueue()
        self._running = running
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, name=f"caller {number}") for number in range(callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _ask(self) -> None:
        client = self._running.client()
        try:
            while not self._stop.is_set():
                began = datetime.now(UTC)
                try:
                    made = client.chat.completions.create(
                        model="support", messages=[{"role": "user", "content": "Where is it?"}]
                    )
                    self.answers.put((began, made.choices[0].message.content or ""))
                except openai.OpenAIError as error:
                    self.failures.put((began, error))
                    time.sleep(0.02)
        finally:
            client.close()
