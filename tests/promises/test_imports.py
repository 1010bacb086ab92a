"""Importing is free: no heavy module, no socket, no disk, and fast."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9._-]+")
HEAVY = ("torch", "transformers", "polars", "fastapi", "psycopg", "dbos", "numpy", "pydantic", "httpx2")
SERVER_NEVER = ("torch", "transformers", "trl", "datasets", "polars", "pandas", "openai", "xllamacpp", "scipy")
BUDGET_SECONDS = 0.2


def test_import_treadle_is_light() -> None:
    """
    `import treadle` loads nothing heavy, and its CPU time stays under the stated 0.2 s.
    """
    program = f"import sys, time, treadle; print(time.process_time()); print(sorted(set({HEAVY}) & set(sys.modules)))"

    seconds, loaded = min(_run(program) for _ in range(3))

    assert "[]" == loaded
    assert float(seconds) < BUDGET_SECONDS


def test_help_is_light() -> None:
    """
    The command line's help loads neither the server nor the SDK.
    """
    program = "import sys; import treadle.cli.main; print(0); print(sorted({'fastapi', 'httpx2', 'treadle.server.platform'} & set(sys.modules)))"

    assert "[]" == _run(program)[1]


def test_server_is_light() -> None:
    """
    The server process never loads what belongs into workers.
    """
    program = f"import sys; import treadle.server.app; print(0); print(sorted(set({SERVER_NEVER}) & set(sys.modules)))"

    assert "[]" == _run(program)[1]


def test_gateway_worker_is_light() -> None:
    """
    A worker of the gateway loads neither what only the platform's routes need, nor what only providers over TLS do.
    """
    never = ("fastapi", "starlette", "aiohttp", *SERVER_NEVER)
    program = (
        f"import sys; import treadle.server.gateway_worker; print(0); print(sorted(set({never}) & set(sys.modules)))"
    )

    assert "[]" == _run(program)[1]


def test_what_fields_mean_is_read_late() -> None:
    """
    What the fields of a type mean is read when the contract is written, but for those that FastAPI or the catalogue of judges
    takes apart; no field of a page is without a meaning.
    """
    import treadle.server.app
    from treadle.core.types import Page, Record

    early = [one for one in _heirs(Record) if one.model_config.get("use_attribute_docstrings")]
    schemas = treadle.server.app.openapi()["components"]["schemas"]
    pages = {name: schema["properties"] for name, schema in schemas.items() if name.startswith("Page_")}
    unsaid = [f"{page}.{name}" for page in pages for name, field in pages[page].items() if "description" not in field]

    assert len(pages) > 40
    assert [] == unsaid
    assert len(early) < 30
    assert [] == [one for one in early if issubclass(one, Page)]


def _heirs(kind: Any) -> Iterator[Any]:
    for heir in kind.__subclasses__():
        yield heir
        yield from _heirs(heir)


def test_base_install_talks_to_servers() -> None:
    """
    With the base install alone every room of the SDK and the command line loads, a server elsewhere is reached for, and what
    needs more says what to install.
    """
    rooms = "import pkgutil, importlib, treadle.client.client, treadle.cli; [importlib.import_module(room.name) for room in pkgutil.iter_modules(treadle.cli.__path__, 'treadle.cli.')]"
    command = "import sys; from treadle.cli.main import main; sys.argv = {}; main()"

    loaded = _run_bare(rooms)
    elsewhere = _run_bare(command.format(["treadle", "run", "list"]), TREADLE_URL="http://127.0.0.1:9")
    here = _run_bare(command.format(["treadle", "up"]))

    assert (0, "") == (loaded.returncode, loaded.stderr)
    assert (7, True) == (elsewhere.returncode, "no Treadle answers at" in elsewhere.stderr)
    assert (3, True) == (here.returncode, "pip install 'treadle[server]'" in here.stderr)


def _run_bare(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python in which the packages of the extras cannot be imported."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = {_plain(NAME.match(need)[0]) for extra in ("server", "train", "embeddings") for need in extras[extra]}  # type: ignore[index]
    wanted = named - {"anyio"}  # httpx2 brings it along
    blocked = {
        module
        for module, packages in packages_distributions().items()
        if any(_plain(one) in wanted for one in packages)
    }
    block = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {sorted(blocked)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREADLE_")}
    return subprocess.run(
        [sys.executable, "-c", block + program],
        capture_output=True,
        text=True,
        check=False,
        env={**kept, **environment},
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(program: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    return first, second
