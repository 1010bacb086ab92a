"""The documentation cannot lie: its code runs, its tables follow the code, its commands exist."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from tests.conftest import RunningServer
from treadle.cli.main import COMMANDS
from treadle.core.settings import read_settings
from treadle.gateway import service as gateway
from treadle.gateway.limits import refusing
from treadle.gateway.types import Arm, Endpoint, Rule

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL), start=1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_code_block_runs(server: RunningServer, block: str) -> None:
    """
    Every Python block of the documentation runs as it stands, against a server with an endpoint named 'support'.
    """
    context = server.platform.local_context()
    arm = Arm(
        release_id="rel_doc",
        model_version_id="mdv_doc",
        role="stable",
        weight=1.0,
        provider="scripted",
        script=(Rule(match=".*", reply="parcel"),),
    )
    endpoint = Endpoint(project_id=context.project_id, name="support", salt="docs", arms=(arm,))
    anyio.run(context.db.write, lambda db: gateway.publish_endpoint(db, endpoint))
    _wait_until_served(server, context.project_id)
    program = block.replace("http://127.0.0.1:8700", server.url).replace("tdl_…", server.key)

    environment = os.environ | {"TREADLE_URL": server.url, "TREADLE_API_KEY": server.key}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=180, check=False
    )

    assert 0 == done.returncode, done.stderr


def _wait_until_served(server: RunningServer, project_id: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.platform.data_plane is not None
        table = server.platform.data_plane.live.table
        if table is not None and (project_id, "support") in table.snapshot.endpoints:
            return
        time.sleep(0.02)
    raise AssertionError(f"the gateway does not serve 'support' of {project_id}")


def test_reference_follows_the_code() -> None:
    """
    Every error code and every command is documented.
    """
    done = subprocess.run(
        [sys.executable, "tools/write_reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr


def test_every_code_of_the_gateway_is_documented() -> None:
    """
    Whatever code the data plane can refuse with, with the status it comes with, is on the gateway's page.
    """
    page = (ROOT / "docs" / "gateway.md").read_text("utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]

    missing = [
        f"{code} ({status})"
        for code, status in sorted(_gateway_codes())
        if not any(f"`{code}`" in row and (status is None or str(status) in row) for row in rows)
    ]

    assert [] == missing


def _gateway_codes() -> Iterator[tuple[str, int | None]]:
    """Yield the codes of every refusal that the gateway makes; a status that depends is None."""
    for path in (ROOT / "src" / "treadle" / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            first = {"Refusal": 0, "LimitRefusal": 2}.get(getattr(getattr(node, "func", None), "id", ""))
            if isinstance(node, ast.Call) and first is not None and len(node.args) > first + 1:
                status, code = node.args[first : first + 2]
                if isinstance(code, ast.Constant):
                    yield str(code.value), status.value if isinstance(status, ast.Constant) else None  # type: ignore[misc]
    yield from ((code, 429) for code in refusing._CODES.values())


def test_every_command_that_is_named_exists() -> None:
    """
    Commands that messages and pages tell people to type are there: noun and verb.
    """
    from treadle.cli.main import cli

    verbs = {}
    for name in COMMANDS:
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        verbs[name] = set(getattr(command, "commands", {}))
    texts = [
        path.read_text("utf-8")
        for path in (*PAGES, *(ROOT / "src").rglob("*.py"), *(ROOT / "web" / "src").rglob("*.tsx"))
    ]
    named = {
        found
        for text in texts
        for found in re.findall(r"treadle ([a-z]+)(?: ([a-z][a-z-]+))?(?=[ `'\"\n.;,)$]|$)", text)
    }
    wrong = sorted(
        f"treadle {noun} {verb}".strip()
        for noun, verb in named
        if (noun in verbs and verbs[noun] and verb and verb not in verbs[noun])
        or (noun not in verbs and verb in {"list", "show", "start", "create", "status"})
    )

    assert [] == wrong


def test_every_setting_is_documented() -> None:
    """
    Every environment variable that settings read is in the documentation.
    """
    names = set(re.findall(r"TREADLE_[A-Z_]+", (ROOT / "src" / "treadle" / "core" / "settings.py").read_text("utf-8")))
    page = (ROOT / "docs" / "workspace.md").read_text("utf-8")

    assert set() == {name for name in names if name not in page}
    assert read_settings({}).port == 8700


def test_links_lead_somewhere() -> None:
    """
    Links between pages name files that are there.
    """
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]

    assert [] == broken
