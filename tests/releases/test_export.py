"""A release outside of the platform: the folder, the OCI layout, and the container's own program."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.models.tiny import write_model_file
from tests.ports import free_port
from tests.releases.studio import Studio
from treadle.client.client import Client
from treadle.core.errors import NotFound, Unavailable
from treadle.core.types import JsonObject
from treadle.models import service as models
from treadle.models.types import Description, File, Measurement
from treadle.prompts.formats import dotprompt
from treadle.prompts.types import Message, NewVersion
from treadle.releases.packaging.folder import ENGINE_VERSION
from treadle.releases.packaging.layout import ARTIFACT, CONFIG, WEIGHTS
from treadle.releases.types import ManifestFile, NewRelease, Release

ROOT = Path(__file__).parents[2]
_HOUR = timedelta(hours=1)
DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
MEDIA_TYPE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$")
REF_NAME = re.compile(r"^[A-Za-z0-9]+([-._:@+]|--|[A-Za-z0-9/])*$")


def _release(
    studio: Studio, content: bytes = b"weights", *, tokenizer: bool = True, prompt: str | None = None
) -> Release:
    blobs = studio.platform.blobs
    paths = {"model.gguf": content, **({"weights/tokenizer.json": b"{}"} if tokenizer else {})}
    files = []
    for path, data in paths.items():
        blob = blobs.put_bytes(data)
        files.append(File(path=path, digest=blob.digest, size_bytes=blob.size_bytes))
    described = Description(kind="weights", files=files, licence="Apache-2.0", parameters_count=2_100_000)
    version = studio.run(models.register_version(studio.ctx, "tuned", described))
    return studio.releases.create(
        NewRelease(
            name="support",
            model_version_id=version.model_version_id,
            prompt_version_id=prompt or studio.prompt_version("Classify:\n{{input}}"),
        )
    )


def _tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folder_has_all_that_is_needed_elsewhere(studio: Studio, tmp_path: Path) -> None:
    """
    Weights byte for byte, a manifest that makes the same release, card, prompt and what builds a container.
    """
    release = _release(studio)

    studio.releases.export(release.release_id, tmp_path / "out")

    tree = _tree(tmp_path / "out")
    assert {
        "manifest.json", "card.md", "prompt.prompt", "Dockerfile", "serve.py", "model/model.gguf",
        "model/weights/tokenizer.json",
    } == set(tree)  # fmt: skip
    assert b"weights" == tree["model/model.gguf"]
    assert release == studio.releases.create_from_manifest(ManifestFile.model_validate_json(tree["manifest.json"]))
    assert tree["card.md"].startswith(b"# tuned v1")
    assert "releases.export" in [entry.action for entry in studio.client.audit.list_().items]


def test_prompt_file_is_a_dotprompt(studio: Studio, tmp_path: Path) -> None:
    """
    A YAML head with model and parameters in its names, then each message under its role.
    """
    release = _release(studio)

    studio.releases.export(release.release_id, tmp_path / "out")

    _, head, body = (tmp_path / "out" / "prompt.prompt").read_text().split("---\n")
    read = yaml.safe_load(head)
    assert ("support", "v1", "tuned") == (read["name"], read["variant"], read["model"])
    assert 0 == read["config"]["temperature"]
    assert '{{role "user"}}\nClassify:\n{{input}}\n' == body


def test_prompt_file_of_a_jinja_release_says_its_language(studio: Studio, tmp_path: Path) -> None:
    """
    What is exported reads back as the prompt that it was: a file without its language would be read as Mustache.
    """
    template = "{% for word in words %}{{ word }} {% endfor %}{{ input }}"
    written = NewVersion(messages=[Message(role="user", template=template)], engine="jinja")
    version = studio.client.prompts.save("loops", written)
    release = _release(studio, prompt=version.prompt_version_id)

    studio.releases.export(release.release_id, tmp_path / "out")

    read = dotprompt.read((tmp_path / "out" / "prompt.prompt").read_text()).new
    assert ("jinja", template) == (read.engine, read.messages[0].template)


def test_dockerfile_is_pinned_and_runs_as_nobody(studio: Studio, tmp_path: Path) -> None:
    """
    A base image stated to the patch (or with the digest that was given), the tested engine, no root, a health check.
    """
    release = _release(studio)
    pinned = f"registry.test/python@sha256:{'b' * 64}"

    studio.releases.export(release.release_id, tmp_path / "one")
    studio.releases.export(release.release_id, tmp_path / "two", base_image=pinned)

    text = (tmp_path / "one" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert re.match(r"^FROM python:\d+\.\d+\.\d+-slim-[a-z]+$", lines[0])
    assert f"FROM {pinned}" in (tmp_path / "two" / "Dockerfile").read_text()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") > max(n for n, line in enumerate(lines) if line.startswith(("RUN", "COPY")))
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert f"xllamacpp=={ENGINE_VERSION}" in text
    assert f"xllamacpp=={ENGINE_VERSION}\n" in (ROOT / "constraints.txt").read_text()


def test_layout_holds_to_the_image_spec(studio: Studio, tmp_path: Path) -> None:
    """
    oci-layout, index, manifest, descriptors and blobs as OCI's image-spec 1.1 asks for, checked down to every byte.
    """
    release = _release(studio)

    studio.releases.export(release.release_id, tmp_path / "oci", oci=True)

    manifest, config = check_layout(tmp_path / "oci")
    assert (ARTIFACT, CONFIG) == (manifest["artifactType"], manifest["config"]["mediaType"])
    layers = {layer["annotations"]["org.opencontainers.image.title"]: layer for layer in manifest["layers"]}
    assert WEIGHTS == layers["model/model.gguf"]["mediaType"]
    assert f"sha256:{hashlib.sha256(b'weights').hexdigest()}" == layers["model/model.gguf"]["digest"]
    assert [layer["digest"] for layer in manifest["layers"]] == config["modelfs"]["diffIds"]
    assert {"format": "gguf", "paramSize": "2.1m"} == config["config"]
    assert ["Apache-2.0"] == config["descriptor"]["licenses"]


def check_layout(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check an OCI image layout against the spec's MUSTs; return its manifest and config."""
    assert {"oci-layout", "index.json", "blobs"} == {path.name for path in folder.iterdir()}
    assert {"imageLayoutVersion": "1.0.0"} == json.loads((folder / "oci-layout").read_bytes())
    index = json.loads((folder / "index.json").read_bytes())
    assert (2, "application/vnd.oci.image.index.v1+json") == (index["schemaVersion"], index["mediaType"])
    (described,) = index["manifests"]
    assert REF_NAME.match(described["annotations"]["org.opencontainers.image.ref.name"])
    manifest = json.loads(_blob(folder, described))
    assert (2, "application/vnd.oci.image.manifest.v1+json") == (manifest["schemaVersion"], manifest["mediaType"])
    assert MEDIA_TYPE.match(manifest["artifactType"])
    assert manifest["artifactType"] == described["artifactType"]
    assert manifest["layers"]
    config = json.loads(_blob(folder, manifest["config"]))
    named = {described["digest"], manifest["config"]["digest"]}
    for layer in manifest["layers"]:
        _blob(folder, layer)
        named.add(layer["digest"])
        assert all(isinstance(value, str) for value in layer["annotations"].values())
    kept = {f"sha256:{path.name}" for path in (folder / "blobs" / "sha256").iterdir()}
    assert named == kept
    return manifest, config


def _blob(folder: Path, descriptor: JsonObject) -> bytes:
    digest, size = str(descriptor["digest"]), descriptor["size"]
    assert MEDIA_TYPE.match(str(descriptor["mediaType"]))
    assert DIGEST.match(digest)
    data = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
    assert (size, digest) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    return data


@pytest.mark.parametrize("oci", [False, True])
def test_same_release_gives_the_same_bytes(studio: Studio, tmp_path: Path, oci: bool) -> None:
    """
    Exported again later, when more was measured of the model: not a byte differs.
    """
    release = _release(studio)
    studio.releases.export(release.release_id, tmp_path / "one", oci=oci)
    studio.clock.advance(_HOUR)
    measured = Measurement(
        name="exact_match", value=0.9, rows_count=10, source_id="exp_1", part="test", measured_at=studio.clock.now()
    )
    studio.run(models.record_measurements(studio.ctx, release.manifest.model_version_id, [measured]))

    studio.releases.export(release.release_id, tmp_path / "two", oci=oci)

    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")


def test_large_weights_pass_through_in_pieces(studio: Studio, tmp_path: Path) -> None:
    """
    24 MiB that are not a whole number of tar blocks arrive whole.
    """
    content = bytes(range(256)) * (96 * 1024) + b"end"

    studio.releases.export(_release(studio, content).release_id, tmp_path / "out")

    assert content == (tmp_path / "out" / "model" / "model.gguf").read_bytes()


def test_export_without_its_weights_does_not_begin(studio: Studio, tmp_path: Path) -> None:
    """
    A blob that was erased is told before the first byte; nobody takes half a folder for a whole one.
    """
    release = _release(studio)
    studio.platform.blobs.fetch(f"sha256:{hashlib.sha256(b'weights').hexdigest()}").unlink()

    with pytest.raises(NotFound) as caught:
        studio.releases.export(release.release_id, tmp_path / "out")

    assert "was erased" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_stream_that_breaks_off_is_told(tmp_path: Path) -> None:
    """
    A connection that ends in the middle of a file is no export, and the client says so.
    """
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-tar\r\ncontent-length: 9999\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65_536)
                line.sendall(head + b"model.gguf".ljust(512, b"\0"))

        thread = threading.Thread(target=answer)
        thread.start()
        with Client(url) as client, pytest.raises(Unavailable) as caught:
            client.releases.export("rel_1", tmp_path / "out")
        thread.join()

    assert "client.download_broken" == caught.value.error_code


def test_containers_program_serves_the_model_and_stops_when_told(tmp_path: Path) -> None:
    """
    The exported serve.py with a real GGUF beside it: healthy, answers in OpenAI's protocol, ends on SIGTERM.
    """
    write_model_file(tmp_path).rename(tmp_path / "model.gguf")
    shutil.copy(ROOT / "src" / "treadle" / "releases" / "packaging" / "container.py", tmp_path / "serve.py")
    port = free_port()
    environment = {
        **os.environ, "PORT": str(port), "HOST": "127.0.0.1", "MODEL_CONTEXT": "128", "MODEL_NAME": "support-v1",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "serve.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as http:
            _wait_healthy(http)
            asked = {"model": "support-v1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 2}
            answer = http.post("/v1/chat/completions", json=asked)
        process.send_signal(signal.SIGTERM)

        assert 200 == answer.status_code
        assert "assistant" == answer.json()["choices"][0]["message"]["role"]
        assert 0 == process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()


def _wait_healthy(http: httpx2.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if http.get("/health").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("not healthy within 60 s")
