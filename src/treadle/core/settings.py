"""Where a workspace lives and what it is told: the environment and the command line, read once at the top.

| variable              | meaning                                                        | default              |
| --------------------- | -------------------------------------------------------------- | -------------------- |
| TREADLE_WORKSPACE     | the folder that holds everything of one installation           | ./.treadle           |
| TREADLE_DATABASE_URL  | a PostgreSQL server to use instead of the embedded one         | embedded             |
| TREADLE_BLOBS_URL     | an object store (s3://, gs://, az://, file://)                  | <workspace>/blobs    |
| TREADLE_HOST          | the address to listen on                                       | 127.0.0.1            |
| TREADLE_PORT          | the port to listen on                                          | 8700                 |
| TREADLE_OTLP_GRPC_PORT | the port for OTLP over gRPC (the extra 'grpc'), usually 4317 | off                  |
| TREADLE_PRIVATE_HOSTS | private addresses that private providers may have, where others | none                 |
|                       | reach this server: names, addresses, networks, with commas      |                      |
| TREADLE_VLLM          | how vLLM is called, or the address of a server of it           | vllm serve           |
| TREADLE_PUBLIC_URL    | where people reach it behind a proxy: https://treadle.example  | as it listens        |
| TREADLE_MAX_RUNS      | how many runs work at once; turns do not count, their steps do | 2                    |
| TREADLE_RAY           | the head of a Ray cluster that batches are asked from: host:6379 | here               |
| TREADLE_GATEWAY_URL   | where that cluster's workers reach the gateway                 | the public URL       |
| TREADLE_GATEWAY_MAX_BODY_MIB | the largest request that the gateway takes, images included, in MiB | 32            |
| TREADLE_DRAIN_SECONDS | how long answers may take to end after SIGTERM, then they are cut | 30                |
| TREADLE_URL           | a running server that the CLI and SDK should talk to           | the local workspace  |
| TREADLE_API_KEY       | the key to talk to it with                                     | the workspace's own  |
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from treadle.core.errors import InvalidInput
from treadle.core.types import Record

DEFAULT_PORT = 8700
DEFAULT_MAX_RUNS = 2
DEFAULT_MAX_BODY_MIB = 32
"""As much as the most generous vendors take with images in it; a request is held in memory while it is answered."""
MOST_BODY_MIB = 1024
DEFAULT_DRAIN_SECONDS = 30
MOST_DRAIN_SECONDS = 3600
MOST_RUNS = 64
RAY_ADDRESS = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
PUBLIC_URL = re.compile(r"https?://([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")


class Settings(Record):
    """What one process of Treadle was told, complete and checked."""

    workspace: Path
    """The folder that holds database, blobs, keys and logs. Absolute."""
    database_url: str | None = None
    """postgresql://… of a server to use; None means the embedded one."""
    blobs_url: str | None = None
    """URL of an object store; None means the folder `blobs` in the workspace."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = DEFAULT_PORT
    """Port to listen on; 0 takes any free one."""
    otlp_grpc_port: int | None = None
    """Port to take OTLP over gRPC on, 0 takes any free one; None means not at all."""
    vllm: str = "vllm serve"
    """The command that starts vLLM in its own environment, or the http:// address of a server that runs."""
    private_hosts: tuple[str, ...] = ()
    """Names, addresses and networks that private providers may be at, where the server listens beyond loopback."""
    public_url: str | None = None
    """'https://host' or 'https://host:port' that people open, through a proxy; None means the address it listens on."""
    max_runs: int = DEFAULT_MAX_RUNS
    """How many runs work at once, 1 to 64; a run that takes steps does not count, its steps do. Others wait in order."""
    ray: str | None = None
    """'host:port' of the head of a Ray cluster that batches are asked from; None asks them in this process."""
    gateway_url: str | None = None
    """'https://host:port' where Ray's workers reach the gateway; None means the public URL, or the address it listens on."""

    gateway_max_body_mib: int = DEFAULT_MAX_BODY_MIB
    """The largest request that the gateway takes, in MiB, 1 to 1024."""
    drain_seconds: int = DEFAULT_DRAIN_SECONDS
    """How long answers that have begun may take to end when the server is told to stop, 0 to 3600; then they are cut."""

    @property
    def keys_folder(self) -> Path:
        """Where master keys and the local actor's API key are kept (mode 0700)."""
        return self.workspace / "keys"

    @property
    def runs_folder(self) -> Path:
        """Where running work keeps its checkpoints until it ends well."""
        return self.workspace / "runs"

    @property
    def logs_folder(self) -> Path:
        """Where the processes of this workspace write their logs."""
        return self.workspace / "logs"


def read_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Return the settings from the environment, with those given by name winning.

    Raises InvalidInput naming every value that is wrong, all at once.
    """
    env = os.environ if environment is None else environment
    given = {name: value for name, value in overrides.items() if value is not None}
    workspace = Path(str(given.get("workspace") or env.get("TREADLE_WORKSPACE") or ".treadle")).expanduser().absolute()
    faults: list[str] = []
    port_text = str(given.get("port", env.get("TREADLE_PORT", DEFAULT_PORT)))
    if not (port_text.isdigit() and int(port_text) < 65536):
        faults.append(f"port '{port_text}' is not a number from 0 to 65535")
    max_runs_text = str(given.get("max_runs", env.get("TREADLE_MAX_RUNS") or DEFAULT_MAX_RUNS))
    if not (max_runs_text.isdigit() and 1 <= int(max_runs_text) <= MOST_RUNS):
        faults.append(f"the number of runs at once '{max_runs_text}' is not a number from 1 to {MOST_RUNS}")
    body_text = str(given.get("gateway_max_body_mib", env.get("TREADLE_GATEWAY_MAX_BODY_MIB") or DEFAULT_MAX_BODY_MIB))
    if not (body_text.isdigit() and 1 <= int(body_text) <= MOST_BODY_MIB):
        faults.append(f"the gateway's largest body '{body_text}' is not a number of MiB from 1 to {MOST_BODY_MIB}")
    drain_text = str(given.get("drain_seconds", env.get("TREADLE_DRAIN_SECONDS") or DEFAULT_DRAIN_SECONDS))
    if not (drain_text.isdigit() and int(drain_text) <= MOST_DRAIN_SECONDS):
        faults.append(f"the drain '{drain_text}' is not a number of seconds from 0 to {MOST_DRAIN_SECONDS}")
    grpc_text = str(given.get("otlp_grpc_port", env.get("TREADLE_OTLP_GRPC_PORT") or ""))
    if grpc_text and not (grpc_text.isdigit() and int(grpc_text) < 65536):
        faults.append(f"the port for OTLP over gRPC '{grpc_text}' is not a number from 0 to 65535")
    database_url = given.get("database_url") or env.get("TREADLE_DATABASE_URL") or None
    if database_url and not str(database_url).startswith(("postgresql://", "postgres://")):
        faults.append("the database URL must start with postgresql://")
    private_hosts = str(given.get("private_hosts") or env.get("TREADLE_PRIVATE_HOSTS") or "")
    public_url = str(given.get("public_url") or env.get("TREADLE_PUBLIC_URL") or "").rstrip("/")
    if public_url and not PUBLIC_URL.fullmatch(public_url):
        faults.append(f"the public URL '{public_url}' is not like https://treadle.example, without a path")
    gateway_url = str(given.get("gateway_url") or env.get("TREADLE_GATEWAY_URL") or "").rstrip("/")
    if gateway_url and not PUBLIC_URL.fullmatch(gateway_url):
        faults.append(f"the gateway's URL '{gateway_url}' is not like http://gateway.internal:8700, without a path")
    ray = str(given.get("ray") or env.get("TREADLE_RAY") or "")
    if ray and not RAY_ADDRESS.fullmatch(ray):
        faults.append(f"the Ray address '{ray}' is not like head.internal:6379, without a scheme")
    if faults:
        raise InvalidInput("; ".join(faults) + "; see: treadle up --help", code="settings.invalid")
    return Settings(
        workspace=workspace,
        database_url=str(database_url) if database_url else None,
        blobs_url=str(given.get("blobs_url") or env.get("TREADLE_BLOBS_URL") or "") or None,
        host=str(given.get("host") or env.get("TREADLE_HOST") or "127.0.0.1"),
        port=int(port_text),
        otlp_grpc_port=int(grpc_text) if grpc_text else None,
        vllm=env.get("TREADLE_VLLM") or "vllm serve",
        private_hosts=tuple(each.strip() for each in private_hosts.split(",") if each.strip()),
        max_runs=int(max_runs_text),
        public_url=public_url or None,
        ray=ray or None,
        gateway_url=gateway_url or None,
        gateway_max_body_mib=int(body_text),
        drain_seconds=int(drain_text),
    )
