"""Compiled monitors: equal to what prometheus-operator's own code generates from the same objects."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from eks_observability.monitors import outputs, rules
from eks_observability.monitors.fields import Invalid
from eks_observability.monitors.jobs import Context, Job
from eks_observability.monitors.objects import Object
from harness.render.manifests import load_yaml

from . import prometheus_operator
from .test_monitors import BROKEN

FOLDER = Path(__file__).parent / "fixtures" / "monitors"
ROLES = ("EndpointSlice", "Endpoints")


def objects(file: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of specs by kind and name."""
    for kind, specs in load_yaml((FOLDER / file).read_text(encoding="utf-8")).items():
        version = "v1alpha1" if kind == "ScrapeConfig" else "v1"
        for name, spec in specs.items():
            meta = {"name": name, "namespace": file.removesuffix(".yaml")}
            yield {"apiVersion": f"monitoring.coreos.com/{version}", "kind": kind, "metadata": meta, "spec": spec}


def named(file: str) -> dict[str, dict[str, Any]]:
    """Return the objects of a file by kind and name."""
    return {f"{one['kind']} {one['metadata']['name']}": one for one in objects(file)}


SHAPES = named("shapes.yaml")
FIELDS = named("fields.yaml")


def compiled(one: dict[str, Any], role: str, classes: Sequence[dict[str, Any]] = ()) -> list[Job] | str:
    """Return the jobs of an object in the operator's form, or why it is left out."""
    monitor = Object(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"], one)
    data = prometheus_operator.data_of([one])
    try:
        if monitor.kind == "PrometheusRule":
            return rules.groups(monitor)
        named = {key: one for one in classes for key in (one["name"], *([""] if one.get("default") else []))}
        context = Context(role.lower(), outputs.INTERVAL, data)
        found = outputs.compiled_with_class(monitor, context, named)
    except Invalid as error:
        return str(error)
    return [prometheus_operator.as_operator(job) for job in found.jobs]


@pytest.fixture(scope="module", params=ROLES)
def generated(request: pytest.FixtureRequest) -> tuple[str, dict[str, list[Job] | str]]:
    """How endpoints are discovered, and what the operator generates then."""
    role: str = request.param
    return role, prometheus_operator.generate([*SHAPES.values(), *FIELDS.values()], role)


@pytest.mark.parametrize(
    "one", [*SHAPES.values(), *FIELDS.values()], ids=[*SHAPES, *(f"fields of {name}" for name in FIELDS)]
)
def test_monitor_is_compiled_as_by_the_operator(
    one: dict[str, Any], generated: tuple[str, dict[str, list[Job] | str]]
) -> None:
    """Every option is the same: selectors, namespaces, ports, labels, relabelings, logins, TLS and limits."""
    role, expected = generated
    monitor = f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}"
    assert compiled(one, role) == expected[monitor]


def test_there_are_enough_shapes_of_charts() -> None:
    """The comparison has at least 60 monitors in the shapes of public charts."""
    assert len(SHAPES) >= 60
    assert {one["kind"] for one in SHAPES.values()} == set(outputs.COMPILERS)


# Broken objects that the operator itself accepts, by what rejects them instead.
ACCEPTED = {
    "schema of the custom resource": {
        *("action", "file", "http", "misspelled field", "no duration", "no query", "no role", "no spec", "protocol"),
        *("protocol twice", "scheme", "size", "unknown field"),
    },
    "Prometheus": {"basic authorization", "escaping", "other cluster", "target URL", "two logins"},
    "Prometheus has no file for the value": {"client ID", "credentials of EC2", "proxy header", "token of Consul"},
    "nothing, but no target is scraped": {"no endpoints"},
}


@pytest.mark.slow
def test_operator_rejects_other_broken_objects_too() -> None:
    """Whatever the command rejects does not work with the operator either, apart from values without a file."""
    accepted = set()
    for name, (one, _) in BROKEN.items():
        [result] = prometheus_operator.generate([one]).values()
        if not isinstance(result, str):
            accepted.add(name)
    assert accepted == {name for names in ACCEPTED.values() for name in names}


STEP = {"sourceLabels": ["__meta_kubernetes_namespace"], "targetLabel": "team"}
CLASSES = [
    {
        "name": "standard",
        "default": True,
        "tlsConfig": {"caFile": "/tls/ca.crt", "certFile": "/tls/tls.crt", "keyFile": "/tls/tls.key"},
        "relabelings": [STEP],
        "metricRelabelings": [{"action": "labeldrop", "regex": "tmp_.*"}],
        "attachMetadata": {"node": True},
        "fallbackScrapeProtocol": "PrometheusText0.0.4",
    },
    {"name": "token", "authorization": {"type": "Bearer", "credentialsFile": "/tls/token"}},
]
LOGINS = ("basicAuth", "bearerToken", "oauth2")


def test_scrape_classes_are_merged_as_by_the_operator() -> None:
    """The default class applies to every monitor that names none; own settings take precedence over the class."""
    named = []
    for one in (one for one in SHAPES.values() if not any(word in str(one["spec"]) for word in LOGINS)):
        meta = {**one["metadata"], "name": f"token-{one['metadata']['name']}"}
        named.append({**one, "metadata": meta, "spec": {**one["spec"], "scrapeClass": "token"}})
    monitors = [one for one in (*SHAPES.values(), *FIELDS.values(), *named) if one["kind"] != "PrometheusRule"]
    expected = prometheus_operator.generate(monitors, classes=CLASSES)
    assert len(named) > 30
    for one in monitors:
        key = f"{one['kind']} {one['metadata']['namespace']}/{one['metadata']['name']}"
        assert compiled(one, "EndpointSlice", CLASSES) == expected[key], key
