"""Windows Deployments that LogMonitor wraps: objects, its configuration, and refusals of what it would pass over."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from jsonschema import Draft7Validator

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, Object

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "fluent-bit-windows"
FILES = CHART / "files" / "logmonitor"
EXAMPLE = ROOT / "values" / "examples" / "iis-logmonitor.yaml"
EVERY_WAY = CHART / "ci" / "all-values.yaml"
STRICT = Draft7Validator(json.loads((FILES / "LogMonitorConfig.schema.json").read_text(encoding="utf-8")))
FILE = {"type": "File", "directory": "C:\\logs"}
EVENTS = {"type": "EventLog", "channels": [{"name": "System"}]}
ETW = {"type": "ETW", "providers": [{"providerName": "IIS: WWW Server"}]}
DEFINITIONS = {"File": "file", "EventLog": "eventLog", "ETW": "etw"}
IMAGE = {"registry": "registry.invalid", "repository": "app", "tag": "1"}

Render = Callable[..., Manifests]


@pytest.fixture
def made(helm: Helm) -> Render:
    """Render the chart with workloads."""

    def rendered(*workloads: Mapping[str, Any], files: tuple[Path, ...] = (), **values: Any) -> Manifests:
        given = {"workloads": list(workloads), **values} if workloads else values
        return helm.render(CHART, release="x", values=given, value_files=files, kube_version=supported.KUBERNETES[-1])

    return rendered


@pytest.fixture
def refused(made: Render) -> Callable[..., str]:
    """Return what the chart says to a workload that it refuses."""

    def message(**fields: Any) -> str:
        with pytest.raises(HelmError) as caught:
            made(workload(**fields))
        return caught.value.stderr

    return message


def workload(**fields: Any) -> dict[str, Any]:
    return {"name": "web", "image": IMAGE, "command": ["app.exe"], **fields}


def copied(*sources: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Settings that let the chart write LogMonitor's configuration."""
    return {
        "from": "initContainer",
        "image": {**IMAGE, "repository": "logmonitor"},
        "sources": list(sources),
        **settings,
    }


def messages(made: Render, workloads: list[dict[str, Any]]) -> dict[int, list[str]]:
    """Return what the chart says about each of several workloads at once, by its place in the list."""
    with pytest.raises(HelmError) as caught:
        made(*workloads)
    told: dict[int, list[str]] = defaultdict(list)
    for each in re.split(r"\n(?=workloads\[\d+\] )", caught.value.stderr):
        if match := re.match(r"workloads\[(\d+)\]", each):
            told[int(match[1])].append(each)
    return told


def pod_of(manifests: Manifests, name: str = "x-fluent-bit-windows-web") -> Object:
    spec: Object = manifests.one("Deployment", name)["spec"]["template"]["spec"]
    return spec


def test_there_is_no_workload_by_default(made: Render) -> None:
    """The chart is for the agents; a workload is asked for."""
    assert [item for item in made() if "workload" in item["metadata"]["labels"]["app.kubernetes.io/component"]] == []


def test_example_installs_iis_behind_a_service(made: Render) -> None:
    """The article's Deployment, with a Service, an autoscaler and a disruption budget of its own."""
    manifests = made(files=(EXAMPLE,)).select(component="workload-iis")
    name = "x-fluent-bit-windows-iis"
    kinds = {"Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service"}
    assert manifests.names() == {(kind, name) for kind in kinds}
    [container] = pod_of(manifests, name)["containers"]
    assert container["command"] == ["C:\\LogMonitor\\LogMonitor.exe", "C:\\ServiceMonitor.exe", "w3svc"]
    assert "replicas" not in manifests.one("Deployment")["spec"]
    assert manifests.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == name


def test_image_starts_what_the_example_starts(made: Render) -> None:
    """The Dockerfile's entry point is the example's command, so `entrypoint` and `baked` come to the same."""
    [line] = [line for line in (FILES / "Dockerfile").read_text(encoding="utf-8").splitlines() if "ENTRYPOINT" in line]
    [container] = pod_of(made(files=(EXAMPLE,)), "x-fluent-bit-windows-iis")["containers"]
    assert json.loads(line.removeprefix("ENTRYPOINT")) == container["command"]


def test_baked_configuration_is_what_logmonitor_reads() -> None:
    """The configuration beside the Dockerfile passes the strict schema, and is UTF-8 without a mark."""
    text = (FILES / "LogMonitorConfig.json").read_bytes()
    assert [error.message for error in STRICT.iter_errors(json.loads(text))] == []
    assert text.startswith(b"{")


def test_logmonitor_comes_in_three_ways(made: Render) -> None:
    """Copied by an init container, baked in, or as the image's entry point."""
    manifests = made(files=(EVERY_WAY,))
    pods = {name: pod_of(manifests, f"x-fluent-bit-windows-{name}") for name in ("copied", "baked", "entrypoint")}
    assert {name: [one["name"] for one in pod.get("initContainers", [])] for name, pod in pods.items()} == {
        "copied": ["logmonitor"],
        "baked": [],
        "entrypoint": [],
    }
    assert {name: pod["containers"][0].get("command") for name, pod in pods.items()} == {
        "copied": ["C:\\logmonitor-files\\LogMonitor\\LogMonitor.exe", "C:\\app\\service.exe"],
        "baked": ["C:\\Tools\\LogMonitor\\LogMonitor.exe", "C:\\ServiceMonitor.exe", "w3svc"],
        "entrypoint": None,
    }
    assert manifests.select("ConfigMap", labels={"app.kubernetes.io/component": "workload-baked"}).names() == set()


def test_program_and_configuration_are_copied_into_one_folder(made: Render) -> None:
    """A ConfigMap over the program's folder would hide it, and ContainerUser writes no file to a volume's root."""
    pod = pod_of(made(workload(logMonitor=copied(FILE))))
    [copier], [container] = pod["initContainers"], pod["containers"]
    folder = "C:\\logmonitor-files\\LogMonitor"
    assert copier["command"] == [
        "cmd.exe",
        "/S",
        "/C",
        f"(if not exist {folder} mkdir {folder}) && copy /Y C:\\LogMonitor\\LogMonitor.exe {folder} "
        f"&& copy /Y C:\\logmonitor-config\\LogMonitorConfig.json {folder}",
    ]
    assert copier["image"] == "registry.invalid/logmonitor:1"
    volume = {"name": "logmonitor", "mountPath": "C:\\logmonitor-files"}
    config = {"name": "logmonitor-config", "mountPath": "C:\\logmonitor-config", "readOnly": True}
    assert copier["volumeMounts"] == [volume, config]
    assert container["volumeMounts"] == [{**volume, "readOnly": True}]
    assert [volume["name"] for volume in pod["volumes"]] == ["logmonitor", "logmonitor-config"]
    assert not any("subPath" in mount for mount in copier["volumeMounts"])


def test_changed_configuration_makes_new_pods(made: Render) -> None:
    """LogMonitor reads its file at its start only."""

    def annotations(directory: str) -> Any:
        manifests = made(workload(logMonitor=copied({**FILE, "directory": directory})))
        return manifests.one("Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert annotations("C:\\a") != annotations("C:\\b")


def test_written_configuration_is_the_values(made: Render) -> None:
    """Every source is in the file as it is in the values, and the strict schema takes it."""
    data = made(files=(EVERY_WAY,)).one("ConfigMap", "x-fluent-bit-windows-copied-logmonitor")["data"]
    config = json.loads(data["LogMonitorConfig.json"])
    assert [error.message for error in STRICT.iter_errors(config)] == []
    assert config["LogConfig"]["logFormat"] == "Custom"
    assert [source["type"] for source in config["LogConfig"]["sources"]] == ["EventLog", "File", "ETW", "Process"]
    assert config["LogConfig"]["sources"][1]["waitInSeconds"] == 60


@pytest.mark.parametrize(("build", "label"), [("2019", "10.0.17763"), ("2022", "10.0.20348"), ("2025", "10.0.26100")])
def test_pods_go_to_nodes_of_their_build(made: Render, build: str, label: str) -> None:
    """An image runs only on the build of Windows that it was made for; labels of nodes are added, never replaced."""
    wanted = {"disk": "ssd", "kubernetes.io/os": "linux"}
    pod = pod_of(made(workload(build=build, nodeSelector=wanted), mode="hostProcess"))
    assert pod["nodeSelector"] == {
        "disk": "ssd",
        "kubernetes.io/os": "windows",
        "node.kubernetes.io/windows-build": label,
    }
    assert pod["os"] == {"name": "windows"}


@pytest.mark.parametrize(("user", "non_root"), [("ContainerUser", True), ("ContainerAdministrator", False)])
def test_user_of_the_containers(made: Render, user: str, non_root: bool) -> None:
    """Nobody is an administrator who does not ask for it; no pod gets a token."""
    pod = pod_of(made(workload(user=user)))
    assert pod["securityContext"] == {"runAsNonRoot": non_root, "windowsOptions": {"runAsUserName": user}}
    assert pod["automountServiceAccountToken"] is False


def test_workload_says_only_what_differs(made: Render) -> None:
    """Maps of the defaults are merged with those of a workload; lists and plain values replace them."""
    defaults = {"replicas": 3, "resources": {"requests": {"cpu": "1"}}, "tolerations": [{"key": "a"}]}
    first = workload(resources={"requests": {"memory": "1Gi"}})
    second = workload(name="other", replicas=1, tolerations=[])
    manifests = made(first, second, workloadDefaults=defaults)
    one, other = (manifests.one("Deployment", f"x-fluent-bit-windows-{name}")["spec"] for name in ("web", "other"))
    assert (one["replicas"], other["replicas"]) == (3, 1)
    [container] = one["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "512Mi"}}
    assert one["template"]["spec"]["tolerations"] == [{"key": "a"}]
    assert "tolerations" not in other["template"]["spec"]


def test_selectors_of_workloads_differ(made: Render) -> None:
    """Neither two workloads nor a workload and the agents share pods."""
    manifests = made(workload(), workload(name="other"))
    selectors = [json.dumps(item["spec"]["selector"]) for item in manifests if "template" in item.get("spec", {})]
    assert len(selectors) == len(set(selectors)) > 2


MISTAKES = [
    ({**FILE, "waitInSeconds": "60"}, "JSON", "waitInSeconds: 60"),
    ({**FILE, "waitInSeconds": "soon"}, "JSON", "waitInSeconds: 300"),
    (FILE, "Custom", 'customLogFormat: "%TimeStamp% %Source% %Message%"'),
    (ETW, "Custom", 'customLogFormat: "%TimeStamp% %Source% %EventData%"'),
    ({**FILE, "customLogFormat": "%Message%"}, "JSON", "logFormat: Custom"),
    (
        {"type": "File", "directory": "C:\\", "includeSubdirectories": True},
        "JSON",
        "directory: C:\\logs\n          includeSubdirectories: true",
    ),
    ({"type": "File", "directory": "d:", "includeSubdirectories": True}, "JSON", "directory: d:\\logs"),
    ({"type": "File", "directory": "logs"}, "JSON", 'directory is "logs", but must be a path with a drive'),
    ({"type": "File"}, "JSON", "directory: C:\\inetpub\\logs"),
    ({"type": "File", "Directory": "C:\\logs"}, "JSON", 'directory: "C:\\\\logs"'),
    ({**FILE, "IncludeSubdirectories": True}, "JSON", "includeSubdirectories: true"),
    ({**FILE, "includeSubdirectories": "True"}, "JSON", "includeSubdirectories: true"),
    ({**EVENTS, "startAtOldestRecord": "no"}, "JSON", "startAtOldestRecord: false"),
    ({**FILE, "channels": []}, "JSON", "File has no key channels. Write only: type, customLogFormat, directory"),
    ({"type": "EventLog"}, "JSON", "channels:\n            - name: System\n              level: Error"),
    ({"type": "EventLog", "channels": [{"level": "Error"}]}, "JSON", "channels[0]: it has no name"),
    ({"type": "EventLog", "channels": [{"Name": "System"}]}, "JSON", 'name: "System"'),
    ({"type": "ETW"}, "JSON", 'providers:\n            - providerName: "IIS: WWW Server"'),
    ({"type": "ETW", "providers": [{"level": "Error"}]}, "JSON", "neither providerName nor providerGuid"),
    ({"type": "ETW", "providers": [{"providerName": "x", "keywords": 3}]}, "JSON", 'keywords: "3"'),
    ({"directory": "C:\\logs"}, "JSON", "it has no type. Write:\n        - type: File"),
    ({"Type": "File", "directory": "C:\\logs"}, "JSON", 'type: "File"'),
]


@pytest.mark.parametrize("index", range(len(MISTAKES)), ids=lambda index: MISTAKES[index][2].split("\n")[0])
def test_mistake_is_refused_with_the_line_to_write(made: Render, index: int) -> None:
    """What LogMonitor silently ignores is rejected, by its place; the strict schema agrees."""
    every = [
        workload(name=f"web-{number}", logMonitor=copied(source, logFormat=log_format))
        for number, (source, log_format, _) in enumerate(MISTAKES)
    ]
    source, log_format, message = MISTAKES[index]
    told = messages(made, every)[index]
    assert all(f"workloads[{index}] (web-{index}): logMonitor.sources[0]" in each for each in told)
    assert message in "\n".join(told)
    assert list(STRICT.iter_errors({"LogConfig": {"logFormat": log_format, "sources": [source]}})) != []


def test_sound_sources_are_taken(made: Render) -> None:
    """The least of each type is enough, for the chart and for the strict schema."""
    sources = [FILE, EVENTS, ETW, {"type": "File", "directory": "C:"}, {"type": "Process"}]
    assert list(STRICT.iter_errors({"LogConfig": {"logFormat": "JSON", "sources": sources}})) == []
    assert made(workload(logMonitor=copied(*sources))).select("ConfigMap", "x-fluent-bit-windows-web-logmonitor")


@pytest.mark.slow
def test_what_the_chart_takes_logmonitor_reads(helm: Helm) -> None:
    """Of sources drawn from the values' schema, those that render pass the strict schema; the others get a message."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    source = {**schema["definitions"]["logMonitorSource"], "definitions": schema["definitions"]}
    outcomes: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(source=from_schema(source), right=st.sampled_from([FILE, EVENTS, ETW]))
    def draw(source: dict[str, Any], right: dict[str, Any]) -> None:
        # Nearly no draw is sound by itself; more are with what its type requires, and no key of another type.
        own = STRICT.schema["definitions"][DEFINITIONS[right["type"]]]["properties"]
        for each in (source, {**{key: source[key] for key in source if key in own}, **right}):
            log_format = "Custom" if "customLogFormat" in each else "JSON"
            values = {"workloads": [workload(logMonitor=copied(each, logFormat=log_format))]}
            answer = helm.template(CHART, release="x", values=values)
            outcomes["rendered" if answer.exit_code == 0 else "refused"] += 1
            if answer.exit_code != 0:
                assert "workloads[0] (web): logMonitor.sources[0]" in answer.stderr, (each, answer.stderr)
                continue
            config = {"LogConfig": {"logFormat": log_format, "sources": [each]}}
            assert [error.message for error in STRICT.iter_errors(config)] == [], each
            written = Manifests.parse(answer.stdout).one("ConfigMap", "x-fluent-bit-windows-web-logmonitor")["data"]
            assert json.loads(written["LogMonitorConfig.json"]) == config

    draw()
    assert min(outcomes["rendered"], outcomes["refused"]) > 5, outcomes


def test_sources_of_one_type_would_replace_each_other(refused: Callable[..., str], made: Render) -> None:
    """LogMonitor keeps one setting for all its channels; files, which have their own, may be several."""
    assert "a second source of type EventLog" in refused(logMonitor=copied(EVENTS, EVENTS))
    assert made(workload(logMonitor=copied(FILE, {**FILE, "directory": "D:\\more"})))


CANNOT_WORK = [
    ({"command": []}, "LogMonitor has nothing to start"),
    ({"logMonitor": {"from": "entrypoint"}}, "command: []\n    logMonitor:\n      from: entrypoint"),
    (
        {"logMonitor": {"sources": [FILE]}},
        "the image contains its own configuration. Write:\n    logMonitor:\n      from: init",
    ),
    ({"logMonitor": copied()}, "LogMonitor would read nothing"),
    ({"logMonitor": {"from": "initContainer", "sources": [FILE]}}, "repository: logmonitor\n        tag: 2.2.1"),
    ({"logMonitor": copied(FILE, image={"repository": "a"})}, "logMonitor.image has neither a tag nor a digest"),
    ({"image": {"repository": "app"}}, "its image has neither a tag nor a digest"),
    ({"service": {"enabled": True}}, "its Service is enabled and has no ports"),
    (
        {"service": {"enabled": True, "ports": [{"port": 80, "targetPort": "http"}]}},
        "ports:\n      - name: http\n        containerPort: 80",
    ),
    (
        {"service": {"enabled": True, "ports": [{"port": 80}], "loadBalancerClass": "a"}},
        "service:\n      type: LoadBalancer",
    ),
    ({"autoscaling": {"enabled": True, "minReplicas": 9}}, "minReplicas: 5"),
    ({"autoscaling": {"enabled": True, "cpuPercent": 0}}, "cpuPercent: 80"),
    ({"podDisruptionBudget": {"enabled": True, "maxUnavailable": ""}}, "maxUnavailable: 1"),
    ({"build": "2019"}, 'windows:\n  builds:\n    - name: "2022"\n    - name: "2025"\n    - name: "2019"'),
]


@pytest.mark.parametrize("index", range(len(CANNOT_WORK)), ids=lambda index: CANNOT_WORK[index][1].split("\n")[0])
def test_workload_that_cannot_work_is_refused(made: Render, index: int) -> None:
    """Each message says which workload, and what to write."""
    every = [workload(name=f"web-{number}", **fields) for number, (fields, _) in enumerate(CANNOT_WORK)]
    told = messages(made, every)[index]
    assert CANNOT_WORK[index][1] in "\n".join(told)
    assert all(each.startswith(f"workloads[{index}] (web-{index}): ") for each in told)


def test_unknown_choices_are_refused(refused: Callable[..., str]) -> None:
    """A build, a user and a type of source are what there is, and nothing else."""
    stderr = refused(build="2016", user="Administrator", logMonitor=copied({**FILE, "type": "Files"}))
    assert "at '/workloads/0/build': value must be one of '2019', '2022', '2025'" in stderr
    assert "at '/workloads/0/user': value must be one of 'ContainerUser', 'ContainerAdministrator'" in stderr
    assert "value must be one of 'EventLog', 'File', 'ETW', 'Process'" in stderr


def test_names_are_unique_and_short_enough(made: Render) -> None:
    """Two workloads of one name would be one object, and a Service has a name of 63 letters at most."""
    with pytest.raises(HelmError, match=r"workloads\[1\] \(web\): two workloads have this name"):
        made(workload(), workload())
    with pytest.raises(HelmError, match=r"longer than 63 characters. Write a shorter one:\nfullnameOverride: a+\n"):
        made(workload(name="b" * 30), fullnameOverride="a" * 50)
