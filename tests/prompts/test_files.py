"""Prompts as files: what is written reads back as the same version, and what other tools wrote is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import RunningServer
from treadle.cli.main import cli
from treadle.client.client import Client
from treadle.core.errors import InvalidInput, NotFound
from treadle.prompts.formats.dotprompt import read
from treadle.prompts.types import Example, Examples, FileFormat, Message, NewVersion, PushFile

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
RICH = NewVersion(
    messages=[
        Message(role="system", template="Be kind.\n\n{{> treadle/examples}}"),
        Message(role="user", template="  {{name}}: {{input}}\n"),
    ],
    input_schema=SCHEMA,
    output_schema={"enum": ["a", "b"], "type": "string"},
    examples=Examples(count=1, rows=[Example(input="one", output="1")]),
    config={"model": "gpt-5-mini", "temperature": 0.2},
)


@pytest.mark.parametrize("format_", ["dotprompt", "treadle"])
def test_file_reads_back_as_the_same_version(client: Client, format_: FileFormat) -> None:
    """
    A version that is written to a file and pushed again is the version that it was.
    """
    made = client.prompts.save("greeting", RICH)
    text = client.prompts.get_file("greeting", format=format_).text

    pushed = client.prompts.push_file(PushFile(format=format_, text=text))

    assert (made, False) == (pushed.version, pushed.is_new)


@pytest.mark.parametrize("format_", ["prompty", "langfuse", "mlflow"])
def test_other_formats_keep_the_words(client: Client, format_: FileFormat) -> None:
    """
    A chat prompt with variables goes to another tool's format and comes back with the same messages and settings.
    """
    new = NewVersion(
        messages=[Message(role="system", template="Be kind."), Message(role="user", template="{{name}}")],
        config={"model": "gpt-5-mini", "temperature": 0.2},
    )
    made = client.prompts.save("greeting", new)
    text = client.prompts.get_file("greeting", format=format_).text

    back = client.prompts.push_file(PushFile(format=format_, text=text, name="back")).version

    assert (made.messages, made.config) == (back.messages, back.config)


def test_dotprompt_of_somebody_else() -> None:
    """
    Picoschema becomes JSON Schema, and Handlebars that Mustache can say becomes Mustache.
    """
    text = (
        "---\nmodel: googleai/gemini-2\ninput:\n  schema:\n    who: string, the customer\n    items?(array): string\n---\n"
        '{{role "system"}}\nHelp {{who}}.{{#if items}} They have:{{/if}}{{#each items}} {{this}}{{/each}}\n'
    )

    found = read(text).new

    assert "Help {{who}}.{{#items}} They have:{{/items}}{{#items}} {{.}}{{/items}}" == found.messages[0].template
    assert {"model": "googleai/gemini-2"} == found.config
    assert {
        "type": "object",
        "properties": {
            "who": {"type": "string", "description": "the customer"},
            "items": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["who"],
        "additionalProperties": False,
    } == found.input_schema


def test_prompty_is_jinja(client: Client) -> None:
    """
    A .prompty file becomes a Jinja chat prompt with its inputs as schema.
    """
    text = (
        "---\nname: basic\nmodel:\n  api: chat\n  configuration:\n    azure_deployment: gpt-35\n  parameters:\n    max_tokens: 128\n"
        "inputs:\n  first:\n    type: string\n---\nsystem:\nYou help {{first | upper}}.\n\nuser:\n{{input}}\n"
    )

    made = client.prompts.push_file(PushFile(format="prompty", text=text)).version

    assert ("jinja", {"model": "gpt-35", "max_tokens": 128}) == (made.engine, made.config)
    rendered = client.prompts.render("basic", variables={"first": "ada", "input": "hi"}).messages
    assert ["You help ADA.\n", "hi"] == [message["content"] for message in rendered]


def test_langfuse_composition_becomes_an_include(client: Client) -> None:
    """
    Langfuse's reference to another prompt becomes an include that is pinned.
    """
    client.prompts.save("tone", NewVersion(messages=[Message(role="user", template="Be kind.")], kind="text"))
    found = {
        "type": "chat",
        "name": "support",
        "prompt": [{"role": "system", "content": "@@@langfusePrompt:name=tone|version=1@@@ {{x}}"}],
        "config": {},
    }

    made = client.prompts.push_file(PushFile(format="langfuse", text=json.dumps(found))).version

    assert "Be kind. {{x}}" == made.messages[0].template
    assert "{{> tone@1}} {{x}}" == made.source[0].template


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("---\nname: a\n", "second '---'"),
        ("---\na: &x [1]\nb: *x\n---\nhi", "alias"),
        ("---\nname: a\n---\n{{#each x}}{{@index}}{{/each}}", "no way to say"),
        ("---\nname: A B\n---\nhi", "cannot be"),
        ('---\nname: a\n---\n{{role "tool"}}\nhi', "no role"),
    ],
)
def test_file_that_is_not_what_it_should_be(client: Client, text: str, fault: str) -> None:
    """
    A file that cannot be read as a prompt is refused with what is wrong in it.
    """
    with pytest.raises(InvalidInput) as caught:
        client.prompts.push_file(PushFile(text=text))

    assert "prompts.file_invalid" == caught.value.error_code
    assert fault in caught.value.message


def test_push_diff_and_pull_in_a_repository(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file in a folder is pushed once, differs after an edit on either side, and is pulled back.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    file = tmp_path / "greeting.prompt"
    file.write_text("Hello {{name}}\n")
    run = CliRunner().invoke

    first = run(cli, ["prompt", "push", str(tmp_path)])
    again = run(cli, ["prompt", "push", str(tmp_path)])
    same = run(cli, ["prompt", "diff", str(tmp_path), "--exit-code"])
    server.client.prompts.create_version("greeting", [Message(role="user", template="Hi {{name}}")])
    differs = run(cli, ["prompt", "diff", str(tmp_path), "--exit-code"])
    pulled = run(cli, ["prompt", "pull", "greeting", "--to", str(tmp_path)])

    assert ("version 1 is new" in first.output, "is there already" in again.output) == (True, True)
    assert (0, 1, 0) == (same.exit_code, differs.exit_code, pulled.exit_code)
    assert "-Hi {{name}}\n+Hello {{name}}" in differs.output
    assert file.read_text().endswith("Hi {{name}}\n")


STYLE = "---\ntreadle.kind: text\n---\nBe brief.\n"
ASK = '{{role "system"}}\n{{>a-style}}\n{{role "user"}}\n{{input}}\n'


def test_folder_whose_files_include_each_other(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Files are pushed together, those first that others include; a dry run says the same and keeps nothing.
    """
    monkeypatch.setenv("TREADLE_URL", server.url)
    monkeypatch.setenv("TREADLE_API_KEY", server.key)
    (tmp_path / "a-ask.prompt").write_text(ASK.replace("a-style", "z-style"))
    (tmp_path / "z-style.prompt").write_text(STYLE)

    tried = CliRunner().invoke(cli, ["prompt", "push", str(tmp_path), "--dry-run"])
    kept = [prompt.name for prompt in server.client.prompts.list_().items]
    done = CliRunner().invoke(cli, ["prompt", "push", str(tmp_path)])

    assert (0, 2) == (tried.exit_code, tried.output.count("would be new"))
    assert [] == kept
    assert (0, 2) == (done.exit_code, done.output.count("is new"))
    assert "{{>z-style@1}}" == server.client.prompts.get_version("a-ask").source[0].template


def test_folder_with_one_bad_file(client: Client) -> None:
    """
    Of files that are pushed together all become versions or none, and the one that cannot is named.
    """
    good = PushFile(text=STYLE, name="a-style", path="prompts/a-style.prompt")
    bad = PushFile(text="{{> nowhere}}", name="ask", path="prompts/ask.prompt")

    with pytest.raises(NotFound) as caught:
        client.prompts.push_files([good, bad])

    assert caught.value.message.startswith("prompts/ask.prompt: there is no prompt 'nowhere'")
    assert [] == client.prompts.list_().items


def test_schema_keeps_the_order_of_its_fields(client: Client) -> None:
    """
    A model answers in the order of its schema's fields, so a version that is pulled and pushed shows it the same text.
    """
    fields: dict[str, Any] = {"reason": {"type": "string"}, "ok": {"type": "boolean"}}
    schema: dict[str, Any] = {"type": "object", "properties": fields, "required": ["reason", "ok"]}
    new = NewVersion(messages=[Message(role="user", template="{{> treadle/structured-output}}")], output_schema=schema)
    made = client.prompts.save("extract", new)
    text = client.prompts.get_file("extract").text

    pushed = client.prompts.push_file(PushFile(text=text))

    assert ["reason", "ok"] == list(dict(pushed.version.output_schema or {})["properties"])  # type: ignore[call-overload]
    assert (made.messages, False) == (pushed.version.messages, pushed.is_new)


@pytest.mark.parametrize("front", ["modell: x", "tools: [a]", "input:\n  default: {tone: kind}", "treadle.knd: text"])
def test_file_says_what_a_version_cannot_hold(client: Client, front: str) -> None:
    """
    What would be lost is refused by name, not dropped.
    """
    with pytest.raises(InvalidInput) as caught:
        client.prompts.push_file(PushFile(text=f"---\n{front}\n---\nhi", name="hi"))

    assert "prompts.file_invalid" == caught.value.error_code
    assert "a version cannot hold" in caught.value.message
