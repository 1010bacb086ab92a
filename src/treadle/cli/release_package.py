"""`treadle release diff`, `export`, `report` and `render`: how releases differ, and how one leaves the platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from treadle.cli.output import connected, emit_json, emit_text, json_option, note, say
from treadle.core.types import JsonValue
from treadle.releases.packaging.types import KubernetesOptions


@click.command(
    "diff", epilog="\b\nExample: treadle release diff rel_01m7y100mm81qbatdgsrcya7aa rel_3hv3wvy77pscgpganrqj5vtg72"
)
@click.argument("before_id")
@click.argument("after_id")
@json_option
def diff(before_id: str, after_id: str, as_json: bool) -> None:
    """Print how the second release differs from the first, field by field, and the prompt line by line."""
    with connected() as client:
        found = client.releases.diff(before_id, after_id)
    if as_json:
        return emit_json(found)
    if not found.changes:
        return say("the same parts")
    for change in found.changes:
        say(f"{change.path}: {_shown(change.before)} -> {_shown(change.after)}")
    return say(f"\n{found.prompt.rstrip()}") if found.prompt else None


@click.command("export", epilog="\b\nExample: treadle release export rel_01m7y100mm81qbatdgsrcya7aa --to support-v3")
@click.argument("release_id")
@click.option(
    "--to",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write; must be empty or absent.",
)
@click.option("--oci", is_flag=True, help="Write an OCI image layout instead of plain files.")
@click.option("--base-image", help="Image that the Dockerfile builds on, with a digest where that is asked for.")
@json_option
def export(release_id: str, folder: Path, oci: bool, base_image: str | None, as_json: bool) -> None:
    """Write a release with its weights, manifest, card, prompt and a Dockerfile."""
    if folder.exists() and any(folder.iterdir()):
        raise click.BadParameter(f"'{folder}' is not empty; name a new folder", param_hint="--to")
    with connected() as client:
        client.releases.export(release_id, folder, oci=oci, base_image=base_image)
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if as_json:
        return emit_json({"folder": str(folder), "num_files": len(files), "size_bytes": size})
    say(f"{len(files)} files, {size:,} bytes, in {folder}")
    if oci:
        return note(f"push it with any OCI tool, such as: oras cp --from-oci-layout {folder}:TAG REGISTRY/NAME:TAG")
    if (folder / "Dockerfile").exists():
        note(f"build it with: docker build -t NAME {folder}")
    return None


@click.command("report", epilog="\b\nExample: treadle release report rel_01m7y100mm81qbatdgsrcya7aa --html report.html")
@click.argument("release_id")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it as one HTML page to this file.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write it as Markdown to this file.")
@json_option
def report(release_id: str, html: Path | None, markdown: Path | None, as_json: bool) -> None:
    """Print the responsible-AI report of a release: what is known of it, and what nobody has measured."""
    with connected() as client:
        found = client.releases.get_report(release_id)
        if html is not None:
            html.write_text(client.releases.get_report_page(release_id), encoding="utf-8")
    if markdown is not None:
        markdown.write_text(found.markdown, encoding="utf-8")
    if as_json:
        return emit_json(found)
    if html is None and markdown is None:
        return emit_text(found.markdown)
    for path in (html, markdown):
        if path is not None:
            note(f"the report is in {path}")
    return say(f"{len(found.not_measured)} things were not measured or stated; the report names them")


@click.group("render")
def render() -> None:
    """Write what other systems need to run a release."""


@render.command("k8s", epilog="\b\nExample: treadle release render k8s rel_01m7y100mm81qbatdgsrcya7aa --replicas 3")
@click.argument("release_id")
@click.option(
    "--engine",
    type=click.Choice(["llama.cpp", "vllm"]),
    default="llama.cpp",
    show_default=True,
    help="What runs the weights.",
)
@click.option("--image", help="Container image; for llama.cpp the one built from `release export`.")
@click.option("--namespace", default="default", show_default=True, help="Namespace to put it in.")
@click.option("--replicas", default=2, show_default=True, type=click.IntRange(1, 1000), help="Least pods.")
@click.option("--max-replicas", default=6, show_default=True, type=click.IntRange(1, 1000), help="Most pods.")
@click.option("--cpu", default="2", show_default=True, help="CPUs that a pod asks for.")
@click.option("--memory", help="Memory that a pod asks for, such as 12Gi; by the size of the weights when not given.")
@click.option("--gpus", default=0, show_default=True, type=click.IntRange(0, 16), help="GPUs of a pod.")
@click.option("--volume-claim", help="Claim of a volume with the exported folder; for vLLM and Ray.")
@click.option("--ray", is_flag=True, help="A RayService for KubeRay instead.")
@click.option("--ray-image", help="Image of the Ray cluster.")
def render_k8s(release_id: str, **wanted: Any) -> None:
    """Print Kubernetes manifests: pipe them into `kubectl apply -f -`."""
    options = KubernetesOptions.model_validate({name: value for name, value in wanted.items() if value is not None})
    with connected() as client:
        manifests = client.releases.render_kubernetes(release_id, options)
    emit_text(manifests)


def _shown(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"
