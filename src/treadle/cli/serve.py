"""`treadle up` and `treadle open`."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from treadle.cli.output import connected, drain_option, emit_json, json_option, say, workspace_option
from treadle.core.errors import Unavailable


@click.command("up", epilog="\b\nExample: treadle up --port 8800 --workspace ~/treadle")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (TREADLE_PORT; 8700).")
@click.option("--host", help="Address to listen on (TREADLE_HOST; 127.0.0.1).")
@workspace_option
@click.option("--database", "database_url", help="postgresql://… to use instead of the embedded server.")
@click.option("--blobs", "blobs_url", help="s3://, gs://, az:// or file:// to use instead of the workspace's folder.")
@click.option("--public-url", help="Where people open it behind a proxy: https://treadle.example (TREADLE_PUBLIC_URL).")
@click.option("--ray", help="Head of a Ray cluster to ask batches from: host:6379 (TREADLE_RAY).")
@drain_option
def up_command(**given: Any) -> None:
    """Start the platform on this machine and keep it running until Ctrl-C."""
    from treadle.core.settings import read_settings

    settings = read_settings(**given)  # a wrong one is told before all of the server is loaded

    from treadle.server.platform import Platform
    from treadle.server.serve import serve

    def on_ready(platform: Platform, url: str) -> None:
        say(f"Treadle serves '{settings.workspace}' at {url}")
        asyncio.get_running_loop().create_task(_print_link(platform, url))

    serve(settings, on_ready=on_ready)
    say("stopped")


async def _print_link(platform: object, url: str) -> None:
    from treadle.server.platform import Platform

    assert isinstance(platform, Platform)
    link = await platform.gatekeeper.create_sign_in_link(platform.local_context())
    say(f"sign in:  {link.at(url)}   (once, within 15 minutes; another: treadle open)")


@click.command("open", epilog="\b\nExample: treadle open")
@json_option
def open_command(as_json: bool) -> None:
    """Print a link that signs you in to the running server, once."""
    from treadle.server.local import LOCAL_URL

    with connected() as client:
        if client.url == LOCAL_URL:
            raise Unavailable(
                "no server runs in this workspace, so there is nothing to sign in to; start one with: treadle up"
            )
        link = client.access.create_sign_in_link()
        return emit_json({"url": link.at(client.url)}) if as_json else say(link.at(client.url))
