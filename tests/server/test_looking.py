"""What the platform does for every project by itself: one project's fault is not the others'."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.conftest import PATIENCE_SECONDS, RunningServer
from treadle.client.client import Client
from treadle.gateway.providers.types import NewProvider
from treadle.governance.types import NewApiKey
from treadle.releases.types import NewRelease

FIRST_LOOKS_SECONDS = 4.0


def test_a_project_that_cannot_be_looked_after(server: RunningServer, caplog: pytest.LogCaptureFixture) -> None:
    """
    Where the first project's endpoints cannot be read, the next one's go on being served, and the log says so once, not at each look.
    """
    server.client.endpoints.create("broken")
    with psycopg.connect(server.platform.settings.database_url or "", autocommit=True) as admin:
        admin.execute("""update endpoints set settings = '{"routing": 7}'""")
    server.client.projects.create("other")
    key = server.client.projects.create_key("other", NewApiKey(name="owner", role="owner", person="ann")).key

    with Client(server.url, api_key=key) as other:
        other.providers.create(NewProvider(name="script", kind="openai", base_url="https://1.1.1.1/v1"))
        version = other.models.register_provider_version("assistant", provider="script", model="any")
        release = other.releases.create(NewRelease(name="support", model_version_id=version.model_version_id))
        other.releases.approve(release.release_id, override_reason="nothing to compare with")
        other.endpoints.create("support", release_id=release.release_id)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (served := other.endpoints.get("support").stable_release_id) and time.monotonic() < deadline:
            time.sleep(0.1)
    time.sleep(FIRST_LOOKS_SECONDS)

    told = [record.getMessage() for record in caplog.records if "cannot look after" in record.getMessage()]
    assert release.release_id == served
    assert 1 == sum("releases" in line.partition(";")[0] for line in told)
