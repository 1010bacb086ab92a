"""How long a large trace takes to be seen in a browser, and how smoothly it scrolls; and what the first page weighs.

    python benchmarks/web_trace/run.py
    python benchmarks/web_trace/run.py --quick

Needs Chromium and the built pages (python tools/build_web.py). The server is a process of its own, and so is the browser; the
machine's other work is in the figures. First paint is from the address being entered to the first span on the screen, with
everything of the application already in the browser's cache, medians of five openings. Exits with 1 when a bar is missed: 1 s at
10,000 spans; at most 1 frame in 20 later than 50 ms while scrolling; 600 kB for the first page. 33,000 spans must open.
"""

from __future__ import annotations

import gzip
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # tests are no installed package
from tests.browser.conftest import FLAGS, find_chromium
from treadle.server.shell import WEB_FOLDER

SIZES = (10_000,) if "--quick" in sys.argv else (1_000, 10_000, 33_000)
OPENINGS = 3 if "--quick" in sys.argv else 5
PAINT_BAR_S, LATE_MS, LATE_BAR, WEIGHT_BAR = 1.0, 50.0, 0.05, 600_000
FANOUT, BATCH = 20, 500
SCROLL = """async () => {
  const tree = document.querySelector('[role=tree]'); const frames = []; let last = performance.now()
  for (let step = 0; step < 120; step += 1) {
    tree.scrollTop += 400
    await new Promise(requestAnimationFrame)
    const now = performance.now(); frames.push(now - last); last = now
  }
  return frames
}"""


def main() -> int:
    """Print the figures; return 1 when a bar is missed."""
    missed = False
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        serving = Path(__file__).resolve().parents[1] / "trace_ingest" / "serving.py"
        server = subprocess.Popen([sys.executable, str(serving), folder], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            url, key = told["url"], told["key"]
            browser = driver.chromium.launch(executable_path=find_chromium(), args=[*FLAGS, "--no-sandbox"])
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.request.post(f"{url}/api/v1/session", data={"key": key})
            page = context.new_page()
            print(f"{'spans':>7}{'first paint':>13}{'bar':>8}{'late frames':>13}{'bar':>6}{'worst frame':>13}")
            for size in SIZES:
                trace_id = f"{size:032x}"
                send(url, key, trace_id, size)
                paint = statistics.median(opening(page, url, trace_id) for _ in range(OPENINGS))
                page.get_by_role("tree").press("End")
                frames = page.evaluate(SCROLL)
                late = sum(frame > LATE_MS for frame in frames) / len(frames)
                has_bar = size == 10_000
                missed |= has_bar and (paint > PAINT_BAR_S or late > LATE_BAR)
                print(
                    f"{size:>7,}{paint * 1000:>10.0f} ms{'1 s' if has_bar else '-':>8}{late:>12.1%} "
                    f"{'5 %' if has_bar else '-':>5}{max(frames):>10.0f} ms"
                )
            browser.close()
        finally:
            server.terminate()
            server.wait(30)
    weight = first_page()
    print(f"first page, gzip: {weight / 1000:,.0f} kB of {WEIGHT_BAR / 1000:.0f} kB")
    return 1 if missed or weight > WEIGHT_BAR else 0


def opening(page: Page, url: str, trace_id: str) -> float:
    """Return the seconds from entering a trace's address until its first span is on the screen."""
    page.goto(f"{url}/#/settings")
    page.locator("h1").wait_for()
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(f"{url}/#/traces/{trace_id}", wait_until="commit")
    page.get_by_role("treeitem").nth(1).wait_for()
    return time.perf_counter() - began


def send(url: str, key: str, trace_id: str, size: int) -> None:
    """Send a trace as an application does: a root, agents below it, and calls below those, 20 each."""
    begun = datetime.now(UTC) - timedelta(minutes=10)
    spans = [span(trace_id, number, size, begun) for number in range(size)]
    for at in range(0, size, BATCH):
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans[at : at + BATCH]}]}]}).encode()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/traces", body, headers)) as answer:
            assert answer.status == 200


def span(trace_id: str, number: int, size: int, begun: datetime) -> dict[str, Any]:
    """Return the OTLP of one span of a tree in which each has 20 parts."""
    after = int((begun.timestamp() + number / 1000) * 1e9)
    parent = {} if number == 0 else {"parentSpanId": f"{(number - 1) // FANOUT + 1:016x}"}
    kind = "chat" if number * FANOUT + 1 >= size else "invoke_agent"
    attributes = {"gen_ai.operation.name": kind, "gen_ai.request.model": "small", "gen_ai.prompt": f"question {number}"}
    return {
        "traceId": trace_id, "spanId": f"{number + 1:016x}", **parent, "name": f"{kind} {number}", "kind": 1,
        "startTimeUnixNano": str(after), "endTimeUnixNano": str(after + (int(1e6) if number else int(size * 1e6))),
        "attributes": [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()],
    }  # fmt: skip


def first_page() -> int:
    """Return what the page of the loop loads before anything was pressed, as gzip sends it: its document and all that it names."""
    index = (WEB_FOLDER / "index.html").read_text(encoding="utf-8")
    named = {name.removeprefix("./") for name in re.findall(r'(?:src|href)="([^"]+)"', index)}
    files = [WEB_FOLDER / name for name in named if (WEB_FOLDER / name).is_file()]
    return sum(len(gzip.compress(file.read_bytes(), 6)) for file in [WEB_FOLDER / "index.html", *files])


if __name__ == "__main__":
    sys.exit(main())
