"""Namespaces choose outputs: who receives what, which choices have no effect, and which values are rejected."""

from pathlib import Path
from typing import Any

import pytest

from harness.render.helm import Helm, HelmError

ROOT = Path(__file__).parents[2]
LOGS: dict[str, Any] = {"metrics": {"enabled": False}, "logs": {"enabled": True}}
CHARTS = [
    pytest.param("observability-stack", LOGS, id="observability-stack"),
    pytest.param("fluent-bit-windows", {}, id="fluent-bit-windows"),
]
PAYMENTS = {"type": "cloudwatch", "logGroupName": "/tenants/payments"}
MAY = {"payments": ["payments", "checkout-*"]}


def values(base: dict[str, Any], *, payments: Any = PAYMENTS, **tenants: Any) -> dict[str, Any]:
    """Return values with an output that two teams may choose."""
    cluster = {"name": "shop", "region": "eu-west-1"}
    outputs = {"outputs": {"payments": payments}} if payments is not None else {}
    return {**base, "cluster": cluster, **outputs, "tenants": {"outputs": MAY, **tenants}}


def notes(helm: Helm, kind: str, given: dict[str, Any]) -> list[str]:
    """Return the lines of the notes."""
    return [line.strip() for line in helm.notes(ROOT / "charts" / kind, values=given).splitlines()]


@pytest.mark.parametrize(("kind", "base"), CHARTS)
def test_namespaces_get_the_outputs_that_they_may_choose(kind: str, base: dict[str, Any], helm: Helm) -> None:
    """The notes list each output with its namespaces, and count choices without an effect."""
    chosen = {"payments": "payments", "checkout-eu": "payments", "mallory": "payments", "shop": "nowhere"}
    found = notes(helm, kind, values(base, namespaces=chosen))
    assert "application from checkout-eu, payments: payments" in found
    assert "application from other namespaces: cloudwatch" in found
    [void] = [line for line in found if "may not choose" in line]
    assert void == (
        "2 namespaces choose outputs that do not exist or that they may not choose: mallory (payments), shop (nowhere)."
        " The output cloudwatch receives their records."
    )


@pytest.mark.parametrize(("kind", "base"), CHARTS)
def test_output_that_nobody_chose_receives_nothing(kind: str, base: dict[str, Any], helm: Helm) -> None:
    """Without a choice, all records go to the default, and the output is ready for the first one."""
    found = notes(helm, kind, values(base))
    assert [line for line in found if line.startswith("application")] == ["application: cloudwatch"]
    assert not any("may not choose" in line for line in found)
    assert any("/tenants/payments" in line for line in found), "the policy permits the output before it is chosen"


@pytest.mark.parametrize(("kind", "base"), CHARTS)
@pytest.mark.parametrize(
    ("given", "says", "shows"),
    [
        pytest.param(
            {"payments": None},
            "`tenants.outputs.payments` permits an output that `outputs` does not have, or disables.",
            "outputs:\n  payments:\n    logGroupName: /tenants/payments\n    type: cloudwatch",
            id="no output",
        ),
        pytest.param(
            {"payments": {**PAYMENTS, "enabled": False}},
            "`tenants.outputs.payments` permits an output that `outputs` does not have, or disables.",
            "type: cloudwatch",
            id="output that is off",
        ),
        pytest.param(
            {"payments": {**PAYMENTS, "match": {"pipelines": ["application"]}}},
            "`outputs.payments.match` and `tenants.outputs.payments` both select records. Remove one of them.",
            "outputs:\n  payments:\n    match: null",
            id="output with match",
        ),
        pytest.param(
            {"default": "payments"},
            "`tenants.default` is payments, which is no enabled output, or one of `tenants.outputs`.",
            "tenants:\n  default: cloudwatch",
            id="default that can be chosen",
        ),
        pytest.param(
            {"default": "nowhere"},
            "`tenants.default` is nowhere, which is no enabled output",
            "tenants:\n  default: cloudwatch",
            id="default that does not exist",
        ),
    ],
)
def test_values_that_route_nowhere_are_rejected(
    kind: str, base: dict[str, Any], given: dict[str, Any], says: str, shows: str, helm: Helm
) -> None:
    """The message has the problem, its place, and valid YAML."""
    with pytest.raises(HelmError) as caught:
        helm.render(ROOT / "charts" / kind, values=values(base, **given))
    assert says in caught.value.stderr and shows in caught.value.stderr
