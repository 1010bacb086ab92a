"""Which packages tell of which libraries: OpenInference's instrumentors first, as they tell content without further
switches, then OpenTelemetry's own. Only data; `tests/client/test_instrument.py` holds it to real packages."""

from __future__ import annotations

from typing import NamedTuple


class Library(NamedTuple):
    """A library that can be told of."""

    name: str
    """What people call it, and how instrumentors name themselves as entry points."""
    distribution: str
    """What is installed when the library is."""
    packages: tuple[str, ...]
    """Packages that tell of it, the best first."""


LIBRARIES = (
    Library("agno", "agno", ("openinference-instrumentation-agno",)),
    Library("anthropic", "anthropic", ("openinference-instrumentation-anthropic", "opentelemetry-instrumentation-anthropic")),
    Library("autogen_agentchat", "autogen-agentchat", ("openinference-instrumentation-autogen-agentchat",)),
    Library("bedrock", "boto3", ("openinference-instrumentation-bedrock",)),
    Library("beeai", "beeai-framework", ("openinference-instrumentation-beeai",)),
    Library("claude_agent_sdk", "claude-agent-sdk", ("openinference-instrumentation-claude-agent-sdk",)),
    Library("crewai", "crewai", ("openinference-instrumentation-crewai",)),
    Library("dspy", "dspy", ("openinference-instrumentation-dspy",)),
    Library("google_adk", "google-adk", ("openinference-instrumentation-google-adk",)),
    Library("google_genai", "google-genai", ("openinference-instrumentation-google-genai", "opentelemetry-instrumentation-google-genai")),
    Library("groq", "groq", ("openinference-instrumentation-groq",)),
    Library("guardrails", "guardrails-ai", ("openinference-instrumentation-guardrails",)),
    Library("haystack", "haystack-ai", ("openinference-instrumentation-haystack",)),
    Library("instructor", "instructor", ("openinference-instrumentation-instructor",)),
    Library("langchain", "langchain-core", ("openinference-instrumentation-langchain", "opentelemetry-instrumentation-langchain")),
    Library("litellm", "litellm", ("openinference-instrumentation-litellm",)),
    Library("llama_index", "llama-index-core", ("openinference-instrumentation-llama-index",)),
    Library("mcp", "mcp", ("openinference-instrumentation-mcp",)),
    Library("mistralai", "mistralai", ("openinference-instrumentation-mistralai",)),
    Library("openai", "openai", ("openinference-instrumentation-openai", "opentelemetry-instrumentation-openai-v2")),
    Library("openai_agents", "openai-agents", ("openinference-instrumentation-openai-agents", "opentelemetry-instrumentation-openai-agents-v2")),
    Library("pydantic_ai", "pydantic-ai-slim", ("openinference-instrumentation-pydantic-ai",)),
    Library("smolagents", "smolagents", ("openinference-instrumentation-smolagents",)),
    Library("vertexai", "google-cloud-aiplatform", ("openinference-instrumentation-vertexai", "opentelemetry-instrumentation-vertexai")),
)  # fmt: skip
"""By name."""
