"""Secrets with a known shape are found; ordinary words about secrets are not. Values below are built, never real."""

from __future__ import annotations

import base64
import json

import pytest

from treadle.guards.secrets import KEY_SHAPES, find_secrets, mask_secrets


def encoded(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "key",
    [
        "sk-" + "ant-" + "api03-" + "aB3" * 10,
        "sk-" + "proj-" + "aB3" * 10,
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "glpat-" + "a1B2" * 5,
        "AIza" + "a1B2c" * 7,
        "xoxb-" + "1234567890-abcdef",
        "sk_live_" + "a1B2" * 6,
        "hf_" + "aBcDe" * 7,
    ],
)
def test_key_with_a_known_prefix(key: str) -> None:
    """
    A vendor's key is masked wherever it stands in the text.
    """
    assert "use [API_KEY], thanks" == mask_secrets(f"use {key}, thanks").text


def test_private_key_block() -> None:
    """
    A PEM private key goes as a whole, also when its end line was cut off.
    """
    whole = "-----BEGIN RSA PRIVATE KEY-----\nMIIab+/=\n-----END RSA PRIVATE KEY-----"

    assert "[PRIVATE_KEY] ok!" == mask_secrets(f"{whole} ok!").text
    assert "[PRIVATE_KEY]" == mask_secrets("-----BEGIN PRIVATE KEY-----\nMIIab").text


def test_web_token_needs_a_header_with_an_algorithm() -> None:
    """
    Three dotted parts are a token only when the first decodes to JSON that names 'alg'.
    """
    body = encoded({"sub": "1234"})

    assert "[JWT]" == mask_secrets(f"{encoded({'alg': 'HS256'})}.{body}.c2ln").text
    assert [] == find_secrets(f"{encoded({'not': 'one'})}.{body}.c2ln")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("api_key='Zx81kfj3920kd'", "api_key='[SECRET]'"),
        ('{"password": "tr0ub4dor&3x"}', '{"password": "[SECRET]"}'),
        ("client-secret: 9fQ2mX7pLw", "client-secret: [SECRET]"),
    ],
)
def test_value_assigned_to_a_telling_name(text: str, masked: str) -> None:
    """
    A random-looking value behind a name such as 'password' is masked, the name stays.
    """
    assert masked == mask_secrets(text).text


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password: please send a link",
        "the secret is: never give up",
        "sk-learn and task-based work",
        "AKIA is a prefix, ghp_short is not a key",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_words_about_secrets_stay(text: str) -> None:
    """
    Talking about a password is not a password.
    """
    assert [] == find_secrets(text)


def test_every_shape_has_a_vendor() -> None:
    """
    The table of shapes names its vendors, so a report can say whose key it was.
    """
    assert all(vendor.isalnum() and shape for vendor, shape in KEY_SHAPES.items())
