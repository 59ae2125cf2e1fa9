"""What the API server would reject half-way through an install, or what two releases would share, the charts reject."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, Object, key_of

from .conftest import Case, cases
from .values_tree import merged

# Characters of each chart's longest full name, and the kind whose objects then have the longest name.
LONGEST = {
    "fluent-bit-windows": (58, "DaemonSet"),
    "log-sidecar": (52, "StatefulSet"),
    "observability-stack": (36, "DaemonSet"),
}
# Kubernetes appends eleven characters to these names, in a label or the name of a Job.
EXTENDED = {"StatefulSet": 52, "CronJob": 52}
BOUND = {
    "fluent-bit-windows": {"serviceAccount"},
    "log-sidecar": set(),
    "observability-stack": {
        f"serviceAccounts.{name}" for name in ("server", "kubeStateMetrics", "logs", "events", "containerInsights")
    },
}


def renders(helm: Helm, chart: Path, values: Object, **options: Any) -> Iterator[tuple[Case, Manifests]]:
    """Render a chart with its own values and those in its folder `ci`, which turn on each part."""
    for case in cases():
        if case.chart == chart and (case.values is None or case.values.parent.name == "ci"):
            yield case, render(helm, case, values, **options)


def render(helm: Helm, case: Case, values: Object, **options: Any) -> Manifests:
    files = [case.values] if case.values else []
    options = {"kube_version": supported.KUBERNETES[-1], **options}
    return helm.render(case.chart, value_files=files, values={"extraObjects": [], **values}, **options)


def rejection(helm: Helm, case: Case, values: Object, **options: Any) -> str:
    with pytest.raises(HelmError) as caught:
        render(helm, case, values, **options)
    return caught.value.stderr


def requirement(chart: Path, write: str) -> str:
    return (
        "Kubernetes requires names that start with a letter, end with a letter or digit, and contain only lowercase "
        f"letters, digits and dashes. At most {LONGEST[chart.name][0]} characters leave room for the suffixes of this "
        f"chart. Write:\nfullnameOverride: {write}\n"
    )


@pytest.mark.parametrize(
    ("release", "values", "name", "write"),
    [
        ("2048", {}, "2048-{chart}", "{chart}-2048"),
        ("rel.x", {}, "rel.x-{chart}", "rel-x-{chart}"),
        ("r" * 53, {}, "r" * 53 + "-{chart}", "r" * 53 + "-{chart}"),
        ("x", {"fullnameOverride": "7-eleven"}, "7-eleven", "{chart}-7-eleven"),
        ("x", {"fullnameOverride": "r" * 60}, "r" * 60, "r" * 60),
        ("x", {"nameOverride": "r" * 63}, "x-" + "r" * 63, "x-" + "r" * 63),
    ],
    ids=["digits", "dot", "53-characters", "override-digit", "override-long", "name-override-long"],
)
def test_unusable_name_is_rejected(
    helm: Helm, chart: Path, release: str, values: Object, name: str, write: str
) -> None:
    """A name that the API server would reject, or that would have to be cut, is rejected with one that works."""
    write = write.format(chart=chart.name)[: LONGEST[chart.name][0]].rstrip("-")
    origin = "fullnameOverride" if "fullnameOverride" in values else f'the release name "{release}"'
    start = f'The names of the objects would start with "{name.format(chart=chart.name)}", from {origin}. '
    assert start + requirement(chart, write) in rejection(helm, Case(chart, None), values, release=release)
    made = render(helm, Case(chart, None), {**values, "fullnameOverride": write}, release=release)
    assert any(item["metadata"]["name"].startswith(write) for item in made)


@pytest.mark.parametrize("release", ["a2048", "b2-c3"])
def test_usable_name_is_kept(helm: Helm, chart: Path, release: str) -> None:
    """Digits and dashes inside a name are legal: the objects are named after the release and the chart."""
    made = render(helm, Case(chart, None), {}, release=release)
    assert any(item["metadata"]["name"].startswith(f"{release}-{chart.name}") for item in made)


def test_longest_name_fits_every_object(helm: Helm, chart: Path) -> None:
    """With the longest full name no object's name is too long and one is exactly as long as Kubernetes permits."""
    limit, kind = LONGEST[chart.name]
    # The names of these are the user's, and have a check of their own.
    values: Object = {"workloads": []} if chart.name == "fluent-bit-windows" else {}
    lengths: dict[str, int] = {}
    for _, made in renders(helm, chart, {**values, "fullnameOverride": "n" * limit}):
        for item in made:
            length = len(item["metadata"]["name"].partition(".")[0])
            assert length <= EXTENDED.get(item["kind"], 63), key_of(item)
            lengths[item["kind"]] = max(length, lengths.get(item["kind"], 0))
    assert lengths[kind] == EXTENDED.get(kind, 63)
    message = rejection(helm, Case(chart, None), {"fullnameOverride": "n" * (limit + 1)})
    assert requirement(chart, "n" * limit) in message


def test_cluster_wide_objects_of_two_releases_have_two_names(helm: Helm, chart: Path) -> None:
    """Namespace a-b with release c and namespace a with release b-c share no object, and bindings find their role."""
    first = _cluster_wide(helm, chart, "a-b", "c")
    second = _cluster_wide(helm, chart, "a", "b-c")
    assert first
    assert not first & second


def _cluster_wide(helm: Helm, chart: Path, namespace: str, release: str) -> set[tuple[str, str]]:
    found = set()
    for _, made in renders(helm, chart, {"fullnameOverride": ""}, namespace=namespace, release=release):
        objects = {key_of(item) for item in made if "namespace" not in item["metadata"]}
        assert {name.rpartition(".")[2] for _, name in objects} <= {namespace}
        for binding in made.select("ClusterRoleBinding"):
            assert ("ClusterRole", binding["roleRef"]["name"]) in objects
        found |= objects
    return found


def accounts(values: Object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each service account in values."""
    for key, value in values.items():
        if isinstance(value, dict):
            if (key == "serviceAccount" or above[-1:] == ("serviceAccounts",)) and "create" in value:
                yield (*above, key)
            yield from accounts(value, (*above, key))


def nested(path: tuple[str, ...], value: Any) -> Object:
    for step in reversed(path):
        value = {step: value}
    return value


def together(trees: Iterator[Object]) -> Object:
    made: Object = {}
    for tree in trees:
        for key, value in tree.items():
            both = isinstance(value, dict) and isinstance(made.get(key), dict)
            made[key] = together(iter([made[key], value])) if both else value
    return made


def test_default_service_account_is_never_bound(helm: Helm, chart: Path) -> None:
    """A role is bound to an account of the chart or to one that the values name, never to the namespace's default."""
    paths = list(accounts(merged(chart, None)))
    assert paths
    named = together(nested(path, {"create": True, "name": f"probe-{index}"}) for index, path in enumerate(paths))
    unnamed = together(nested(path, {"create": False, "name": ""}) for path in paths)
    bound: set[str] = set()
    for case, made in renders(helm, chart, named):
        subjects = {
            subject["name"]
            for kind in ("ClusterRoleBinding", "RoleBinding")
            for binding in made.select(kind)
            for subject in binding["subjects"]
        }
        here = {".".join(path) for index, path in enumerate(paths) if f"probe-{index}" in subjects}
        assert len(here) == len(subjects)
        message = rejection(helm, case, unnamed) if here else ""
        for path in paths:
            dotted = ".".join(path)
            assert (_default_account(path) in message) == (dotted in here), (str(case), dotted)
        bound |= here
    assert bound == BOUND[chart.name]


def _default_account(path: tuple[str, ...]) -> str:
    dotted = ".".join(path)
    lines = [f"{'  ' * depth}{step}:" for depth, step in enumerate((*path, "name"))]
    return (
        f"\n`{dotted}.create` is false and `{dotted}.name` is empty: the chart would grant its RBAC permissions to the "
        "service account `default`, and so to every pod of the namespace without a service account of its own. "
        "Name your service account, or bind the permissions yourself. Write one of:\n"
        + "\n".join(lines)
        + " my-service-account\nrbac:\n  create: false\n"
    )


@pytest.mark.parametrize("choice", ["a name", "no RBAC"])
def test_own_service_account_is_accepted(helm: Helm, chart: Path, choice: str) -> None:
    """The two ways out that the message shows are accepted, and bind nothing to `default`."""
    paths = list(accounts(merged(chart, None)))
    account = {"create": False, "name": "mine" if choice == "a name" else ""}
    values = together(nested(path, account) for path in paths)
    if "rbac" in merged(chart, None):
        values["rbac"] = {"create": choice == "a name"}
    made = render(helm, Case(chart, None), values)
    subjects = [subject["name"] for item in made.select("ClusterRoleBinding") for subject in item["subjects"]]
    assert set(subjects) <= ({"mine"} if choice == "a name" else set())
    assert not made.select("ServiceAccount")
