"""LlamaIndex with its OpenAI-like client, which works with the gateway's base URL and key: in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.harness import Plane
from tests.gateway.site import Site, opened
from tests.gateway.wall import TEXT

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
SCRIPT = Path(__file__).parent / "clients" / "llama_index_asks.py"


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    A gateway with an endpoint for each kind of provider.
    """
    with opened(module_plane) as made:
        yield made


@pytest.mark.skipif(
    not PYTHON.exists(), reason="LlamaIndex is not installed in .venv-clients; make it with: make clients"
)
@pytest.mark.parametrize("kind", ["open", "claude", "gemini"])
def test_llama_index_asks(site: Site, kind: str) -> None:
    """
    Chat, streams, completions and tools of an application with LlamaIndex, whichever provider answers.
    """
    site.say()

    child = subprocess.run(
        [PYTHON, SCRIPT, site.plane.url, site.key, kind], capture_output=True, text=True, timeout=300, check=False
    )

    assert 0 == child.returncode, child.stderr[-2_000:]
    got = json.loads(child.stdout)
    assert [TEXT] * 4 == [got[way] for way in ("chat", "complete", "stream", "tools")]
    assert ([11, 9], True) == (got["tokens"], got["pieces"] > 5)
