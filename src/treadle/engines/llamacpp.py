"""The llama.cpp child: `python -m treadle.engines.llamacpp --model FILE --alias NAME` serves one GGUF on loopback.

Speaks the OpenAI protocol (`/v1/chat/completions`, `/health`). Prints one JSON line when ready,
`{"port": 40123, "pid": 77}`, or `{"error": "..."}` and exit code 3 when the file cannot be served, and ends with its
parent. Imports the standard library and xllamacpp only (and core-free rooms of this slice), so that one engine of a
2M-parameter model stays near 40 MB resident. Settings below were measured on two cores; see `design/engines.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from treadle.engines.header import BadModelFile, read_header

SMALL_MODEL_BYTES = 64 * 1024 * 1024
"""Below this size one thread per engine answers fastest: waking a second one costs more than the work it takes."""
READY_TIMEOUT_SECONDS = 120.0
CANNOT_SERVE = 3
"""Exit code: the file will not become servable by trying again."""


def main(argv: list[str] | None = None) -> NoReturn:
    """Serve until told to stop or until the parent is gone."""
    options = parse(argv)
    # Told rather than asked for: a parent that was killed while we started is not our parent any more.
    parent = options.parent or os.getppid()
    die_with_parent(parent)
    try:
        header = read_header(Path(options.model))
        context = min(int(header.context_length or options.max_context), options.max_context)
        server = start(options, context=context)
        port = int(server.listening_address.rsplit(":", 1)[1])
        wait_ready(port)
        warm_up(port, options.alias)
    except BadModelFile as error:
        fail(str(error))
    except Exception as error:
        fail(f"llama.cpp could not serve '{options.model}': {error}")
    print(json.dumps({"port": port, "pid": os.getpid(), "context_length": context}), flush=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(1.0):
        if os.getppid() != parent:
            break
    os._exit(0)  # llama.cpp's own shutdown waits for open streams; the supervisor has drained them


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m treadle.engines.llamacpp", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", required=True, help="the GGUF file")
    parser.add_argument("--alias", required=True, help="the name that clients send as `model`")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--slots", type=int, default=4, help="requests decoded together")
    parser.add_argument("--parent", type=int, default=0, help="process whose end ends this one")
    parser.add_argument("--max-context", type=int, default=8192, help="tokens per request at most")
    parser.add_argument("--threads", type=int, default=0, help="0 decides by the model's size")
    return parser.parse_args(argv)


def start(options: argparse.Namespace, *, context: int) -> Any:
    """Load the model and open the port. Raises whatever llama.cpp raises."""
    import xllamacpp

    is_small = Path(options.model).stat().st_size < SMALL_MODEL_BYTES
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = options.port
    params.n_ctx = context * options.slots
    params.n_parallel = options.slots
    params.n_batch = params.n_ubatch = min(512, context * options.slots)
    params.cpuparams.n_threads = options.threads or (1 if is_small else os.cpu_count() or 1)
    params.cpuparams_batch.n_threads = params.cpuparams.n_threads
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.n_threads_http = 4
    params.cache_ram_mib = 0
    params.n_ctx_checkpoints = 0
    params.fit_params = False
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = True  # how many requests run: an engine is drained by it
    params.verbosity = 0
    params.use_jinja = True
    return xllamacpp.Server(params)


def wait_ready(port: int) -> None:
    """Poll `/health` until it says ok."""
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if ask(port, "GET", "/health") == 200:
                return
        time.sleep(0.02)
    raise TimeoutError(f"not healthy after {READY_TIMEOUT_SECONDS:.0f} s")


def warm_up(port: int, alias: str) -> None:
    """Ask for one token the way clients will, so that the first of them does not pay for caches and templates."""
    body = {"model": alias, "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1, "temperature": 0}
    status = ask(port, "POST", "/v1/chat/completions", json.dumps(body).encode())
    if status != 200:
        raise RuntimeError(f"a warm-up request was answered with status {status}")


def ask(port: int, method: str, path: str, body: bytes = b"") -> int:
    """Send one request over a plain socket and return the status; `http.client` would cost 8 MB of imports."""
    with socket.create_connection(("127.0.0.1", port), timeout=READY_TIMEOUT_SECONDS) as line:
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        reply = b""
        while chunk := line.recv(65_536):
            reply += chunk
    return int(reply.split(b" ", 2)[1])


def die_with_parent(parent: int) -> None:
    """On Linux ask the kernel to end this process when its parent ends; elsewhere the loop in `main` watches."""
    if sys.platform == "linux":
        set_death_signal = 1  # PR_SET_PDEATHSIG
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def fail(message: str) -> NoReturn:
    """Tell the supervisor why, in its own words, and end."""
    print(json.dumps({"error": message}), flush=True)
    os._exit(CANNOT_SERVE)


if __name__ == "__main__":
    main()
