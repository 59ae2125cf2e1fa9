"""Redaction by the agents of Windows nodes."""

from collections.abc import Callable
from typing import Any

from harness.render.manifests import Manifests, load_yaml

RULE: dict[str, Any] = {"redaction": {"rules": ["jwt"]}}


def test_filters(install: Callable[..., Manifests]) -> None:
    """The filter is the last one that changes records, also after those of the user; by default it does not exist."""
    own = [{"name": "modify", "match": "*", "add": "team platform"}]

    def pipeline(values: dict[str, Any]) -> dict[str, Any]:
        text = install({**values, "logs": {"extraFilters": own}}).one("ConfigMap", "x-fluent-bit-windows")["data"]
        found: dict[str, Any] = load_yaml(text["fluent-bit.yaml"])["pipeline"]
        return found

    made = pipeline(RULE)
    names = [plugin.get("alias", plugin["name"]) for plugin in made["filters"]]
    assert names[-4:] == ["modify", "redaction", "redacted-jwt", "redacted-error"]
    assert [plugin["alias"] for plugin in made["inputs"]] == ["application", "_redactions"]
    assert "redact" not in str(pipeline({}))


def test_legacy_profile_is_rejected(rejection: Callable[..., str]) -> None:
    """Fluent Bit 1.9.10 does not redact, so the profile that runs it is rejected."""
    message = rejection({**RULE, "profile": "aws-legacy"})
    assert "`redaction` has rules, but the chart does not support them with Fluent Bit 1.9.10" in message
    assert "profile: upstream" in message
