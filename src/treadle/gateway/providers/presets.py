"""Well-known providers as data. A new one that speaks a known protocol is a row here and no code."""

from __future__ import annotations

from collections.abc import Mapping

from treadle.gateway.providers.types import ProviderOption, ProviderPreset

_DIALECTS = ProviderOption(
    name="dialects",
    meaning="what the server speaks, if less or more than chat, completions, embeddings and responses: names with"
    " commas between, also 'messages'",
)
_CHAT_ONLY = {"dialects": "chat"}
_CLASSIC = {"dialects": "chat,completions,embeddings"}

_ALL = (
    ProviderPreset(
        name="openai",
        title="OpenAI",
        kind="openai",
        base_url="https://api.openai.com/v1",
        key_from="platform.openai.com/api-keys",
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="azure",
        title="Azure OpenAI",
        kind="azure",
        base_url="https://<resource>.openai.azure.com/openai/v1",
        key_from="Azure portal: your Azure OpenAI resource, 'Keys and Endpoint'",
        known_options=[
            ProviderOption(
                name="api_version",
                meaning="the api-version to ask for; needed for 'preview' on .../openai/v1; without /openai/v1 in the"
                " base URL, deployments are called with 2024-10-21",
            ),
            ProviderOption(name="auth", meaning="'bearer' when the key is a Microsoft Entra ID token"),
            _DIALECTS,
        ],
    ),
    ProviderPreset(
        name="anthropic",
        title="Anthropic",
        kind="anthropic",
        base_url="https://api.anthropic.com/v1",
        key_from="platform.claude.com/settings/keys",
        known_options=[
            ProviderOption(name="version", meaning="anthropic-version; 2023-06-01"),
            ProviderOption(name="beta", meaning="anthropic-beta, names with commas between"),
        ],
    ),
    ProviderPreset(
        name="gemini",
        title="Google Gemini",
        kind="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_from="aistudio.google.com/apikey",
    ),
    ProviderPreset(
        name="bedrock",
        title="Amazon Bedrock",
        kind="bedrock",
        base_url="https://bedrock-runtime.<region>.amazonaws.com",
        key_from="AWS console: Bedrock, 'API keys'; or ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN] of an IAM user or role",
    ),
    ProviderPreset(
        name="groq",
        title="Groq",
        kind="openai",
        base_url="https://api.groq.com/openai/v1",
        key_from="console.groq.com/keys",
        options={"dialects": "chat,responses"},
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="together",
        title="Together AI",
        kind="openai",
        base_url="https://api.together.xyz/v1",
        key_from="api.together.ai/settings/api-keys",
        options=_CLASSIC,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="mistral",
        title="Mistral AI",
        kind="openai",
        base_url="https://api.mistral.ai/v1",
        key_from="console.mistral.ai/api-keys",
        options={"dialects": "chat,embeddings"},
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="deepseek",
        title="DeepSeek",
        kind="openai",
        base_url="https://api.deepseek.com/v1",
        key_from="platform.deepseek.com/api_keys",
        options=_CHAT_ONLY,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="openrouter",
        title="OpenRouter",
        kind="openai",
        base_url="https://openrouter.ai/api/v1",
        key_from="openrouter.ai/settings/keys",
        options=_CLASSIC,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="xai",
        title="xAI",
        kind="openai",
        base_url="https://api.x.ai/v1",
        key_from="console.x.ai, 'API keys'",
        options={"dialects": "chat,responses"},
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="fireworks",
        title="Fireworks AI",
        kind="openai",
        base_url="https://api.fireworks.ai/inference/v1",
        key_from="app.fireworks.ai/settings/users/api-keys",
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="ollama",
        title="Ollama",
        kind="openai",
        base_url="http://127.0.0.1:11434/v1",
        key_from="",
        options=_CLASSIC,
        private=True,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="vllm",
        title="vLLM",
        kind="openai",
        base_url="http://127.0.0.1:8000/v1",
        key_from="what vLLM was started with as --api-key, if anything",
        options={"dialects": "chat,completions,embeddings,responses,messages"},
        private=True,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="sglang",
        title="SGLang",
        kind="openai",
        base_url="http://127.0.0.1:30000/v1",
        key_from="what SGLang was started with as --api-key, if anything",
        options=_CLASSIC,
        private=True,
        known_options=[_DIALECTS],
    ),
    ProviderPreset(
        name="llama-cpp",
        title="llama.cpp",
        kind="openai",
        base_url="http://127.0.0.1:8080/v1",
        key_from="what llama-server was started with as --api-key, if anything",
        options=_CLASSIC,
        private=True,
        known_options=[_DIALECTS],
    ),
)

PRESETS: Mapping[str, ProviderPreset] = {preset.name: preset for preset in _ALL}
"""By name, in the order to show them."""
