"""A Treadle server with a dataset and an endpoint whose provider is the upstream, in a process of its own.

argv: folder of the workspace, URL of the upstream, number of rows. Prints one line of JSON: url, key, version, database.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

from treadle.core.settings import Settings
from treadle.data import service as data
from treadle.data.files import VersionWriter
from treadle.gateway import service as gateway
from treadle.gateway.types import Arm, Endpoint, Target
from treadle.server.platform import Platform
from treadle.server.serve import serve

EXPECTED = "Your card was sent on Monday and should be with you within five working days. " * 4


def question(number: int) -> str:
    """Return what a row asks."""
    return f"Where is my card, please? I ordered it {number} days ago."


async def _prepare(platform: Platform, folder: Path, rows: int) -> str:
    ctx = platform.local_context()
    arm = Arm(
        release_id="rel_bench", role="stable", weight=1.0, model_version_id="mdv_bench",
        parameters={"temperature": 0}, targets=(Target(provider="up", model="upstream"),),
    )  # fmt: skip
    endpoint = Endpoint(project_id=ctx.project_id, name="bench", salt="s", arms=(arm,))
    await ctx.db.write(lambda db: gateway.publish_endpoint(db, endpoint))
    writer = VersionWriter(folder)
    for number in range(rows):
        writer.add(question(number), EXPECTED)
    written = writer.finish()
    made = {
        "digest": written.digest, "num_rows": rows, "parts": {}, "num_labels": 1, "recipe": {"operation": "import"},
        "examples": str(written.path),
    }  # fmt: skip
    version, _ = await data.keep_version(ctx, "bench", dict(made), run_id="run_bench")
    return version.version_id


def main() -> None:
    """Serve until killed."""
    folder, rows = Path(sys.argv[1]), int(sys.argv[2])

    def tell(platform: Platform, url: str) -> None:
        version = asyncio.run(_prepare(platform, folder, rows))
        facts = {"url": url, "key": platform.local_key, "version": version, "database": platform.database.url}
        print(json.dumps(facts), flush=True)

    def on_ready(platform: Platform, url: str) -> None:
        threading.Thread(target=tell, args=(platform, url)).start()

    serve(Settings(workspace=folder / "workspace", port=0), on_ready=on_ready)


if __name__ == "__main__":
    main()
