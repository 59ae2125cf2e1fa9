"""Windows Deployments that LogMonitor wraps: objects, pods, and rejections of workloads that cannot work."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.helm import HelmError
from harness.render.manifests import Manifests

from .workloads import FILE, FILES, ROOT, copied, pod_of, workload

EXAMPLE = ROOT / "values" / "examples" / "iis-logmonitor.yaml"

Render = Callable[..., Manifests]


def messages(with_workloads: Render, workloads: list[dict[str, Any]]) -> dict[int, list[str]]:
    """Return the messages about several workloads, by the index of the workload."""
    with pytest.raises(HelmError) as caught:
        with_workloads(*workloads)
    told: dict[int, list[str]] = defaultdict(list)
    for each in re.split(r"\n(?=In `workloads\[\d+\]` )", caught.value.stderr):
        if match := re.match(r"In `workloads\[(\d+)\]`", each):
            told[int(match[1])].append(each)
    return told


def test_there_is_no_workload_by_default(with_workloads: Render) -> None:
    """The default values create no workload."""
    assert [
        item for item in with_workloads() if "workload" in item["metadata"]["labels"]["app.kubernetes.io/component"]
    ] == []


def test_example_installs_iis_behind_a_service(with_workloads: Render) -> None:
    """The example creates a Deployment with a Service, an autoscaler and a disruption budget."""
    manifests = with_workloads(files=(EXAMPLE,)).select(component="workload-iis")
    name = "x-fluent-bit-windows-iis"
    kinds = {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"}
    assert manifests.names() == {(kind, name) for kind in kinds}
    [container] = pod_of(manifests, name)["containers"]
    logmonitor = ["C:\\LogMonitor\\LogMonitor.exe", "/Config", "LogMonitorConfig.json"]
    assert container["command"] == [*logmonitor, "C:\\ServiceMonitor.exe", "w3svc"]
    assert "replicas" not in manifests.one("Deployment")["spec"]
    assert manifests.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == name


def test_image_starts_what_the_example_starts(with_workloads: Render) -> None:
    """The entry point in the Dockerfile is the example's command, so `entrypoint` and `baked` start the same."""
    [line] = [line for line in (FILES / "Dockerfile").read_text(encoding="utf-8").splitlines() if "ENTRYPOINT" in line]
    [container] = pod_of(with_workloads(files=(EXAMPLE,)), "x-fluent-bit-windows-iis")["containers"]
    assert json.loads(line.removeprefix("ENTRYPOINT")) == container["command"]


@pytest.mark.parametrize(("build", "label"), [("2019", "10.0.17763"), ("2022", "10.0.20348"), ("2025", "10.0.26100")])
def test_pods_go_to_nodes_of_their_build(with_workloads: Render, build: str, label: str) -> None:
    """Pods select nodes of their build; additional node labels never override this."""
    wanted = {"disk": "ssd", "kubernetes.io/os": "linux"}
    pod = pod_of(with_workloads(workload(build=build, nodeSelector=wanted), mode="hostProcess"))
    assert pod["nodeSelector"] == {
        "disk": "ssd",
        "kubernetes.io/os": "windows",
        "node.kubernetes.io/windows-build": label,
    }
    assert pod["os"] == {"name": "windows"}


@pytest.mark.parametrize(("user", "non_root"), [("ContainerUser", True), ("ContainerAdministrator", False)])
def test_user_of_the_containers(with_workloads: Render, user: str, non_root: bool) -> None:
    """Containers run as ContainerUser unless a value sets ContainerAdministrator, and mount no token."""
    pod = pod_of(with_workloads(workload(user=user)))
    assert pod["securityContext"] == {"runAsNonRoot": non_root, "windowsOptions": {"runAsUserName": user}}
    assert pod["automountServiceAccountToken"] is False


def test_domain_identity(with_workloads: Render) -> None:
    """The GMSACredentialSpec is a Windows option of the pod, next to the user; there is none by default."""
    pod = pod_of(with_workloads(workload(gmsaCredentialSpecName="shop-web")))
    assert pod["securityContext"]["windowsOptions"] == {
        "runAsUserName": "ContainerUser",
        "gmsaCredentialSpecName": "shop-web",
    }
    assert "gmsaCredentialSpecName" not in str(pod_of(with_workloads(workload())))


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("plain", "plain"),
        ("--path=C:\\logs\\", "--path=C:\\logs\\"),
        ("two words", '"two words"'),
        ("C:\\Program Files\\", '"C:\\Program Files\\\\"'),
        ('say "yes"', '"say \\"yes\\""'),
        ('a\\"b', '"a\\\\\\"b"'),
        ("", '""'),
        ('"two words"', '"two words"'),
    ],
    ids=["plain", "backslash", "space", "space-and-backslash", "quotes", "backslash-and-quote", "empty", "quoted"],
)
def test_words_survive_logmonitor(with_workloads: Render, word: str, quoted: str) -> None:
    """LogMonitor joins its arguments with spaces, so words with spaces or quotes are quoted; others are unchanged."""
    [container] = pod_of(with_workloads(workload(command=["app.exe", word], args=[word])))["containers"]
    assert (container["command"][3:], container["args"]) == (["app.exe", quoted], [quoted])


def test_workload_overrides_defaults(with_workloads: Render) -> None:
    """Maps of a workload are merged with the defaults; lists and scalars replace them."""
    defaults = {"replicas": 3, "resources": {"requests": {"cpu": "1"}}, "tolerations": [{"key": "a"}]}
    first = workload(resources={"requests": {"memory": "1Gi"}})
    second = workload(name="other", replicas=1, tolerations=[])
    manifests = with_workloads(first, second, workloadDefaults=defaults)
    one, other = (manifests.one("Deployment", f"x-fluent-bit-windows-{name}")["spec"] for name in ("web", "other"))
    assert (one["replicas"], other["replicas"]) == (3, 1)
    [container] = one["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "512Mi"}}
    assert one["template"]["spec"]["tolerations"] == [{"key": "a"}]
    assert "tolerations" not in other["template"]["spec"]


def test_selectors_of_workloads_differ(with_workloads: Render) -> None:
    """The selectors of workloads and agents match different pods."""
    manifests = with_workloads(workload(), workload(name="other"))
    selectors = [json.dumps(item["spec"]["selector"]) for item in manifests if "template" in item.get("spec", {})]
    assert len(selectors) == len(set(selectors)) > 2


CANNOT_WORK = [
    ({"command": []}, "`command` is empty", "logMonitor:\n  from: entrypoint"),
    ({"logMonitor": {"from": "entrypoint"}}, "`command` is set", "command: []"),
    ({"logMonitor": {"sources": [FILE]}}, "LogMonitor reads the configuration in the image", "from: initContainer"),
    ({"logMonitor": copied()}, "LogMonitor would read nothing", "logMonitor:\n  sources:\n  - type: Process"),
    (
        {"logMonitor": {"from": "initContainer", "sources": [FILE]}},
        "`logMonitor.image`, from which to copy LogMonitor.exe, is not set",
        "repository: logmonitor\n    tag: 2.2.1",
    ),
    ({"service": {"enabled": True}}, "`service.ports` is empty", "service:\n  ports:\n  - port: 80"),
    (
        {"service": {"enabled": True, "ports": [{"port": 80, "targetPort": "http"}]}},
        "`service.ports[0].targetPort` is http, but `ports` has no port with that name",
        "ports:\n- containerPort: 80\n  name: http",
    ),
    (
        {"service": {"enabled": True, "ports": [{"port": 80}], "loadBalancerClass": "a"}},
        "`service.loadBalancerClass` is set, but `service.type` is ClusterIP",
        "service:\n  type: LoadBalancer",
    ),
    ({"autoscaling": {"enabled": True, "minReplicas": 9}}, "is greater than `maxReplicas`", "minReplicas: 5"),
    (
        {"autoscaling": {"enabled": True, "cpuPercent": 0}},
        "autoscaling is enabled, but has no target",
        "cpuPercent: 80",
    ),
    (
        {"podDisruptionBudget": {"enabled": True, "maxUnavailable": ""}},
        "`podDisruptionBudget` is enabled, but `minAvailable` and `maxUnavailable` are empty",
        "maxUnavailable: 1",
    ),
]


@pytest.mark.parametrize("index", range(len(CANNOT_WORK)), ids=lambda index: CANNOT_WORK[index][1])
def test_workload_that_cannot_work_is_rejected(with_workloads: Render, index: int) -> None:
    """Each message names the workload, the problem and the YAML to write."""
    every = [workload(name=f"web-{number}", **fields) for number, (fields, *_) in enumerate(CANNOT_WORK)]
    [told] = messages(with_workloads, every)[index]
    assert told.startswith(f"In `workloads[{index}]` (web-{index}), ")
    assert all(part in told for part in CANNOT_WORK[index][1:])


def test_workload_needs_an_agent_on_its_nodes(workload_rejection: Callable[..., str]) -> None:
    """A workload whose build has no agent is rejected; the message adds the build."""
    message = workload_rejection(build="2019")
    assert "`workloads[0].build` is 2019, but no agent runs on nodes of this build" in message
    assert 'windows:\n  builds:\n  - name: "2022"\n  - name: "2025"\n  - name: "2019"' in message


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        pytest.param({"image": {"repository": "app"}}, "/workloads/0/image", id="workload"),
        pytest.param(
            {"logMonitor": copied(FILE, image={"repository": "a"})}, "/workloads/0/logMonitor/image", id="logmonitor"
        ),
    ],
)
def test_images_have_a_tag_or_a_digest(
    workload_rejection: Callable[..., str], fields: dict[str, Any], place: str
) -> None:
    """An image without a tag or a digest is rejected."""
    message = workload_rejection(**fields)
    assert f"at '{place}': missing property 'tag'" in message


def test_unknown_choices_are_rejected(workload_rejection: Callable[..., str]) -> None:
    """Unknown builds, users and types of sources are rejected with the valid ones."""
    stderr = workload_rejection(build="2016", user="Administrator", logMonitor=copied({**FILE, "type": "Files"}))
    assert "at '/workloads/0/build': value must be one of '2019', '2022', '2025'" in stderr
    assert "at '/workloads/0/user': value must be one of 'ContainerUser', 'ContainerAdministrator'" in stderr
    assert "value must be one of 'EventLog', 'File', 'ETW', 'Process'" in stderr


def test_names_are_unique_and_short_enough(with_workloads: Render) -> None:
    """Duplicate names of workloads and object names with more than 63 characters are rejected."""
    with pytest.raises(HelmError, match=r"`workloads\[1\].name` is web, which is the name of another"):
        with_workloads(workload(), workload())
    with pytest.raises(HelmError, match=r"more than 63 characters.*\nfullnameOverride: a+\n"):
        with_workloads(workload(name="b" * 30), fullnameOverride="a" * 50)
