"""The way of somebody new, as the page on the gateway has it, down to the first answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import openai
import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from tests.gateway.harness import serving, wait_for
from treadle.cli.main import cli
from treadle.gateway.providers.scripted import scripted_server
from treadle.gateway.types import Rule

PAGE = Path(__file__).parents[2] / "docs" / "gateway.md"
ADD = "treadle provider add openai"


def read_commands() -> list[str]:
    """Return the commands of the section, without their comments."""
    section = PAGE.read_text("utf-8").partition("## From nothing to an answer")[2]
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return [line.partition("  #")[0].strip() for line in block[1].splitlines()]


def test_from_nothing_to_an_answer(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every command works as it stands, with the ids that the ones before printed, and the key that comes last gets an answer.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    printed = ""
    with serving(scripted_server([Rule(match=r"order (\d+)", reply=r"Order \1 is on its way.")])) as url:
        for command in read_commands():
            if command.startswith(ADD):  # the one that needs a key of OpenAI's
                command = f"{ADD} --preset vllm --url {url}/v1 --option dialects=chat --no-key"
            if "rel_…" in command:
                command = command.replace("rel_…", re.findall(r"rel_\w+", printed)[0])
            done = CliRunner().invoke(cli, shlex.split(command)[1:])
            assert 0 == done.exit_code, f"{command}: {done.output} {done.exception}"
            printed += done.output
        key = re.findall(r"tdl_\w+", printed)[-1]

        with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0) as client:
            wait_for(lambda: "Order 7 is on its way." == ask(client))


def ask(client: openai.OpenAI) -> str | None:
    """Return the answer; None while the gateway does not know the key or the endpoint, which takes it up to a second."""
    question = "where is order 7?"
    try:
        reply = client.chat.completions.create(model="support", messages=[{"role": "user", "content": question}])
    except openai.APIStatusError:
        return None
    return reply.choices[0].message.content
