"""The platform's own figures: in Prometheus' format, documented, with bounded labels, for those who may see them."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from treadle.governance.types import NewApiKey
from treadle.server.metrics import HELP

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def metrics(server: RunningServer, **headers: str) -> str:
    """Return what a collector reads."""
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/metrics", headers=headers)) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def test_from_this_host(server: RunningServer) -> None:
    """
    Every documented figure is there after a request, in the format, and labels do not grow with what is asked.
    """
    for number in range(30):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server.url}/api/v1/traces/{number}?q=secret{number}")

    told = metrics(server)

    samples = [line for line in told.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r'[a-z_]+(\{[a-z]+="[^"]+"(,[a-z]+="[^"]+")*\})? [0-9.e+-]+', line) for line in samples)
    assert set(HELP) == {line.split()[2] for line in told.splitlines() if line.startswith("# TYPE")}
    assert 'treadle_http_requests_total{plane="api",status="4xx"} 30' in samples
    assert "treadle_up 1" in samples
    assert len(samples) < 30
    assert "secret" not in told


def test_from_elsewhere(server: RunningServer) -> None:
    """
    Through a proxy a key is asked for, and one that governs.
    """
    viewer = server.client.access.create_key(NewApiKey(name="viewer", role="viewer")).key
    proxied = {"X-Forwarded-For": "198.51.100.7"}

    codes = []
    for key in (None, viewer):
        with pytest.raises(urllib.error.HTTPError) as refused:
            metrics(server, **proxied, **({"Authorization": f"Bearer {key}"} if key else {}))
        codes.append(refused.value.code)
        refused.value.close()

    assert [401, 403] == codes
    assert "treadle_up 1" in metrics(server, **proxied, Authorization=f"Bearer {server.key}")


def test_documented() -> None:
    """
    Every figure is on the page about them.
    """
    page = PAGE.read_text("utf-8")

    assert [] == [name for name in HELP if f"`{name}`" not in page]
