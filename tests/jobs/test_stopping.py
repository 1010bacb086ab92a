"""A runner that is stopped at once: nothing of it is left half-way, on either side of the network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.jobs.conftest import Start

LISTENER_SECONDS = 2.0
"""How long a connection that listens for notifications is held back while it signs in."""


async def test_stopped_while_it_connects(start: Start, database_url: str) -> None:
    """
    A connection that is being made when the runner stops is finished first: dropped half-way, it would hold up whoever drops the
    database, or stops the server, until its authentication times out a minute later.
    """
    held = threading.Event()
    with slow_listeners(database_url, held) as url:
        async with start({}, url=url):
            await asyncio.to_thread(held.wait, 30)

        left = [task for task in asyncio.all_tasks() if "AsyncConnection.connect" in repr(task)]

    assert held.is_set()
    assert [] == left


@contextmanager
def slow_listeners(url: str, held: threading.Event) -> Iterator[str]:
    """Stand before a database and hold back those who sign in without saying what they are, as who listens does."""
    real = urlsplit(url)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_caller: bool) -> None:
        try:
            while data := await reader.read(65_536):
                if is_caller and b"user\0" in data and b"application_name" not in data:
                    held.set()
                    await asyncio.sleep(LISTENER_SECONDS)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(real.hostname, real.port)
        await asyncio.gather(pump(reader, back, is_caller=True), pump(there, writer, is_caller=False))

    async def stand(opened: list[int], ready: threading.Event, done: asyncio.Event) -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        opened.append(server.sockets[0].getsockname()[1])
        ready.set()
        await done.wait()
        server.close()

    loop, ports, ready, done = asyncio.new_event_loop(), list[int](), threading.Event(), asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(stand(ports, ready, done))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(30)
        yield url.replace(f":{real.port}/", f":{ports[0]}/")
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
