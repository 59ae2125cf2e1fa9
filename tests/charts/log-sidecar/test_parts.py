"""Named templates for pods of other charts, in the example chart that has this chart as a dependency."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import Manifests, load_yaml
from harness.render.schemas import object_errors
from policy.rules import RULES

from .conftest import CHART, NEWEST, ROOT

EXAMPLE = ROOT / "tests" / "examples" / "app-with-log-sidecar"
both_helms = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
Take = Callable[..., Manifests]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its dependency, as after `helm dependency update`."""
    folder = tmp_path_factory.mktemp("example") / EXAMPLE.name
    shutil.copytree(EXAMPLE, folder)
    shutil.copytree(CHART, folder / "charts" / CHART.name)
    return folder


@pytest.fixture
def take(helm: Helm, example: Path) -> Take:
    """Render the example with values of its dependency."""

    def rendered(values: dict[str, Any] | None = None) -> Manifests:
        return helm.render(example, release="x", values={"log-sidecar": values or {}}, kube_version=NEWEST)

    return rendered


@pytest.fixture
def rejected(helm: Helm, example: Path) -> Callable[[dict[str, Any]], str]:
    """Return Helm's error for values of the dependency."""

    def message(values: dict[str, Any]) -> str:
        answer = helm.template(example, values={"log-sidecar": values})
        assert answer.exit_code != 0
        return answer.stderr

    return message


@both_helms
def test_example_is_one_sound_deployment(take: Take, kubernetes: str) -> None:
    """The dependency creates no objects; the example's pod is valid and complies with every policy."""
    made = take()
    assert made.names() == {("Deployment", "x")}
    assert [error for item in made for error in object_errors(item, kubernetes)] == []
    assert [fault for rule in RULES for fault in rule(made)] == []


def test_parts_fit_together(take: Take) -> None:
    """Application and sidecar mount the same volume, the sidecar read-only, and every mounted volume exists."""
    [pod] = take().pods()
    [sidecar] = pod.spec["initContainers"]
    [app] = pod.spec["containers"]
    logs = {"name": "log-sidecar-logs", "mountPath": "/srv/logs"}
    assert app["volumeMounts"] == [logs]
    state = {"name": "log-sidecar-state", "mountPath": "/var/lib/log-sidecar"}
    assert sidecar["volumeMounts"] == [{**logs, "readOnly": True}, state]
    assert {volume["name"] for volume in pod.spec["volumes"]} == {"log-sidecar-logs", "log-sidecar-state"}
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("sidecar", "Always")


def test_configuration_is_that_of_the_chart(take: Take, agent_config: Callable[..., dict[str, Any]]) -> None:
    """The configuration is in the environment instead of a ConfigMap, so that a change restarts the pods."""
    values = {
        "logs": {
            "directory": "/srv/logs",
            "files": [{"name": "web", "path": "/srv/logs/web.log", "multiline": "java"}],
        }
    }
    [sidecar] = take(values).containers("sidecar")
    [data] = [entry["value"] for entry in sidecar["env"] if entry["name"] == "CONFIG_DATA"]
    assert not {"CONFIG"} & {entry["name"] for entry in sidecar["env"]}
    # The value in the container, after Kubernetes has expanded it.
    assert load_yaml(data.replace("$$", "$")) == agent_config(values)["sidecar"]


def test_dollars_are_escaped(take: Take) -> None:
    """Dollar signs, as in Lua's `[\\r\\n]+$`, are doubled, so that Kubernetes expands no variable."""
    [sidecar] = take(
        {"logs": {"directory": "/l", "files": [{"name": "web", "path": "/l/web.log", "multiline": "go"}]}}
    ).containers("sidecar")
    [data] = [entry["value"] for entry in sidecar["env"] if entry["name"] == "CONFIG_DATA"]
    assert '[\\r\\n]+$$"' in data.replace("\\\\", "\\")


@pytest.mark.parametrize("engine", ["fluent-bit", "tail"])
def test_plain_containers(take: Take, engine: str) -> None:
    """With `native: false`, the sidecar is one of the containers."""
    [pod] = take({"sidecar": {"native": False, "engine": engine}}).pods()
    assert "initContainers" not in pod.spec
    assert [box["name"] for box in pod.spec["containers"]] == ["app", "sidecar"]


def test_one_for_each_file(take: Take) -> None:
    """With `perFile`, there is a sidecar for each file."""
    [pod] = take({"sidecar": {"perFile": True}}).pods()
    assert [box["name"] for box in pod.spec["initContainers"]] == ["sidecar-web", "sidecar-audit"]


def test_tail_needs_no_state(take: Take) -> None:
    """The tail engine has neither configuration nor state volume."""
    [pod] = take({"sidecar": {"engine": "tail"}}).pods()
    assert [volume["name"] for volume in pod.spec["volumes"]] == ["log-sidecar-logs"]
    assert [mount["name"] for mount in pod.spec["initContainers"][0]["volumeMounts"]] == ["log-sidecar-logs"]


def test_sidecar_may_be_switched_off(take: Take) -> None:
    """Without a sidecar, the application keeps its log directory."""
    [pod] = take({"sidecar": {"enabled": False}}).pods()
    assert "initContainers" not in pod.spec
    assert [volume["name"] for volume in pod.spec["volumes"]] == ["log-sidecar-logs"]
    assert pod.spec["containers"][0]["volumeMounts"]


def test_volume_may_be_the_other_charts(helm: Helm, example: Path) -> None:
    """With `logs.volume.type: existing`, the pod's own volume is used, and no log volume is added."""
    volume = {"type": "existing", "existing": {"name": "data", "subPath": "logs"}}
    values = {"volumes": [{"name": "data", "emptyDir": {}}], "log-sidecar": {"logs": {"volume": volume}}}
    [pod] = helm.render(example, values=values).pods()
    assert [volume["name"] for volume in pod.spec["volumes"]] == ["log-sidecar-state", "data"]
    mount = {"name": "data", "mountPath": "/srv/logs", "subPath": "logs"}
    assert pod.spec["containers"][0]["volumeMounts"] == [mount]
    assert {**mount, "readOnly": True} in pod.spec["initContainers"][0]["volumeMounts"]


def test_several_directories_have_volumes(take: Take) -> None:
    """Each directory has a volume, which both containers mount."""
    [pod] = take({"logs": {"extraDirectories": {"tomcat": {"path": "/opt/tomcat/logs"}}}}).pods()
    assert {"name": "log-sidecar-logs-tomcat", "emptyDir": {"sizeLimit": "1Gi"}} in pod.spec["volumes"]
    mount = {"name": "log-sidecar-logs-tomcat", "mountPath": "/opt/tomcat/logs"}
    assert mount in pod.spec["containers"][0]["volumeMounts"]
    assert {**mount, "readOnly": True} in pod.spec["initContainers"][0]["volumeMounts"]


def test_claim_keeps_files_and_positions(take: Take) -> None:
    """A claim of the other chart contains the files and the engine's state."""
    volume = {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"existingClaim": "data"}}
    [pod] = take({"logs": {"volume": volume}}).pods()
    assert pod.spec["volumes"] == [{"name": "log-sidecar-logs", "persistentVolumeClaim": {"claimName": "data"}}]
    state = {"name": "log-sidecar-logs", "mountPath": "/var/lib/log-sidecar", "subPath": ".log-sidecar"}
    assert state in pod.spec["initContainers"][0]["volumeMounts"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"app": {"enabled": True}}, "app:\n  enabled: false"),
        (
            {"logs": {"files": [{"name": "a", "path": "a.log"}]}},
            "logs:\n  files:\n  - name: a\n    path: /srv/logs/a.log",
        ),
        ({"logs": {"volume": {"type": "persistentVolumeClaim"}}}, "existingClaim: my-logs"),
        ({"sidecar": {"drainSeconds": 0}}, "drainSeconds: 0.5"),
        (
            {"sidecar": {"engine": "tail"}, "logs": {"files": [{"name": "a", "path": "/srv/logs/*.log"}]}},
            "sidecar:\n  engine: fluent-bit",
        ),
        ({"sidecar": {"engine": "tail"}, "redaction": {"rules": ["jwt"]}}, "sidecar:\n  engine: fluent-bit"),
        (
            {"sidecar": {"fluentBit": {"extraFilters": [{"name": "parser", "match": "web", "parser": "level"}]}}},
            "extraParsers:\n    - format: json\n      name: level",
        ),
        (
            {"sidecar": {"extraEnv": [{"name": "NATIVE", "value": "a"}]}},
            '"NATIVE" twice, once from the chart itself. Change or remove one in sidecar.extraEnv.',
        ),
    ],
    ids=["application", "path", "no claim", "drain", "glob", "redaction", "filter", "duplicate"],
)
def test_wrong_values_are_rejected(rejected: Callable[[Any], str], values: dict[str, Any], said: str) -> None:
    """Invalid values are rejected, and the message names the key of the parent chart below which to write."""
    message = rejected(values)
    assert said in message
    assert "What follows is about the values below `log-sidecar:`" in message


def test_volume_requires_a_name(rejected: Callable[[Any], str]) -> None:
    """The schema names the place of the missing name of the pod's volume."""
    message = rejected({"logs": {"volume": {"type": "existing"}}})
    assert "log-sidecar:\n- at '/logs/volume/existing/name': minLength: got 0, want 1" in message


def test_null_is_rejected_below_the_charts_name(rejected: Callable[[Any], str]) -> None:
    """The schema holds for parts too: a value that the other chart sets to null is named by its path."""
    message = rejected({"sidecar": {"name": None}})
    assert "log-sidecar:\n- at '': 'allOf' failed\n  - at '/sidecar': missing property 'name'" in message


@pytest.mark.slow
@both_helms
def test_helm_fetches_the_dependency(helm: Helm, tmp_path: Path) -> None:
    """`helm dependency update` finds the chart by its file:// path, and the example renders the same objects."""
    work = tmp_path / "tests" / "examples" / EXAMPLE.name
    shutil.copytree(EXAMPLE, work)
    shutil.copytree(CHART, tmp_path / "charts" / CHART.name)
    command = [str(helm.binary), "dependency", "update", "--skip-refresh", str(work)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(work.glob("charts/log-sidecar-*.tgz"))
    assert helm.render(work).names() == {("Deployment", "test")}
