"""Channels through the HTTP contract, with real receivers: signatures, Slack's shape, mail, retries, addresses, secrets."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, cast

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tests.monitoring.receivers import listening, mail_server
from tests.traces.home import Home
from treadle.client.client import Client
from treadle.core.clock import SettableClock
from treadle.core.errors import Conflict, Denied, InvalidInput, NotFound
from treadle.core.types import JsonObject
from treadle.gateway.addresses import PrivateHosts
from treadle.governance.types import NewApiKey
from treadle.monitoring.channels import messages, service
from treadle.monitoring.channels.sending import NotDelivered, Post
from treadle.monitoring.channels.types import Delivery, Email, NewChannel, Slack, Webhook
from treadle.monitoring.types import NewMonitor, Threshold, Watched

ALERT: JsonObject = {
    "monitor": "errors <!channel>", "summary": "error_rate: 0.5 is above 0.1", "release_id": "rel_1",
    "changes": [{"at": "2026-11-20T10:00:00Z", "action": "releases.serve", "object_id": "end_1"}],
    "url": "https://treadle.example/#/alerts/alt_1",
}  # fmt: skip


def _enqueue(home: Home, channel: str, event: str = "alert.firing") -> None:
    asyncio.run(
        home.ctx.db.write(
            lambda db: service.enqueue(
                db, home.ctx, about="alt_1", event=event, channels=[channel], data=ALERT, alert_id="alt_1"
            )
        )
    )


def _deliver(home: Home, *, later: timedelta = timedelta(0)) -> int:
    """Deliver what is due at a moment, as the server's watch does at every look."""

    async def work() -> int:
        post = Post(PrivateHosts())
        ctx = replace(home.ctx, clock=SettableClock(datetime.now(UTC) + later))
        try:
            return await service.deliver_due(ctx, home.platform.gatekeeper.master_keys, post)
        finally:
            await post.close()

    return asyncio.run(work())


def _wait_for(home: Home, status: str, *, attempts: int = 1) -> Delivery:
    """Wait until the server's own watch, or we, have tried so often."""
    deadline = datetime.now(UTC) + timedelta(seconds=60)
    while datetime.now(UTC) < deadline:
        newest = home.client.channels.list_deliveries(limit=1).items[0]
        is_over = (
            status == "delivered" or newest.error is not None
        )  # an attempt is counted before what came of it is written
        if newest.status == status and newest.attempts >= attempts and is_over:
            return newest
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError(f"no delivery is {status}: {newest}")


def test_webhook_is_verified_by_its_standard(home: Home) -> None:
    """
    A receiver verifies id, time and signature with the library of Standard Webhooks, and a changed body fails.
    """
    with listening() as listener:
        made = home.client.channels.create("hook", Webhook(url=f"{listener.url}/in?team=1"), private=True)
        delivery = home.client.channels.test("hook")

    (received,) = listener.received
    assert "delivered" == delivery.status
    assert "/in?team=1" == received.path
    assert delivery.delivery_id == received.headers["webhook-id"]
    assert made.secret is not None
    payload = cast(JsonObject, Verifier(made.secret).verify(received.body, received.headers))
    assert "channel.test" == payload["type"]
    with pytest.raises(WebhookVerificationError):
        Verifier(made.secret).verify(received.body + b" ", received.headers)


def test_example_of_the_standard() -> None:
    """
    The signature of the specification's own example comes out as printed there.
    """
    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    at = datetime.fromtimestamp(1731705121, UTC)
    body = b'{"event_type":"ping","data":{"success":true}}'

    headers = messages.signature_headers([secret], "msg_loFOjxBNrRLzqYUf", at, body)

    assert "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=" == headers["webhook-signature"]


def test_alert_is_delivered_by_the_server(home: Home) -> None:
    """
    What waits is delivered by the server itself, with the alert's facts, once.
    """
    with listening() as listener:
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _enqueue(home, "hook")
        _enqueue(home, "hook")
        delivery = _wait_for(home, "delivered")

    assert ["alert.firing"] == [json.loads(one.body)["type"] for one in listener.received]
    assert ALERT == json.loads(listener.received[0].body)["data"]
    assert (1, "alt_1") == (delivery.attempts, delivery.alert_id)
    assert [delivery] == home.client.channels.list_deliveries(alert_id="alt_1").items


def test_receiver_that_fails_at_first(home: Home) -> None:
    """
    A message that was not taken is tried again later under the same id, with a fresh time, until it is.
    """
    with listening() as listener:
        listener.answers = [503]
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _enqueue(home, "hook")
        failed = _wait_for(home, "waiting")
        while not _deliver(home, later=timedelta(minutes=1)):
            asyncio.run(asyncio.sleep(0.05))
        delivered = _wait_for(home, "delivered", attempts=2)

    assert failed.error is not None
    assert "status 503" in failed.error
    assert 2 == delivered.attempts
    assert 1 == len({one.headers["webhook-id"] for one in listener.received})


def test_receiver_that_never_answers(home: Home) -> None:
    """
    After about a day of trying a message is given up, and the list says why.
    """
    home.client.channels.create("hook", Webhook(url="http://127.0.0.1:9"), private=True)
    _enqueue(home, "hook")

    for day in range(1, 40):
        _deliver(home, later=timedelta(days=day))
    given_up = _wait_for(home, "given up")

    assert len(service.PAUSES) + 1 == given_up.attempts
    assert given_up.error is not None
    assert "nothing was delivered" in given_up.error
    assert given_up.next_try_at is None


def test_slack_shape(home: Home) -> None:
    """
    Slack gets text and blocks; no name of a monitor can call everyone, and the address is shown nowhere.
    """
    with listening() as listener:
        home.client.channels.create("team", Slack(url=f"{listener.url}/services/T0/secret"), private=True)
        _enqueue(home, "team")
        _wait_for(home, "delivered")

    body = json.loads(listener.received[0].body)
    assert "/services/T0/secret" == listener.received[0].path
    assert "Firing: errors &lt;!channel&gt;" == body["text"]
    assert ["header", "section", "actions"] == [block["type"] for block in body["blocks"]]
    assert {"plain_text"} == {block["text"]["type"] for block in body["blocks"][:2]}
    assert "releases.serve end_1" in body["blocks"][1]["text"]["text"]
    assert "/T0/" not in home.client.channels.list_().model_dump_json()


def test_mail(home: Home) -> None:
    """
    A real SMTP server gets one message for all recipients, with the alert's sentence and link.
    """
    with mail_server() as mailbox:
        to = Email(
            host="127.0.0.1",
            port=mailbox.port,
            sender="alerts@example.com",
            recipients=["a@example.com", "b@example.com"],
        )
        home.client.channels.create("mail", to, private=True)
        _enqueue(home, "mail", "alert.resolved")
        _wait_for(home, "delivered")

    (message,) = mailbox.messages
    assert ["a@example.com", "b@example.com"] == mailbox.recipients
    assert "[Treadle] Resolved: errors <!channel>" == message["Subject"]
    assert "error_rate: 0.5 is above 0.1" in message.get_content()
    assert "https://treadle.example/#/alerts/alt_1" in message.get_content()


def test_mail_server_that_wants_another_password(home: Home) -> None:
    """
    A refusal of the server's is shown in its words, without the password.
    """
    with mail_server() as mailbox:
        to = Email(
            host="127.0.0.1", port=mailbox.port, sender="a@example.com", recipients=["b@example.com"], username="me", password="hunter-22",
        )  # fmt: skip
        home.client.channels.create("mail", to, private=True)
        delivery = home.client.channels.test("mail")

    assert "given up" == delivery.status
    assert delivery.error is not None
    assert "did not take the message" in delivery.error
    assert "hunter-22" not in delivery.error


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        (Webhook(url="http://169.254.169.254/latest"), "never connected to"),
        (Webhook(url="http://127.0.0.1:1"), "--private"),
        (Slack(url="http://localhost:1"), "--private"),
        (Email(host="127.0.0.1", port=25, sender="a@example.com", recipients=["b@example.com"]), "--private"),
    ],
)
def test_private_addresses(home: Home, destination: Webhook | Slack | Email, words: str) -> None:
    """
    A channel at a private address is refused when it is made, and told what would be right; metadata services always are.
    """
    with pytest.raises(InvalidInput, match=words) as caught:
        home.client.channels.create("inward", destination)

    assert "channels.invalid" == caught.value.error_code
    assert [] == home.client.channels.list_().items


def test_private_address_that_the_server_does_not_allow(home: Home) -> None:
    """
    On a server that others can reach a private channel needs the server's list, which the refusal names.
    """
    new = NewChannel(name="inward", destination=Webhook(url="http://10.0.0.7/x"), private=True)
    made = service.create_channel(home.ctx, new, home.platform.gatekeeper.master_keys, PrivateHosts(any_private=False))

    with pytest.raises(InvalidInput, match="TREADLE_PRIVATE_HOSTS"):
        asyncio.run(made)


def test_connections_are_checked_again(home: Home) -> None:
    """
    A channel that lost its mark never connects to a private address, though it was made when it might.
    """
    with listening() as listener:
        home.client.channels.create("inward", Slack(url=listener.url), private=True)
        home.client.channels.change("inward", private=False)
        delivery = home.client.channels.test("inward")

    assert "given up" == delivery.status
    assert "a private address" in str(delivery.error)
    assert [] == listener.received


def test_changed_channel(home: Home) -> None:
    """
    A renamed channel that has moved keeps its secret, its waiting messages and the monitors that tell it.
    """
    with listening() as listener:
        made = home.client.channels.create("hook", Webhook(url="http://127.0.0.1:9"), private=True)
        rule = Threshold(above=1)
        home.client.monitors.create(NewMonitor(name="busy", signal=Watched(), rule=rule, channels=["hook"]))
        _enqueue(home, "hook")
        _wait_for(home, "waiting")

        changed = home.client.channels.change("hook", rename="on-call", destination=Webhook(url=listener.url))
        while not _deliver(home, later=timedelta(minutes=1)):
            asyncio.run(asyncio.sleep(0.05))
        _wait_for(home, "delivered", attempts=2)

    assert ("on-call", listener.url) == (changed.name, changed.place)
    assert ["on-call"] == home.client.monitors.get("busy").channels
    assert made.secret is not None
    Verifier(made.secret).verify(listener.received[0].body, listener.received[0].headers)
    assert {"channel:on-call"} == {secret.name for secret in home.client.secrets.list_()}


def test_removed_while_it_is_tried(home: Home) -> None:
    """
    A message that was given up with its channel is not taken up again by the attempt that was under way.
    """
    with listening() as listener:
        listener.answers = [503]
        listener.meanwhile = lambda: home.client.channels.remove("hook", give_up=True)
        home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        _enqueue(home, "hook")
        _wait_for(home, "given up")
        told = []
        for _ in range(20):
            asyncio.run(asyncio.sleep(0.05))
            told.append(home.client.channels.list_deliveries(limit=1).items[0].status)

    assert {"given up"} == set(told)


def test_changes_that_cannot_be(home: Home) -> None:
    """
    A channel keeps its kind, takes no name in use and no address that it may not have.
    """
    home.client.channels.create("hook", Webhook(url="https://example.com/x"))
    home.client.channels.create("other", Webhook(url="https://example.com/x"))
    codes = []
    for change in (
        lambda: home.client.channels.change("hook", destination=Slack(url="https://example.com/x")),
        lambda: home.client.channels.change("hook", destination=Webhook(url="http://127.0.0.1:1")),
        lambda: home.client.channels.change("hook", rename="other"),
        lambda: home.client.channels.change("nothing", rename="some"),
        lambda: home.client.channels.rotate("nothing"),
    ):
        with pytest.raises((InvalidInput, Conflict, NotFound)) as caught:
            change()
        codes.append(caught.value.error_code)

    assert ["channels.invalid", "channels.invalid", "channels.exists", *["channels.not_found"] * 2] == codes


def test_exchanged_secret(home: Home) -> None:
    """
    While a secret is exchanged, receivers that know either one verify a message; without an overlap only the new one.
    """
    with listening() as listener:
        made = home.client.channels.create("hook", Webhook(url=listener.url), private=True)
        fresh = home.client.channels.rotate("hook")
        home.client.channels.test("hook")
        last = home.client.channels.rotate("hook", overlap_hours=0)
        home.client.channels.test("hook")

    overlapping, after = listener.received
    assert None not in (made.secret, fresh.secret, last.secret)
    for secret in (str(made.secret), str(fresh.secret)):
        Verifier(secret).verify(overlapping.body, overlapping.headers)
    Verifier(str(last.secret)).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(str(fresh.secret)).verify(after.body, after.headers)
    assert (True, None) == (fresh.channel.old_secret_until is not None, last.channel.old_secret_until)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "scheme"),
        ("https://me:pw@example.com/x", "password"),
        ("https://example.com/#x", "'#'"),
        ("https://0x7f000001/", "number"),
    ],
)
def test_addresses_that_cannot_be(home: Home, url: str, words: str) -> None:
    """
    What cannot be an address is refused when the channel is made.
    """
    with pytest.raises(InvalidInput, match=words) as caught:
        home.client.channels.create("odd", Webhook(url=url))

    assert "channels.invalid" == caught.value.error_code


def test_who_may_make_channels(home: Home) -> None:
    """
    A channel sends what happens here elsewhere: it takes an admin, and a private address an owner.
    """
    keys = {
        role: home.client.access.create_key(NewApiKey(name=role, role=role)).key for role in ("editor", "admin")  # type: ignore[arg-type]
    }  # fmt: skip
    with (
        Client(home.client.url, api_key=keys["editor"]) as editor,
        Client(home.client.url, api_key=keys["admin"]) as admin,
    ):
        with pytest.raises(Denied):
            editor.channels.create("out", Webhook(url="https://example.com/x"))
        with pytest.raises(Denied):
            admin.channels.create("out", Webhook(url="https://example.com/x"), private=True)
        made = admin.channels.create("out", Webhook(url="https://example.com/x"))

        assert [made.channel] == editor.channels.list_().items


def test_removed_channel(home: Home) -> None:
    """
    A channel that messages wait for or monitors tell is not removed unawares; given up, it says what was lost.
    """
    home.client.channels.create("hook", Webhook(url="http://127.0.0.1:9/x?token=abc"), private=True)
    wanted = NewMonitor(name="busy", signal=Watched(), rule=Threshold(above=1), channels=["hook"])
    home.client.monitors.create(wanted)
    _enqueue(home, "hook")
    _wait_for(home, "waiting")

    with pytest.raises(Conflict, match=r"1 message waits .* told by monitor 'busy'.* --give-up") as caught:
        home.client.channels.remove("hook")
    waiting = home.client.channels.list_().items[0].waiting
    gone = home.client.channels.remove("hook", give_up=True)

    assert ("channels.in_use", 1) == (caught.value.error_code, waiting)
    assert ("hook", 1, ["busy"]) == (gone.name, gone.given_up, gone.monitors)
    assert [] == home.client.channels.list_().items
    assert [] == home.client.monitors.get("busy").channels
    assert "channel:hook" not in {secret.name for secret in home.client.secrets.list_()}
    assert "given up" == home.client.channels.list_deliveries().items[0].status
    with pytest.raises(NotFound):
        home.client.channels.test("hook")


def test_name_in_use(home: Home) -> None:
    """
    Two channels cannot have one name; the first keeps its secret.
    """
    home.client.channels.create("hook", Webhook(url="https://example.com/x"))

    with pytest.raises(Conflict) as caught:
        home.client.channels.create("hook", Webhook(url="https://example.org/y"))

    assert "channels.exists" == caught.value.error_code
    assert "https://example.com/x" == home.client.channels.list_().items[0].place


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """
    TLS for a mail server on 127.0.0.1 and for a client that trusts it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=pem.decode())


@pytest.mark.parametrize("is_trusted", [True, False])
def test_mail_travels_by_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext], is_trusted: bool) -> None:
    """
    Where a server offers STARTTLS the message and the password travel by it, and never to one whose certificate is not valid.
    """
    ours, trusting = contexts
    signed_in: list[bytes] = []

    def authenticate(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
        signed_in.append(data.password)
        return AuthResult(success=True)

    mail = messages.email_of(
        "alert.firing", ALERT, sender="a@example.com", recipients=["b@example.com"], delivery_id="msg_1", at=datetime.now(UTC)
    )  # fmt: skip

    async def send(port: int) -> None:
        post = Post(PrivateHosts(), tls=trusting if is_trusted else None)
        try:
            await post.send_mail(
                mail, ["b@example.com"], host="127.0.0.1", port=port, private=True, username="me", password="pw-1"
            )
        finally:
            await post.close()

    refused = pytest.raises(NotDelivered, match="certificate")
    server = mail_server(tls_context=ours, require_starttls=True, authenticator=authenticate, auth_required=True)
    with server as mailbox, nullcontext() if is_trusted else refused:
        asyncio.run(send(mailbox.port))

    assert (1 if is_trusted else 0) == len(mailbox.messages)
    assert ([b"pw-1"] if is_trusted else []) == signed_in
