"""The product's data plane as its own process, served as `treadle gateway` serves it: everything on.

Real PostgreSQL, key check, a limit on requests and one on tokens, routing with two arms of a rollout, prompt, trace
recording. Prepares all that and starts `worker.py`, the process that is measured. Prints one line of JSON: url, key, pid.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import uvloop

from treadle.core.clock import SystemClock
from treadle.core.settings import Settings
from treadle.gateway import service
from treadle.gateway.limits.service import set_limit
from treadle.gateway.limits.types import SetLimit
from treadle.gateway.types import Arm, Endpoint, PromptMessage, Role
from treadle.governance.envelope import MasterKeys
from treadle.governance.gatekeeper import Gatekeeper
from treadle.governance.service import create_key, ensure_local_owner
from treadle.governance.types import NewApiKey
from treadle.server.slices import MIGRATIONS
from treadle.storage.database import Database
from treadle.storage.migrations import migrate
from treadle.storage.workspace import Workspace

HERE = Path(__file__).parent
PROMPT = (
    PromptMessage(role="system", template="You help customers of a bank. Answer in one short paragraph."),
    PromptMessage(role="user", template="Message: {{input}}\nAnswer:"),
)
AMPLE = 1_000_000_000


def main() -> None:
    """Serve until killed. argv: the upstream's URL."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Settings(workspace=Path(folder) / "workspace"))
        url = workspace.open()
        try:
            database, keys_file = Database(url), Path(folder) / "master.json"
            key = uvloop.run(_prepare(database, workspace, MasterKeys(keys_file)))
            database.close()
            orders = {
                "database_url": url,
                "keys_file": str(keys_file),
                "spool_folder": str(Path(folder) / "spool"),
                "upstream_url": sys.argv[1],
            }
            _serve(json.dumps(orders), key)
        finally:
            workspace.close()


async def _prepare(database: Database, workspace: Workspace, master_keys: MasterKeys) -> str:
    """Set up what is served; return a key to call it with."""
    migrate(database.url, MIGRATIONS)
    database.open()
    clock = SystemClock()
    await ensure_local_owner(database, clock)
    ctx = Gatekeeper(database, workspace.blobs(), clock, master_keys).local_context()
    shares: tuple[tuple[Role, float], ...] = (("stable", 0.9), ("candidate", 0.1))
    arms = [
        Arm(release_id=f"rel_{role}", role=role, weight=weight, model_version_id="mdv_1", prompt=PROMPT,
            parameters={"temperature": 0, "max_tokens": 64})
        for role, weight in shares
    ]  # fmt: skip
    endpoint = Endpoint(
        project_id=ctx.project_id,
        name="support",
        salt="s",
        arms=tuple(arms),
        rollout_id="rlt_1",
    )
    await ctx.db.write(lambda db: service.publish_endpoint(db, endpoint))
    await set_limit(ctx, SetLimit(scope="key", unit="requests", amount=AMPLE, window="day"))
    await set_limit(ctx, SetLimit(scope="endpoint", unit="tokens", amount=AMPLE, window="day"))
    return (await create_key(ctx, NewApiKey(name="bench"), master_keys)).key


def _serve(orders: str, key: str) -> None:
    """Run the worker until told to end, then let it finish."""
    worker = subprocess.Popen(
        [sys.executable, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(f"{orders}\n")
        worker.stdin.flush()
        for line in worker.stdout:  # first its facts, then its counters whenever it is asked for them
            said = json.loads(line)
            print(json.dumps({**said, "key": key} if "url" in said else said), flush=True)
    finally:
        worker.terminate()
        worker.wait(timeout=20)


if __name__ == "__main__":
    main()
