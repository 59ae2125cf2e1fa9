"""Guarantees of every chart: valid objects, deterministic renders, declared values."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eks_observability.monitors.objects import KINDS, Object, Objects
from eks_observability.monitors.outputs import compile_all
from harness.generate import generate
from harness.generate.templates import defined
from harness.render import supported
from harness.render.helm import Helm
from harness.render.manifests import Manifests, load_yaml
from harness.render.schemas import object_errors, value_errors

from .conftest import ROOT, Case, charts
from .values_tree import read

both_helms = pytest.mark.parametrize(
    "helm",
    # A quick run uses the newest version.
    [pytest.param(major, marks=pytest.mark.slow if major != supported.HELM[-1] else ()) for major in supported.HELM],
    indirect=True,
    ids=lambda major: f"helm-{major}",
)

CONVENTIONAL_VALUES = {
    "affinity",
    "commonLabels",
    "extraEnv",
    "extraEnvFrom",
    "extraObjects",
    "extraVolumeMounts",
    "extraVolumes",
    "fullnameOverride",
    "global",
    "image",
    "imagePullSecrets",
    "imageRegistry",
    "nameOverride",
    "nodeSelector",
    "podAnnotations",
    "podDisruptionBudget",
    "podLabels",
    "priorityClassName",
    "resources",
    "tolerations",
    "topologySpreadConstraints",
}
# A DaemonSet has one pod per node, so budgets and spread constraints do not apply.
NOT_FOR_DAEMON_SETS = {"podDisruptionBudget", "topologySpreadConstraints"}
CHART_ANNOTATIONS = {f"artifacthub.io/{name}" for name in ("license", "links", "changes", "images")}
# Functions whose result depends on time, randomness or the cluster.
UNSTABLE = re.compile(
    r"\b(lookup|rand\w+|gen\w+Cert\w*|genCA\w*|genPrivateKey|uuidv4|now|ago|getHostByName|htpasswd)\b"
)
# Registries of the charts' images.
UPSTREAMS = {"docker.io", "public.ecr.aws", "quay.io", "registry.k8s.io"}
ACTION = re.compile(r"\{\{-?\s*(?!/\*)(.*?)-?\}\}", re.DOTALL)


def templates(chart: Path) -> list[Path]:
    return sorted(path for path in chart.glob("templates/**/*") if path.suffix in (".yaml", ".tpl", ".txt"))


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def keys_below(values: Any) -> set[str]:
    if isinstance(values, list):
        return set().union(*map(keys_below, values))
    if not isinstance(values, dict):
        return set()
    return set(values).union(*map(keys_below, values.values()))


@both_helms
def test_kubernetes_accepts_every_object(case: Case, helm: Helm, kubernetes: str) -> None:
    """Each object is valid, also for prometheus-operator; a Kubernetes that is too old is rejected with its number."""
    files = [case.values] if case.values else []
    if case.oldest_kubernetes and version(kubernetes) < version(case.oldest_kubernetes):
        rejection = helm.template(case.chart, value_files=files, kube_version=f"{kubernetes}.0")
        assert rejection.exit_code != 0
        assert case.oldest_kubernetes in rejection.stderr
        return
    rendered = helm.render(case.chart, value_files=files, kube_version=f"{kubernetes}.0")
    assert len(rendered) > 0
    monitors = [item for item in rendered if item["kind"] in KINDS]
    builtin = [item for item in rendered if item not in monitors]
    assert [error for item in builtin for error in object_errors(item, kubernetes)] == []
    assert rendered.names()
    objects = [Object(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"], one) for one in monitors]
    assert compile_all(Objects(objects), scraper=False).broken == []


@pytest.mark.slow
def test_both_helms_render_the_same(case: Case) -> None:
    """Helm 3 and Helm 4 render the same objects."""
    files = [case.values] if case.values else []
    old, new = (Helm(major=major).render(case.chart, value_files=files, kube_version="1.36.0") for major in (3, 4))
    assert {str(item) for item in old} == {str(item) for item in new}


@pytest.mark.slow
@both_helms
def test_two_renders_are_byte_identical(case: Case, helm: Helm) -> None:
    """A render does not depend on randomness, time or order."""
    first, second = _two_renders(case, helm)
    assert first == second


def test_two_renders_of_all_values_are_byte_identical(chart: Path, helm: Helm) -> None:
    """The values file that sets the most renders the same twice."""
    first, second = _two_renders(Case(chart, chart / "ci" / "all-values.yaml"), helm)
    assert first == second


def _two_renders(case: Case, helm: Helm) -> list[str]:
    """Return two renders, of which the second is never cached."""
    files = [case.values] if case.values else []
    answers = [
        each.template(case.chart, value_files=files, kube_version="1.36.0")
        for each in (helm, Helm(helm.binary, cache=False))
    ]
    assert [answer.stderr for answer in answers if answer.exit_code != 0] == []
    return [answer.stdout for answer in answers]


def test_templates_ask_neither_chance_nor_cluster(chart: Path) -> None:
    """No template calls a nondeterministic function."""
    found = [
        f"{path.relative_to(chart)}: {action.strip()}"
        for path in templates(chart)
        for action in ACTION.findall(path.read_text(encoding="utf-8"))
        if UNSTABLE.search(re.sub(r'"[^"]*"', '""', action))
    ]
    assert found == []


@pytest.mark.parametrize(
    "action",
    ["{{ lookup `v1` `Secret` `` `` }}", "{{- randAlphaNum 8 -}}", "{{ genCA `ca` 365 }}", "{{ now | date `2006` }}"],
)
def test_unstable_functions_are_recognised(action: str) -> None:
    """The pattern matches these functions, but not words in text."""
    [inside] = ACTION.findall(action)
    assert UNSTABLE.search(inside)
    assert not ACTION.findall("{{/* not now */}}")


def test_helpers_have_the_charts_prefix(chart: Path) -> None:
    """The name of a helper begins with its chart's, so that it cannot collide with a parent or sibling chart."""
    names = [name for path in templates(chart) for name in defined(path.read_text(encoding="utf-8"))]
    assert names
    assert [name for name in names if not name.startswith(f"{chart.name}.")] == []


def test_helpers_are_defined_once(chart: Path) -> None:
    """No helper is defined twice in a chart: the last definition would replace the other."""
    names = [name for path in templates(chart) for name in defined(path.read_text(encoding="utf-8"))]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_no_helper_is_in_two_charts() -> None:
    """A helper's name belongs to one chart: in a parent of both, one definition would replace the other."""
    owners = Counter(
        name
        for chart in charts()
        for name in {name for path in templates(chart) for name in defined(path.read_text(encoding="utf-8"))}
    )
    assert len(owners) > 300
    assert [name for name, count in owners.items() if count > 1] == []


def test_copies_of_shared_templates_are_up_to_date() -> None:
    """Generated files are up to date; when this fails, edit charts/shared and run `make generate`."""
    assert generate(ROOT, check=True) == []


def test_each_template_file_is_one_object(case: Case, helm: Helm) -> None:
    """A template file renders objects of one kind; extra manifests of the user may be of any kind."""
    files = [case.values] if case.values else []
    text = helm.template(case.chart, value_files=files, values={"extraObjects": []}).stdout
    objects = set(re.findall(r"^# Source: (\S+)$(?:(?!^---)[\s\S])*?^kind: (\S+)$", text, re.MULTILINE))
    assert objects
    assert len({source for source, _ in objects}) == len(objects)


def test_conventional_values_exist(chart: Path) -> None:
    """Common values exist under their usual names."""
    missing = CONVENTIONAL_VALUES - keys_below(read(chart / "values.yaml"))
    assert missing <= (NOT_FOR_DAEMON_SETS if chart.name == "fluent-bit-windows" else set())


def test_every_image_can_be_moved_to_another_registry(chart: Path) -> None:
    """Each image block has all five keys, and `global.imageRegistry` applies to every image."""
    blocks = [block for key, block in _walk(read(chart / "values.yaml")) if key == "image"]
    assert blocks
    parts = {"registry", "repository", "tag", "digest", "pullPolicy"}
    assert [block for block in blocks if set(block) != parts] == []


def test_global_registry_reaches_every_image(case: Case, helm: Helm) -> None:
    """With `global.imageRegistry`, every image of the chart is from that registry."""
    files = [case.values] if case.values else []
    foreign = {"extraContainers", "extraInitContainers", "extraObjects"} & set(read(case.chart / "values.yaml"))
    mirror: dict[str, Any] = {"global": {"imageRegistry": "mirror.invalid"}, **{name: [] for name in foreign}}
    rendered = helm.render(case.chart, value_files=files, values=mirror)
    images = {container["image"] for container in rendered.containers()}
    assert {image.partition("/")[0] for image in images} <= {"mirror.invalid"}
    assert "mirror.invalid/" in str([*rendered])


@pytest.mark.slow
@pytest.mark.environment("private")
def test_mirrors_reach_every_image(case: Case, helm: Helm) -> None:
    """With `global.imageRegistries`, every image is from its registry's mirror; other registries stay."""
    files = [case.values] if case.values else []
    foreign = {"extraContainers", "extraInitContainers", "extraObjects"} & set(read(case.chart / "values.yaml"))
    mirrors = {upstream: f"mirror.invalid/{upstream.replace('.', '-')}" for upstream in UPSTREAMS}

    def images(registries: dict[str, str]) -> set[str]:
        values = {"global": {"imageRegistries": registries}, **{name: [] for name in foreign}}
        return {box["image"] for box in helm.render(case.chart, value_files=files, values=values).containers()}

    before, after = images({upstream: upstream for upstream in UPSTREAMS}), images(mirrors)
    parts = [image.partition("/") for image in before]
    assert after == {mirrors.get(host, host) + slash + rest for host, slash, rest in parts}


@pytest.mark.parametrize(
    ("registry", "repository", "image"),
    [
        pytest.param("docker.io", "busybox", "m.invalid/hub/library/busybox", id="official image"),
        pytest.param("", "busybox", "m.invalid/hub/library/busybox", id="official image without registry"),
        pytest.param("docker.io", "fluent/fluent-bit", "m.invalid/hub/fluent/fluent-bit", id="image with namespace"),
        pytest.param("ghcr.io", "busybox", "other.invalid/busybox", id="registry without mirror"),
    ],
)
def test_mirror_of_docker_hub_has_official_images_below_library(
    registry: str, repository: str, image: str, helm: Helm
) -> None:
    """A pull-through cache knows Docker's own images as library/<image>; other registries follow `imageRegistry`."""
    values = {
        "global": {"imageRegistry": "other.invalid", "imageRegistries": {"docker.io": "m.invalid/hub"}},
        "app": {"image": {"registry": registry, "repository": repository, "tag": "1"}},
    }
    rendered = helm.render(ROOT / "charts" / "log-sidecar", values=values)
    assert f"{image}:1" in {box["image"] for box in rendered.containers()}


def test_chart_metadata_is_complete(chart: Path) -> None:
    """Chart.yaml has the Artifact Hub annotations, and the CHANGELOG has the changes of the version."""
    metadata = read(chart / "Chart.yaml")
    assert {"apiVersion", "kubeVersion", "home", "sources", "icon", "maintainers"} <= metadata.keys()
    assert metadata["annotations"].keys() >= CHART_ANNOTATIONS
    assert f"[{metadata['version']}]" in (chart / "CHANGELOG.md").read_text(encoding="utf-8")


def test_listed_images_are_those_of_the_values(chart: Path) -> None:
    """The images for Artifact Hub's scan are exactly the chart's; a tag may have a prefix or suffix of the system."""
    metadata = read(chart / "Chart.yaml")
    listed = {entry["image"] for entry in load_yaml(metadata["annotations"]["artifacthub.io/images"])}
    blocks = [block for key, block in _walk(read(chart / "values.yaml")) if key == "image"]
    build = re.compile(r"windows-\d+-|-ltsc\d+")
    assert {build.sub("", image) for image in listed} == {
        f"{block['registry']}/{block['repository']}:{block['tag']}" for block in blocks
    }


def test_secret_values_stay_in_secrets(chart: Path, helm: Helm) -> None:
    """A user's Secret appears nowhere else: not in other objects, not in the notes."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "own"},
        "stringData": {"token": "hunter2-is-secret"},
    }
    reference = {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "own", "key": "token"}}}
    places = [path for path, value in _paths(read(chart / "values.yaml")) if path[-1] == "extraEnv"]
    values: dict[str, Any] = {"extraObjects": [secret]}
    for path in places:
        _set(values, path, [reference])
    rendered = helm.render(chart, values=values)
    holders = [item["kind"] for item in rendered if "hunter2-is-secret" in str(item)]
    assert holders == ["Secret"]
    references = [entry for container in rendered.containers() for entry in container.get("env", [])]
    assert reference in references
    assert "hunter2-is-secret" not in helm.notes(chart, values=values)


def test_rendered_case_is_described_by_the_schema(case: Case, rendered: Callable[..., Manifests]) -> None:
    """Every values file is valid by the schema, in editors and in Helm."""
    assert rendered(case)
    files = [case.values] if case.values else [case.chart / "values.yaml"]
    for file in files:
        assert value_errors(case.chart, read(file)) == []


def _walk(values: Any) -> list[tuple[str, Any]]:
    return [(path[-1], value) for path, value in _paths(values)]


def _paths(values: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in values.items():
        found.append(((*above, key), value))
        if isinstance(value, dict):
            found += _paths(value, (*above, key))
    return found


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        values = values.setdefault(step, {})
    values[path[-1]] = value
