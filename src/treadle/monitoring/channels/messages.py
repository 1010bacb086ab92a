"""What is sent: the JSON of a webhook with its signature, Slack's blocks, an e-mail. Pure.

Signatures are those of Standard Webhooks 1.0.0: `webhook-signature: v1,` and the base64 of HMAC-SHA256 over
`{webhook-id}.{webhook-timestamp}.{body}` with the secret's bytes, so any of its libraries verifies them. While a secret is
exchanged for another there is one signature of each, with a space between: receivers take the one that they know.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from treadle.core.types import JsonObject, JsonValue

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
MAX_SUBJECT = 150


def new_secret(randomness: bytes) -> str:
    """Return a signing secret from 24 to 64 random bytes, as receivers configure it."""
    return SECRET_PREFIX + base64.b64encode(randomness).decode()


def signature_headers(secrets: Sequence[str], delivery_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers that a receiver verifies. at: of this attempt, for receivers refuse old ones."""
    seconds = str(int(at.timestamp()))
    signed = b".".join([delivery_id.encode(), seconds.encode(), body])
    keys = [base64.b64decode(secret.removeprefix(SECRET_PREFIX)) for secret in secrets]
    digests = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    signatures = " ".join(f"v1,{digest}" for digest in digests)
    return {"webhook-id": delivery_id, "webhook-timestamp": seconds, "webhook-signature": signatures}


def webhook_body(event: str, at: datetime, data: JsonObject) -> bytes:
    """Return the payload in the form that Standard Webhooks recommends: type, timestamp, data."""
    payload = {"type": event, "timestamp": at.isoformat(), "data": data}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def slack_body(event: str, data: JsonObject) -> bytes:
    """Return a message with `text` for notifications and `blocks` for the channel; nothing in it is read as markup."""
    lines = _lines(data)
    blocks: list[JsonObject] = [
        {"type": "header", "text": {"type": "plain_text", "text": _title(event, data)[:MAX_SUBJECT]}},
        {"type": "section", "text": {"type": "plain_text", "text": "\n".join(lines)[:2900] or "-"}},
    ]
    link = data.get("url")
    if isinstance(link, str) and link.startswith(("http://", "https://")):
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": link[:2900]}
        blocks.append({"type": "actions", "elements": [button]})
    return json.dumps({"text": _escaped(_title(event, data)), "blocks": blocks}, ensure_ascii=False).encode()


def email_of(event: str, data: JsonObject, *, sender: str, recipients: list[str], delivery_id: str, at: datetime) -> EmailMessage:  # fmt: skip
    """Return a plain-text message; its id is the delivery's, so that receivers may drop a second copy."""
    message = EmailMessage()
    # A header is one line whatever a monitor is called.
    message["Subject"] = " ".join(f"[Treadle] {_title(event, data)}".split())[:MAX_SUBJECT]
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{delivery_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    link = data.get("url")
    message.set_content("\n".join([*_lines(data), *([f"\n{link}"] if link else [])]) + "\n")
    return message


def _title(event: str, data: JsonObject) -> str:
    name = data.get("monitor", "")
    match event:
        case "rollout.held":
            return f"Rollout held, a person decides: {data.get('endpoint', '')}"
        case "rollout.waiting":
            return f"Rollout waits for a person: {data.get('endpoint', '')}"
        case "rollout.rolled_back":
            return f"Rolled back: {data.get('endpoint', '')}"
        case "alert.firing":
            return f"Firing: {name}"
        case "alert.resolved":
            return f"Resolved: {name}"
        case _:
            return "Test message: this channel works"


def _lines(data: JsonObject) -> list[str]:
    lines = [str(data.get("summary", ""))]
    if data.get("status") == "resolved":
        return [*lines, f"It fired at {_moment(data['opened_at'])}: {data['fired']}"] if data.get("fired") else lines
    if data.get("rollout_id"):
        lines.append(f"Its evidence: treadle rollout status {data['rollout_id']}")
    if data.get("opened_at") and data.get("spans"):
        lines.append(f"Since: {_moment(data['opened_at'])}")
    if data.get("release_id"):
        named = f"'{data['release']}' ({data['release_id']})" if data.get("release") else str(data["release_id"])
        lines.append(f"Release that explains it most: {named}")
    changes = data.get("changes")
    if isinstance(changes, list) and changes:
        lines.append("What changed just before:")
        for change in changes:
            by = f", by {change['actor']}" if change.get("actor") else ""
            said = change.get("words") or f"{change['action']} {change['object_id']}"
            lines.append(f"- {_moment(change['at'])}{by}: {said}")
    elif data.get("spans"):
        lines.append("Nothing that may change answers was changed in the day before.")
    spans = data.get("spans")
    if isinstance(spans, dict) and spans.get("q"):
        lines.append(f"Its traces: treadle trace list '{spans['q']}'")
    if data.get("status") == "firing":
        lines.append(f"Quiet for an hour: treadle monitor silence {data.get('monitor')} --minutes 60")
    return lines


def _moment(told: JsonValue) -> str:
    return f"{datetime.fromisoformat(str(told)):%Y-%m-%d %H:%M} UTC"


def _escaped(text: str) -> str:
    """Slack reads <, > and & in `text` as markup, with which a name could call everyone."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
