"""The generated parts of values.schema.json: up to date, no more than needed, and errors that name the source."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.generate import files, foreign_keys, json_text, outputs, schemas

ROOT = Path(__file__).parents[2]
CHARTS = sorted(file.parent.name for file in (ROOT / "charts").glob("*/Chart.yaml"))
NO_OUTPUTS: dict[str, Any] = {"types": {}}
SHARED = {
    "shared.name": {"type": "string"},
    "shared.toleration": {"extends": "io.k8s.api.core.v1.Toleration"},
    "shared.probe": {"extends": "io.k8s.api.core.v1.Probe", "properties": {"periodSeconds": {"type": "integer"}}},
    "shared.switchedProbe": {"extends": "shared.probe", "properties": {"enabled": {"type": "boolean"}}},
    "shared.unused": {"type": "string"},
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one chart, whose schema has hand-written and stale parts."""
    folder = tmp_path / "charts" / "shared" / "schema"
    folder.mkdir(parents=True)
    (folder / "all.json").write_text(json.dumps(SHARED), encoding="utf-8")
    (folder / "foreign-keys.yaml").write_text("tiny: {other: {a.theirs: a.b, far.off: c just so}}\n", encoding="utf-8")
    chart = tmp_path / "charts" / "tiny"
    chart.mkdir()
    (chart / "Chart.yaml").write_text("name: tiny\n", encoding="utf-8")
    (chart / "values.yaml").write_text(
        "{a: {b: 1, n: null, probe: {enabled: true, exec: {}}}, c: [], tolerations: []}\n", encoding="utf-8"
    )
    probe = ref("shared.switchedProbe")
    inside = {"b": ref("own"), "n": {"type": ["integer", "null"]}, "probe": probe, "gone": ref("foreign.a.gone")}
    properties = {
        "a": {"type": "object", "additionalProperties": False, "properties": inside},
        "c": {"type": "array", "items": ref("shared.name")},
        "tolerations": {"type": "array", "items": ref("shared.toleration")},
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart tiny",
        "properties": properties,
        "definitions": {"own": {"type": "integer"}, "shared.name": {"stale": True}, "foreign.a.gone": {"const": ""}},
    }
    (chart / "values.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    return tmp_path


@pytest.fixture
def generated(root: Path) -> dict[str, Any]:
    """That chart's schema, brought up to date."""
    file = root / "charts" / "tiny" / "values.schema.json"
    file.write_text(schemas.schemas(root / "charts", NO_OUTPUTS)[file], encoding="utf-8")
    return read(root)


def read(root: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((root / "charts" / "tiny" / "values.schema.json").read_text(encoding="utf-8"))
    return schema


@pytest.mark.parametrize("chart", CHARTS)
def test_no_schema_is_stale(chart: str) -> None:
    """Each chart's schema is what `make generate` writes; run it when this fails."""
    folder = ROOT / "charts" / chart
    schema, values = ((folder / name).read_text(encoding="utf-8") for name in ("values.schema.json", "values.yaml"))
    # Not as a whole: a difference in files of this size takes pytest minutes.
    shared = ROOT / "charts" / "shared"
    stale = schemas.updated(schema, values, schemas.Sources(shared / "schema", outputs.load(shared))) != schema
    assert not stale


def test_definitions_are_those_that_are_referred_to(generated: dict[str, Any]) -> None:
    """Own ones stay as they are, others come and go with the references to them, through other definitions too."""
    assert {name for name in generated["definitions"] if not name.startswith("io.k8s.")} == {
        "own",
        "foreign.a.theirs",
        "foreign.far",
        "shared.name",
        "shared.switchedProbe",
        "shared.toleration",
        "values.complete",
        "values.hint",
    }
    assert "io.k8s.api.core.v1.HTTPGetAction" in generated["definitions"]
    assert "io.k8s.api.core.v1.Pod" not in generated["definitions"]
    assert generated["definitions"]["own"] == {"type": "integer"}
    assert generated["definitions"]["shared.name"] == SHARED["shared.name"]
    used = set(re.findall(r'"#/definitions/([^"/]+)', json.dumps(generated)))
    assert used == set(generated["definitions"])


def test_second_run_changes_nothing(root: Path, generated: dict[str, Any]) -> None:
    """What has been written is up to date, byte by byte."""
    assert generated
    assert files.write(schemas.schemas(root / "charts", NO_OUTPUTS), check=True) == []


def test_extension_keeps_the_rest_of_kubernetes(generated: dict[str, Any]) -> None:
    """A probe with a switch has Kubernetes' fields and the stricter ones of ours, and nothing else."""
    probe = generated["definitions"]["shared.switchedProbe"]
    assert probe["type"] == "object"
    assert probe["additionalProperties"] is False
    assert probe["properties"]["periodSeconds"] == {"type": "integer"}
    assert probe["properties"]["enabled"] == {"type": "boolean"}
    assert probe["properties"]["tcpSocket"] == ref("io.k8s.api.core.v1.TCPSocketAction")
    assert "description" not in json.dumps(generated)


def test_kubernetes_types_are_narrow(generated: dict[str, Any]) -> None:
    """Bounds stand for int32, a pattern for quantities, and null for what is absent inside an object."""
    definitions = generated["definitions"]
    grpc = definitions["io.k8s.api.core.v1.GRPCAction"]["properties"]["port"]
    assert grpc == {"type": "integer", "minimum": -2147483648, "maximum": 2147483647}
    ports = definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]
    assert ports == {"type": ["string", "integer", "null"]}
    assert definitions["shared.toleration"]["properties"]["key"] == {"type": ["string", "null"]}


def test_listed_values_are_required(generated: dict[str, Any]) -> None:
    """Required is what values.yaml lists, but for nulls, items of lists and handlers of probes."""
    assert generated["allOf"] == [ref("values.complete"), ref("values.hint")]
    assert generated["definitions"]["values.complete"] == {
        "required": ["a", "c", "tolerations"],
        "properties": {"a": {"required": ["b", "probe"], "properties": {"probe": {"required": ["enabled"]}}}},
    }


def test_foreign_keys_stand_where_users_write_them(generated: dict[str, Any]) -> None:
    """In an object of ours keys are added, or removed with the file; elsewhere the objects around them come too."""
    inside = generated["properties"]["a"]["properties"]
    assert inside["theirs"] == ref("foreign.a.theirs")
    assert "gone" not in inside
    assert generated["properties"]["far"] == ref("foreign.far")
    assert generated["definitions"]["foreign.a.theirs"] == {"const": "absent; set `a.b` instead"}
    assert generated["definitions"]["foreign.far"] == {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"off": {"const": "absent; set `c` instead just so"}},
    }


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("all.json", '{"shared.name": {}}', "no definition is called shared."),
        ("more.json", '{"shared.name": {}}', "rename shared.name"),
        ("more.json", '{"name": {}}', "rename name"),
        ("foreign-keys.yaml", "tiny: {other: {a.b: c}}", "the schema has a value a.b"),
        ("foreign-keys.yaml", "tiny: {other: {a.probe.period: c}}", "lies inside shared.switchedProbe"),
        ("foreign-keys.yaml", "tiny: {other: {far: c, far.off: a}}", "lies around or inside another key"),
        ("foreign-keys.yaml", "tiny: {one: {far: c}, two: {far: a}}", "two entries for far"),
    ],
    ids=["missing", "twice", "prefix", "key of ours", "key in a shared object", "key in a key", "two answers"],
)
def test_contradiction_is_named(root: Path, file: str, text: str, says: str) -> None:
    """A source that cannot be right stops the run with the name of what is wrong."""
    (root / "charts" / "shared" / "schema" / file).write_text(text, encoding="utf-8")
    with pytest.raises(HarnessError, match=re.escape(says)):
        schemas.schemas(root / "charts", NO_OUTPUTS)


def test_answer_begins_with_our_key() -> None:
    """What else there is to say follows it."""
    assert foreign_keys.answer("a.b") == "absent; set `a.b` instead"
    assert foreign_keys.answer("a.b (of yours)") == "absent; set `a.b` instead (of yours)"


def test_json_has_short_parts_on_one_line() -> None:
    """Lines are as long as they may be and no longer; the text means the same."""
    value = {
        "short": {"a": [1, 2], "b": {}},
        "long": ["x" * 60, "y" * 60],
        "empty": [],
        "deep": {"key": {"k": "z" * 110}},
    }
    text = json_text.dumps(value)
    assert json.loads(text) == value
    assert text.splitlines()[1:5] == [
        '  "short": {"a": [1, 2], "b": {}},',
        '  "long": [',
        f'    "{"x" * 60}",',
        f'    "{"y" * 60}"',
    ]
    assert text.endswith("}\n")
    assert json_text.dumps({"a": "b"}) == '{"a": "b"}\n'
