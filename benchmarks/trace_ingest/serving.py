"""A whole server in a folder, as `treadle up` runs it, in a process of its own: one line of JSON with url, key, pid, database.

python serving.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from treadle.core.settings import Settings
from treadle.server.platform import Platform
from treadle.server.serve import serve


def main() -> None:
    """Serve until told to stop."""

    def tell(platform: Platform, url: str) -> None:
        facts = {"url": url, "key": platform.local_key, "pid": os.getpid(), "database": platform.database.url}
        print(json.dumps(facts), flush=True)

    serve(Settings(workspace=Path(sys.argv[1]) / "workspace", port=0), on_ready=tell)


if __name__ == "__main__":
    main()
