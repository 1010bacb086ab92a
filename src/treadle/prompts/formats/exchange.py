"""Prompts as JSON of other registries: Langfuse's prompt objects, and what MLflow's `register_prompt` takes. Pure.

Langfuse: {"type", "name", "prompt", "config", "commitMessage"}; its `@@@langfusePrompt:name=…|label=…@@@` becomes an include and
back. MLflow: {"name", "template", "commit_message", "response_format", "model_config"}; what we write can be given to
`mlflow.genai.register_prompt(**…)`. Sources: langfuse.com/docs/prompts, mlflow.org genai/prompt-registry.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from treadle.core.types import JsonObject
from treadle.prompts.formats.front import MAX_BYTES, FileInvalid, ReadFile, Unsayable, mapping
from treadle.prompts.types import Message, NewVersion, Version

_REFERENCE = re.compile(r"@@@langfusePrompt:([^@]+)@@@")
_INCLUDE = re.compile(r"\{\{>\s*([\w.-]+)@(\w[\w-]*)\s*\}\}")
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


def write_langfuse(version: Version) -> str:
    """Return a version as Langfuse's API takes and gives it. Raises Unsayable."""
    if version.engine != "mustache" or any(
        "{{#" in part.template or "{{^" in part.template for part in version.messages
    ):
        raise Unsayable(
            "Langfuse's prompts have variables and no sections or Jinja; save a plainer version to export it"
        )
    texts = [_INCLUDE.sub(_reference, part.template) for part in version.written]
    if any("{{> treadle/" in text for text in texts):
        texts = [part.template for part in version.messages]
    prompt: Any = texts[0]
    if version.kind == "chat":
        roles = [part.role for part in version.written]
        prompt = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    config = dict(version.config)
    config |= {key: value for key, value in _schemas(version).items() if value is not None}
    found = {
        "type": version.kind,
        "name": version.prompt_name,
        "prompt": prompt,
        "config": config,
        "commitMessage": version.message,
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def read_langfuse(text: str) -> ReadFile:
    """Return what one of Langfuse's prompt objects says. Raises FileInvalid."""
    found = _object(text)
    prompt = found.get("prompt")
    config = mapping(found.get("config"), "config")
    schemas = {key: config.pop(key, None) for key in ("input_schema", "output_schema")}
    return _read(found, prompt, "prompt", found.get("commitMessage"), {"config": config, **schemas})


def write_mlflow(version: Version) -> str:
    """Return the arguments with which MLflow registers a version."""
    template: Any = [{"role": part.role, "content": part.template} for part in version.messages]
    found: JsonObject = {
        "name": version.prompt_name,
        "template": template if version.kind == "chat" else version.messages[0].template,
        "commit_message": version.message,
        "tags": {"treadle.digest": version.digest},
    }
    if version.output_schema is not None:
        found["response_format"] = version.output_schema
    if version.config:
        found["model_config"] = version.config
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def read_mlflow(text: str) -> ReadFile:
    """Return what one of MLflow's prompt versions says. Raises FileInvalid."""
    found = _object(text)
    template = found.get("template")
    facts: JsonObject = {
        "config": mapping(found.get("model_config"), "model_config"),
        "output_schema": found.get("response_format"),
    }
    if "{%" in json.dumps(template):
        facts["engine"] = "jinja"
    return _read(found, template, "template", found.get("commit_message"), facts)


def _read(found: JsonObject, prompt: object, where: str, message: object, facts: JsonObject) -> ReadFile:
    if isinstance(prompt, str):
        messages = [Message(role="user", template=_included(prompt))]
    elif isinstance(prompt, list) and prompt:
        messages = [_message(part) for part in prompt]
    else:
        raise FileInvalid(f"'{where}' should be a text or a list of messages; is this a prompt of another format?")
    kind = "text" if isinstance(prompt, str) else "chat"
    new = NewVersion.model_validate({"messages": messages, "kind": kind, "message": str(message or "")[:500], **facts})
    return ReadFile(None if found.get("name") is None else str(found["name"]), new)


def _message(part: object) -> Message:
    said = mapping(part, "a message")
    role = _ROLES.get(str(said.get("role")))
    if role is None or not isinstance(said.get("content"), str):
        raise FileInvalid(
            f"a message of role '{said.get('role', said.get('type'))}' is no text of a system, a user or an assistant; "
            f"placeholders and other media cannot be imported, take them out"
        )
    return Message.model_validate({"role": role, "template": _included(str(said["content"]))})


def _included(text: str) -> str:
    def include(match: re.Match[str]) -> str:
        facts = dict(part.split("=", 1) for part in match[1].split("|") if "=" in part)
        wanted = facts.get("version") or facts.get("label") or "latest"
        return f"{{{{> {facts.get('name', '')}@{wanted}}}}}"

    return _REFERENCE.sub(include, text)


def _reference(match: re.Match[str]) -> str:
    kind = "version" if match[2].isdigit() else "label"
    return f"@@@langfusePrompt:name={match[1]}|{kind}={match[2]}@@@"


def _schemas(version: Version) -> JsonObject:
    return {"input_schema": version.input_schema, "output_schema": version.output_schema}


def _object(text: str) -> JsonObject:
    if len(text) > MAX_BYTES:
        raise FileInvalid(f"the file is longer than {MAX_BYTES:,} characters")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileInvalid(f"the file is not JSON: {error}; export one prompt as JSON and try again") from error
    if not isinstance(found, dict):
        raise FileInvalid("the file holds no JSON object; give one prompt at a time")
    return cast(JsonObject, found)
