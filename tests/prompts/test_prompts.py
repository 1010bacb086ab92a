"""Prompts through the HTTP contract: versions, labels, and what bad input gets."""

from __future__ import annotations

import pytest

from treadle.client.client import Client
from treadle.core.errors import Conflict, InvalidInput, NotFound
from treadle.prompts.types import Message, NewVersion


def test_same_content_is_same_version(client: Client) -> None:
    """
    A version is its content: saving it again makes nothing new.
    """
    first = client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])

    again = client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])

    assert first == again
    assert 1 == client.prompts.get("greeting").latest_version


def test_label_moves(client: Client) -> None:
    """
    A label moves between versions and a version never changes.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])
    client.prompts.create_version("greeting", [Message(role="user", template="Hi {{name}}")])
    client.prompts.publish("greeting", 1, label="staging")

    client.prompts.publish("greeting", 2, label="staging")

    assert {"staging": 2} == client.prompts.get("greeting").labels
    assert "Hi {{name}}" == client.prompts.get_version("greeting", "staging").messages[0].template
    assert "Hello {{name}}" == client.prompts.get_version("greeting", 1).messages[0].template


def test_publish_unknown_version(client: Client) -> None:
    """
    A label never points at a version that does not exist.
    """
    client.prompts.create_version("greeting", [Message(role="user", template="Hello {{name}}")])

    with pytest.raises(NotFound) as caught:
        client.prompts.publish("greeting", 7)

    assert "prompts.version_not_found" == caught.value.error_code
    assert {} == client.prompts.get("greeting").labels


def test_unclosed_section(client: Client) -> None:
    """
    A template that does not parse is refused with the reason, and nothing is kept.
    """
    with pytest.raises(InvalidInput) as caught:
        client.prompts.create_version("greeting", [Message(role="user", template="{{#if}} no end")])

    assert "prompts.template_invalid" == caught.value.error_code
    with pytest.raises(NotFound):
        client.prompts.get("greeting")


def test_a_version_saved_in_between_is_told(client: Client) -> None:
    """
    Who writes on top of what was seen is refused when there is something newer; the same content is no conflict.
    """
    client.prompts.save("greeting", _says("Hello {{name}}"), if_latest=0)
    client.prompts.save("greeting", _says("Hi {{name}}"), if_latest=1)

    with pytest.raises(Conflict) as caught:
        client.prompts.save("greeting", _says("Hey {{name}}"), if_latest=1)
    again = client.prompts.save("greeting", _says("Hi {{name}}"), if_latest=1)

    assert "prompts.changed_meanwhile" == caught.value.error_code
    assert (2, 2) == (again.version, client.prompts.get("greeting").latest_version)


def _says(text: str) -> NewVersion:
    return NewVersion(messages=[Message(role="user", template=text)])
