"""`monitors rules`: PrometheusRules in a workspace of Amazon Managed Service for Prometheus."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from click.testing import CliRunner
from moto import mock_aws

from eks_observability import cli
from eks_observability.monitors import amp
from eks_observability.monitors.objects import Object
from harness.backends.aws import CREDENTIALS
from harness.render.manifests import load_yaml

REGION = "eu-west-1"
Run = Callable[..., tuple[int, str, str]]


def rule(name: str, expr: str = "up == 0", alert: str = "Down") -> dict[str, Any]:
    """Return a PrometheusRule with one alert."""
    spec = {"groups": [{"name": "a", "rules": [{"alert": alert, "expr": expr}]}]}
    meta = {"name": name, "namespace": "shop"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": meta, "spec": spec}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The API of AMP."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("amp", region_name=REGION)


@pytest.fixture
def workspace(client: Any) -> str:
    """The ID of a workspace without rules."""
    found: str = client.create_workspace()["workspaceId"]
    return found


@pytest.fixture
def run(workspace: str) -> Run:
    """Run the command with objects; return its exit status, its output and its messages."""

    def done(*objects: dict[str, Any], options: tuple[str, ...] = (), into: str = workspace) -> tuple[int, str, str]:
        with CliRunner().isolation(input=yaml.safe_dump_all(objects)) as (out, err, _):
            arguments = ["monitors", "rules", "--workspace", into, "--region", REGION, *options]
            status = cli.main(arguments)
            return status, out.getvalue().decode(), err.getvalue().decode()

    return done


@pytest.fixture
def stored(client: Any, workspace: str) -> Callable[[], dict[str, Any]]:
    """Return the content of the workspace by rule groups namespace."""

    def found() -> dict[str, Any]:
        names = [
            one["name"] for one in client.list_rule_groups_namespaces(workspaceId=workspace)["ruleGroupsNamespaces"]
        ]
        described = [client.describe_rule_groups_namespace(workspaceId=workspace, name=name) for name in names]
        return {name: load_yaml(one["ruleGroupsNamespace"]["data"]) for name, one in zip(names, described, strict=True)}

    return found


def test_rules_are_loaded_once(run: Run, stored: Callable[[], dict[str, Any]]) -> None:
    """The first run creates a namespace for each object, the second changes nothing, and a changed rule is replaced."""
    status, out, err = run(rule("api"), rule("web"))
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("shop.")] == ["shop.api created", "shop.web created"]
    assert stored()["shop.api"] == rule("api")["spec"]
    assert run(rule("api"), rule("web"))[1] == "shop.api unchanged\nshop.web unchanged\n"
    status, out, _ = run(rule("api", "up < 1"))
    assert "-    expr: up == 0\n+    expr: up < 1\n" in out
    assert out.endswith("shop.api changed\n")
    assert stored()["shop.api"]["groups"][0]["rules"][0]["expr"] == "up < 1"
    assert stored().keys() == {"shop.api", "shop.web"}


def test_dry_run_writes_nothing(run: Run, stored: Callable[[], dict[str, Any]]) -> None:
    """It prints the same differences, and says what would happen."""
    status, out, _ = run(rule("api"), options=("--dry-run",))
    assert (status, out.splitlines()[-1]) == (0, "shop.api would be created")
    assert "+groups:" in out
    assert stored() == {}


def test_prune_deletes_only_its_own_rules(
    client: Any, workspace: str, run: Run, stored: Callable[[], dict[str, Any]]
) -> None:
    """Rules that others loaded stay, and so do those of an object that is broken now."""
    client.create_rule_groups_namespace(workspaceId=workspace, name="prometheus", data=b"groups: []")
    run(rule("api"), rule("web"), rule("old"))
    status, out, err = run(rule("api"), rule("web", "sum("), options=("--prune",))
    assert status == 1
    assert err.startswith("left out: PrometheusRule shop/web: spec.groups[0].rules[0].expr is ")
    results = [line for line in out.splitlines() if line.startswith("shop.")]
    assert results == ["shop.api unchanged", "shop.old deleted"]
    assert "-  - alert: Down\n" in out
    assert stored().keys() == {"prometheus", "shop.api", "shop.web"}


def test_rejection_of_the_workspace_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """AMP checks rules after the request; the command waits for the result, and loads the other rules."""
    described = amp.Workspace._describe

    def failing(self: amp.Workspace, name: str) -> dict[str, Any]:
        status = {"statusCode": "CREATION_FAILED", "statusReason": "group has too many rules"}
        return described(self, name) | ({"status": status} if name == "shop.api" else {})

    monkeypatch.setattr(amp.Workspace, "_describe", failing)
    status, out, err = run(rule("api"), rule("web"))
    assert (status, err) == (1, "shop.api: the workspace rejects it: group has too many rules\n")
    assert out.endswith("shop.web created\n")


def test_missing_workspace_is_one_sentence(run: Run) -> None:
    """An error of AWS is a sentence with the workspace, and status 2."""
    status, _, err = run(rule("api"), into="ws-00000000-0000-0000-0000-000000000000")
    assert status == 2
    assert err.startswith(
        "Error: workspace ws-00000000-0000-0000-0000-000000000000: An error occurred (ResourceNotFound"
    )


def test_input_without_rules_is_rejected(run: Run) -> None:
    """Monitors alone are no rules."""
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Probe", "metadata": {"name": "a"}, "spec": {}}
    assert run(monitor)[0] == 2
    assert "the input has no PrometheusRule" in run(monitor)[2]


def test_long_names_are_shortened(client: Any, workspace: str) -> None:
    """A name has at most the 64 characters that AMP accepts, and stays unique."""
    names = {amp.name_of(Object("PrometheusRule", "shop", "a" * 100 + end, {})) for end in ("", "b", "c")}
    assert {len(name) for name in names} == {64}
    assert len(names) == 3
    for name in names:
        client.create_rule_groups_namespace(workspaceId=workspace, name=name, data=b"groups: []")
    with pytest.raises(ClientError):
        client.create_rule_groups_namespace(workspaceId="ws-none", name="a", data=b"")
