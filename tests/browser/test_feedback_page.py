"""The snippet of docs/feedback.md in a real page of another site, before a real server."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.aside import beside
from tests.traces.home import Home, ensure_endpoint
from tests.traces.test_traces import new_span
from treadle.governance.types import NewApiKey
from treadle.traces import service as traces

DOCS = Path(__file__).parents[2] / "docs" / "feedback.md"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing on the tests' terminal."""


@contextmanager
def _site(folder: Path) -> Iterator[str]:
    """Serve a folder as a site of its own."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_address[1]}"
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


def test_a_page_of_another_site(home: Home, browser: Browser, tmp_path: Path) -> None:
    """
    The documented snippet sends feedback from the site that its key was made for; in another site's page the browser refuses.
    """
    span = new_span()
    beside(traces.record(home.ctx.db, [span]))
    (snippet,) = re.findall(r"```javascript\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    with _site(tmp_path) as ours, _site(tmp_path) as other:
        ensure_endpoint(home.client, "support")
        key = home.client.access.create_key(
            NewApiKey(name="pages", kind="publishable", endpoints=["support"], origins=[ours])
        ).key
        script = snippet.replace("https://treadle.example", home.client.url).replace("tdlp_…", key)
        (tmp_path / "index.html").write_text(f"<!doctype html><title>Shop</title><script>{script}</script>", "utf-8")
        page = browser.new_page()

        page.goto(ours)
        sent = page.evaluate("id => feedback({trace_id: id, name: 'thumbs', value: 1})", span.trace_id)
        page.goto(other)
        refused = page.evaluate(
            "id => feedback({trace_id: id, name: 'thumbs', value: 0}).catch(error => error.name)", span.trace_id
        )
        page.close()

    assert sent is True
    assert "TypeError" == refused
    (kept,) = home.client.feedback.list_().items
    assert ("thumbs", 1.0, "user") == (kept.name, kept.value, kept.source)
