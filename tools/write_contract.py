"""Writes the HTTP contract to web/openapi.json and generates the browser application's types from it.

Run it after a route or a type changed: python tools/write_contract.py. A test fails until then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from treadle.server.app import openapi

WEB = Path(__file__).resolve().parent.parent / "web"


def contract() -> str:
    """Return the contract as it is checked in: sorted, so that a change of it is all that differs."""
    return json.dumps(openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write both files; needs web/node_modules (python tools/build_web.py)."""
    (WEB / "openapi.json").write_text(contract(), encoding="utf-8")
    return subprocess.run(["npm", "run", "--silent", "api"], cwd=WEB, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
