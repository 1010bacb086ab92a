"""What can go wrong with an installation and its workspace, checked one by one, each with how to mend it.

Starts nothing that stays: the database is looked at through the running server, or started and stopped again.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import psycopg

from treadle.core.errors import TreadleError
from treadle.core.settings import Settings
from treadle.core.types import Record
from treadle.embeddings.installed import lacking
from treadle.embeddings.types import HOW_TO_INSTALL
from treadle.gateway.batches.asking import WORKER as RAY_WORKER
from treadle.jobs.ray_pool import PoolFacts, open_pool
from treadle.server.shell import WEB_FOLDER
from treadle.storage.embedded import EmbeddedPostgres
from treadle.storage.holder import is_held, running_server

MIN_FREE_BYTES = 1 << 30
SERVER_PACKAGES = ("fastapi", "uvicorn", "dbos", "psycopg", "obstore", "polars", "xllamacpp")
TRAIN_PACKAGES = ("torch", "transformers", "trl", "peft", "gguf")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Check(Record):
    """One thing that was looked at."""

    name: str
    """What."""
    status: Literal["ok", "warning", "failed"]
    """Failed: the platform cannot run so. Warning: something will be missing or is risky."""
    found: str
    """What was found."""
    mend: str | None = None
    """What to do about it; None when all is well."""


def examine(settings: Settings) -> list[Check]:
    """Look at everything; never raises."""
    return [
        check
        for look in (
            _python,
            _packages,
            _workspace,
            _disk,
            _port,
            _database,
            _engine,
            _text_model,
            _gpu,
            _ray,
            _web,
            _exposure,
            _start_hooks,
        )
        for check in _safely(look, settings)
    ]


def _safely(look: Callable[[Settings], Iterator[Check]], settings: Settings) -> Iterator[Check]:
    try:
        yield from look(settings)
    except Exception as error:  # the border of a check: a broken check is a finding, not a crash
        yield Check(
            name=look.__name__.strip("_"),
            status="warning",
            found=f"could not be checked: {type(error).__name__}: {error}",
            mend="report this",
        )


def _python(settings: Settings) -> Iterator[Check]:
    version = platform.python_version()  # the package itself does not install on one that is too old
    yield Check(name="Python", status="ok", found=f"{version} on {platform.system()} {platform.machine()}")


def _packages(settings: Settings) -> Iterator[Check]:
    for extra, names in (("server", SERVER_PACKAGES), ("train", TRAIN_PACKAGES)):
        missing = [name for name in names if importlib.util.find_spec(name) is None]
        if missing:
            status: Literal["failed", "warning"] = "failed" if extra == "server" else "warning"
            yield Check(
                name=f"extra '{extra}'",
                status=status,
                found=f"missing: {', '.join(missing)}",
                mend=f"pip install 'treadle[{extra}]'",
            )
        else:
            versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names[:3])
            yield Check(name=f"extra '{extra}'", status="ok", found=f"{versions} …")


def _workspace(settings: Settings) -> Iterator[Check]:
    folder = settings.workspace
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(place, os.W_OK):
        yield Check(
            name="workspace",
            status="failed",
            found=f"'{folder}' cannot be written",
            mend="set TREADLE_WORKSPACE to a folder of yours",
        )
        return
    exposed = [path for path in settings.keys_folder.glob("*") if path.stat().st_mode & 0o077]
    if exposed:
        yield Check(
            name="workspace", status="failed", found=f"others can read {exposed[0]}", mend=f"chmod 600 {exposed[0]}"
        )
        return
    holder = running_server(folder)
    state = (
        f"served at {holder['url']} (process {holder['pid']})"
        if holder
        else ("in use by a command" if is_held(folder) else "not served now")
    )
    yield Check(
        name="workspace", status="ok", found=f"'{folder}', {state}" if folder.exists() else f"'{folder}' will be made"
    )


def _disk(settings: Settings) -> Iterator[Check]:
    place = next(path for path in (settings.workspace, *settings.workspace.parents) if path.exists())
    usage = shutil.disk_usage(place)
    found = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB"
    if usage.free < MIN_FREE_BYTES:
        yield Check(
            name="disk",
            status="failed",
            found=found,
            mend="free at least 1 GB, or set TREADLE_WORKSPACE to another disk",
        )
    else:
        yield Check(name="disk", status="ok", found=found)


def _port(settings: Settings) -> Iterator[Check]:
    holder = running_server(settings.workspace)
    if holder is not None:
        yield Check(name="port", status="ok", found=f"this workspace's server has {holder['url']}")
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            yield Check(
                name="port",
                status="failed",
                found=f"{settings.host}:{settings.port}: {error.strerror}",
                mend="treadle up --port OTHER",
            )
            return
    yield Check(name="port", status="ok", found=f"{settings.host}:{settings.port} is free")


def _database(settings: Settings) -> Iterator[Check]:
    server = None
    try:
        if settings.database_url:
            url = settings.database_url
        elif is_held(settings.workspace):
            yield Check(name="database", status="ok", found="embedded, in use by the running server")
            return
        elif not (settings.workspace / "postgres").exists():
            yield Check(name="database", status="ok", found="embedded, will be made at the first start")
            return
        else:
            server = EmbeddedPostgres(settings.workspace / "postgres", log_file=settings.logs_folder / "postgres.log")
            server.start()
            url = server.url()
        started = time.monotonic()
        with psycopg.connect(url, connect_timeout=5) as connection:
            row = connection.execute(
                "select current_setting('server_version'), pg_database_size(current_database())"
            ).fetchone()
        assert row is not None
        took_ms = (time.monotonic() - started) * 1000
        yield Check(
            name="database",
            status="ok",
            found=f"PostgreSQL {row[0]}, {row[1] / 1e6:.0f} MB, answers in {took_ms:.0f} ms",
        )
    except (TreadleError, psycopg.Error) as error:
        yield Check(
            name="database",
            status="failed",
            found=str(error).splitlines()[0],
            mend=f"look into {settings.logs_folder / 'postgres.log'}",
        )
    finally:
        if server is not None:
            server.stop()


def _engine(settings: Settings) -> Iterator[Check]:
    done = subprocess.run(
        [sys.executable, "-c", "import xllamacpp"], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        yield Check(
            name="engine llama.cpp", status="ok", found=f"xllamacpp {importlib.metadata.version('xllamacpp')} loads"
        )
    else:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        yield Check(
            name="engine llama.cpp", status="failed", found=said, mend="pip install --force-reinstall xllamacpp"
        )


def _text_model(settings: Settings) -> Iterator[Check]:
    lacks = lacking()
    if not lacks:
        yield Check(name="text model", status="ok", found="all-MiniLM-L6-v2 is installed")
        return
    yield Check(
        name="text model",
        status="warning",
        found=f"missing: {', '.join(lacks)}; guards on topics, classifiers of attacks and similar cached answers do not work",
        mend=HOW_TO_INSTALL,
    )


def _gpu(settings: Settings) -> Iterator[Check]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Check(name="GPU", status="ok", found="none; training and serving use the processor")
        return
    asked = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        yield Check(name="GPU", status="warning", found="nvidia-smi does not answer", mend="check the driver")
    else:
        yield Check(name="GPU", status="ok", found="; ".join(done.stdout.strip().splitlines()))


def _ray(settings: Settings) -> Iterator[Check]:
    if settings.ray is None:
        return
    try:
        facts = asyncio.run(_ray_facts(settings.ray))
    except TreadleError as error:
        yield Check(
            name="Ray",
            status="failed",
            found=error.message,
            mend="start the cluster, or leave --ray and TREADLE_RAY out",
        )
        return
    machines = "1 machine" if facts.nodes == 1 else f"{facts.nodes} machines"
    found = f"{settings.ray}, version {facts.version}: {machines}, {facts.cpus} processors; takes {facts.places} requests at once"
    yield Check(name="Ray", status="ok", found=found)


async def _ray_facts(address: str) -> PoolFacts:
    async with open_pool(address, RAY_WORKER) as pool:
        return pool.facts


def _web(settings: Settings) -> Iterator[Check]:
    if (WEB_FOLDER / "index.html").exists():
        yield Check(name="web pages", status="ok", found="built")
    else:
        yield Check(
            name="web pages",
            status="warning",
            found="not built: only the API and the command line work",
            mend="make web",
        )


def _exposure(settings: Settings) -> Iterator[Check]:
    if settings.host in LOOPBACK:
        yield Check(name="exposure", status="ok", found=f"listens on {settings.host} only; every route asks for a key")
    else:
        yield Check(
            name="exposure",
            status="warning",
            found=f"listens on {settings.host}: reachable by others without encryption (every route asks for a key)",
            mend="put a TLS proxy in front, or listen on 127.0.0.1",
        )


def _start_hooks(settings: Settings) -> Iterator[Check]:
    """Lines of .pth files run at every start of Python: the way a poisoned package got its code run in 2026."""
    known = ("distutils-precedence.pth", "_virtualenv.pth", "__editable__", "a1_coverage.pth", "_treadle.pth")
    odd = [
        path.name
        for folder in {Path(place) for place in sys.path if place.endswith("site-packages")}
        for path in folder.glob("*.pth")
        if not path.name.startswith(known)
        and any(line.startswith(("import ", "import\t")) for line in path.read_text(errors="replace").splitlines())
    ]
    if odd:
        yield Check(
            name="start hooks",
            status="warning",
            found=f"{', '.join(sorted(odd))} run code whenever Python starts",
            mend="make sure that you know them",
        )
    else:
        yield Check(name="start hooks", status="ok", found="no package runs code when Python starts")
