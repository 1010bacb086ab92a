"""What KubeRay takes as a RayService, strictly: every field by name, so that one it does not know is refused.

Written by hand after the CustomResourceDefinition `ray.io_rayservices.yaml` of KubeRay v1.6.2, version v1 (Apache-2.0,
https://github.com/ray-project/kuberay, commit 598eb66), whose names, types and required fields these are; v1.7.0 has them,
too. Pods, services and their parts are Kubernetes' own and held against Kubernetes' own schemas. Beyond the schema stands
what KubeRay's operator checks by code before it makes anything, from `validation.go` of the same release.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from typing import Any

import jsonschema
from referencing import Registry, Resource

KUBERNETES = "1.33"
LONGEST_NAME = 47
"""Of a RayService: its cluster, pods and services add to it and must not be cut."""
_DEFINITIONS = "https://kubernetes.io/api/_definitions.json"
_CORE = "io.k8s.api.core.v1"
_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_NUMBER: dict[str, Any] = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": _TEXT}


def _kubernetes(name: str) -> dict[str, Any]:
    return {"$ref": f"{_DEFINITIONS}#/$defs/{name}"}


def _object(*required: str, **fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": fields, "additionalProperties": False}


def _one_of(*words: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(words)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_POD = _kubernetes(f"{_CORE}.PodTemplateSpec")
_SERVICE = _kubernetes(f"{_CORE}.Service")
_AUTOSCALER = _object(
    env=_list(_kubernetes(f"{_CORE}.EnvVar")),
    envFrom=_list(_kubernetes(f"{_CORE}.EnvFromSource")),
    idleTimeoutSeconds=_NUMBER,
    image=_TEXT,
    imagePullPolicy=_TEXT,
    resources=_kubernetes(f"{_CORE}.ResourceRequirements"),
    securityContext=_kubernetes(f"{_CORE}.SecurityContext"),
    upscalingMode=_one_of("Default", "Aggressive", "Conservative"),
    version=_one_of("v1", "v2"),
    volumeMounts=_list(_kubernetes(f"{_CORE}.VolumeMount")),
)
_HEAD = _object(
    "template",
    enableIngress=_FLAG,
    headService=_SERVICE,
    labels=_TEXTS,
    rayStartParams=_TEXTS,
    resources=_TEXTS,
    serviceType=_TEXT,
    template=_POD,
)
_WORKERS = _object(
    "groupName", "maxReplicas", "minReplicas", "template",
    groupName=_TEXT,
    idleTimeoutSeconds=_NUMBER,
    labels=_TEXTS,
    maxReplicas=_NUMBER,
    minReplicas=_NUMBER,
    numOfHosts=_NUMBER,
    rayStartParams=_TEXTS,
    replicas=_NUMBER,
    resources=_TEXTS,
    scaleStrategy=_object(workersToDelete=_list(_TEXT)),
    suspend=_FLAG,
    template=_POD,
)  # fmt: skip
_CREDENTIAL = _object(value=_TEXT, valueFrom=_kubernetes(f"{_CORE}.EnvVarSource"))
_CLUSTER = _object(
    "headGroupSpec",
    authOptions=_object(enableK8sTokenAuth=_FLAG, mode=_one_of("disabled", "token"), secretName=_TEXT),
    autoscalerOptions=_AUTOSCALER,
    enableInTreeAutoscaling=_FLAG,
    gcsFaultToleranceOptions=_object(
        "redisAddress",
        externalStorageNamespace=_TEXT,
        redisAddress=_TEXT,
        redisPassword=_CREDENTIAL,
        redisUsername=_CREDENTIAL,
    ),
    headGroupSpec=_HEAD,
    headServiceAnnotations=_TEXTS,
    managedBy=_TEXT,
    rayVersion=_TEXT,
    suspend=_FLAG,
    upgradeStrategy=_object(type=_one_of("Recreate", "None")),
    workerGroupSpecs=_list(_WORKERS),
)
_UPGRADE = _object(
    "gatewayClassName", "intervalSeconds", "stepSizePercent",
    gatewayClassName=_TEXT,
    intervalSeconds=_NUMBER,
    maxSurgePercent=_NUMBER,
    stepSizePercent=_NUMBER,
)  # fmt: skip
RAY_SERVICE: dict[str, Any] = _object(
    "apiVersion", "kind", "metadata", "spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayService"},
    metadata=_kubernetes("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
    spec=_object(
        "rayClusterConfig",
        deploymentUnhealthySecondThreshold=_NUMBER,
        excludeHeadPodFromServeSvc=_FLAG,
        managedBy=_TEXT,
        rayClusterConfig=_CLUSTER,
        rayClusterDeletionDelaySeconds={**_NUMBER, "minimum": 0},
        serveConfigV2=_TEXT,
        serveService=_SERVICE,
        serviceUnhealthySecondThreshold=_NUMBER,
        upgradeStrategy=_object(
            clusterUpgradeOptions=_UPGRADE, type=_one_of("NewCluster", "NewClusterWithIncrementalUpgrade", "None")
        ),
    ),
)  # fmt: skip


@cache
def _validator() -> jsonschema.Draft202012Validator:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text())
    registry: Registry[Any] = Registry().with_resource(_DEFINITIONS, Resource.from_contents(definitions))
    return jsonschema.Draft202012Validator(RAY_SERVICE, registry=registry)


def list_faults(document: dict[str, Any]) -> list[str]:
    """Return what KubeRay would refuse, or leave without effect, in words with their place; empty when nothing."""
    faults = [f"{fault.json_path}: {fault.message}" for fault in _validator().iter_errors(document)]
    return faults or _list_faults_in_meaning(document["metadata"], document["spec"]["rayClusterConfig"])


def _list_faults_in_meaning(metadata: dict[str, Any], cluster: dict[str, Any]) -> list[str]:
    name, faults = metadata["name"], []
    if len(name) > LONGEST_NAME or not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        faults.append(f"the name '{name}' is no DNS label of at most {LONGEST_NAME} characters")
    head = cluster["headGroupSpec"]["template"]
    groups = [
        ("head", head),
        *((group["groupName"], group["template"]) for group in cluster.get("workerGroupSpecs", [])),
    ]
    faults += [f"'{who}' has no container" for who, template in groups if not template["spec"]["containers"]]
    ports = {port.get("name") for port in head["spec"]["containers"][0].get("ports", [])}
    if "serve" not in ports:
        faults.append("the head has no port 'serve', so there will be no Service to serve by")
    if "app.kubernetes.io/name" in head.get("metadata", {}).get("labels", {}):
        faults.append(
            "the head's label 'app.kubernetes.io/name' is what the Service of the head selects by, as 'kuberay'"
        )
    return faults + _list_faults_in_growing(cluster, head)


def _list_faults_in_growing(cluster: dict[str, Any], head: dict[str, Any]) -> list[str]:
    grows, faults = cluster.get("enableInTreeAutoscaling", False), []
    for group in cluster.get("workerGroupSpecs", []):
        least, most = group["minReplicas"], group["maxReplicas"]
        if not 0 <= least <= group.get("replicas", least) <= most:
            faults.append(f"'{group['groupName']}' has replicas outside {least} to {most}")
        if most > least and not grows:
            faults.append(f"'{group['groupName']}' never grows to {most}: nothing scales it")
    if grows and head["spec"].get("automountServiceAccountToken") is False:
        faults.append("the autoscaler beside the head has no token to ask for pods with")
    return faults
