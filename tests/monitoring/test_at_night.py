"""An alert at three in the morning: a release is promoted, errors rise, and the message says what a person needs."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta

from tests.monitoring.receivers import listening, mail_server
from tests.monitoring.test_monitors import _alert, _at, _minute, _monitor, _traffic, _wait, _watched_since
from tests.releases.studio import ReadyEngines
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.client.releases import Endpoints, Releases
from treadle.core.types import JsonObject
from treadle.governance.types import NewApiKey
from treadle.models import service as models
from treadle.models.types import Description, File
from treadle.monitoring.channels.types import Email, Webhook
from treadle.prompts import service as prompts
from treadle.prompts.types import Message, NewVersion
from treadle.releases.controller import Controller
from treadle.releases.types import NewRelease, Release


def _release(home: Home, text: str) -> Release:
    """Bundle another release of 'triage', and approve it by override."""
    blob = home.ctx.blobs.put_bytes(text.encode())
    described = Description(
        kind="weights", files=[File(path="model.gguf", digest=blob.digest, size_bytes=blob.size_bytes)]
    )
    version = asyncio.run(models.register_version(home.ctx, "triage-model", described)).model_version_id
    new = NewVersion(messages=[Message(role="user", template=text)])
    prompt = asyncio.run(prompts.create_version(home.ctx, "triage", new)).prompt_version_id
    releases = Releases(home.client.send)
    made = releases.create(NewRelease(name="triage", model_version_id=version, prompt_version_id=prompt))
    with Client(home.client.url, api_key=_person(home)) as ann:
        return Releases(ann.send).approve(made.release_id, override_reason="a rehearsal")


def _person(home: Home) -> str:
    """Return a key of ann's, who may approve; programs may not."""
    name = f"ann-{uuid.uuid4().hex[:6]}"
    return home.client.access.create_key(NewApiKey(name=name, person="ann", role="owner")).key


def _serve(home: Home, release: Release, minutes_ago: int) -> None:
    """Let the endpoint serve a release since then, as the server's controller does once its engine answers."""
    ctx = _at(home, _minute(minutes_ago))

    async def look() -> None:
        controller = Controller(ReadyEngines())
        for _ in range(2):
            await controller.warm_up(ctx, timeout_seconds=30)
            await controller.tick(ctx)
        await controller.close()

    asyncio.run(look())


def test_a_promoted_release_that_fails(home: Home) -> None:
    """
    The message names the figure with its unit, the errors, what was usual, the release, who changed what when, and the traces.
    """
    old, new = _release(home, "Classify: {{input}}"), _release(home, "Sort: {{input}}")
    endpoints = Endpoints(home.client.send)
    endpoints.create("support", release_id=old.release_id)
    _serve(home, old, 9)
    endpoints.set_stable("support", new.release_id)
    _serve(home, new, 5)
    begin = _minute(8)
    for number in range(4):
        _traffic(home, begin + timedelta(minutes=number), good=50, release_id=old.release_id)
    _traffic(home, begin + timedelta(minutes=4), good=30, bad=20, release_id=new.release_id)

    with listening() as listener, mail_server() as mailbox:
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        to = Email(host="127.0.0.1", port=mailbox.port, sender="alerts@example.com", recipients=["night@example.com"])
        home.client.channels.create("mail", to, private=True)
        _watched_since(home, begin, _monitor(channels=["hook", "mail"]))
        alert = _alert(home)
        _wait(lambda: (listener.received and mailbox.messages) or None)

    text = mailbox.messages[0].get_content()
    payload: JsonObject = json.loads(listener.received[0].body)["data"]
    assert "share of errors of 'support': 40 % is above 10 % (20 x upstream_500; before it was 0 % (4 windows))" in text
    assert f"Release that explains it most: 'triage v2' ({new.release_id})" in text
    assert f"endpoint 'support' serves release 'triage v2' ({new.release_id})" in text
    assert f"treadle trace list '{alert.spans.q}'" in text
    assert f"/#/alerts/{alert.alert_id}" in text
    assert ("triage v2", "share", True) == (payload["release"], payload["unit"], payload["is_told"])
    found = home.client.traces.list_(alert.spans.q, limit=100).items
    assert ({new.release_id}, 20) == ({trace.release_id for trace in found}, len(found))
    print(text)
