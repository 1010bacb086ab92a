"""What the server gives for the paths of pages, and how long browsers keep it.

What has its hash in its name is kept for ever, the page that names it never unasked.
"""

from __future__ import annotations

import httpx2
import pytest

from tests.conftest import RunningServer
from treadle.server.shell import WEB_FOLDER

pytestmark = pytest.mark.skipif(
    not (WEB_FOLDER / "index.html").is_file(), reason="the web pages are not built: make web"
)


def test_files_of_a_build(plain_server: RunningServer) -> None:
    """
    A new build is seen at the next visit, and nothing that did not change is fetched again.
    """
    asset = next((WEB_FOLDER / "assets").iterdir()).name

    kept = {
        path: httpx2.get(f"{plain_server.url}{path}", trust_env=False).headers["cache-control"]
        for path in ("/", "/index.html", f"/assets/{asset}", "/assets/of-another-build.js")
    }

    assert {
        "/": "no-cache",
        "/index.html": "no-cache",
        f"/assets/{asset}": "public, max-age=31536000, immutable",
        "/assets/of-another-build.js": "no-cache",
    } == kept


def test_path_that_leads_nowhere(plain_server: RunningServer) -> None:
    """
    A path without a page, or one that is written to, is refused in words and is not the server's failure.
    """
    nowhere = httpx2.get(f"{plain_server.url}/nowhere", trust_env=False)
    written = httpx2.post(f"{plain_server.url}/index.html", trust_env=False)

    assert (404, 405) == (nowhere.status_code, written.status_code)
    assert "The pages begin at /" in nowhere.text
    assert "nosniff" == nowhere.headers["x-content-type-options"]
