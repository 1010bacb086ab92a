"""The gateway's door without a server around it: what happens before and around a request."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.gateway.harness import scripted
from treadle.core.clock import Clock, SettableClock, SystemClock
from treadle.gateway.app import Gateway
from treadle.gateway.cache.cache import Cache
from treadle.gateway.guarding.moderations import Moderator
from treadle.gateway.limits.ledger import Ledger
from treadle.gateway.limits.limiter import Limiter
from treadle.gateway.parts import Parts
from treadle.gateway.recorder import Recorder
from treadle.gateway.routing.fleet import Fleet
from treadle.gateway.sending import Sender
from treadle.gateway.shadows import Shadows
from treadle.gateway.spool import Spool
from treadle.gateway.table import Table
from treadle.gateway.types import Endpoint, Key, Rule, Snapshot
from treadle.governance.keys import create_key, secret_hmac
from treadle.http.notes import NOTES
from treadle.storage.database import Database

PEPPER = bytes(32)
TOKEN, PARSED = create_key()
BODY = b'{"model": "support", "messages": [{"role": "user", "content": "x"}]}'


async def _keep(*_: Any) -> None:
    """Store nothing."""


def _table(rule: Rule) -> Table:
    key = Key(
        key_id=PARSED.key_id,
        project_id="prj",
        secret_hmac=secret_hmac(PEPPER, PARSED.secret),
        permissions=frozenset({"gateway.invoke"}),
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
    )
    served = Endpoint(project_id="prj", name="support", salt="s", arms=(scripted(rule),))
    return Table(Snapshot(hash="h", endpoints={("prj", "support"): served}, keys={key.key_id: key}), PEPPER)


def _gateway(folder: Path, table: Table | None, clock: Clock | None = None, **more: Any) -> Gateway:
    recorder = Recorder(_keep, Spool(folder))
    limiter = Limiter(Ledger(Database("postgresql://nobody@127.0.0.1:1/none"), "wrk_test"))
    sender, fleet = Sender(lambda _: None), Fleet(random.Random(7).random)
    parts = Parts(
        sender,
        fleet,
        Shadows(sender, fleet, limiter, recorder.offer),
        limiter,
        Moderator(None),
        Cache(None, SystemClock()),
    )
    return Gateway(lambda: table, parts, recorder, clock or SystemClock(), **more)


async def _call(gateway: Gateway, receive: Any, **more: Any) -> tuple[int, dict[bytes, bytes], Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(b"authorization", b"Bearer " + TOKEN.encode())],
        **more,
    }
    await gateway(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


def _receiving(body: bytes) -> Any:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    return receive


async def test_a_body_that_does_not_come(tmp_path: Path) -> None:
    """
    A caller that keeps its body back is told so after the time for it.
    """
    gateway = _gateway(tmp_path, _table(Rule(reply="x")), body_seconds=0.02)

    status, _, answer = await _call(gateway, asyncio.Event().wait)

    assert (408, "body_timeout") == (status, answer["error"]["code"])


async def test_before_the_first_configuration(tmp_path: Path) -> None:
    """
    A gateway that knows nothing yet asks to try again.
    """
    status, headers, answer = await _call(_gateway(tmp_path, None), _receiving(BODY))

    assert (503, "gateway_starting", b"1") == (status, answer["error"]["code"], headers[b"retry-after"])


async def test_a_key_that_expires_on_a_connection_that_stays(tmp_path: Path) -> None:
    """
    What was read out of a head is not read again while the same one comes, but whether its key still opens is asked each time.
    """
    clock, notes = SettableClock(datetime(2998, 12, 31, 23, 59, tzinfo=UTC)), dict[str, Any]()
    gateway = _gateway(tmp_path, _table(Rule(reply="x")), clock)

    opened = [(await _call(gateway, _receiving(BODY), **{NOTES: notes}))[0] for _ in range(2)]
    clock.advance(timedelta(minutes=2))
    status, _, answer = await _call(gateway, _receiving(BODY), **{NOTES: notes})

    assert [200, 200] == opened
    assert notes
    assert (401, True) == (status, "expired" in answer["error"]["message"])


async def test_a_fault_of_ours(tmp_path: Path) -> None:
    """
    An unforeseen error is logged and answered with 500 in OpenAI's shape, and nothing of it is told.
    """

    async def receive() -> Any:
        raise ZeroDivisionError("secret detail")

    status, _, answer = await _call(_gateway(tmp_path, _table(Rule(reply="x"))), receive)

    assert (500, "internal_error") == (status, answer["error"]["code"])
    assert "secret detail" not in answer["error"]["message"]


async def test_draining(tmp_path: Path) -> None:
    """
    Draining waits for the requests that are being answered, and no longer than it is told.
    """
    gateway = _gateway(tmp_path, _table(Rule(reply="x", delay_ms=2_000)))
    request = asyncio.create_task(_call(gateway, _receiving(BODY)))
    async with asyncio.timeout(60):
        while not gateway.in_flight:
            await asyncio.sleep(0)

    hurried = await gateway.drain(0.01)
    patient = await gateway.drain(60)

    assert (False, True) == (hurried, patient)
    assert 200 == (await request)[0]
