"""Who ran a model, in the names of our own presets, so that spans of any emitter stand beside the gateway's."""

from __future__ import annotations

_NAMES = {
    "az.ai.openai": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "azure-openai": "azure",
    "az.ai.inference": "azure",
    "azure.ai.inference": "azure",
    "aws": "bedrock",
    "aws.bedrock": "bedrock",
    "amazon-bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "gcp.vertex_ai": "gemini",
    "google": "gemini",
    "google.generative-ai": "gemini",
    "google_genai": "gemini",
    "google_vertexai": "gemini",
    "vertexai": "gemini",
    "vertex_ai": "gemini",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "x_ai": "xai",
    "x-ai": "xai",
    "together_ai": "together",
    "hugging_face": "huggingface",
}
_PARTS = (".chat", ".responses", ".completion", ".embedding", ".messages")
"""What the Vercel AI SDK puts behind a provider's name."""


def provider_name(stated: str | None) -> str | None:
    """Return our name of a provider; one that we do not know keeps its own, in small letters."""
    if not stated:
        return None
    name = stated.lower()
    for part in _PARTS:
        name = name.removesuffix(part)
    return _NAMES.get(name, name)
