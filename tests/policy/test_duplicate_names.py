"""A name that occurs twice in a list is rejected with the value that it comes from."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, Object

from .conftest import ROOT, Case, cases, charts
from .values_tree import Path_, leaves, merged

# By the last key of a value: an item that no chart has, the kind that messages name, and the field that identifies it.
LISTS: dict[str, tuple[Object, str, str]] = {
    "env": ({"name": "PROBE", "value": "a"}, "environment variable", "name"),
    "extraEnv": ({"name": "PROBE", "value": "a"}, "environment variable", "name"),
    "extraVolumeMounts": ({"name": "probe", "mountPath": "/probe"}, "mount path", "mountPath"),
    "extraVolumes": ({"name": "probe", "emptyDir": {}}, "volume", "name"),
    "extraContainers": ({"name": "probe", "image": "a"}, "container", "name"),
    "extraInitContainers": ({"name": "probe", "image": "a"}, "container", "name"),
    "ports": ({"name": "probe", "containerPort": 9}, "port name", "name"),
    "topologySpreadConstraints": (
        {"maxSkew": 1, "topologyKey": "probe", "whenUnsatisfiable": "DoNotSchedule"},
        "topology spread constraint",
        "topologyKey",
    ),
}
OF_CONTAINERS = {"env": "env", "extraEnv": "env", "extraVolumeMounts": "volumeMounts", "ports": "ports"}
OF_PODS = {"extraVolumes": "volumes", "topologySpreadConstraints": "topologySpreadConstraints"}


def lists(chart: Path) -> list[Path_]:
    """Return the path of each such list in a chart's values, and of those that a workload sets itself."""

    def below(values: Object, above: Path_) -> Iterator[Path_]:
        for key, value in values.items():
            if isinstance(value, dict):
                yield from below(value, (*above, key))
            elif key in LISTS and isinstance(value, list):
                yield (*above, key)

    found = list(below(merged(chart, None), ()))
    return found + [("workloads", 0, *path[1:]) for path in found if path[0] == "workloadDefaults"]


def written(path: Path_) -> str:
    """Return a path as messages write it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def is_of_service(path: Path_) -> bool:
    return "service" in path


def added(case: Case, path: Path_, *items: Object) -> Object | None:
    """Return a case's values with items behind those of a list; None where the values lack its workload."""
    values = {**copy.deepcopy(merged(case.chart, case.values)), "extraObjects": []}
    parent: Any = values
    for step in path[:-1]:
        if isinstance(step, int) and step >= len(parent):
            return None
        parent = parent[step] if isinstance(step, int) else parent.setdefault(step, {})
    inherited = values
    for step in ("workloadDefaults", *path[2:]) if path[0] == "workloads" else path:
        inherited = inherited[str(step)]
    parent[path[-1]] = [*parent.get(path[-1], inherited), *items]
    return values


def rendered_lists(made: Manifests, path: Path_) -> Iterator[tuple[str, list[Object]]]:
    """Yield every list into which a path of the values may go, with the subject of messages about it."""
    key = str(path[-1])
    if is_of_service(path):
        for service in made.select("Service"):
            yield f'Service "{service["metadata"]["name"]}"', service["spec"]["ports"]
        return
    for pod in made.pods():
        of = f'{pod.owner["kind"]} "{pod.owner["metadata"]["name"]}"'
        if key in OF_CONTAINERS:
            for container in pod.containers():
                yield f'Container "{container["name"]}" of {of}', container.get(OF_CONTAINERS[key], [])
        elif key in OF_PODS:
            yield f"The pod of {of}", pod.spec.get(OF_PODS[key], [])
        else:
            yield f"The pod of {of}", pod.containers()


def probe(path: Path_) -> Object:
    item = LISTS[str(path[-1])][0]
    return {"name": "probe", "port": 9} if is_of_service(path) else item


def render(helm: Helm, chart: Path, values: Object) -> Manifests:
    return helm.render(chart, values=values, release="x", kube_version=supported.KUBERNETES[-1])


def rejection(helm: Helm, chart: Path, values: Object | None) -> str:
    assert values
    with pytest.raises(HelmError) as caught:
        render(helm, chart, values)
    return caught.value.stderr


@cache
def shown(helm: Helm, chart: Path, path: Path_) -> tuple[Case, dict[str, list[Object]]]:
    """Return the first values file that renders an item of a list, and the rendered lists that have it."""
    field = LISTS[str(path[-1])][2]
    for case in cases():
        if case.chart == chart and (case.values is None or case.values.parent.name == "ci"):
            values = added(case, path, probe(path))
            made = render(helm, chart, values) if values else Manifests()
            known = probe(path)[field]
            found = {
                of: items for of, items in rendered_lists(made, path) if known in [one.get(field) for one in items]
            }
            if found:
                return case, found
    raise AssertionError(f"no values file renders {written(path)}")


each_list = pytest.mark.parametrize(
    ("owner", "path"),
    [pytest.param(chart, path, id=f"{chart.name}-{written(path)}") for chart in charts() for path in lists(chart)],
)


@each_list
def test_item_of_a_list_twice_is_rejected(helm: Helm, owner: Path, path: Path_) -> None:
    """The message names container or pod, the name and the value; it says so where the other one is the chart's own."""
    case, found = shown(helm, owner, path)
    item = probe(path)
    _, kind, field = LISTS[str(path[-1])]
    key = f"{item[field]}{', DoNotSchedule' if field == 'topologyKey' else ''}"
    of_chart = own_name(case, path, found)
    also = [{**item, field: of_chart}] if of_chart else []
    message = rejection(helm, owner, added(case, path, item, item, *also))
    remedy = f"Change or remove one in {written(path)}.\n"
    assert any(f'\n{of} has the {kind} "{key}" twice. {remedy}' in message for of in found)
    if of_chart:
        # Paths of Windows are compared without regard to case.
        shown_as = json.dumps(of_chart.lower() if "\\" in of_chart else of_chart)
        says = f"has the {kind} {shown_as} twice, once from the chart itself. {remedy}"
        assert any(f"\n{of} {says}" in message for of in found)


def own_name(case: Case, path: Path_, found: dict[str, list[Object]]) -> str:
    """Return a name that the chart itself, and no value, has in each of the lists found; empty where there is none."""
    field = LISTS[str(path[-1])][2]
    given = {str(value) for _, value in leaves(merged(case.chart, case.values))} | {probe(path)[field], ""}
    common = set.intersection(*({item.get(field, "") for item in items} for items in found.values())) - given
    return min(common, default="")


# Two fields of one pod each, of which a user sees one at a time.
REPORTED: dict[str, tuple[str, Object, str]] = {
    "env and extraEnv": (
        "log-sidecar",
        {"app": {"env": [{"name": "A", "value": "1"}], "extraEnv": [{"name": "A", "value": "2"}]}},
        'Container "app" of Deployment "x-log-sidecar" has the environment variable "A" twice. '
        "Change or remove one in app.env or app.extraEnv.",
    ),
    "port number": (
        "log-sidecar",
        {"app": {"ports": [{"name": "http", "containerPort": 5000}, {"name": "web", "containerPort": 5000}]}},
        'Container "app" of Deployment "x-log-sidecar" has the port "5000/TCP" twice. '
        "Change or remove one in app.ports.",
    ),
    "container of the application": (
        "log-sidecar",
        {"extraContainers": [{"name": "app", "image": "a"}]},
        'The pod of Deployment "x-log-sidecar" has the container "app" twice. '
        "Change or remove one in app.name or extraContainers.",
    ),
    "two names": (
        "log-sidecar",
        {"sidecar": {"name": "app"}},
        'The pod of Deployment "x-log-sidecar" has the container "app" twice. '
        "Change or remove one in app.name or sidecar.name.",
    ),
    "log directory at a mount of the chart": (
        "log-sidecar",
        {"logs": {"directory": "/tmp", "files": [{"name": "app", "path": "/tmp/app.log"}]}},
        'Container "app" of Deployment "x-log-sidecar" has the mount path "/tmp" twice, once from the chart itself. '
        "Change or remove one in logs.directory.",
    ),
    "inside an extra container": (
        "log-sidecar",
        {"extraContainers": [{"name": "b", "image": "a", "env": [{"name": "A"}, {"name": "A"}]}]},
        'Container "b" of Deployment "x-log-sidecar" has the environment variable "A" twice. '
        "Change or remove one in extraContainers.",
    ),
    "host port of two containers": (
        "log-sidecar",
        {
            "app": {"ports": [{"name": "http", "containerPort": 5000, "hostPort": 80}]},
            "extraContainers": [{"name": "b", "image": "a", "ports": [{"containerPort": 1, "hostPort": 80}]}],
        },
        'The pod of Deployment "x-log-sidecar" has the host port "80/TCP" twice. '
        "Change or remove one in app.ports or extraContainers.",
    ),
    "claim template": (
        "log-sidecar",
        {
            "app": {"kind": "StatefulSet"},
            "logs": {"volume": {"type": "persistentVolumeClaim"}},
            "extraVolumes": [{"name": "config", "emptyDir": {}}],
        },
        'The pod of StatefulSet "x-log-sidecar" has the volume "config" twice, once from the chart itself. '
        "Change or remove one in extraVolumes.",
    ),
    "path with a slash at its end": (
        "observability-stack",
        {"server": {"extraVolumeMounts": [{"name": "a", "mountPath": "/prometheus/"}]}},
        'Container "prometheus" of StatefulSet "x-observability-stack-server" has the mount path "/prometheus" twice, '
        "once from the chart itself. Change or remove one in server.extraVolumeMounts.",
    ),
    "path in another case on Windows": (
        "fluent-bit-windows",
        {"extraVolumeMounts": [{"name": "a", "mountPath": "c:/Fluent-Bit-Config"}]},
        r'Container "fluent-bit" of DaemonSet "x-fluent-bit-windows-2022" has the mount path "c:\\fluent-bit-config" '
        "twice, once from the chart itself. Change or remove one in extraVolumeMounts.",
    ),
}


@pytest.mark.parametrize(("name", "values", "says"), REPORTED.values(), ids=REPORTED)
def test_duplicate_of_two_values_names_both(helm: Helm, name: str, values: Object, says: str) -> None:
    """Two values that give one name, or two spellings of one path, are found, and the message names each value."""
    message = rejection(helm, ROOT / "charts" / name, values)
    assert message.partition("\n\n")[2].startswith(f"{says}\n")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"])
def test_every_kind_of_workload_is_checked(helm: Helm, kind: str) -> None:
    """The pod of each kind is checked, and the message names the kind."""
    values = {"app": {"kind": kind, "restartPolicy": ""}, "sidecar": {"extraEnv": [{"name": "NATIVE", "value": "a"}]}}
    says = f'Container "sidecar" of {kind} "x-log-sidecar" has the environment variable "NATIVE" twice, '
    assert says in rejection(helm, ROOT / "charts" / "log-sidecar", values)


ACCEPTED: dict[str, Object] = {
    "one number, two protocols": {
        "app": {
            "kind": "StatefulSet",
            "ports": [
                {"name": "http", "containerPort": 5000},
                {"containerPort": 53},
                {"containerPort": 53, "protocol": "UDP"},
            ],
        }
    },
    "one name in two containers": {
        "app": {"extraEnv": [{"name": "NATIVE", "value": "a"}]},
        "extraContainers": [{"name": "b", "image": "a", "env": [{"name": "NATIVE", "value": "a"}]}],
    },
    "one volume at two paths": {
        "extraVolumes": [{"name": "a", "emptyDir": {}}],
        "app": {"extraVolumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "a", "mountPath": "/a/b"}]},
    },
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_what_only_looks_like_a_duplicate_is_accepted(helm: Helm, values: Object) -> None:
    """Kubernetes accepts these, so the chart does; each port of its Services has a name of its own."""
    made = render(helm, ROOT / "charts" / "log-sidecar", values)
    for service in made.select("Service"):
        names = [port["name"] for port in service["spec"]["ports"]]
        assert len(set(names)) == len(names)
