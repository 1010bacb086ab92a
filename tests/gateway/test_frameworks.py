"""Frameworks that build on OpenAI's client: they work with the gateway's base URL and key, and nothing else changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from tests.gateway.harness import Plane
from tests.gateway.site import Site, opened
from tests.gateway.wall import TEXT

ASKED = [SystemMessage("Be kind."), HumanMessage("what does it do")]
KINDS = pytest.mark.parametrize("kind", ["open", "claude", "gemini"])
BOTH_APIS = pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])


class Animal(BaseModel):
    """What an answer should be."""

    species: str
    legs: int


@tool
def look_up(query: str) -> str:
    """Looks a word up."""
    return f"{query}: a small red animal"


@pytest.fixture(scope="module")
def site(module_plane: Plane) -> Iterator[Site]:
    """
    A gateway with an endpoint for each kind of provider.
    """
    with opened(module_plane) as made:
        yield made


def model(site: Site, kind: str, **more: Any) -> ChatOpenAI:
    """Return LangChain's model over the gateway."""
    return ChatOpenAI(
        model=kind, base_url=f"{site.plane.url}/v1", api_key=SecretStr(site.key), max_retries=0, timeout=30, **more
    )


@KINDS
@BOTH_APIS
def test_langchain_asks(site: Site, kind: str, responses: bool) -> None:
    """
    An answer with its usage.
    """
    site.say()

    answer = model(site, kind, use_responses_api=responses).invoke(ASKED)

    assert TEXT == answer.text
    assert answer.usage_metadata is not None
    assert (11, 9) == (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"])


@KINDS
@BOTH_APIS
def test_langchain_streams(site: Site, kind: str, responses: bool) -> None:
    """
    A stream whose pieces add up to the answer with its usage.
    """
    site.say()

    chunks = list(model(site, kind, use_responses_api=responses, stream_usage=True).stream(ASKED))

    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    assert TEXT == total.text
    assert len(chunks) > 5
    assert total.usage_metadata is not None
    assert 9 == total.usage_metadata["output_tokens"]


@KINDS
@BOTH_APIS
def test_langchain_uses_a_tool(site: Site, kind: str, responses: bool) -> None:
    """
    A turn of an agent: the model calls, the tool answers, the model says it in words.
    """
    asking = model(site, kind, use_responses_api=responses).bind_tools([look_up])
    site.say(calls_tool=True)
    called = asking.invoke(ASKED)
    (call,) = called.tool_calls
    result = look_up.invoke(call)
    site.say()

    answer = asking.invoke([*ASKED, called, result])

    assert ("look_up", {"query": "fox"}) == (call["name"], call["args"])
    assert isinstance(result, ToolMessage)
    assert isinstance(answer, AIMessage)
    assert TEXT == answer.text
    assert "fox: a small red animal" in json.dumps(site.asked.body)


@KINDS
def test_langchain_with_a_schema(site: Site, kind: str) -> None:
    """
    Structured output.
    """
    site.say(text='{"species": "fox", "legs": 4}')

    answer = model(site, kind).with_structured_output(Animal, method="json_schema").invoke(ASKED)

    assert Animal(species="fox", legs=4) == answer


def test_langchain_embeds(site: Site) -> None:
    """
    Vectors, asked for as token numbers by default or as texts.
    """
    site.say()
    embedder = OpenAIEmbeddings(
        model="open",
        openai_api_base=f"{site.plane.url}/v1",
        openai_api_key=SecretStr(site.key),
        check_embedding_ctx_length=False,  # counting tokens would load a table from the network
    )

    vectors = embedder.embed_documents(["a", "b"])

    assert [[0.5, -0.25, 0.125]] * 2 == vectors
