"""Other gateways behind the same load and in front of the same upstream, from virtual environments of their own.

Each is what its documentation says to start for one worker without a database, so none of them records anything:

    python -m venv /tmp/peers && /tmp/peers/bin/pip install 'litellm[proxy]' tensorzero
    python -m venv /tmp/mlflow && /tmp/mlflow/bin/pip install 'mlflow[genai]' 'mlflow[gateway]'
    python benchmarks/gateway_overhead/run.py --peers /tmp/peers /tmp/mlflow

TensorZero is the gateway inside its Python wheel; the binary that it ships for production may be faster.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from processes import Served, family, running, wait_until

_LITELLM = """
model_list:
  - model_name: support
    litellm_params: {{model: openai/upstream, api_base: "{upstream}/v1", api_key: none}}
"""
_MLFLOW = """
endpoints:
  - name: support
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: upstream
      config: {{openai_api_key: none, openai_api_base: "{upstream}/v1"}}
"""
_TENSORZERO = """
[gateway]
observability.enabled = false
[models.support]
routing = ["upstream"]
[models.support.providers.upstream]
type = "openai"
model_name = "upstream"
api_base = "{upstream}/v1/"
api_key_location = "none"
"""
_TENSORZERO_START = (
    "import sys, time; from tensorzero import _start_http_gateway as start;"
    "gateway = start(config_file=sys.argv[1], clickhouse_url=None, postgres_url=None, valkey_url=None, async_setup=False);"
    "print(gateway.base_url, flush=True); time.sleep(1e6)"
)

Ask = Callable[[Served], None]


@contextmanager
def peers(environments: list[Path], upstream_url: str, folder: Path, ask: Ask) -> Iterator[list[Served]]:
    """Run what is installed in these environments. ask: sends one request, raises when it is not answered."""
    with ExitStack() as stack:
        found = []
        for environment in environments:
            scripts = environment / "bin"
            if (scripts / "litellm").exists():
                found.append(stack.enter_context(_litellm(scripts, upstream_url, folder, ask)))
            if (scripts / "mlflow").exists():
                found.append(stack.enter_context(_mlflow(scripts, upstream_url, folder, ask)))
            if any(environment.glob("lib/*/site-packages/tensorzero")):
                found.append(stack.enter_context(_tensorzero(scripts, upstream_url, folder, ask)))
        yield found


@contextmanager
def _litellm(scripts: Path, upstream_url: str, folder: Path, ask: Ask) -> Iterator[Served]:
    file, port = folder / "litellm.yaml", _free_port()
    file.write_text(_LITELLM.format(upstream=upstream_url))
    command = [str(scripts / "litellm"), "--config", str(file), "--port", str(port), "--num_workers", "1", "--host", "127.0.0.1",
               "--telemetry", "False"]  # fmt: skip
    key = f"sk-{secrets.token_hex(24)}"
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": key}
    environment.pop("PYTHONPATH", None)
    with running(command, env=environment, stdout=(folder / "litellm.log").open("wb"), stderr=-2) as child:
        yield _ready("LiteLLM", f"http://127.0.0.1:{port}", "support", child.pid, ask, key=key)


@contextmanager
def _mlflow(scripts: Path, upstream_url: str, folder: Path, ask: Ask) -> Iterator[Served]:
    file, port = folder / "mlflow.yaml", _free_port()
    file.write_text(_MLFLOW.format(upstream=upstream_url))
    command = [str(scripts / "mlflow"), "gateway", "start", "--config-path", str(file), "--port", str(port),
               "--workers", "1"]  # fmt: skip
    environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    with running(command, env=environment, stdout=(folder / "mlflow.log").open("wb"), stderr=-2) as child:
        yield _ready("MLflow", f"http://127.0.0.1:{port}", "support", child.pid, ask)


@contextmanager
def _tensorzero(scripts: Path, upstream_url: str, folder: Path, ask: Ask) -> Iterator[Served]:
    file = folder / "tensorzero.toml"
    file.write_text(_TENSORZERO.format(upstream=upstream_url))
    command = [str(scripts / "python"), "-c", _TENSORZERO_START, str(file)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with running(command, env=environment, stdout=-1, stderr=(folder / "tensorzero.log").open("wb")) as child:
        assert child.stdout is not None
        lines = (line.decode().strip() for line in child.stdout)  # its log comes the same way
        url = next(line for line in lines if line.startswith("http")).rstrip("/")
        parts = urlsplit(url)
        url = f"http://{parts.netloc}"
        yield _ready("TensorZero (wheel)", url, "tensorzero::model_name::support", child.pid, ask, base=parts.path)


def _ready(name: str, url: str, model: str, pid: int, ask: Ask, *, base: str = "/v1", key: str = "none") -> Served:
    served = Served(name, url, key, model, (pid,), f"{base}/chat/completions")
    wait_until(lambda: ask(served), name, 120.0)
    return served._replace(pids=family(pid))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
