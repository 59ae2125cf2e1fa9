"""Outputs are data: from `charts/shared/outputs.yaml` come the templates' data, the JSON schema and a page of docs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from harness.generate import outputs

SHARED = Path(__file__).parents[2] / "charts" / "shared"
CHARTS = ["fluent-bit-windows", "log-sidecar", "observability-stack"]
DATA = outputs.load(SHARED)


def errors(chart: str, value: dict[str, Any]) -> list[str]:
    """Return what a chart's schema says about one output, by place."""
    definitions = {
        **outputs.definitions(DATA, chart),
        "outputMatch": {"type": "object"},
        "shared.secretKey": {"type": "object", "required": ["name", "key"]},
    }
    schema = {"definitions": definitions, "$ref": "#/definitions/shared.outputs"}
    found = Draft7Validator(schema).iter_errors({"x": value})
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found)


@pytest.mark.parametrize("chart", CHARTS)
def test_template_holds_the_chart_s_own_defaults(chart: str) -> None:
    """The data of a chart's templates is JSON, with the default that an option has in that chart."""
    text = outputs.template(DATA, "shared", chart)
    types = json.loads(text[text.index("}}") + 2 : text.rindex("{{-")])
    expected = "/log-sidecar/{namespace}" if chart == "log-sidecar" else "/aws/containerinsights/{cluster}/{pipeline}"
    assert types["cloudwatch"]["options"]["logGroupName"]["default"] == expected
    assert ("sumologic" in types) == (chart == "log-sidecar")


def test_unknown_key_of_an_option_is_an_error(tmp_path: Path) -> None:
    """A misspelled key in the data stops the generator with its place."""
    text = (SHARED / "outputs.yaml").read_text(encoding="utf-8")
    (tmp_path / "outputs.yaml").write_text(text.replace("required: true", "requird: true", 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"outputs\.yaml: .*unknown keys \['requird'\]"):
        outputs.load(tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"type": "cloudwatch"}, [], id="defaults-suffice"),
        pytest.param({"type": "opensearch", "host": "a"}, [], id="host-given"),
        pytest.param({"type": "opensearch", "enabled": False}, [], id="host-missing-while-disabled"),
        pytest.param({"type": "opensearch"}, ["x: 'host' is a required property"], id="host-missing"),
        pytest.param({"logRetentionDays": 7}, [], id="one-key-of-an-entry-of-another-file"),
        pytest.param({"type": "s3"}, ["x: 'bucket' is a required property"], id="bucket-missing"),
        pytest.param(
            {"type": "cloudwatch", "host": "a"},
            ["x: Additional properties are not allowed ('host' was unexpected)"],
            id="option-of-another-type",
        ),
        pytest.param(
            {"type": "http", "host": "a", "tls": {"verfy": True}},
            ["x.tls: Additional properties are not allowed ('verfy' was unexpected)"],
            id="misspelled-below-tls",
        ),
        pytest.param(
            {"type": "http", "host": "a", "httpUser": "me"},
            ["x: 'httpPasswd' is a dependency of 'httpUser'"],
            id="user-alone",
        ),
    ],
)
def test_schema_checks_each_type(value: dict[str, Any], expected: list[str]) -> None:
    """An entry has the options of its own type and no others, and what the type requires once it is enabled."""
    assert errors("observability-stack", value) == expected


def test_url_replaces_the_host_only_where_it_exists() -> None:
    """A sidecar may take a whole URL from a Secret instead of a host; a node agent has no such option."""
    url = {"type": "http", "url": {"name": "backend", "key": "url"}}
    assert errors("log-sidecar", url) == []
    assert errors("observability-stack", url) == [
        "x: 'host' is a required property",
        "x: Additional properties are not allowed ('url' was unexpected)",
    ]


def test_page_lists_every_option_once_for_each_type() -> None:
    """The reference has a section for each type and a row for each of its values."""
    page = outputs.page(DATA, CHARTS)
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(DATA["types"])
    rows = {name: re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE) for name, text in sections.items()}
    for chart in CHARTS:
        for name, options in outputs.types(DATA, chart).items():
            assert set(options) <= set(rows[name])
    assert [name for name, found in rows.items() if len(found) != len(set(found))] == []
