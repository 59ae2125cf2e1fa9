"""Policies: each checks the objects of a chart and returns violations as sentences.

The Pod Security Standard is https://kubernetes.io/docs/concepts/security/pod-security-standards/, profile restricted.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from harness.render.manifests import Manifests, Pod, key_of

Rule = Callable[[Manifests], list[str]]

SELECTOR_LABELS = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
REQUIRED_LABELS = {
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
}
_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_SECRET_NAME = re.compile(r"TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|(API|ACCESS|PRIVATE)_?KEY", re.IGNORECASE)
_IMAGE = re.compile(r"^[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+(:(?P<tag>[\w.-]+))?(@sha256:[0-9a-f]{64})?$")
_CLUSTER_WIDE = {"configmaps", "secrets"}


def pods_are_restricted(manifests: Manifests) -> list[str]:
    """Every pod passes the Pod Security Standard `restricted`."""
    found = []
    for pod in manifests.pods():
        found += [f"{pod}: {fault}" for fault in _pod_faults(pod)]
        for container in pod.containers():
            found += [f"{pod} {container['name']}: {fault}" for fault in _container_faults(pod, container)]
    return found


def root_file_systems_are_read_only(manifests: Manifests) -> list[str]:
    """No container can write to its root file system. Windows does not support that; Kubernetes rejects the setting."""
    return [
        f"{pod} {container['name']}: readOnlyRootFilesystem is not true"
        for pod in manifests.pods()
        if not _is_windows(pod)
        for container in pod.containers()
        if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True
    ]


def no_token_is_mounted(manifests: Manifests) -> list[str]:
    """No pod gets an API token, by its own setting and its service account's."""
    holders = [(str(pod), pod.spec) for pod in manifests.pods()]
    holders += [("/".join(key_of(item)), item) for item in manifests.select("ServiceAccount")]
    return [
        f"{where}: automountServiceAccountToken is not false"
        for where, holder in holders
        if holder.get("automountServiceAccountToken") is not False
    ]


def roles_are_narrow(manifests: Manifests) -> list[str]:
    """No role has a wildcard, accesses kubelets, or reads all ConfigMaps or Secrets of the cluster."""
    found = []
    for item in [*manifests.select("Role"), *manifests.select("ClusterRole")]:
        for rule in item.get("rules") or []:
            where = "/".join(key_of(item))
            wild = [field for field in ("verbs", "resources", "apiGroups") if "*" in rule.get(field, [])]
            found += [f"{where}: {field} has a wildcard" for field in wild]
            resources = set(rule.get("resources", []))
            if "nodes/proxy" in resources:
                found.append(f"{where}: nodes/proxy is enough to run commands in any pod")
            if item["kind"] == "ClusterRole" and not rule.get("resourceNames"):
                found += [f"{where}: {kind} of the whole cluster" for kind in sorted(resources & _CLUSTER_WIDE)]
    return found


def secrets_are_referred_to(manifests: Manifests) -> list[str]:
    """An environment variable with the name of a secret gets its value from a Secret."""
    return [
        f"{where}: the value of {entry['name']} is written out"
        for where, container in _containers(manifests)
        for entry in container.get("env") or []
        if _SECRET_NAME.search(entry["name"]) and entry.get("value")
    ]


def resources_are_set(manifests: Manifests) -> list[str]:
    """Every container has CPU and memory requests, and a memory limit."""
    found = []
    for where, container in _containers(manifests):
        resources = container.get("resources") or {}
        for kind, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if not (resources.get(kind) or {}).get(name):
                found.append(f"{where}: resources.{kind}.{name} is not set")
    return found


def images_are_pinned(manifests: Manifests) -> list[str]:
    """Every image has a registry and a fixed tag or digest."""
    found = []
    for where, container in _containers(manifests):
        image = str(container.get("image"))
        match = _IMAGE.match(image)
        if match is None:
            found.append(f"{where}: {image} does not name its registry")
        elif "@" not in image and match["tag"] in (None, "latest"):
            found.append(f"{where}: {image} has no tag that stays")
    return found


def selectors_are_minimal(manifests: Manifests) -> list[str]:
    """Selectors consist of name, instance and component, and match the pods' labels."""
    found = []
    pods = [pod.metadata.get("labels") or {} for pod in manifests.pods()]
    for where, labels in _selectors(manifests):
        if set(labels) - SELECTOR_LABELS:
            found.append(f"{where}: the selector has {', '.join(sorted(set(labels) - SELECTOR_LABELS))}")
        if not SELECTOR_LABELS & set(labels):
            found.append(f"{where}: the selector selects anything")
        if not any(labels.items() <= pod.items() for pod in pods):
            found.append(f"{where}: the selector fits no pod of the release")
    return found


def labels_are_complete(manifests: Manifests) -> list[str]:
    """Every object and every pod template has the recommended labels."""
    holders = [("/".join(key_of(item)), item["metadata"]) for item in manifests]
    holders += [(f"{pod} template", pod.metadata) for pod in manifests.pods()]
    return [
        f"{where}: no label {label}"
        for where, metadata in holders
        for label in sorted(REQUIRED_LABELS - set(metadata.get("labels") or {}))
    ]


def namespaces_are_the_releases(manifests: Manifests) -> list[str]:
    """No object of the charts has a hardcoded namespace."""
    return [
        f"{'/'.join(key_of(item))}: namespace {item['metadata']['namespace']}"
        for item in manifests
        if item["metadata"].get("namespace", "default") != "default"
    ]


def daemon_sets_avoid_nodes_without_them(manifests: Manifests) -> list[str]:
    """No DaemonSet selects Fargate or virtual nodes, which run none: its pods would stay Pending."""
    excluded = [
        {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]},
        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]},
    ]
    found = []
    for item in manifests.select("DaemonSet"):
        affinity = item["spec"]["template"]["spec"].get("affinity") or {}
        required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
        terms = required.get("nodeSelectorTerms") or [{}]
        if any(entry not in term.get("matchExpressions", []) for term in terms for entry in excluded):
            found.append(f"{'/'.join(key_of(item))}: selects Fargate or virtual nodes")
    return found


def host_paths_suit_read_only_nodes(manifests: Manifests) -> list[str]:
    """On Linux, pods create and write host paths only below /var and /run: other folders of Bottlerocket are read-only.

    Source: packages/selinux-policy/{fs,rules}.cil of bottlerocket-os/bottlerocket-core-kit.
    """
    found = []
    for pod in manifests.pods():
        mounts = [mount for box in pod.containers() for mount in box.get("volumeMounts") or []]
        written = {mount["name"] for mount in mounts if not mount.get("readOnly")}
        for volume in () if _is_windows(pod) else pod.spec.get("volumes") or []:
            host = volume.get("hostPath") or {"path": "/var/"}
            changes = volume["name"] in written or host.get("type", "").endswith("OrCreate")
            if changes and not host["path"].startswith(("/var/", "/run/")):
                found.append(f"{pod}: {host['path']} of the node is written")
    return found


def scratch_space_is_bounded(manifests: Manifests) -> list[str]:
    """Every emptyDir has a size limit; without one, a pod can fill the node's disk."""
    return [
        f"{pod}: emptyDir {volume['name']} has no sizeLimit"
        for pod in manifests.pods()
        for volume in pod.spec.get("volumes") or []
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit")
    ]


def pods_name_their_operating_system(manifests: Manifests) -> list[str]:
    """In a mixed cluster, a pod runs on nodes of its operating system."""
    return [
        f"{pod}: nodeSelector has no kubernetes.io/os"
        for pod in manifests.pods()
        if "kubernetes.io/os" not in (pod.spec.get("nodeSelector") or {})
    ]


# Flags of programs that read their files again when they change.
_RELOADING = ("--config.auto-reload", "--web.config.file=")


def configuration_rolls_pods(manifests: Manifests) -> list[str]:
    """A workload that uses a ConfigMap or Secret of its release reloads it, or has its checksum as an annotation."""
    ours = {name for kind, name in manifests.names() if kind in ("ConfigMap", "Secret")}
    return [
        f"{pod}: no checksum of its configuration"
        for pod in manifests.pods()
        if pod.owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
        and _configurations(pod) & ours
        and not any(name.startswith("checksum/") for name in pod.metadata.get("annotations") or {})
        and not any(arg.startswith(_RELOADING) for one in pod.containers() for arg in one.get("args") or [])
    ]


RULES: tuple[Rule, ...] = (
    pods_are_restricted,
    root_file_systems_are_read_only,
    no_token_is_mounted,
    roles_are_narrow,
    secrets_are_referred_to,
    resources_are_set,
    images_are_pinned,
    selectors_are_minimal,
    labels_are_complete,
    namespaces_are_the_releases,
    scratch_space_is_bounded,
    daemon_sets_avoid_nodes_without_them,
    host_paths_suit_read_only_nodes,
    pods_name_their_operating_system,
    configuration_rolls_pods,
)


def _containers(manifests: Manifests) -> Iterator[tuple[str, dict[str, Any]]]:
    for pod in manifests.pods():
        for container in pod.containers():
            yield f"{pod} {container['name']}", container


def _pod_faults(pod: Pod) -> list[str]:
    spec = pod.spec
    found = [f"{field} is true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        found += [f"volume {volume['name']} is a {kind}" for kind in sorted(kinds - _VOLUMES)]
    context = spec.get("securityContext") or {}
    found += [f"sysctl {entry['name']}" for entry in context.get("sysctls") or []]
    return found


def _container_faults(pod: Pod, container: dict[str, Any]) -> list[str]:
    own = container.get("securityContext") or {}
    context = {**(pod.spec.get("securityContext") or {}), **own}
    capabilities = own.get("capabilities") or {}
    profile = (context.get("seccompProfile") or {}).get("type")
    options = context.get("windowsOptions") or {}
    # Fields that the standard requires only for Linux pods; Kubernetes rejects them for Windows pods.
    of_linux = {
        "allowPrivilegeEscalation is not false": own.get("allowPrivilegeEscalation") is not False,
        "capabilities.drop is not ALL": capabilities.get("drop") != ["ALL"],
        "seccompProfile is neither RuntimeDefault nor Localhost": profile not in ("RuntimeDefault", "Localhost"),
    }
    faults = {
        **({} if _is_windows(pod) else of_linux),
        "privileged is true": bool(own.get("privileged")),
        "capabilities.add has more than NET_BIND_SERVICE": bool(
            set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}
        ),
        "runAsNonRoot is not true": context.get("runAsNonRoot") is not True,
        "runAsUser is 0": context.get("runAsUser") == 0,
        "procMount is set": own.get("procMount", "Default") != "Default",
        "seLinuxOptions are set": bool(context.get("seLinuxOptions")),
        "hostProcess is true": bool(options.get("hostProcess")),
        "a hostPort is set": any(port.get("hostPort") for port in container.get("ports") or []),
    }
    return [fault for fault, there in faults.items() if there]


def _is_windows(pod: Pod) -> bool:
    return (pod.spec.get("os") or {}).get("name") == "windows"


def _selectors(manifests: Manifests) -> Iterator[tuple[str, dict[str, str]]]:
    for item in manifests:
        spec = item.get("spec") or {}
        where = "/".join(key_of(item))
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "PodDisruptionBudget"):
            yield where, spec["selector"].get("matchLabels") or {}
        elif item["kind"] == "Service" and spec.get("type") != "ExternalName":
            yield where, spec.get("selector") or {}
        elif item["kind"] == "NetworkPolicy":
            yield where, spec["podSelector"].get("matchLabels") or {}


def _configurations(pod: Pod) -> set[str]:
    """Return the names of all ConfigMaps and Secrets that a pod uses."""
    volumes = pod.spec.get("volumes") or []
    names = {(volume.get("configMap") or {}).get("name") for volume in volumes}
    names |= {(volume.get("secret") or {}).get("secretName") for volume in volumes}
    for container in pod.containers():
        sources = [entry.get("valueFrom") or {} for entry in container.get("env") or []]
        keys = ("configMapKeyRef", "secretKeyRef", "configMapRef", "secretRef")
        for source in [*sources, *(container.get("envFrom") or [])]:
            names |= {source[key]["name"] for key in keys if key in source}
    return {name for name in names if name}
