"""Kubernetes manifests, held against the API's own schemas; and the writer of YAML they go through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.releases.kuberay import KUBERNETES, list_faults
from tests.releases.studio import Studio
from treadle.core.errors import InvalidInput
from treadle.core.settings import DEFAULT_DRAIN_SECONDS
from treadle.models import service as models
from treadle.models.types import Description, File, ProviderModel
from treadle.releases.packaging.kubernetes import name_of, render
from treadle.releases.packaging.types import KubernetesOptions
from treadle.releases.packaging.yaml import write_documents
from treadle.releases.types import NewRelease, Release

LLAMA = KubernetesOptions(image="registry.test/support:v1")
VLLM = KubernetesOptions(engine="vllm", volume_claim="models", gpus=2)
RAY = KubernetesOptions(ray=True, volume_claim="models", gpus=1)


def _release(studio: Studio, *paths: str, name: str = "support") -> Release:
    files = []
    for path in paths or ("model.gguf", "weights/model.safetensors"):
        blob = studio.platform.blobs.put_bytes(path.encode())
        files.append(File(path=path, digest=blob.digest, size_bytes=blob.size_bytes))
    described = Description(kind="weights", files=files, context_length=2048)
    version = studio.run(models.register_version(studio.ctx, "tuned", described))
    return studio.releases.create(NewRelease(name=name, model_version_id=version.model_version_id))


def _rendered(studio: Studio, options: KubernetesOptions, *paths: str) -> dict[str, dict[str, Any]]:
    text = studio.releases.render_kubernetes(_release(studio, *paths).release_id, options)
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def _require_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("options", [LLAMA, VLLM, LLAMA.model_copy(update={"replicas": 1})])
def test_manifests_hold_to_the_schemas(studio: Studio, options: KubernetesOptions) -> None:
    """
    Deployment, Service, autoscaler and disruption budget are valid to the last field, strictly.
    """
    documents = _rendered(studio, options)

    for document in documents.values():
        _require_valid(document)
    budget = {"PodDisruptionBudget"} if options.replicas > 1 else set()
    assert {"Deployment", "Service", "HorizontalPodAutoscaler"} | budget == set(documents)


@pytest.mark.parametrize("options", [LLAMA, VLLM])
def test_pods_are_locked_down(studio: Studio, options: KubernetesOptions) -> None:
    """
    No root, nothing to write but a scratch folder, no capabilities, no token, probes and limits: by default.
    """
    pod = _rendered(studio, options)["Deployment"]["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    guarded = container["securityContext"]
    assert (False, True, True) == (
        pod["automountServiceAccountToken"],
        pod["securityContext"]["runAsNonRoot"],
        guarded["readOnlyRootFilesystem"],
    )
    assert "RuntimeDefault" == pod["securityContext"]["seccompProfile"]["type"]
    assert (False, ["ALL"]) == (guarded["allowPrivilegeEscalation"], guarded["capabilities"]["drop"])
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert container["resources"]["requests"]["memory"] == container["resources"]["limits"]["memory"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_everything_finds_each_other(studio: Studio) -> None:
    """
    Service and budget select the pods that the Deployment makes, the autoscaler names the Deployment.
    """
    documents = _rendered(studio, LLAMA)

    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert documents["Service"]["spec"]["selector"].items() <= labels
    assert documents["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels
    target = documents["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert ("Deployment", documents["Deployment"]["metadata"]["name"]) == (target["kind"], target["name"])
    ports = [port["name"] for port in documents["Deployment"]["spec"]["template"]["spec"]["containers"][0]["ports"]]
    assert documents["Service"]["spec"]["ports"][0]["targetPort"] in ports


def test_vllm_reads_the_exported_folder(studio: Studio) -> None:
    """
    The claim is mounted read-only where the arguments look for the weights, and GPUs are asked for.
    """
    pod = _rendered(studio, VLLM)["Deployment"]["spec"]["template"]["spec"]

    (container,) = pod["containers"]
    assert {"--model=/models/model/weights", "--max-model-len=2048", "--port=8080"} <= set(container["args"])
    assert {"name": "models", "mountPath": "/models", "readOnly": True} in container["volumeMounts"]
    assert "2" == container["resources"]["limits"]["nvidia.com/gpu"]


@pytest.mark.parametrize("options", [RAY, RAY.model_copy(update={"replicas": 1, "max_replicas": 1, "gpus": 0})])
def test_ray_service_holds_to_the_schema(studio: Studio, options: KubernetesOptions) -> None:
    """
    KubeRay takes a RayService to the last field, and so does Kubernetes its pods; it scales only where it may grow.
    """
    (service,) = _rendered(studio, options).values()

    assert [] == list_faults(service)
    cluster = service["spec"]["rayClusterConfig"]
    assert "2.52.0" == cluster["rayVersion"]
    grows = options.max_replicas > options.replicas
    assert (grows, grows) == (cluster["enableInTreeAutoscaling"], "autoscalerOptions" in cluster)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("spec.rayClusterConfig.headGroupSpec.replicas", 1, "'replicas' was unexpected"),
        ("spec.rayClusterConfig.rayVersion", 2.52, "is not of type 'string'"),
        ("spec.rayClusterConfig.workerGroupSpecs", [{"groupName": "w"}], "'maxReplicas' is a required property"),
        ("spec.rayClusterConfig.headGroupSpec.template.spec.container", [], "'container' was unexpected"),
        ("spec.rayClusterConfig.enableInTreeAutoscaling", False, "never grows to 6"),
    ],
)
def test_what_kuberay_refuses_is_found(studio: Studio, place: str, value: object, told: str) -> None:
    """
    The schema that manifests are held against has teeth: unknown fields, wrong types, and what is missing are told.
    """
    (service,) = _rendered(studio, RAY).values()
    *path, last = place.split(".")
    inner = service
    for name in path:
        inner = inner[name]

    inner[last] = value

    assert any(told in fault for fault in list_faults(service))


def test_pods_of_ray_are_locked_down(studio: Studio) -> None:
    """
    No root, no capabilities; only the head has a token, and only where the autoscaler asks for pods with it.
    """
    (growing,) = _rendered(studio, RAY).values()
    fixed = yaml.safe_load(
        studio.releases.render_kubernetes(
            _release(studio, name="fixed").release_id, RAY.model_copy(update={"max_replicas": 2})
        )
    )

    for service, has_token in ((growing, True), (fixed, False)):
        cluster = service["spec"]["rayClusterConfig"]
        head, (workers,) = cluster["headGroupSpec"]["template"]["spec"], cluster["workerGroupSpecs"]
        worker = workers["template"]["spec"]
        tokens = (head["automountServiceAccountToken"], worker["automountServiceAccountToken"])
        assert (has_token, False) == tokens
        locked = [pod["containers"][0]["securityContext"] for pod in (head, worker)]
        locked += [cluster["autoscalerOptions"]["securityContext"]] if has_token else []
        assert all(pod["securityContext"]["runAsNonRoot"] for pod in (head, worker))
        assert all(not one["allowPrivilegeEscalation"] and ["ALL"] == one["capabilities"]["drop"] for one in locked)


def test_ray_serves_the_exported_folder(studio: Studio) -> None:
    """
    The application is what Ray Serve LLM's builder takes, with the weights where the claim is mounted.
    """
    (service,) = _rendered(studio, RAY).values()

    (application,) = yaml.safe_load(service["spec"]["serveConfigV2"])["applications"]
    assert "ray.serve.llm:build_openai_app" == application["import_path"]
    (model,) = application["args"]["llm_configs"]
    assert {"model_id": "support-v1", "model_source": "/models/model/weights"} == model["model_loading_config"]
    assert {"min_replicas": 2, "max_replicas": 6} == model["deployment_config"]["autoscaling_config"]


def test_names_are_short_enough_for_ray(studio: Studio) -> None:
    """
    KubeRay makes clusters, pods and services of a name, and takes no longer ones than leave room for that.
    """
    options = RAY.model_dump()
    for name in ("7" + "long name " * 7, "support " * 10):
        release = _release(studio, name=name)

        (service,) = yaml.safe_load_all(
            studio.releases.render_kubernetes(release.release_id, KubernetesOptions(**options))
        )

        assert [] == list_faults(service)


@pytest.mark.parametrize(
    ("options", "gib", "told"),
    [
        (LLAMA, 5.5, "8Gi"),
        (VLLM, 13.1, "22Gi"),
        (RAY, 13.1, "22Gi"),
        (VLLM.model_copy(update={"memory": "40Gi"}), 13.1, "40Gi"),
    ],
)
def test_memory_is_by_the_weights(studio: Studio, options: KubernetesOptions, gib: float, told: str) -> None:
    """
    What nobody states holds the weights, rounded up to a GiB, and 2 GiB beside them for llama.cpp or 8 for vLLM.
    """
    release = _release(studio, "model.gguf", "weights/model.safetensors")
    size = int(gib * 2**30)
    version = studio.run(models.get_version_by_id(studio.ctx, release.manifest.model_version_id))
    files = [file.model_copy(update={"size_bytes": size}) for file in version.files]

    *_, document = [
        document
        for document in yaml.safe_load_all(render(release, version.model_copy(update={"files": files}), options))
        if document["kind"] in ("Deployment", "RayService")
    ]

    spec = document["spec"]
    template = spec["rayClusterConfig"]["workerGroupSpecs"][0]["template"] if options.ray else spec["template"]
    resources = template["spec"]["containers"][0]["resources"]
    assert (told, told) == (resources["requests"]["memory"], resources["limits"]["memory"])


def test_nothing_to_run_is_told(studio: Studio) -> None:
    """
    vLLM needs weights, llama.cpp a GGUF; options that lack an image or a volume are refused with the next step.
    """
    with pytest.raises(InvalidInput) as caught:
        _rendered(studio, VLLM, "model.gguf")
    pointed = studio.run(
        models.register_version(
            studio.ctx, "hosted", Description(kind="provider", provider=ProviderModel(provider="scripted", model="m"))
        )
    )
    hosted = studio.releases.create(NewRelease(name="hosted", model_version_id=pointed.model_version_id))
    with pytest.raises(InvalidInput, match="is a provider's"):
        studio.releases.render_kubernetes(hosted.release_id, LLAMA)
    with pytest.raises(ValueError, match="treadle release export"):
        KubernetesOptions()
    with pytest.raises(ValueError, match="name its claim"):
        KubernetesOptions(engine="vllm")
    with pytest.raises(ValueError, match="is less than replicas"):
        KubernetesOptions(image="i", replicas=3, max_replicas=2)

    assert "releases.nothing_to_run" == caught.value.error_code


@pytest.mark.parametrize(
    ("name", "shown"),
    [("support", "support-v1"), ("Support / EU!", "support-eu-v1"), ("4711", "release-4711-v1"), ("ä", "release-v1")],
)
def test_names_are_what_dns_takes(studio: Studio, name: str, shown: str) -> None:
    """
    Names of releases are free text; Kubernetes' are not.
    """
    assert shown == name_of(_release(studio, name=name))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(max_size=30)
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=12), inner, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.text(min_size=1, max_size=12), VALUES, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_yaml_reads_back_as_it_was(document: dict[str, Any]) -> None:
    """
    Whatever is written, a reader of YAML gets the same value back.
    """
    (read,) = yaml.safe_load_all(write_documents([document]))

    assert document == read


def test_texts_of_several_lines_are_readable(tmp_path: Path) -> None:
    """
    A block of text is written as one, not as a string with escapes.
    """
    text = write_documents([{"config": "a: 1\nb:\n  - 2\n"}], comment="two\nlines")

    assert "# two\n# lines\nconfig: |\n  a: 1\n  b:\n    - 2\n" == text


def test_replicas_outlive_a_drain(studio: Studio) -> None:
    """
    A replica that is to end has longer for what it began than a gateway that drains.
    """
    deployed = _rendered(studio, VLLM)["Deployment"]["spec"]["template"]
    cluster = _rendered(studio, RAY)["RayService"]["spec"]["rayClusterConfig"]
    pods = [deployed, cluster["headGroupSpec"]["template"], cluster["workerGroupSpecs"][0]["template"]]

    assert all(pod["spec"]["terminationGracePeriodSeconds"] > DEFAULT_DRAIN_SECONDS for pod in pods)
