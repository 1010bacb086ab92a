"""A release's weights on Kubernetes: Deployment, Service, autoscaler and disruption budget; or a RayService. Pure.

Secure by default: nobody's account, a file system that cannot be written, no capabilities, no token of the cluster, no
new privileges; probes, and requests equal to limits in memory. What is run is the engine alone: Treadle's gateway points
at the Service as at any other provider, and applies prompt, parameters and guards.
"""

from __future__ import annotations

import math
import re

from treadle.core.types import JsonObject, JsonValue
from treadle.models.types import Version as ModelVersion
from treadle.releases.packaging.types import KubernetesOptions
from treadle.releases.packaging.yaml import write_documents
from treadle.releases.types import Release

PORT = 8080
RAY_PORT = 8000
VLLM_IMAGE = "vllm/vllm-openai:v0.33.0"
GRACE_SECONDS = 120
"""How long a replica that is to end may answer what it began: longer than the drain of a gateway that is told to stop with it, unless
somebody made that longer."""
WEIGHTS = "/models/model/weights"
"""Where the exported folder's weights are, with its volume mounted at /models."""
GIB = 2**30
WEIGHTS_OF = {"llama.cpp": "model.gguf", "vllm": "weights/"}
"""Which files of a version an engine loads, by the beginning of their paths."""
ROOM = {"llama.cpp": 2, "vllm": 8}
"""GiB beside the weights: llama.cpp's context and buffers; the libraries of vLLM and CUDA, and what its workers share.
A rule of thumb to begin with: who measured states the memory."""
RAY_HEAD_MEMORY = "4Gi"
"""Of the head, which runs no weights: Ray's own processes, Serve's controller and router."""
LONGEST_NAME = 40
"""Of a name before its version: KubeRay adds to it, and takes no RayService of more than 47 characters."""
_LOCKED_DOWN: JsonObject = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}
_RAY_LOCKED_DOWN: JsonObject = {**_LOCKED_DOWN, "readOnlyRootFilesystem": False}
"""Ray writes below its own home."""
_NOBODY: JsonObject = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def render(release: Release, version: ModelVersion, options: KubernetesOptions) -> str:
    """Return the manifests as YAML; the same release and options give the same text."""
    if options.ray:
        documents = [_ray_service(release, version, options)]
    else:
        documents = [
            _deployment(release, version, options),
            _service(release, options),
            _autoscaler(release, options),
        ]
        if options.replicas > 1:
            documents.append(_budget(release, options))
    # KubeRay makes the Service itself, under the name of the RayService and '-serve-svc'.
    service = f"{name_of(release)}-serve-svc:{RAY_PORT}" if options.ray else name_of(release)
    return write_documents(
        documents,
        comment=(
            f"Release '{release.name}' v{release.version}, {release.digest}\n"
            f"The engine alone; point a provider of Treadle's gateway at the Service '{service}'."
        ),
    )


def name_of(release: Release) -> str:
    """Return a name that DNS takes, such as 'support-v3'."""
    plain = re.sub(r"[^a-z0-9]+", "-", release.name.lower()).strip("-")
    if not plain or not plain[0].isalpha():
        plain = f"release-{plain}"
    return f"{plain[:LONGEST_NAME].strip('-')}-v{release.version}"


def _deployment(release: Release, version: ModelVersion, options: KubernetesOptions) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(release, options),
        "spec": {
            "replicas": options.replicas,
            "selector": {"matchLabels": _selector(release)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": _labels(release)},
                "spec": {
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": GRACE_SECONDS,
                    "securityContext": _NOBODY,
                    "containers": [_engine(release, version, options)],
                    "volumes": _volumes(options),
                },
            },
        },
    }


def _engine(release: Release, version: ModelVersion, options: KubernetesOptions) -> JsonObject:
    is_vllm = options.engine == "vllm"
    container: JsonObject = {
        "name": "engine",
        "image": options.image or VLLM_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "env": _environment(release, is_vllm=is_vllm),
        "ports": [{"name": "http", "containerPort": PORT}],
        "securityContext": _LOCKED_DOWN,
        "resources": _resources(options, _memory(version, options), max(options.gpus, 1) if is_vllm else options.gpus),
        "startupProbe": _probe(period=5, failures=120),
        "readinessProbe": _probe(period=5, failures=2),
        "livenessProbe": _probe(period=15, failures=4),
        "volumeMounts": _mounts(options),
    }
    if is_vllm:
        container["args"] = _vllm_arguments(release, version)
    return container


def _vllm_arguments(release: Release, version: ModelVersion) -> list[str]:
    arguments = [f"--model={WEIGHTS}", f"--served-model-name={name_of(release)}", f"--port={PORT}"]
    if version.context_length is not None:
        arguments.append(f"--max-model-len={version.context_length}")
    return arguments


def _environment(release: Release, *, is_vllm: bool) -> list[JsonObject]:
    pairs = {"HOME": "/tmp", "MODEL_NAME": name_of(release)}
    if is_vllm:
        pairs = {"HOME": "/tmp", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    return [{"name": name, "value": value} for name, value in pairs.items()]


def _memory(version: ModelVersion, options: KubernetesOptions) -> str:
    if options.memory is not None:
        return options.memory
    engine = "vllm" if options.ray else options.engine
    weights = sum(file.size_bytes for file in version.files if file.path.startswith(WEIGHTS_OF[engine]))
    return f"{math.ceil(weights / GIB) + ROOM[engine]}Gi"


def _resources(options: KubernetesOptions, memory: str, gpus: int) -> JsonObject:
    limits: JsonObject = {"memory": memory}
    if gpus:
        limits["nvidia.com/gpu"] = str(gpus)
    return {"requests": {"cpu": options.cpu, **limits}, "limits": limits}


def _probe(*, period: int, failures: int) -> JsonObject:
    return {
        "httpGet": {"path": "/health", "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }


def _volumes(options: KubernetesOptions) -> list[JsonObject]:
    volumes: list[JsonObject] = [{"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}}]
    if options.engine == "vllm" or options.ray:
        volumes.append({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}})
    if options.volume_claim is not None:
        claim: JsonObject = {"claimName": options.volume_claim, "readOnly": True}
        volumes.append({"name": "models", "persistentVolumeClaim": claim})
    return volumes


def _mounts(options: KubernetesOptions) -> list[JsonObject]:
    mounts: list[JsonObject] = [{"name": "tmp", "mountPath": "/tmp"}]
    if options.engine == "vllm" or options.ray:
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})
    if options.volume_claim is not None:
        mounts.append({"name": "models", "mountPath": "/models", "readOnly": True})
    return mounts


def _service(release: Release, options: KubernetesOptions) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(release, options),
        "spec": {
            "type": "ClusterIP",
            "selector": _selector(release),
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }


def _autoscaler(release: Release, options: KubernetesOptions) -> JsonObject:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(release, options),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name_of(release)},
            "minReplicas": options.replicas,
            "maxReplicas": options.max_replicas,
            "metrics": [_metric(options)],
            # Loading weights takes a while, so replicas are not given up at the first lull.
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
        },
    }


def _metric(options: KubernetesOptions) -> JsonObject:
    if options.engine == "vllm":  # a GPU that is busy leaves the CPU idle; needs an adapter for Prometheus' metrics
        waiting: JsonObject = {"name": "vllm:num_requests_waiting"}
        return {"type": "Pods", "pods": {"metric": waiting, "target": {"type": "AverageValue", "averageValue": "2"}}}
    usage: JsonObject = {"type": "Utilization", "averageUtilization": 75}
    return {"type": "Resource", "resource": {"name": "cpu", "target": usage}}


def _budget(release: Release, options: KubernetesOptions) -> JsonObject:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(release, options),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _selector(release)}},
    }


def _ray_service(release: Release, version: ModelVersion, options: KubernetesOptions) -> JsonObject:
    gpus = max(options.gpus, 1)
    grows = options.max_replicas > options.replicas
    engine: JsonObject = {"tensor_parallel_size": gpus}
    if version.context_length is not None:
        engine["max_model_len"] = version.context_length
    model: JsonObject = {
        "model_loading_config": {"model_id": name_of(release), "model_source": WEIGHTS},
        "engine_kwargs": engine,
        "deployment_config": {
            "autoscaling_config": {"min_replicas": options.replicas, "max_replicas": options.max_replicas}
        },
    }
    application: JsonObject = {
        "name": "llm",
        "import_path": "ray.serve.llm:build_openai_app",
        "route_prefix": "/",
        "args": {"llm_configs": [model]},
    }
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": _metadata(release, options),
        "spec": {
            "serveConfigV2": write_documents([{"applications": [application]}]),
            "rayClusterConfig": {
                "rayVersion": _ray_version(options.ray_image),
                # Ray Serve asks for more replicas; without this nobody makes the pods that they would run in.
                "enableInTreeAutoscaling": grows,
                **({"autoscalerOptions": {"version": "v2", "securityContext": _RAY_LOCKED_DOWN}} if grows else {}),
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "0", "num-gpus": "0", "dashboard-host": "0.0.0.0"},
                    "template": _ray_pod(release, options, "ray-head", memory=RAY_HEAD_MEMORY, gpus=0, has_token=grows),
                },
                "workerGroupSpecs": [
                    {
                        "groupName": "engines",
                        "replicas": options.replicas,
                        "minReplicas": options.replicas,
                        "maxReplicas": options.max_replicas,
                        "rayStartParams": {},
                        "template": _ray_pod(
                            release, options, "ray-worker", memory=_memory(version, options), gpus=gpus, has_token=False
                        ),
                    }
                ],
            },
        },
    }


def _ray_pod(
    release: Release, options: KubernetesOptions, name: str, *, memory: str, gpus: int, has_token: bool
) -> JsonObject:
    """has_token: the autoscaler runs beside the head, under an account of KubeRay's that may make and end its pods."""
    ports: list[JsonObject] = [
        {"name": "serve", "containerPort": RAY_PORT},
        {"name": "gcs", "containerPort": 6379},
        {"name": "dashboard", "containerPort": 8265},
    ]
    container: JsonObject = {
        "name": name,
        "image": options.ray_image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "HF_HUB_OFFLINE", "value": "1"}],
        "securityContext": _RAY_LOCKED_DOWN,
        "resources": _resources(options, memory, gpus),
        "volumeMounts": _mounts(options),
    }
    if name == "ray-head":
        container["ports"] = ports
    # 1000 is the account 'ray' of Ray's own images.
    account: JsonObject = {**_NOBODY, "runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100}
    return {
        # Not app.kubernetes.io/name: KubeRay's Service of the head selects its pods by its own.
        "metadata": {"labels": {"app.kubernetes.io/part-of": name_of(release), **_origin(release)}},
        "spec": {
            "automountServiceAccountToken": has_token,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": account,
            "containers": [container],
            "volumes": _volumes(options),
        },
    }


def _ray_version(image: str) -> str:
    found = re.search(r":(\d+\.\d+\.\d+)", image)
    return found.group(1) if found else "2.52.0"


def _metadata(release: Release, options: KubernetesOptions) -> JsonObject:
    return {
        "name": name_of(release),
        "namespace": options.namespace,
        "labels": _labels(release),
        "annotations": {"treadle.dev/release-id": release.release_id, "treadle.dev/digest": release.digest},
    }


def _labels(release: Release) -> dict[str, JsonValue]:
    return {**_selector(release), **_origin(release)}


def _origin(release: Release) -> dict[str, JsonValue]:
    return {"app.kubernetes.io/version": f"v{release.version}", "app.kubernetes.io/managed-by": "treadle"}


def _selector(release: Release) -> dict[str, JsonValue]:
    return {"app.kubernetes.io/name": name_of(release)}
