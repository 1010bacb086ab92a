"""A release as a folder: manifest, model files, card, prompt, and what builds a container of it. Pure.

The same release gives the same bytes: nothing in here is a time, a host or a version of the day. The container runs the
weights alone, as another provider that Treadle's gateway can point at; prompt, parameters and guards stay the gateway's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files as resources

from treadle.core.types import JsonObject
from treadle.models.types import GGUF_FILE
from treadle.models.types import Version as ModelVersion
from treadle.prompts.formats.dotprompt import write_chat
from treadle.prompts.types import Message
from treadle.releases.packaging.entries import Entry, entry_of
from treadle.releases.packaging.manifest import document_of
from treadle.releases.types import Release

BASE_IMAGE = "python:3.11.14-slim-bookworm"
"""Stated to the patch; give one with a digest where that is asked for."""
ENGINE_VERSION = "2026.10.11549"
"""The engine that the container installs: the one that Treadle itself is tested with."""
DEFAULT_CONTEXT = 4096
MAX_CONTEXT = 8192
MODEL_FOLDER = "model"


def folder_of(
    release: Release, versions: Sequence[ModelVersion], cards: Mapping[str, str], *, base_image: str = BASE_IMAGE
) -> list[Entry]:
    """Return the files of a release's folder, by path.

    versions: the model versions that may answer, the release's own first. cards: their Markdown, by version id.
    """
    entries = [entry_of("manifest.json", manifest_json(release))]
    for number, version in enumerate(versions):
        # The release's own model has the plain names; others are beside it under their ids.
        inside = MODEL_FOLDER if number == 0 else f"models/{version.model_version_id}"
        entries += [Entry(f"{inside}/{file.path}", file.digest, file.size_bytes, None) for file in version.files]
        card = "card.md" if number == 0 else f"models/{version.model_version_id}.card.md"
        entries.append(entry_of(card, cards[version.model_version_id].encode()))
    if release.manifest.messages:
        entries.append(entry_of("prompt.prompt", dotprompt(release, versions[0]).encode()))
    if versions[0].find_file(GGUF_FILE) is not None:
        context = min(versions[0].context_length or DEFAULT_CONTEXT, MAX_CONTEXT)
        entries.append(entry_of("Dockerfile", dockerfile(base_image, context).encode()))
        entries.append(entry_of("serve.py", serve_script()))
    return sorted(entries)


def manifest_json(release: Release) -> bytes:
    """Return what `release create --from-manifest` reads."""
    document = {
        "format": "treadle.release/1",
        "name": release.name,
        "version": release.version,
        "digest": release.digest,
        "manifest": document_of(release.manifest),
    }
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def dotprompt(release: Release, version: ModelVersion) -> str:
    """Return the prompt as a .prompt file (dotprompt): what it is sent with above, its messages below."""
    parameters = release.manifest.parameters
    config = {_CONFIG_NAMES.get(name, name): value for name, value in sorted(parameters.items())}
    head: JsonObject = {
        "name": release.name,
        "variant": f"v{release.version}",
        "model": version.model_name,
        "config": config,
    }
    messages = [Message(role=part.role, template=part.template) for part in release.manifest.messages]
    return write_chat(head, messages, release.manifest.prompt_engine, release.manifest.examples)


_CONFIG_NAMES = {"max_tokens": "maxOutputTokens", "top_p": "topP", "top_k": "topK", "stop": "stopSequences"}


def dockerfile(base_image: str, context: int) -> str:
    """Return what builds a container that serves the GGUF: nobody's account, nothing to write, and a health check."""
    return f"""\
# Serves {MODEL_FOLDER}/{GGUF_FILE} on port 8080, in OpenAI's protocol. Build it in this folder:
#   docker build -t my-model . && docker run --read-only --tmpfs /tmp -p 8080:8080 my-model
FROM {base_image}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp MODEL_CONTEXT={context}
RUN pip install --no-cache-dir --only-binary=:all: xllamacpp=={ENGINE_VERSION}
WORKDIR /srv
COPY --chmod=444 serve.py {MODEL_FOLDER}/{GGUF_FILE} ./
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s --retries=3 \\
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
ENTRYPOINT ["python", "serve.py"]
"""


def serve_script() -> bytes:
    """Return the program that the container runs."""
    return resources("treadle.releases.packaging").joinpath("container.py").read_bytes()
