"""Values shaped by Kubernetes are validated against the schema of the oldest supported version."""

from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .conftest import ROOT

both_helms = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
CHARTS = {name: ROOT / "charts" / name for name in ("log-sidecar", "fluent-bit-windows", "observability-stack")}

# Values, and Helm's error line.
WRONG = {
    "log-sidecar": {
        "app": {
            "securityContext": (
                {"runAsNonRoott": True},
                "at '/app/securityContext': additional properties 'runAsNonRoott' not allowed",
            ),
            "lifecycle": (
                {"preStop": {"sleep": {"second": 3}}},
                "at '/app/lifecycle/preStop/sleep': additional properties 'second' not allowed",
            ),
            "env": (
                [{"name": "A", "valueFrom": {"secretKeyRef": {"nam": "a", "key": "b"}}}],
                "at '/app/env/0/valueFrom/secretKeyRef': additional properties 'nam' not allowed",
            ),
            "livenessProbe": (
                {"httpGet": {"paths": "/", "port": 80}},
                "at '/app/livenessProbe/httpGet': additional properties 'paths' not allowed",
            ),
            "updateStrategy": (
                {"rollingUpdate": {"partition": 1}},
                "at '/app/updateStrategy/rollingUpdate/partition': value must be 'absent; only a StatefulSet has a",
            ),
        },
        "sidecar": {
            "securityContext": (
                {"readOnlyRootFileSystem": True},
                "at '/sidecar/securityContext': additional properties 'readOnlyRootFileSystem' not allowed",
            )
        },
        "extraVolumes": (
            [{"name": "a", "emptydir": {}}],
            "at '/extraVolumes/0': additional properties 'emptydir' not allowed",
        ),
        "extraContainers": (
            [{"name": "a", "image": "b", "resources": {"limits": {"cpu": True}}}],
            "at '/extraContainers/0/resources/limits/cpu': got boolean, want",
        ),
        "injection": {
            "namespaceSelector": (
                {"matchExpressions": [{"key": "a", "value": "b"}]},
                "at '/injection/namespaceSelector/matchExpressions/0': missing property 'operator'",
            )
        },
        "topologySpreadConstraints": (
            [{"topologyKey": "zone"}],
            "at '/topologySpreadConstraints/0': missing properties 'maxSkew', 'whenUnsatisfiable'",
        ),
    },
    "fluent-bit-windows": {
        "tolerations": (
            [{"keyy": "os"}],
            "at '/tolerations/0': additional properties 'keyy' not allowed",
        ),
        "podSecurityContext": (
            {"windowsOptions": {"hostprocess": True}},
            "at '/podSecurityContext/windowsOptions': additional properties 'hostprocess' not allowed",
        ),
        "updateStrategy": (
            {"rollingUpdate": {"maxUnavailible": 1}},
            "at '/updateStrategy/rollingUpdate': additional properties 'maxUnavailible' not allowed",
        ),
    },
    "observability-stack": {
        "server": {
            "affinity": (
                {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerm": []}}},
                "at '/server/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution': ",
            ),
            "networkPolicy": {
                "from": (
                    [{"podSelectors": {}}],
                    "at '/server/networkPolicy/from/0': additional properties 'podSelectors' not allowed",
                )
            },
            "extraEnvFrom": (
                [{"secretRef": {"nam": "a"}}],
                "at '/server/extraEnvFrom/0/secretRef': additional properties 'nam' not allowed",
            ),
            "resources": (
                {"limit": {"cpu": 1}},
                "at '/server/resources': additional properties 'limit' not allowed",
            ),
        },
    },
}
TEXT = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}"}'
RIGHT: dict[str, dict[str, Any]] = {
    "log-sidecar": {
        # Null means an absent field, also in lists.
        "tolerations": [{"operator": "Exists", "tolerationSeconds": None}],
        "podSecurityContext": {"supplementalGroups": None, "runAsUser": 4000000000},
        "extraVolumes": [
            {"name": "a", "emptyDir": {"sizeLimit": "1.5Gi"}},
            {"name": "b", "emptyDir": {"sizeLimit": 5}},
        ],
        "extraObjects": [TEXT, load_yaml(TEXT)],
        "app": {
            "updateStrategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
            "livenessProbe": {"tcpSocket": {"port": "http"}},
        },
    },
    "fluent-bit-windows": {"updateStrategy": {"type": "OnDelete"}, "affinity": {"podAffinity": {}}},
    "observability-stack": {
        "server": {"networkPolicy": {"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}]}}
    },
}


def parts(wrong: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a table and the expected error lines."""
    values: dict[str, Any] = {}
    lines: list[str] = []
    for key, part in wrong.items():
        if isinstance(part, tuple):
            values[key], line = part
            lines.append(line)
        else:
            values[key], below = parts(part)
            lines += below
    return values, lines


@both_helms
@pytest.mark.parametrize("name", WRONG)
def test_wrong_field_is_rejected_with_its_path(helm: Helm, name: str) -> None:
    """A misspelled or missing field of a Kubernetes object is named with its path."""
    values, lines = parts(WRONG[name])
    answer = helm.template(CHARTS[name], values=values)
    assert answer.exit_code != 0
    assert [line for line in lines if line not in answer.stderr] == []


@pytest.mark.parametrize("name", RIGHT)
def test_what_kubernetes_accepts_is_rendered(helm: Helm, name: str) -> None:
    """Nulls, quantities, percentages, port names and templates in strings are valid."""
    assert helm.render(CHARTS[name], values=RIGHT[name])


@both_helms
@pytest.mark.parametrize(
    ("character", "shown"),
    [("\x7f", "\\x7f"), ("\x80", "\\u0080"), ("\x85", "\\u0085"), ("\uffff", "\\uffff")],
    ids=["DEL", "C1", "next-line", "noncharacter"],
)
def test_character_that_yaml_lacks_is_rejected(helm: Helm, chart: Path, character: str, shown: str) -> None:
    """A character that Helm cannot read back from YAML is rejected with its value; an object would lack its parts."""
    values = {"extraObjects": [f"a: b{character}"], "commonAnnotations": {"example.com/a": "b"}}
    answer = helm.template(chart, values=values)
    assert answer.exit_code != 0
    assert f'`extraObjects` contains the character "{shown}", which YAML does not permit. Remove it.' in answer.stderr
    assert "commonAnnotations" not in answer.stderr


def test_messages_name_one_cause(chart: Path) -> None:
    """The schema has no failing `anyOf` or `oneOf`, for which Helm prints every alternative."""
    text = (chart / "values.schema.json").read_text(encoding="utf-8")
    assert "anyOf" not in text
    assert "oneOf" not in text
