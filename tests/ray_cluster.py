"""A real Ray cluster of one processor on this machine, in a process of its own; it ends when its standard input does."""

from __future__ import annotations

import importlib.util
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.children import ends

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'treadle[ray]'"
)
HEAD = """
import sys
import ray
ray.init(num_cpus=1, include_dashboard=False, object_store_memory=80_000_000, log_to_driver=False, _temp_dir=sys.argv[1])
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
ray.shutdown()
"""


class Cluster:
    """One that runs."""

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self._pid = pid

    def workers(self) -> list[psutil.Process]:
        """Return the processes that do Treadle's work."""
        found = psutil.Process(self._pid).children(recursive=True)
        return [each for each in found if _title(each).startswith("ray::Worker")]


@contextmanager
def ray_cluster(patch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Run a cluster whose token is in this process's environment until the block ends."""
    patch.setenv("RAY_AUTH_MODE", "token")
    patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(24))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Paths of its sockets must be short.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", HEAD, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, "Ray did not start"
            yield Cluster(address, process.pid)
        finally:
            process.stdin.close()
            ends(process)  # or is ended: how long Ray takes to go is not what is tested


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
