"""Redaction by the node agent and the collector of events, and the agents that cannot redact."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

RULE = {"redaction": {"rules": ["jwt"]}}
BASE: dict[str, Any] = {"metrics": {"enabled": False}, "cluster": {"name": "shop", "region": "eu-west-1"}}
BOTH: dict[str, Any] = {**BASE, "logs": {"enabled": True}, "events": {"enabled": True}}


@pytest.mark.parametrize("component", ["logs", "events"])
def test_filters(install: Callable[..., Manifests], component: str) -> None:
    """The filter is the last one that changes records, also after those of the user; by default it does not exist."""
    own = [{"name": "modify", "match": "*", "add": "team platform"}]
    values = {**BOTH, **RULE, "logs": {"enabled": True, "extraFilters": own}}
    pipelines = [
        load_yaml(install(given).one("ConfigMap", f"x-observability-stack-{component}")["data"]["fluent-bit.yaml"])[
            "pipeline"
        ]
        for given in (values, BOTH)
    ]
    redacting = [plugin.get("alias", plugin["name"]) for plugin in pipelines[0]["filters"]]
    assert redacting[-3:] == ["redaction", "redacted-jwt", "redacted-error"]
    # A filter for all records does not receive those that count redactions.
    assert component == "events" or pipelines[0]["filters"][-4] == {
        "name": "modify",
        "match_regex": "^[^_]",
        "add": "team platform",
    }
    assert "redact" not in str(pipelines[1])
    inputs = [[plugin["alias"] for plugin in pipeline["inputs"]] for pipeline in pipelines]
    assert [alias for alias in inputs[0] if alias not in inputs[1]] == ["_redactions"]
    assert (inputs[0][-1] == "_positions") == (component == "logs")


REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "fluentd": (
        {"logs": {"enabled": True, "engine": "fluentd"}},
        "`redaction` has rules, but fluentd does not support them",
        "logs:\n  engine: fluent-bit",
    ),
    "Fargate": (
        {"fargate": {"logging": {"enabled": True}}},
        "`redaction` has rules, but Fargate's log router supports no filter that redacts",
        "fargate:\n  logging:\n    enabled: false",
    ),
    "pattern": (
        {"redaction": {"patterns": {"own": {"regex": "a*?"}}}},
        "redaction always takes the longest match",
        "redaction:\n  patterns:\n    own:\n      regex: token=[^;]*",
    ),
    "redaction of no tenant": (
        {"tenants": {"redaction": {"shop": {"rules": ["jwt"]}}}},
        "`tenants.redaction.shop` is the redaction of an output that `tenants.outputs` does not permit",
        "tenants:\n  outputs:\n    shop:\n    - team-*",
    ),
    "pattern of a tenant": (
        {"tenants": {"redaction": {"shop": {"patterns": {"jwt": {"regex": "a"}}}}}},
        "`tenants.redaction.shop.patterns.jwt` has the name of a built-in rule",
        "tenants:\n  redaction:\n    shop:\n      patterns:\n        my-jwt:\n          regex: a",
    ),
}


def test_tenants_that_nobody_chose_have_no_filter(install: Callable[..., Manifests]) -> None:
    """The redaction of an output is in the configuration only if a namespace chose it, and of the log agent only."""
    tenants = {"outputs": {"shop": ["shop"]}, "redaction": {"shop": {"rules": ["iban"]}}}
    outputs = {"shop": {"type": "cloudwatch", "logGroupName": "/shop"}}
    for chosen, names in ({}, []), ({"shop": "shop"}, ["redaction-shop", "redacted-iban", "redacted-error"]):
        made = install({**BOTH, "outputs": outputs, "tenants": {**tenants, "namespaces": chosen}})
        for component in ("logs", "events"):
            text = made.one("ConfigMap", f"x-observability-stack-{component}")["data"]["fluent-bit.yaml"]
            found = [plugin["alias"] for plugin in load_yaml(text)["pipeline"].get("filters", [])]
            assert [name for name in found if name.startswith("redact")] == (names if component == "logs" else [])
            assert ("_redactions" in text) == bool(names and component == "logs")


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejection: Callable[..., str], values: dict[str, Any], says: str, shows: str) -> None:
    """Agents that cannot redact, and patterns that cannot work, are rejected with the YAML to write."""
    message = rejection({**BASE, **RULE, **values})
    assert says in message
    assert shows in message
