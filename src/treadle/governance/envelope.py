"""Secrets at rest: AES-256-GCM envelopes with key ids, so that master keys rotate while everything serves.

Each secret gets a data key of its own; the data key is wrapped by a master key. The place a secret belongs to (project and name) is
authenticated with it, so a row copied elsewhere does not open. Stored form: `v1:<master key id>:<wrapped key>:<nonce>:<text>`.
The master keys live in one file of the workspace (mode 0600): back it up apart from the database. Older keys stay in it, since an older
backup of the database holds envelopes that need them.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from treadle.core.errors import Denied, Unavailable

NONCE_BYTES = 12  # NIST SP 800-38D
KEY_BYTES = 32


class MasterKeys:
    """The keys that wrap data keys, and the pepper under API keys."""

    def __init__(self, path: Path) -> None:
        """path: the file that holds them; made on first use, refused when others can read it."""
        self._path = path
        with self._held():
            if not path.exists():
                self._write({"active": "k1", "keys": {"k1": _new_key()}, "pepper": _new_key()})
        if path.stat().st_mode & 0o077:
            raise Denied(
                f"the master keys in '{path}' can be read by others; close them with: chmod 600 {path}",
                code="governance.keys_exposed",
            )
        self._read()

    @property
    def active_id(self) -> str:
        """The id of the key that new envelopes are closed with."""
        return self._active

    @property
    def pepper(self) -> bytes:
        """The secret that API keys are hashed with."""
        return self._pepper

    def rotate(self) -> str:
        """Add a master key and use it from now on; older ones still open what they closed. Returns the new id.

        Processes that rotate one file together each add a key; a kill leaves the file as it was, or complete.
        """
        with self._held():
            facts = json.loads(self._path.read_text())
            fresh = f"k{len(facts['keys']) + 1}"
            facts["keys"][fresh] = _new_key()
            self._write(facts | {"active": fresh})
        self._read()
        return fresh

    def close(self, text: str, place: str) -> str:
        """Return the envelope around a secret that belongs to a place."""
        data_key = AESGCM.generate_key(256)
        return self._envelope(data_key, _seal(data_key, text.encode(), place), place)

    def open(self, envelope: str, place: str) -> str:
        """Return the secret in an envelope. Raises Unavailable when its master key is missing or it belongs elsewhere."""
        data_key, sealed = self._unwrap(envelope, place)
        try:
            return AESGCM(data_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode()).decode()
        except InvalidTag as error:
            raise _damaged(place) from error

    def rewrap(self, envelope: str, place: str) -> str:
        """Return the same secret's envelope under the active master key; the text itself is not decrypted."""
        data_key, sealed = self._unwrap(envelope, place)
        return self._envelope(data_key, sealed, place)

    def _envelope(self, data_key: bytes, sealed: bytes, place: str) -> str:
        wrapped = _seal(self._keys[self._active], data_key, f"{place}|{self._active}")
        return f"v1:{self._active}:{_text(wrapped)}:{_text(sealed)}"

    def _unwrap(self, envelope: str, place: str) -> tuple[bytes, bytes]:
        version, key_id, wrapped_text, sealed_text = (envelope.split(":") + [""] * 4)[:4]
        if key_id not in self._keys:
            self._read()  # another process may have rotated
        if version != "v1" or key_id not in self._keys:
            raise Unavailable(
                f"the secret at '{place}' was closed with master key '{key_id}', which '{self._path}' does not hold; "
                f"restore that file from its backup",
                code="governance.master_key_missing",
            )
        wrapped = base64.b64decode(wrapped_text)
        try:
            data_key = AESGCM(self._keys[key_id]).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], f"{place}|{key_id}".encode()
            )
        except InvalidTag as error:
            raise _damaged(place) from error
        return data_key, base64.b64decode(sealed_text)

    def _read(self) -> None:
        facts = json.loads(self._path.read_text())
        self._keys = {key_id: base64.b64decode(key) for key_id, key in facts["keys"].items()}
        self._active = str(facts["active"])
        self._pepper = base64.b64decode(facts["pepper"])

    def _write(self, facts: dict[str, object]) -> None:
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(facts, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself
        finally:
            os.close(folder)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other processes and threads from changing the file."""
        with open(os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _seal(key: bytes, content: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, place.encode())


def _damaged(place: str) -> Unavailable:
    return Unavailable(
        f"the secret at '{place}' does not open: it was damaged or moved here from another place; set it again with: treadle secret set",
        code="governance.secret_damaged",
    )


def _new_key() -> str:
    return _text(secrets.token_bytes(KEY_BYTES))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
