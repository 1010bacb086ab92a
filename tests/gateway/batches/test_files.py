"""Files through OpenAI's client: kept, listed, read back, forgotten; refused in its error shape."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import openai
import psycopg
import pytest

from tests.gateway.batches.desk import Desk, request
from treadle.gateway.batches import store
from treadle.gateway.batches.files import contents, fetch_content, sweep_files
from treadle.gateway.batches.finishing import finish
from treadle.gateway.batches.lines import Answer
from treadle.gateway.batches.types import NewBatch
from treadle.gateway.types import Rule
from treadle.governance.types import NewApiKey
from treadle.http.context import Context
from treadle.storage.blobs import Blob, Blobs
from treadle.storage.database import Connection


def test_a_file_comes_back(desk: Desk) -> None:
    """
    What was uploaded is described, listed and read back byte for byte.
    """
    content = b'{"custom_id": "a"}\n' * 3

    made = desk.client.files.create(file=("lines.jsonl", content), purpose="batch")
    found = desk.client.files.retrieve(made.id)
    read = desk.client.files.content(made.id).read()

    assert made == found
    assert ("lines.jsonl", "batch", len(content)) == (made.filename, made.purpose, made.bytes)
    assert content == read
    assert [made.id] == [each.id for each in desk.client.files.list(purpose="batch")]
    assert [] == list(desk.client.files.list(purpose="evals"))


def test_pages_of_files(desk: Desk) -> None:
    """
    The client walks through pages in either order without losing or repeating one.
    """
    made = [desk.upload(request(str(number))) for number in range(5)]

    newest_first = [each.id for each in desk.client.files.list(limit=2)]
    oldest_first = [each.id for each in desk.client.files.list(limit=2, order="asc")]

    assert made == oldest_first == newest_first[::-1]


def test_a_deleted_file_is_gone(desk: Desk) -> None:
    """
    After deletion neither the file nor its content is found, and the same content can be uploaded again.
    """
    made = desk.upload(request("a"))

    deleted = desk.client.files.delete(made)
    again = desk.upload(request("a"))

    assert deleted.deleted
    assert again != made
    for ask in (desk.client.files.retrieve, desk.client.files.content, desk.client.files.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(made)
        assert "gateway.file_not_found" == caught.value.code


def test_the_content_goes_with_the_last_file(desk: Desk) -> None:
    """
    What several files have in common stays until the last one is deleted; what others stored of the same is not touched.
    """
    content = json.dumps(request("a")).encode()
    theirs = desk.ctx.blobs.put_bytes(content)
    one, two = desk.upload(request("a")), desk.upload(request("a"))

    desk.client.files.delete(one)
    still = desk.client.files.content(two).content
    desk.client.files.delete(two)

    assert content == still == desk.ctx.blobs.read(theirs.digest)
    assert not contents(desk.ctx).has(theirs.digest)


def test_a_file_that_a_batch_reads(desk: Desk) -> None:
    """
    The content of a deleted file goes when the batch that reads it has ended.
    """
    desk.publish(Rule(reply="late", delay_ms=2_000))
    content = json.dumps(request("r0")).encode()
    digest = desk.ctx.blobs.put_bytes(content).digest
    started = desk.start(request("r0"))
    desk.wait(started, "in_progress")

    desk.client.files.delete(started.input_file_id)
    kept = contents(desk.ctx).has(digest)
    done = desk.wait(started)
    asyncio.run(sweep_files(desk.ctx))

    assert (True, "completed") == (kept, done.status)
    assert not contents(desk.ctx).has(digest)


def test_the_end_of_a_file(desk: Desk) -> None:
    """
    An expired file and its content are swept up; one that expires later stays.
    """
    expiring = {"anchor": "created_at", "seconds": 3600}
    made = [
        desk.client.files.create(file=(f"{number}.jsonl", b"%d" % number), purpose="batch", expires_after=expiring)  # type: ignore[arg-type]
        for number in range(2)
    ]
    with psycopg.connect(desk.server.platform.settings.database_url or "") as connection:
        digests = [row[0] for row in connection.execute("select digest from gateway_files order by filename")]
        connection.execute("update gateway_files set expires_at = now() where filename = '0.jsonl'")

    swept = asyncio.run(sweep_files(desk.ctx))

    assert 1 == swept
    assert [False, True] == [contents(desk.ctx).has(digest) for digest in digests]
    assert [made[1].id] == [each.id for each in desk.client.files.list()]


def test_files_that_expire(desk: Desk) -> None:
    """
    An expiry is kept with the file.
    """
    made = desk.client.files.create(
        file=("x.jsonl", b"{}"), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )

    assert made.expires_at == made.created_at + 3600


@pytest.mark.parametrize(
    ("content", "purpose", "words"),
    [(b"", "batch", "0 bytes"), (b"x", "nonsense", "'nonsense' is not known"), (b"x", "batch_output", "not known")],
)
def test_uploads_that_are_refused(desk: Desk, content: bytes, purpose: str, words: str) -> None:
    """
    Empty files and unknown purposes are refused in OpenAI's error shape.
    """
    with pytest.raises(openai.BadRequestError) as caught:
        desk.client.files.create(file=("x.jsonl", content), purpose=purpose)  # type: ignore[arg-type]

    assert words in caught.value.message
    assert "invalid_request_error" == caught.value.type


def test_a_stranger(desk: Desk) -> None:
    """
    Without a key of ours nothing is taken, and one that may only read traces may not upload.
    """
    scoped = desk.server.client.access.create_key(NewApiKey(name="reader", role="viewer")).key
    with desk.client_of("sk-wrong") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.files.create(file=("x.jsonl", b"{}"), purpose="batch")
    with desk.client_of(scoped) as reader, pytest.raises(openai.PermissionDeniedError) as caught:
        reader.files.list()

    assert "gateway.invoke" in caught.value.message


class SweptOnce(Blobs):
    """A real store from which another process sweeps up the first content that is put there."""

    swept: list[str]

    def put_file(self, path: Path) -> Blob:
        """Store a file's content; the first is gone at once."""
        blob = super().put_file(path)
        if not self.swept:
            self.swept.append(blob.digest)
            self.erase(blob.digest)
        return blob


def test_an_output_whose_content_was_swept_up_meanwhile(desk: Desk, tmp_path: Path) -> None:
    """
    A batch whose answers are those of a file that ends just now has its output all the same.
    """
    blobs = SweptOnce(None, folder=tmp_path / "store")
    blobs.swept = []
    context = desk.ctx
    ctx = Context(actor=context.actor, project_id=context.project_id, db=context.db, blobs=blobs, clock=context.clock)
    new = NewBatch(input_file_id="file-0", endpoint="/v1/chat/completions", completion_window="24h")
    line = '{"custom_id": "a", "response": {"status_code": 200, "body": {}}}'

    async def end() -> str:
        now = ctx.clock.now()

        def begin(db: Connection) -> None:
            store.insert_batch(db, "batch_0", new, None, "run_0", now, now + timedelta(days=1))
            store.append_answers(db, "batch_0", [Answer(1, True, line)])

        await ctx.db.write(begin)
        kept = await ctx.db.read(lambda db: store.find_batch(db, "batch_0"))
        assert kept is not None
        await finish(ctx, kept, "completed")
        ended = await ctx.db.read(lambda db: store.find_batch(db, "batch_0"))
        assert ended is not None
        _, path = await fetch_content(ctx, str(ended.batch.output_file_id))
        return path.read_text()

    read = asyncio.run(end())

    assert f"{line}\n" == read
    assert 1 == len(blobs.swept)
