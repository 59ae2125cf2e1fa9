"""The notes: commands, least-privilege policies for the values, and resources that an uninstall keeps."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests

Notes = Callable[..., str]
ROLE = "arn:aws:iam::444455556666:role/amp"
WORKSPACE = "https://aps-workspaces.{}/workspaces/ws-1234-abcd/api/v1/remote_write"

CLUSTER = {"cluster": {"region": "eu-west-1"}}


def amp(host: str = "eu-west-1.amazonaws.com", **sigv4: str) -> dict[str, Any]:
    return {"remoteWrite": [{"url": WORKSPACE.format(host), "sigv4": sigv4}]}


def policies(text: str) -> list[dict[str, Any]]:
    """Return the first statement of each policy in a text."""
    return [found[0] for found in statements(text)]


def statements(text: str) -> list[list[dict[str, Any]]]:
    """Return the statements of each policy in a text."""
    documents = re.findall(r"^  \{\n.*?^  \}$", text, re.MULTILINE | re.DOTALL)
    return [json.loads(document)["Statement"] for document in documents]


def test_commands_match_objects(notes: Notes, install: Callable[..., Manifests]) -> None:
    """Selectors match the pods of the release, and the Service and port of the port-forward exist."""
    values = {"server": {"service": {"port": 9999}}}
    text, made = notes(values), install(values)
    labels = [pod.metadata["labels"] for pod in made.pods()]
    [selector] = set(re.findall(r"-l '(.*?)'", text))
    wanted = dict(pair.split("=") for pair in selector.split(","))
    assert labels
    assert all(wanted.items() <= found.items() for found in labels)
    [(namespace, service, port)] = re.findall(r"port-forward --namespace (\S+) svc/(\S+) 9090:(\d+)", text)
    spec = made.one("Service", service)["spec"]
    assert (namespace, port) == ("prometheus", str(spec["ports"][0]["port"]))


@pytest.mark.parametrize(
    ("server", "resources"),
    [
        (amp(), ["arn:aws:aps:eu-west-1:ACCOUNT:workspace/ws-1234-abcd"]),
        (amp("cn-north-1.amazonaws.com.cn"), ["arn:aws-cn:aps:cn-north-1:ACCOUNT:workspace/ws-1234-abcd"]),
        (
            {"remoteWrite": [*amp()["remoteWrite"], *amp("us-east-1.amazonaws.com")["remoteWrite"]]},
            [f"arn:aws:aps:{region}:ACCOUNT:workspace/ws-1234-abcd" for region in ("eu-west-1", "us-east-1")],
        ),
    ],
    ids=["one", "china", "two"],
)
def test_policy_is_minimal(notes: Notes, server: dict[str, Any], resources: list[str]) -> None:
    """The policy permits remote write to the workspaces in the values, and nothing else."""
    policy, trust = policies(notes({**CLUSTER, "server": server}))
    assert policy == {"Effect": "Allow", "Action": ["aps:RemoteWrite"], "Resource": resources}
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"


def test_policy_of_alertmanager_is_minimal(notes: Notes, install: Callable[..., Manifests]) -> None:
    """The role publishes to topics of Amazon SNS whose receivers have neither a role nor keys, and to no others."""
    topic = "arn:aws:sns:eu-west-1:111122223333:alerts"
    given = [
        {"topic_arn": topic, "sigv4": {"region": "eu-west-1"}},
        {"topic_arn": f"{topic}-2", "sigv4": {"region": "eu-west-1", "role_arn": ROLE}},
        {"topic_arn": f"{topic}-3", "sigv4": {"region": "eu-west-1", "access_key": "a", "secret_key": "b"}},
    ]
    receivers = [{"name": "a", "sns_configs": given}, {"name": "b", "webhook_configs": [{"url_file": "/etc/url"}]}]
    alertmanager = {"enabled": True, "config": {"route": {"receiver": "a"}, "receivers": receivers}}
    account = {"alertmanager": {"roleArn": ROLE.replace("amp", "alerts")}}
    values = {**CLUSTER, "alertmanager": alertmanager, "serviceAccounts": account}
    policy, trust = statements(notes(values))
    assert policy == [
        {"Effect": "Allow", "Action": ["sns:Publish"], "Resource": [topic]},
        {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]},
    ]
    assert "system:serviceaccount:prometheus:x-observability-stack-alertmanager" in json.dumps(trust)
    made = install(values).one("ServiceAccount", "x-observability-stack-alertmanager")
    assert made["metadata"]["annotations"] == {"eks.amazonaws.com/role-arn": account["alertmanager"]["roleArn"]}
    for others in ({"enabled": False}, {"existingSecret": "mine"}, {"config": {"receivers": receivers[1:]}}):
        assert statements(notes({**values, "alertmanager": {**alertmanager, **others}})) == []


def test_role_of_another_account(notes: Notes) -> None:
    """With a role to assume, the pod's own role can only assume it, and the notes show the other role's permissions."""
    text = notes({**CLUSTER, "server": amp(role_arn=ROLE)})
    assert policies(text)[0] == {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [ROLE]}
    assert f"The role {ROLE} must trust it" in text


@pytest.mark.parametrize(
    ("host", "region", "partition"),
    [
        ("aps-workspaces.us-gov-west-1.amazonaws.com", "us-gov-west-1", "aws-us-gov"),
        ("aps-workspaces-fips.us-gov-west-1.amazonaws.com:443", "us-gov-west-1", "aws-us-gov"),
        ("aps-workspaces.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", "aws-eusc"),
        ("aps-workspaces.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", "aws-iso"),
        ("aps-workspaces.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", "aws-iso-b"),
        ("aps-workspaces.eu-west-1.api.aws", "eu-west-1", "aws"),
        ("aps-workspaces.cn-north-1.api.amazonwebservices.com.cn", "cn-north-1", "aws-cn"),
        ("vpce-0ab1-x2.aps-workspaces.eu-west-1.vpce.amazonaws.com", "eu-west-1", "aws"),
        ("vpce-0ab1-x2.aps-workspaces.cn-north-1.vpce.amazonaws.com.cn", "cn-north-1", "aws-cn"),
    ],
)
def test_workspace_is_known_by_its_host(notes: Notes, host: str, region: str, partition: str) -> None:
    """Hosts of every partition, with FIPS, dual-stack or through a VPC endpoint, name a workspace of their region."""
    url = f"https://{host}/workspaces/ws-1234-abcd/api/v1/remote_write"
    text = notes(
        {"cluster": {"region": region}, "server": {"remoteWrite": [{"url": url, "sigv4": {"region": region}}]}}
    )
    assert policies(text)[0]["Resource"] == [f"arn:{partition}:aps:{region}:ACCOUNT:workspace/ws-1234-abcd"]


def test_trust_is_for_one_service_account(notes: Notes) -> None:
    """The trust policy names exactly this service account (`sub`) and AWS STS (`aud`)."""
    issuer = "https://oidc-eks.eu-west-1.api.aws/id/0123"
    trust = policies(notes({"cluster": {"region": "eu-west-1", "oidcIssuer": issuer}, "server": amp()}))[-1]
    provider = issuer.removeprefix("https://")
    assert trust["Condition"] == {
        "StringEquals": {
            f"{provider}:sub": "system:serviceaccount:prometheus:amp-iamproxy-ingest-service-account",
            f"{provider}:aud": "sts.amazonaws.com",
        }
    }


def test_pod_identity_is_for_one_service_account(notes: Notes) -> None:
    """The trust policy names the cluster, namespace and service account, and the command creates the association."""
    values = {"identity": {"type": "podIdentity"}, "cluster": {"name": "shop", "region": "eu-west-1"}, "server": amp()}
    text = notes(values)
    trust = policies(text)[-1]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:RequestTag/kubernetes-namespace": "prometheus",
        "aws:RequestTag/kubernetes-service-account": "amp-iamproxy-ingest-service-account",
        "aws:RequestTag/eks-cluster-name": "shop",
    }
    assert (
        "aws eks create-pod-identity-association --region eu-west-1 --cluster-name shop --namespace prometheus "
        "--service-account amp-iamproxy-ingest-service-account"
    ) in text


def test_commands_show_arriving_samples(notes: Notes) -> None:
    """The notes show a command for Prometheus' own counters, and a query for each workspace."""
    text = notes({**CLUSTER, "server": amp()})
    assert "grep -E '^prometheus_remote_storage_samples_(total|failed_total|retried_total|dropped_total)'" in text
    [(region, url)] = re.findall(r"awscurl --service aps --region (\S+) '(\S+)'", text)
    assert region == "eu-west-1"
    assert url == WORKSPACE.format("eu-west-1.amazonaws.com").replace(
        "remote_write", "query?query=count(up)by(cluster,job)"
    )
    other = notes({"server": {"remoteWrite": [{"url": "https://mimir.example.com/api/v1/push"}]}})
    assert "prometheus_remote_storage_samples_" in other
    assert "awscurl" not in other
    assert policies(other) == []


@pytest.mark.parametrize(
    ("values", "claims"),
    [
        ({}, "x-observability-stack-server"),
        ({"server": {"replicas": 2}}, "x-observability-stack-server x-observability-stack-server-0-1"),
        (
            {
                **CLUSTER,
                "server": amp(),
                "alertmanager": {"enabled": True, "persistence": {"type": "persistentVolumeClaim"}},
            },
            "x-observability-stack-alertmanager",
        ),
    ],
    ids=["server", "pair", "alertmanager"],
)
def test_remaining_claims_are_listed(
    notes: Notes, install: Callable[..., Manifests], values: dict[str, Any], claims: str
) -> None:
    """The delete command names exactly the claims that an uninstall keeps."""
    found = re.findall(r"kubectl delete persistentvolumeclaim --namespace prometheus (.+)", notes(values))
    assert found == [claims]
    assert {item["metadata"]["name"] for item in install(values).select("PersistentVolumeClaim")} == set(claims.split())


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "A new EKS cluster has none. If this command shows no class"),
        ({}, "ebs.csi.aws.com, in EKS Auto Mode ebs.csi.eks.amazonaws.com:\n\n  kubectl get storageclass"),
        (
            {"server": {"persistence": {"persistentVolumeClaim": {"storageClassName": "gp3"}}}},
            "on a claim of storage class gp3.",
        ),
        (
            {"server": amp()},
            "Uninstalling keeps only claims of an earlier configuration",
        ),
        ({"server": amp()}, "serviceAccounts.server.roleArn is not set"),
        ({"server": amp()}, "To avoid that, set server.replicas: 2."),
        ({"server": amp()}, 'The label `cluster` is "eks"'),
        ({"server": amp(), "identity": {"type": "node"}}, "instance metadata has a hop limit of 2"),
        ({"server": amp(), "alertmanager": {"enabled": True}}, "an agent evaluates no rules"),
    ],
)
def test_hints(notes: Notes, values: dict[str, Any], says: str) -> None:
    """Each hint is in the notes of the values that it applies to, and not in others."""
    assert says in notes({**CLUSTER, **values})
    other = {
        "cluster": {"name": "shop", "region": "eu-west-1"},
        "serviceAccounts": {"server": {"roleArn": ROLE}},
        "server": {
            **amp(),
            "replicas": 2,
            "persistence": {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"storageClassName": "io2"}},
        },
    }
    assert says not in notes(other)


def test_notes_without_prometheus(notes: Notes) -> None:
    """Without Prometheus, the notes contain nothing about it."""
    text = notes({"server": {"enabled": False}})
    assert "port-forward" not in text
    assert policies(text) == []


def test_metrics_have_one_switch(install: Callable[..., Manifests], notes: Notes) -> None:
    """`metrics.enabled: false` disables Prometheus and all exporters, whatever their own switches."""
    on = {name: {"enabled": True} for name in ("server", "alertmanager", "pushgateway", "kubeStateMetrics")}
    values = {**on, **CLUSTER, "server": {**amp(), "replicas": 2}, "metrics": {"enabled": False}}
    assert len(install({**values, "metrics": {"enabled": True}})) > 20
    assert len(install(values)) == 0
    assert "Prometheus" not in notes(values)
