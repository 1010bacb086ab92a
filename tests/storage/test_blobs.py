"""Files by content: stored once, found again, never half there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.core.errors import InvalidInput, NotFound
from treadle.storage.blobs import Blobs
from treadle.storage.errors import BlobNotFound


@given(st.binary(max_size=2000))
def test_what_is_put_is_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """
    The digest names the content: what comes back is what went in, and equal content is one file.
    """
    blobs = Blobs(None, folder=tmp_path_factory.mktemp("blobs"))

    first, again = blobs.put_bytes(content), blobs.put_bytes(content)

    assert first == again
    assert content == blobs.read(first.digest)


def test_file_and_bytes_share_a_name(tmp_path: Path) -> None:
    """
    Where content comes from does not matter.
    """
    blobs = Blobs(f"file://{tmp_path}/elsewhere", folder=tmp_path / "here")
    (tmp_path / "file").write_bytes(b"content")

    assert blobs.put_bytes(b"content") == blobs.put_file(tmp_path / "file")
    assert not any((tmp_path / "here").rglob("*"))


def test_object_store_is_the_truth(tmp_path: Path) -> None:
    """
    With an object store, a machine that has no copy yet fetches one and checks it.
    """
    writer = Blobs("memory://", folder=tmp_path / "one")
    blob = writer.put_bytes(b"shared")
    reader = Blobs(None, folder=tmp_path / "two")
    reader._remote = writer._remote

    assert b"shared" == reader.fetch(blob.digest).read_bytes()


@pytest.mark.parametrize("digest", ["", "sha256:../../etc/passwd", "md5:" + "0" * 64, "sha256:" + "G" * 64])
def test_malformed_digest(tmp_path: Path, digest: str) -> None:
    """
    Nothing but a digest can name a file: no path gets through.
    """
    with pytest.raises(InvalidInput):
        Blobs(None, folder=tmp_path).fetch(digest)


def test_unknown_digest(tmp_path: Path) -> None:
    """
    A file that was never stored is not found.
    """
    with pytest.raises(NotFound):
        Blobs(None, folder=tmp_path).fetch("sha256:" + "0" * 64)


def test_others_read_nothing(tmp_path: Path) -> None:
    """
    Rows and weights are their owner's: the folder is closed to others, and a file cannot be changed in its place.
    """
    blobs = Blobs(None, folder=tmp_path / "blobs")

    path = blobs.fetch(blobs.put_bytes(b"private").digest)

    assert 0o700 == (tmp_path / "blobs").stat().st_mode & 0o777
    assert 0o400 == path.stat().st_mode & 0o777


def test_files_as_a_folder(tmp_path: Path) -> None:
    """
    Stored files are laid out as a folder of links, the same one for the same files, whole again when a part was lost.
    """
    blobs = Blobs(None, folder=tmp_path)
    files = {"config.json": blobs.put_bytes(b"{}").digest, "sub/weights": blobs.put_bytes(b"1234").digest}

    made = blobs.lay_out(files)
    (made / "sub" / "weights").unlink()
    again = blobs.lay_out(files)

    assert made == again
    assert b"{}" == (made / "config.json").read_bytes()
    assert b"1234" == (made / "sub" / "weights").read_bytes()
    with pytest.raises(NotFound):
        blobs.lay_out({"x": "sha256:" + "0" * 64})


@pytest.mark.parametrize("url", [None, "memory://"])
def test_a_part_of_the_store(tmp_path: Path, url: str | None) -> None:
    """
    A part shares no content with the rest: what is erased there stays elsewhere.
    """
    blobs = Blobs(url, folder=tmp_path)
    part, other = blobs.within("files/p"), blobs.within("files/q")
    digest = {each.put_bytes(b"the same").digest for each in (blobs, part, other)}.pop()

    part.erase(digest)
    part.erase(digest)

    assert [True, False, True] == [each.has(digest) for each in (blobs, part, other)]
    assert b"the same" == other.read(digest)
    with pytest.raises(BlobNotFound):
        part.read(digest)
