"""Fields of metadata that records of pods keep: `logs.metadata.fields` of the node agents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, load_yaml

CHARTS_FOLDER = Path(__file__).parents[2] / "charts"
CHARTS = ("fluent-bit-windows", "observability-stack")
NAMES = ["kubernetes.pod_name", "kubernetes.namespace_name", "kubernetes.container_name"]
OTHERS = ["host", "pod_id", "pod_ip", "docker_id", "container_hash", "container_image"]
STREAM = {"type": "cloudwatch", "logStreamName": "s", "logStreamTemplate": ""}
SEARCH = {"type": "opensearch", "host": "search.example.com"}
Render = Callable[..., Manifests]

# What an output requires, and a field for it: (option of the message, options of the output, field).
REQUIRED: dict[str, tuple[str, dict[str, Any], str]] = {
    "log group": ("logGroupTemplate", {"logGroupTemplate": "/shop/$kubernetes['host']"}, "kubernetes.host"),
    "log stream": (
        "logStreamTemplate",
        {"logStreamName": "", "logStreamTemplate": "$kubernetes['docker_id']"},
        "kubernetes.docker_id",
    ),
    "label of Loki": ("labels", {"type": "loki", "host": "l", "labels": {"stream": "$stream"}}, "stream"),
    "line alone": ("logKey", {"logKey": "time"}, "time"),
    "ID of a document, by time": ("generateId", {**SEARCH, "generateId": True}, "time"),
    "ID of a document, by pod": ("generateId", {**SEARCH, "generateId": True}, "kubernetes.pod_name"),
}


@pytest.fixture(params=CHARTS)
def render(request: pytest.FixtureRequest, helm: Helm) -> Render:
    """Return a function that renders a chart with fields, and options of the output `shop`."""

    def rendered(fields: list[str], output: dict[str, Any], **metadata: str) -> Manifests:
        logs = {"metadata": {"fields": fields, "from": "api", **metadata}}
        # Other pipelines have no metadata.
        logs |= {name: {"enabled": False} for name in ("dataplane", "host")}
        outputs = {"cloudwatch": {"enabled": False}, "shop": output if "type" in output else {**STREAM, **output}}
        values = {"outputs": outputs, "logs": logs}
        if request.param == "observability-stack":
            values |= {"metrics": {"enabled": False}, "logs": {"enabled": True, **logs}}
        return helm.render(CHARTS_FOLDER / request.param, values=values)

    return rendered


def removed(made: Manifests) -> dict[str, Any]:
    """Return the filters that remove fields, by alias."""
    [text] = [entry["data"]["fluent-bit.yaml"] for entry in made if "fluent-bit.yaml" in entry.get("data", {})]
    filters = load_yaml(text)["pipeline"].get("filters", [])
    return {plugin["alias"]: plugin for plugin in filters if plugin["alias"].startswith("fields")}


def test_all_fields_are_kept_by_default(render: Render) -> None:
    """No filter removes a field."""
    assert removed(render([], {})) == {}


def test_other_fields_are_removed(render: Render) -> None:
    """Records lose exactly the fields that are not listed, within `kubernetes` between two filters that flatten it."""
    found = removed(render(["stream", *NAMES], {}))
    assert [*found] == ["fields-lift", "fields", "fields-nest"]
    assert set(found["fields"]["remove_key"]) == {"time", *(f"kubernetes.{name}" for name in OTHERS)}
    assert [*removed(render(["stream", *NAMES, *(f"kubernetes.{name}" for name in OTHERS)], {}))] == ["fields"]


@pytest.mark.parametrize("need", REQUIRED)
def test_fields_that_outputs_require_are_kept(render: Render, need: str) -> None:
    """A list without a field that an output requires is rejected, with the list to write; with it, it is accepted."""
    option, output, field = REQUIRED[need]
    needed = {*NAMES, "time"} if option == "generateId" else {field}
    kept = sorted({"kubernetes.pod_id", *needed} - {field})
    with pytest.raises(HelmError) as raised:
        render(kept, output)
    expected = f"`outputs.shop.{option}` requires the field {field}, which `logs.metadata.fields` does not keep."
    assert expected in str(raised.value)
    assert yaml.safe_dump({"logs": {"metadata": {"fields": [*kept, field]}}}) in str(raised.value)
    assert str(raised.value).count("does not keep") == 1
    assert removed(render([*kept, field], output))


def test_fields_that_an_output_omits_are_not_required(render: Render) -> None:
    """An output can name a field that it removes itself."""
    loki = {"type": "loki", "host": "l", "labels": {"job": "x"}, "removeKeys": ["$kubernetes['pod_id']"]}
    assert removed(render(NAMES, loki))
