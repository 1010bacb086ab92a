"""Which version an option means: its id, or `NAME` for the newest, or `NAME@VERSION` with a number, a label or an alias."""

from __future__ import annotations

from typing import overload

from treadle.client.client import Client

HOW = "Its id, NAME for the newest, or NAME@VERSION."


@overload
def dataset_version(client: Client, said: str) -> str: ...
@overload
def dataset_version(client: Client, said: str | None) -> str | None: ...
def dataset_version(client: Client, said: str | None) -> str | None:
    """Return the id of a dataset's version. Raises NotFound."""
    if said is None or said.startswith("dsv_"):
        return said
    name, _, version = said.partition("@")
    return client.datasets.get_version(name, version or "latest").version_id


@overload
def prompt_version(client: Client, said: str) -> str: ...
@overload
def prompt_version(client: Client, said: str | None) -> str | None: ...
def prompt_version(client: Client, said: str | None) -> str | None:
    """Return the id of a prompt's version. Raises NotFound."""
    if said is None or said.startswith("prv_"):
        return said
    name, _, version = said.partition("@")
    return client.prompts.get_version(name, version or "latest").prompt_version_id


@overload
def model_version(client: Client, said: str) -> str: ...
@overload
def model_version(client: Client, said: str | None) -> str | None: ...
def model_version(client: Client, said: str | None) -> str | None:
    """Return the id of a model's version. Raises NotFound."""
    if said is None or said.startswith("mdv_"):
        return said
    name, _, version = said.partition("@")
    return client.models.get_version(name, version or "latest").model_version_id
