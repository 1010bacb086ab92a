"""Serve the GGUF beside this file in OpenAI's protocol until told to stop. Needs xllamacpp and nothing else.

This is the program of an exported release's container; it knows nothing of Treadle. Environment: MODEL_FILE, MODEL_NAME,
MODEL_CONTEXT (tokens per request), MODEL_SLOTS (requests decoded together), HOST, PORT.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Load the model, open the port, and wait for SIGTERM."""
    import xllamacpp

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    environment = os.environ
    slots = int(environment.get("MODEL_SLOTS", "4"))
    params = xllamacpp.CommonParams()
    params.model.path = environment.get("MODEL_FILE") or str(Path(__file__).with_name("model.gguf"))
    params.model_alias = {environment.get("MODEL_NAME", "model")}
    params.hostnames = [environment.get("HOST", "0.0.0.0")]
    params.port = int(environment.get("PORT", "8080"))
    params.n_ctx = int(environment.get("MODEL_CONTEXT", "4096")) * slots
    params.n_parallel = slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = len(os.sched_getaffinity(0))
    params.fit_params = False
    params.ui = False
    params.endpoint_slots = False
    params.use_jinja = True
    server = xllamacpp.Server(params)
    print(f"serving {params.model.path} at {server.listening_address}", flush=True)
    stop.wait()
    sys.stdout.flush()
    os._exit(0)  # llama.cpp's own shutdown waits for open streams


if __name__ == "__main__":
    main()
