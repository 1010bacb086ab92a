"""Large immutable things: files named by their SHA-256 on an object store (`obstore`: a folder, S3, GCS, Azure).

Putting the same bytes twice stores them once. Reading gives a local file: the object itself in a folder store, a verified copy
in the workspace's cache otherwise. Every write is complete or absent. Plain functions: call them from a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from treadle.core.errors import InvalidInput, Unavailable
from treadle.core.types import Record
from treadle.storage.errors import BlobNotFound, DiskFull

CHUNK_BYTES = 1 << 20


class Blob(Record):
    """The name of a stored file."""

    digest: str
    """'sha256:' and 64 hex digits of the content."""
    size_bytes: int
    """Length of the content."""


class Blobs:
    """Content-addressed files under one URL."""

    def __init__(self, url: str | None, *, folder: Path) -> None:
        """url: s3://, gs://, az:// or file:// of the store; None means `folder` itself. folder: store or cache on this machine."""
        self._folder = folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prefix = ""
        self._remote: Any = None
        if url is not None and urlparse(url).scheme in ("", "file"):
            self._folder = Path(urlparse(url).path)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif url is not None:
            from obstore.exceptions import BaseError
            from obstore.store import from_url

            try:
                self._remote = from_url(url)
            except (BaseError, ValueError) as error:
                raise InvalidInput(
                    f"'{url}' is not an object store Treadle can open; use s3://bucket/prefix, gs://, az:// or a folder",
                    code="storage.blobs_url",
                ) from error

    def within(self, name: str) -> Blobs:
        """Return a part of this store that shares no content with the rest, so that its owner alone decides what is erased."""
        part = copy(self)
        part._prefix = f"{self._prefix}{name}/"
        return part

    def has(self, digest: str) -> bool:
        """Say whether the content is stored."""
        if self._remote is None:
            return self._path(digest).exists()
        import obstore

        try:
            obstore.head(self._remote, self._key(digest))
        except FileNotFoundError:
            return False
        return True

    def erase(self, digest: str) -> None:
        """Forget a content, in the store and on this machine; other machines' copies go with their caches. Safe to repeat.

        Only in a part of one's own (`within`), where nobody else can have stored the same.
        """
        assert self._prefix, "in the common store another slice may have stored the same content"
        self._path(digest).unlink(missing_ok=True)
        if self._remote is not None:
            import obstore
            from obstore.exceptions import BaseError

            try:
                obstore.delete(self._remote, self._key(digest))
            except FileNotFoundError:
                return
            except BaseError as error:
                raise Unavailable(
                    f"the object store does not erase '{digest}': {error}", code="storage.store_refused"
                ) from error

    def let_go(self, digest: str) -> None:
        """Forget this machine's copy of what is stored elsewhere; `fetch` brings it again. Safe to repeat."""
        if self._remote is not None:
            self._path(digest).unlink(missing_ok=True)

    def put_file(self, path: Path) -> Blob:
        """Store a file's content; safe to repeat. Raises DiskFull."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        blob = Blob(digest=f"sha256:{digest.hexdigest()}", size_bytes=path.stat().st_size)
        self._keep(blob, path)
        return blob

    def put_bytes(self, content: bytes) -> Blob:
        """Store some bytes; safe to repeat. Raises DiskFull."""
        blob = Blob(digest=f"sha256:{hashlib.sha256(content).hexdigest()}", size_bytes=len(content))
        self._keep(blob, content)
        return blob

    def fetch(self, digest: str) -> Path:
        """Return a readable local file with this content. Raises BlobNotFound."""
        path = self._path(digest)
        if path.exists():
            return path
        if self._remote is None:
            raise self._absent(digest)
        import obstore

        try:
            content = bytes(obstore.get(self._remote, self._key(digest)).bytes())
        except FileNotFoundError as error:
            raise self._absent(digest) from error
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise Unavailable(f"the object store returned other bytes than '{digest}' names; it may be damaged")
        self._write_local(path, content)
        return path

    def read(self, digest: str) -> bytes:
        """Return the content. Raises BlobNotFound."""
        return self.fetch(digest).read_bytes()

    def lay_out(self, files: Mapping[str, str]) -> Path:
        """Return a folder of links to stored files, by their places in it, for programs that want a folder.

        The same files give the same folder; nothing is copied. Raises BlobNotFound.
        """
        name = hashlib.sha256("\n".join(f"{place} {files[place]}" for place in sorted(files)).encode()).hexdigest()
        folder = self._folder / "laid-out" / name
        if folder.exists() and all((folder / place).exists() for place in files):
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        for place, digest in files.items():
            link = made / place
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.fetch(digest).absolute())
        shutil.rmtree(folder, ignore_errors=True)  # a part of it was gone
        try:
            made.rename(folder)
        except OSError:  # somebody else laid it out meanwhile
            shutil.rmtree(made)
        return folder

    def _keep(self, blob: Blob, content: Path | bytes) -> None:
        path = self._path(blob.digest)
        if not path.exists():
            self._write_local(path, content)
        if self._remote is not None:
            import obstore
            from obstore.exceptions import AlreadyExistsError, BaseError

            try:
                obstore.put(self._remote, self._key(blob.digest), path, mode="create")
            except AlreadyExistsError:
                return
            except BaseError as error:
                path.unlink(missing_ok=True)
                raise Unavailable(
                    f"the object store refused '{blob.digest}': {error}", code="storage.store_refused"
                ) from error

    def _write_local(self, path: Path, content: Path | bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
                try:
                    if isinstance(content, bytes):
                        file.write(content)
                    else:
                        with content.open("rb") as source:
                            while chunk := source.read(CHUNK_BYTES):
                                file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            os.chmod(file.name, 0o400)
            os.replace(file.name, path)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull(
                    f"no room left in '{self._folder}', so nothing of this request was kept; free some space and repeat it"
                ) from error
            raise

    def _path(self, digest: str) -> Path:
        return self._folder / self._key(digest)

    def _key(self, digest: str) -> str:
        return self._prefix + _key(digest)

    def _absent(self, digest: str) -> BlobNotFound:
        return BlobNotFound(
            f"no file '{digest}' in the store at '{self._folder}'; it was never stored there or was erased"
        )


def _key(digest: str) -> str:
    algorithm, _, hexadecimal = digest.partition(":")
    if algorithm != "sha256" or len(hexadecimal) != 64 or not set(hexadecimal) <= set("0123456789abcdef"):
        raise InvalidInput(f"'{digest}' is not a digest; it must be 'sha256:' and 64 hex digits", code="storage.digest")
    return f"sha256/{hexadecimal[:2]}/{hexadecimal}"
