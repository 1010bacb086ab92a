"""A stand-in for `vllm serve`: its command line and its admin API, no model. Run as a program; records calls, misbehaves on request.

FAKE_VLLM_CALLS names a file that gets one JSON line per start and call. FAKE_VLLM_FAIL: 'oom', 'no_gpu', 'port', 'flag', 'support' or
'silent' end it at the start as vLLM would; 'no_lora' and 'no_template' take calls away. A child process of its own shows whether the group ends.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FAILURES = {
    "oom": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    "no_gpu": "RuntimeError: Failed to infer device type",
    "port": "OSError: [Errno 98] Address already in use",
    "flag": "vllm: error: unrecognized arguments: --max-loras 4",
    "support": "ValueError: error: unsupported quantisation",
    "silent": "",
}


class Fake:
    """What it holds."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.adapters: dict[str, str] = {}
        self.level = 0
        self.running = 0
        self.lock = threading.Lock()

    def record(self, **facts: Any) -> None:
        """Write one line to the calls' file."""
        with self.lock, open(os.environ["FAKE_VLLM_CALLS"], "a") as file:
            file.write(json.dumps(facts) + "\n")


class Answers(BaseHTTPRequestHandler):
    """Its HTTP API."""

    fake: Fake
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health, models, metrics."""
        fake = self.fake
        if self.path == "/health":
            return self.reply(200, {})
        if self.path == "/v1/models":
            names = [*fake.options.served_model_name, *fake.adapters]
            return self.reply(
                200, {"data": [{"id": name, "max_model_len": fake.options.max_model_len} for name in names]}
            )
        if self.path == "/metrics":
            gauges = f'vllm:num_requests_running{{model_name="x"}} {fake.running}.0\nvllm:num_requests_waiting{{model_name="x"}} 0.0\n'
            return self.reply(200, gauges.encode())
        return self.reply(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        """Requests, adapters, sleep."""
        fake, parts = self.fake, urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        fake.record(call=self.path, body=body)
        if parts.path in ("/v1/chat/completions", "/v1/completions"):
            return self.complete(parts.path, body)
        can_load = os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING") == "1" and fake.options.enable_lora
        if parts.path == "/v1/load_lora_adapter" and can_load:
            if body["lora_name"] in fake.adapters:
                return self.reply(400, {"message": f"The lora adapter '{body['lora_name']}' has already been loaded."})
            fake.adapters[body["lora_name"]] = body["lora_path"]
            return self.reply(200, b"Success")
        if parts.path == "/v1/unload_lora_adapter" and can_load:
            found = fake.adapters.pop(body["lora_name"], None)
            return self.reply(200 if found else 404, b"Success")
        if os.environ.get("VLLM_SERVER_DEV_MODE") == "1" and fake.options.enable_sleep_mode:
            if parts.path == "/sleep":
                fake.level = int(parse_qs(parts.query).get("level", ["1"])[0])
                return self.reply(200, b"")
            if parts.path in ("/wake_up", "/collective_rpc"):
                fake.level = 0
                return self.reply(200, b"")
        return self.reply(404, {"detail": "Not Found"})

    def complete(self, path: str, body: dict[str, Any]) -> None:
        """Answer a request; 'crash' as its text ends the process, 'sleep N' takes its time."""
        fake = self.fake
        text = body.get("prompt") or body["messages"][-1]["content"]
        if fake.level:
            return self.reply(503, {"error": {"message": "The model is sleeping."}})
        if body["model"] not in (*fake.options.served_model_name, *fake.adapters):
            return self.reply(404, {"error": {"message": f"The model `{body['model']}` does not exist."}})
        if path == "/v1/chat/completions" and os.environ.get("FAKE_VLLM_FAIL") == "no_template":
            return self.reply(400, {"error": {"message": "default chat template is no longer allowed"}})
        if text == "crash":
            print("torch.OutOfMemoryError: CUDA out of memory.", file=sys.stderr, flush=True)
            os._exit(1)
        with fake.lock:
            fake.running += 1
        try:
            if text.startswith("sleep "):
                time.sleep(float(text.split()[1]))
        finally:
            with fake.lock:
                fake.running -= 1
        message = {"role": "assistant", "content": f"{body['model']} on {os.getpid()}"}
        return self.reply(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    def reply(self, status: int, body: Any) -> None:
        """Send a whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Start as vLLM would: read flags, load for a moment, listen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("serve")
    parser.add_argument("model")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name", nargs="+", required=True)
    parser.add_argument("--max-model-len", type=int, default=4096)
    parser.add_argument("--dtype")
    parser.add_argument("--quantization")
    parser.add_argument("--tensor-parallel-size", type=int)
    parser.add_argument("--gpu-memory-utilization", type=float)
    parser.add_argument("--enable-lora", action="store_true")
    parser.add_argument("--max-loras", type=int)
    parser.add_argument("--max-lora-rank", type=int)
    parser.add_argument("--enable-sleep-mode", action="store_true")
    fake = Fake(parser.parse_args())
    failure = os.environ.get("FAKE_VLLM_FAIL", "")
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    secrets = [name for name in os.environ if name.startswith("TREADLE_")]
    fake.record(start=sys.argv[1:], pid=os.getpid(), worker=worker.pid, secrets=secrets)
    if failure in FAILURES:
        print(FAILURES[failure], file=sys.stderr, flush=True)
        sys.exit(1)
    time.sleep(0.1)
    Answers.fake = fake
    ThreadingHTTPServer((fake.options.host, fake.options.port), Answers).serve_forever()


if __name__ == "__main__":
    main()
