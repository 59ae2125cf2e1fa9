"""Every policy holds for every chart with every values file, and every policy can fail."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

from .conftest import Case, cases
from .exceptions import EXCEPTIONS, unexplained
from .rules import RULES, Rule

# One document, to share labels and container by anchors.
SOUND = """
- apiVersion: apps/v1
  kind: Deployment
  metadata: &metadata
    name: web
    namespace: default
    labels: &labels
      app.kubernetes.io/name: web
      app.kubernetes.io/instance: test
      app.kubernetes.io/component: app
      app.kubernetes.io/version: "1"
      app.kubernetes.io/managed-by: Helm
      helm.sh/chart: web-1.0.0
  spec:
    selector: {matchLabels: {app.kubernetes.io/name: web, app.kubernetes.io/instance: test}}
    template:
      metadata:
        labels: *labels
        annotations: {checksum/config: abc}
      spec:
        automountServiceAccountToken: false
        nodeSelector: {kubernetes.io/os: linux}
        securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
        volumes:
          - {name: scratch, emptyDir: {sizeLimit: 1Mi}}
          - {name: config, configMap: {name: web}}
        containers:
          - &container
            name: app
            image: example.invalid/app:1
            env: [{name: API_TOKEN, valueFrom: {secretKeyRef: {name: a, key: b}}}]
            ports: [{containerPort: 80}]
            resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}
            securityContext:
              allowPrivilegeEscalation: false
              readOnlyRootFilesystem: true
              capabilities: {drop: [ALL]}
        initContainers: [{<<: *container, name: sidecar, restartPolicy: Always}]
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: web, labels: *labels}
- apiVersion: v1
  kind: Service
  metadata: {name: web, labels: *labels}
  spec: {selector: {app.kubernetes.io/name: web}}
- apiVersion: v1
  kind: ServiceAccount
  metadata: {name: web, labels: *labels}
  automountServiceAccountToken: false
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: web, labels: *labels}
  rules: [{apiGroups: [""], resources: [nodes, configmaps], resourceNames: [web], verbs: [get]}]
"""

# Violations: kind, path, value (`...` deletes), and the policies that must detect it.
POD = "Deployment.spec.template.spec"
BREAKS: list[tuple[str, Any, str]] = [
    (f"{POD}.hostNetwork", True, "Deployment/web: hostNetwork is true"),
    (f"{POD}.hostPID", True, "Deployment/web: hostPID is true"),
    (f"{POD}.volumes.0", {"name": "logs", "hostPath": {"path": "/"}}, "Deployment/web: volume logs is a hostPath"),
    (f"{POD}.securityContext.sysctls", [{"name": "a"}], "Deployment/web: sysctl a"),
    (f"{POD}.securityContext.runAsNonRoot", ..., "Deployment/web app: runAsNonRoot is not true"),
    (f"{POD}.securityContext.runAsUser", 0, "Deployment/web app: runAsUser is 0"),
    (f"{POD}.securityContext.seccompProfile", ..., "Deployment/web app: seccompProfile is neither"),
    (f"{POD}.initContainers.0.securityContext.privileged", True, "Deployment/web sidecar: privileged is true"),
    (f"{POD}.containers.0.securityContext.allowPrivilegeEscalation", ..., "app: allowPrivilegeEscalation is not"),
    (f"{POD}.containers.0.securityContext.capabilities.drop", [], "app: capabilities.drop is not ALL"),
    (f"{POD}.containers.0.securityContext.capabilities.add", ["SYS_ADMIN"], "app: capabilities.add has more"),
    (f"{POD}.containers.0.securityContext.procMount", "Unmasked", "app: procMount is set"),
    (f"{POD}.containers.0.securityContext.seLinuxOptions", {"type": "x"}, "app: seLinuxOptions are set"),
    (f"{POD}.containers.0.securityContext.windowsOptions", {"hostProcess": True}, "app: hostProcess is true"),
    (f"{POD}.containers.0.ports.0.hostPort", 80, "app: a hostPort is set"),
    (f"{POD}.containers.0.securityContext.readOnlyRootFilesystem", False, "app: readOnlyRootFilesystem is not true"),
    (f"{POD}.automountServiceAccountToken", ..., "Deployment/web: automountServiceAccountToken is not false"),
    ("ServiceAccount.automountServiceAccountToken", ..., "ServiceAccount/web: automountServiceAccountToken"),
    ("ClusterRole.rules.0.verbs", ["*"], "ClusterRole/web: verbs has a wildcard"),
    ("ClusterRole.rules.0.resources", ["*"], "ClusterRole/web: resources has a wildcard"),
    ("ClusterRole.rules.0.apiGroups", ["*"], "ClusterRole/web: apiGroups has a wildcard"),
    ("ClusterRole.rules.0.resources", ["nodes/proxy"], "ClusterRole/web: nodes/proxy is enough"),
    ("ClusterRole.rules.0.resourceNames", ..., "ClusterRole/web: configmaps of the whole cluster"),
    (f"{POD}.containers.0.env.0", {"name": "API_TOKEN", "value": "x"}, "app: the value of API_TOKEN is written out"),
    (f"{POD}.containers.0.resources.requests.cpu", ..., "app: resources.requests.cpu is not set"),
    (f"{POD}.initContainers.0.resources.limits.memory", ..., "sidecar: resources.limits.memory is not set"),
    (f"{POD}.containers.0.image", "example.invalid/app", "app: example.invalid/app has no tag that stays"),
    (f"{POD}.containers.0.image", "example.invalid/app:latest", "app:latest has no tag that stays"),
    (f"{POD}.containers.0.image", "app:1", "app: app:1 does not name its registry"),
    ("Deployment.spec.selector.matchLabels.helm", "web-1", "Deployment/web: the selector has helm"),
    ("Service.spec.selector", {}, "Service/web: the selector selects anything"),
    ("Service.spec.selector", {"app.kubernetes.io/name": "other"}, "Service/web: the selector fits no pod"),
    ("ConfigMap.metadata.labels", ..., "ConfigMap/web: no label app.kubernetes.io/instance"),
    ("Deployment.spec.template.metadata.labels", {}, "Deployment/web template: no label helm.sh/chart"),
    ("ConfigMap.metadata.namespace", "kube-system", "ConfigMap/web: namespace kube-system"),
    (f"{POD}.volumes.0.emptyDir", {}, "Deployment/web: emptyDir scratch has no sizeLimit"),
    ("Deployment.kind", "DaemonSet", "DaemonSet/web: selects Fargate or virtual nodes"),
    (
        f"{POD}.volumes.0",
        {"name": "logs", "hostPath": {"path": "/srv", "type": "DirectoryOrCreate"}},
        "/srv of the node",
    ),
    (f"{POD}.nodeSelector", ..., "Deployment/web: nodeSelector has no kubernetes.io/os"),
    ("Deployment.spec.template.metadata.annotations", ..., "Deployment/web: no checksum of its configuration"),
]

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@pytest.mark.environment("mixed")
@every_rule
def test_policy_holds(case: Case, rule: Rule, rendered: Callable[..., Manifests]) -> None:
    """No object of a chart violates a policy."""
    assert unexplained(case.chart, rule(rendered(case))) == []


@pytest.mark.parametrize(
    ("excused", "pattern"),
    [pytest.param(name, pattern, id=f"{name}-{pattern}") for name, found in EXCEPTIONS.items() for pattern, _ in found],
)
def test_exception_is_needed(excused: str, pattern: str, rendered: Callable[..., Manifests]) -> None:
    """Every exception is used with some values file."""
    objects = (rendered(case) for case in cases() if case.chart.name == excused)
    assert any(re.fullmatch(pattern, text) for made in objects for rule in RULES for text in rule(made))


@pytest.fixture
def sound() -> list[dict[str, Any]]:
    """Return independent objects that violate no policy."""
    objects: list[dict[str, Any]] = json.loads(json.dumps(load_yaml(SOUND)))
    return objects


@every_rule
def test_sound_objects_break_no_policy(sound: list[dict[str, Any]], rule: Rule) -> None:
    """Valid objects cause no complaint."""
    assert rule(Manifests(sound)) == []


@pytest.mark.parametrize(("path", "value", "complaint"), BREAKS, ids=[f"{path}-{text}" for path, _, text in BREAKS])
def test_broken_policy_is_noticed(sound: list[dict[str, Any]], path: str, value: Any, complaint: str) -> None:
    """Each violation is detected, with a message that names the place."""
    kind, *steps = path.split(".")
    target: Any = Manifests(sound).one(kind)
    for step in steps[:-1]:
        target = target[int(step)] if step.isdigit() else target[step]
    last = int(steps[-1]) if steps[-1].isdigit() else steps[-1]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    complaints = [text for rule in RULES for text in rule(Manifests(sound))]
    assert any(complaint in text for text in complaints), complaints


def test_windows_pods_are_asked_for_what_windows_has(sound: list[dict[str, Any]]) -> None:
    """A Windows pod needs no Linux settings, but must meet all other policies."""
    deployment = Manifests(sound).one("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    pod |= {"os": {"name": "windows"}, "securityContext": {"runAsNonRoot": True}}
    for container in (*pod["containers"], *pod["initContainers"]):
        del container["securityContext"]
    assert [text for rule in RULES for text in rule(Manifests(sound))] == []
    pod["securityContext"] = {"windowsOptions": {"hostProcess": True}}
    complaints = "".join(text for rule in RULES for text in rule(Manifests(sound)))
    assert "hostProcess is true" in complaints and "runAsNonRoot is not true" in complaints


def test_every_policy_is_broken_once() -> None:
    """Every policy has a test that it can fail."""
    complaints = " ".join(complaint for _, _, complaint in BREAKS)
    witnesses = ("hostNetwork", "readOnlyRoot", "automount", "wildcard", "written out", "resources.", "tag that stays")
    witnesses += (
        "the selector",
        "no label",
        "namespace",
        "sizeLimit",
        "Fargate",
        "of the node",
        "kubernetes.io/os",
        "checksum",
    )
    assert len(witnesses) == len(RULES)
    assert [witness for witness in witnesses if witness not in complaints] == []
