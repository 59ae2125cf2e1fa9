"""Keys of charts that users migrate from are rejected with the name of our key."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.generate import foreign_keys
from harness.render import supported
from harness.render.helm import Helm

from .conftest import ROOT
from .values_tree import read

FILE = ROOT / "charts" / "shared" / "schema" / "foreign-keys.yaml"
# The charts that people migrate from.
MIGRATED_FROM = {
    "adot-exporter-for-eks-on-ec2",
    "amazon-cloudwatch-observability",
    "aws-cloudwatch-metrics",
    "aws-for-fluent-bit",
    "aws-xray",
    "fluent-bit",
    "kube-prometheus-stack",
    "prometheus",
}

KEYS = [
    pytest.param(ROOT / "charts" / chart, key, id=f"{chart}-{origin}-{key}")
    for chart, origins in read(FILE).items()
    for origin, answers in origins.items()
    for key in answers
]
ANSWER = re.compile(r"at '/(\S+)': value must be 'absent; set `([^`]+)` instead")


@cache
def answers(chart: Path, helm: Helm) -> dict[str, str]:
    """Return the key that Helm suggests for each foreign key, with all of them set at once."""
    values: dict[str, Any] = {}
    for key in foreign_keys.read(FILE)[chart.name]:
        group = values
        for step in key.split(".")[:-1]:
            group = group.setdefault(step, {})
        group[key.rpartition(".")[2]] = "mine"
    message = helm.template(chart, values=values).stderr
    return {path.replace("/", "."): ours for path, ours in ANSWER.findall(message)}


def knows(schema: dict[str, Any], node: Any, steps: list[str]) -> bool:
    """Return whether a schema has a value; ``<name>`` matches any name."""
    if not isinstance(node, dict):
        return False
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/definitions/")
        return not name.startswith("foreign.") and knows(schema, schema["definitions"][name], steps)
    if not steps:
        return "const" not in node
    own = node.get("additionalProperties") if steps[0].startswith("<") else node.get("properties", {}).get(steps[0])
    conditional = [part for key in ("allOf", "anyOf", "oneOf") for part in node.get(key, [])]
    conditional += [node[key] for key in ("then", "else") if key in node]
    return knows(schema, own, steps[1:]) or any(knows(schema, part, steps) for part in conditional)


@pytest.mark.parametrize(("target", "key"), KEYS)
def test_key_of_another_chart_is_answered_with_ours(target: Path, key: str, helm: Helm) -> None:
    """The message is at the foreign key and names an existing value."""
    ours = answers(target, helm)[key]
    schema = json.loads((target / "values.schema.json").read_text(encoding="utf-8"))
    assert knows(schema, schema, ours.split(".")), f"{target.name} has no value {ours}"


def test_charts_that_people_come_from_are_answered() -> None:
    """There are at least forty keys, including some of each chart."""
    origins = read(FILE)["observability-stack"]
    assert origins.keys() == MIGRATED_FROM
    assert all(origins.values())
    assert len(KEYS) >= 40


@pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"daemonSetVolumes": []},
            "- at '/daemonSetVolumes': value must be 'absent; set `logs.extraVolumes` instead'",
        ),
        (
            {"server": {"persistentVolume": {"enabled": True}}},
            "- at '/server/persistentVolume/enabled': value must be 'absent; set `server.persistence.type` instead'",
        ),
        (
            {"prometheus": {"prometheusSpec": {"walCompression": True}}},
            "- at '/prometheus/prometheusSpec': additional properties 'walCompression' not allowed",
        ),
        ({"prometheus": {}}, "- at '/prometheus': minProperties: got 0, want 1"),
    ],
    ids=["top level", "inside a group of ours", "unknown inside", "empty"],
)
def test_message_stands_alone(helm: Helm, values: dict[str, Any], says: str) -> None:
    """Both versions of Helm print only this answer; other keys are still unknown."""
    answer = helm.template(ROOT / "charts" / "observability-stack", values=values)
    assert answer.exit_code != 0
    lines = [line for line in answer.stderr.splitlines() if line.lstrip().startswith("- at")]
    assert [line.strip() for line in lines] == [says]


def test_values_are_found_in_a_schema() -> None:
    """A path may contain references, maps by name and conditions; a foreign key is not a value."""
    schema: dict[str, Any] = {
        "properties": {"a": {"$ref": "#/definitions/a"}, "b": {"$ref": "#/definitions/foreign.b"}},
        "definitions": {
            "a": {"additionalProperties": {"if": {}, "then": {"properties": {"c": {}}}}},
            "foreign.b": {"const": "absent"},
        },
    }
    assert knows(schema, schema, ["a", "<name>", "c"])
    assert not knows(schema, schema, ["a", "<name>", "d"])
    assert not knows(schema, schema, ["b"])
