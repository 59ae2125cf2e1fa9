"""Values that the chart rejects at render time, with problem, place, and YAML to write."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests, load_yaml

both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")
REGION = {"cluster": {"region": "eu-west-1"}}
AMP = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1234-abcd/api/v1/remote_write"
SIGNED = {"sigv4": {"region": "eu-west-1"}}
MIMIR = "https://mimir.example.com/api/v1/push"
ROLE = "arn:aws:iam::111122223333:role/amp-iamproxy-ingest-role"
KEY = "eks.amazonaws.com/role-arn"
SMALL = {"persistentVolumeClaim": {"size": "1Gi"}}


def remote(url: str = MIMIR, **settings: Any) -> dict[str, Any]:
    return {**REGION, "server": {"remoteWrite": [{"url": url, **settings}]}}


def account(**settings: Any) -> dict[str, Any]:
    return {"serviceAccounts": {"server": settings}}


def logs_to(role: str, account: str, **components: Any) -> dict[str, Any]:
    """Logs or events for CloudWatch through a role, which is also that of an account."""
    outputs = {"cloudwatch": {"roleArn": role}}
    return {"outputs": outputs, "serviceAccounts": {account: {"roleArn": ROLE}}, **components}


# name: (values, what the message says, the YAML that it shows)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "rewritten annotation": (
        account(annotations={"eks.amazonaws.com.proxy.example.com/role-arn": ROLE}),
        '`serviceAccounts.server.annotations` has the key "eks.amazonaws.com.proxy.example.com/role-arn", but EKS '
        f"reads only {KEY}. Write:",
        f"serviceAccounts:\n  server:\n    annotations:\n      {KEY}: {ROLE}",
    ),
    "misspelt annotation": (
        account(annotations={"eks.amazonaws.co/role-arn": ROLE}),
        'has the key "eks.amazonaws.co/role-arn", but EKS reads only',
        f"{KEY}: {ROLE}",
    ),
    "rewritten host": (
        remote(AMP.replace("amazonaws.com", "amazonaws.com.proxy.example.com"), **SIGNED),
        "`server.remoteWrite[0].url` has the host aps-workspaces.eu-west-1.amazonaws.com.proxy.example.com, which is "
        "not an endpoint of Amazon Managed Service for Prometheus",
        f"server:\n  remoteWrite:\n  - url: {AMP}",
    ),
    "misspelled host": (
        remote(AMP.replace("workspaces.eu-west-1.amazonaws.com", "workspaces-fips.cn-north-1.amazonaws.com.c")),
        "has the host aps-workspaces-fips.cn-north-1.amazonaws.com.c, which is not an endpoint",
        "- url: https://aps-workspaces-fips.cn-north-1.amazonaws.com.cn/workspaces/ws-1234-abcd/api/v1/remote_write",
    ),
    "host without a region": (
        remote(AMP.replace("aps-workspaces.eu-west-1.amazonaws.com", "aps-workspaces")),
        "has the host aps-workspaces, which is not an endpoint",
        f"- url: {AMP}",
    ),
    "query instead of write": (
        remote(AMP.replace("remote_write", "query"), **SIGNED),
        '`server.remoteWrite[0].url` has the path "/workspaces/ws-1234-abcd/api/v1/query", which is not',
        f"server:\n  remoteWrite:\n  - url: {AMP}",
    ),
    "slash at the end": (
        remote(f"{AMP}/", **SIGNED),
        "which is not the remote-write endpoint of a workspace",
        f"- url: {AMP}",
    ),
    "workspace alone": (
        remote("https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1234-abcd/", **SIGNED),
        "which is not the remote-write endpoint of a workspace",
        f"- url: {AMP}",
    ),
    "host alone": (
        remote("https://mimir.example.com"),
        '`server.remoteWrite[0].url` has the path "", which is not a remote-write endpoint',
        "server:\n  remoteWrite:\n  - url: https://mimir.example.com/api/v1/write",
    ),
    "pages of Prometheus": (
        remote("https://p.example.com/graph"),
        'has the path "/graph"',
        "https://p.example.com/api/v1/write",
    ),
    "http to AWS": (remote(AMP.replace("https", "http"), **SIGNED), "requires https", f"- url: {AMP}"),
    "unsigned to AWS": (
        remote(AMP),
        "which requires signed requests, but `sigv4` is missing",
        f"  - sigv4:\n      region: eu-west-1\n    url: {AMP}",
    ),
    "other region": (
        remote(AMP, sigv4={"region": "us-east-1"}),
        "`server.remoteWrite[0].sigv4.region` is us-east-1, but the workspace is in eu-west-1",
        f"  - sigv4:\n      region: eu-west-1\n    url: {AMP}",
    ),
    "role of the pod itself": (
        {**remote(AMP, sigv4={"region": "eu-west-1", "role_arn": ROLE}), **account(roleArn=ROLE)},
        "`server.remoteWrite[0].sigv4.role_arn` is the role of `serviceAccounts.server`, which the pods already have",
        f"server:\n  remoteWrite:\n  - sigv4:\n      region: eu-west-1\n    url: {AMP}",
    ),
    "annotated role of the pod itself": (
        {**remote(MIMIR, sigv4={"region": "eu-west-1", "role_arn": ROLE}), **account(annotations={KEY: ROLE})},
        "`server.remoteWrite[0].sigv4.role_arn` is the role of `serviceAccounts.server`",
        f"server:\n  remoteWrite:\n  - sigv4:\n      region: eu-west-1\n    url: {MIMIR}",
    ),
    "role of Alertmanager itself": (
        {
            "alertmanager": {"config": {"receivers": [{"name": "a", "sns_configs": [{"sigv4": {"role_arn": ROLE}}]}]}},
            "serviceAccounts": {"alertmanager": {"roleArn": ROLE}},
        },
        "`alertmanager.config.receivers[0].sns_configs[0].sigv4.role_arn` is the role of `serviceAccounts.alert",
        "",
    ),
    "role of the log agent itself": (
        logs_to(ROLE, logs={"enabled": True}, account="logs"),
        "`outputs.cloudwatch.roleArn` is the role of `serviceAccounts.logs`",
        'outputs:\n  cloudwatch:\n    roleArn: ""',
    ),
    "role of the event collector itself": (
        logs_to(ROLE, events={"enabled": True}, account="events"),
        "`outputs.cloudwatch.roleArn` is the role of `serviceAccounts.events`",
        'outputs:\n  cloudwatch:\n    roleArn: ""',
    ),
    "region left at its default": (
        {**remote(AMP, **SIGNED), "cluster": {}},
        "`cluster.region` is us-east-1, the default, but `server.remoteWrite` writes to eu-west-1.",
        "cluster:\n  region: eu-west-1",
    ),
    "region to confirm": (
        {**remote(AMP, **SIGNED), "cluster": {"oidcIssuer": "https://issuer.example.com"}},
        "`cluster.region` is us-east-1, the default",
        "cluster:\n  oidcIssuer: https://oidc.eks.us-east-1.amazonaws.com/id/...",
    ),
    "region of another cluster": (
        {"cluster": {"region": "eu-west-1", "oidcIssuer": "https://oidc.eks.eu-central-1.amazonaws.com/id/0123"}},
        "`cluster.region` is eu-west-1, but `cluster.oidcIssuer` is the issuer of a cluster in eu-central-1",
        "cluster:\n  region: eu-central-1",
    ),
    "two ways to authenticate": (
        remote(AMP, **SIGNED, basic_auth={"username": "a", "password_file": "/b"}),
        "`server.remoteWrite[0]` has sigv4 and basic_auth, but Prometheus accepts one authentication method. Remove "
        "basic_auth.",
        "",
    ),
    "signed header": (
        remote(AMP, **SIGNED, headers={"Authorization": "x"}),
        "`server.remoteWrite[0].headers` has Authorization, which the signature (`sigv4`) sets",
        "",
    ),
    "path with credentials": (
        {"server": {"remoteWrite": [{"url": "https://user:hunter2@example.com/api/v1"}]}},
        '`server.remoteWrite[0].url` has the path "/api/v1", which is not a remote-write endpoint',
        "  - url: https://example.com/api/v1/write",
    ),
    "agent of nothing": (
        {"server": {"mode": "agent"}},
        "`server.mode` is agent, but `server.remoteWrite` is empty",
        "server:\n  mode: server",
    ),
    "pairs of parts": (
        {"server": {**remote()["server"], "replicas": 2, "shards": 3}},
        "`server.replicas` is 2 and `server.shards` is 3, but a backend that deduplicates replicas accepts one replica",
        "server:\n  shards: 1",
    ),
    "own label cluster": (
        {"server": {"externalLabels": {"cluster": "shop"}}},
        "`server.externalLabels.cluster` is set, but the chart sets this label from `cluster.name`",
        "cluster:\n  name: shop",
    ),
    "two roles": (
        account(roleArn=f"{ROLE}-2", annotations={KEY: ROLE}),
        f"`serviceAccounts.server.roleArn` and the annotation {KEY} name different roles",
        f"serviceAccounts:\n  server:\n    roleArn: {ROLE}",
    ),
    "role with pod identity": (
        {"identity": {"type": "podIdentity"}, **account(annotations={KEY: ROLE})},
        "`serviceAccounts.server` names an IAM role for IRSA, but `identity.type` is podIdentity",
        "identity:\n  type: irsa",
    ),
    "role without an account": (
        account(roleArn=ROLE, create=False),
        "`serviceAccounts.server` names an IAM role, but `serviceAccounts.server.create` is false",
        "serviceAccounts:\n  server:\n    create: true",
    ),
    "timeout": (
        {"scrape": {"interval": "30s", "timeout": "1m"}},
        "`scrape.timeout` (1m) is longer than `scrape.interval` (30s), so Prometheus would not start",
        "scrape:\n  timeout: 30s",
    ),
    "no interval": (
        {"scrape": {"interval": "0s"}},
        "`scrape.interval` is 0s, which is less than a second",
        "scrape:\n  interval: 60s",
    ),
    "shortest interval": (
        {"scrape": {"minInterval": "500ms"}},
        "`scrape.minInterval` is 500ms, but must be between 1s and 4m",
        "scrape:\n  minInterval: 15s",
    ),
    "longest shortest interval": (
        {"scrape": {"minInterval": "5m"}},
        "`scrape.minInterval` is 5m, but must be between 1s and 4m",
        "scrape:\n  minInterval: 15s",
    ),
    "unknown module": (
        {"blackboxExporter": {"enabled": True, "targets": {"shop": {"target": "shop:80", "module": "http"}}}},
        '`blackboxExporter.targets.shop` uses the module "http", which `blackboxExporter.modules` does not contain',
        "blackboxExporter:\n  modules:\n    http:\n      prober: http",
    ),
    "job twice": (
        {"scrape": {"extraConfigs": [{"job_name": "kubelet"}]}},
        '`scrape.extraConfigs[0].job_name` is "kubelet", which another job uses',
        "",
    ),
    "more than the volume": (
        {"server": {"persistence": {"persistentVolumeClaim": {"size": "4Gi"}}}},
        "`server.retention.size` (6GB) does not fit into the volume (4Gi)",
        "server:\n  retention:\n    size: 3072MB",
    ),
    "unknown kind": (
        {"kubeStateMetrics": {"resourceKinds": ["pod"]}},
        '`kubeStateMetrics.resourceKinds` has "pod", which kube-state-metrics does not support',
        "",
    ),
    "secrets of the cluster": (
        {"kubeStateMetrics": {"resourceKinds": ["pods", "secrets"]}},
        "`kubeStateMetrics.resourceKinds` has secrets, which would give kube-state-metrics access to all secrets",
        "kubeStateMetrics:\n  resourceKinds:\n  - pods",
    ),
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_message_shows_yaml_to_write(
    rejection: Callable[..., str], values: dict[str, Any], says: str, shows: str
) -> None:
    """Values that cannot work are rejected with problem, place, and YAML to paste; the message contains no secret."""
    message = rejection(values)
    assert says in message
    assert shows in message
    assert "hunter2" not in message
    load_yaml(textwrap.dedent(shows))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("eks.amazonaws.com/role-arn", "eks.amazonaws.com.proxy.example.com/role-arn", f"{KEY}: {ROLE}"),
        (
            "us-east-1.amazonaws.com/",
            "us-east-1.amazonaws.com.proxy.example.com/",
            "us-east-1.amazonaws.com/workspaces/",
        ),
        ("region: us-east-1", "region: eu-west-1", "but the workspace is in us-east-1"),
    ],
    ids=["key", "host", "region"],
)
def test_miscopied_article_is_rejected(
    rejection: Callable[..., str], article: Path, tmp_path: Path, old: str, new: str, says: str
) -> None:
    """The article's values with a misspelled key, a proxy's host or another Region are rejected."""
    changed = tmp_path / "values.yaml"
    text = article.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new), encoding="utf-8")
    assert says in rejection({}, files=[changed])


ACCEPTED = {
    "fips": remote(AMP.replace("workspaces.eu", "workspaces-fips.eu"), **SIGNED),
    "region from the address": remote(AMP, sigv4={}),
    "china": remote(
        "https://aps-workspaces.cn-north-1.amazonaws.com.cn/workspaces/ws-1/api/v1/remote_write",
        sigv4={"region": "cn-north-1"},
    ),
    "mimir": remote(),
    "victoria": remote("http://vm.monitoring:8428/api/v1/write"),
    "thanos": remote("http://thanos:19291/api/v1/receive"),
    "a signing proxy": remote("http://localhost:8005/workspaces/ws-1/api/v1/remote_write"),
    "another service with sigv4": remote("https://receiver.example.com/api/v1/remote_write", sigv4={"region": "a-b-1"}),
    "role in another account": {
        **remote(AMP, sigv4={"region": "eu-west-1", "role_arn": ROLE}),
        **account(roleArn=ROLE.replace("1111", "4444")),
    },
    "role in another account for logs": logs_to(ROLE.replace("1111", "4444"), "logs", logs={"enabled": True}),
    "role of an agent that does not use the output": logs_to(ROLE, "logs", events={"enabled": True}),
    "workspace in another region": {
        **remote(AMP, **SIGNED),
        "cluster": {"oidcIssuer": "https://oidc.eks.us-east-1.amazonaws.com/id/0123"},
    },
    "workspace in another region than a chosen one": {**remote(AMP, **SIGNED), "cluster": {"region": "eu-central-1"}},
    "one of two workspaces in another region": {
        "server": {
            "remoteWrite": [{"url": AMP, "sigv4": {}}, {"url": AMP.replace("eu-west-1", "us-east-1"), "sigv4": {}}]
        }
    },
    "issuer with a dual-stack host": {
        "cluster": {"region": "eu-west-1", "oidcIssuer": "https://oidc-eks.eu-west-1.api.aws/id/0123"}
    },
    "query in the address": remote("https://p.example.com/api/v1/write?tenant=a"),
    "pair": {"server": {**remote()["server"], "replicas": 2}},
    "pairs of parts without a remote": {"server": {"replicas": 2, "shards": 2}},
    "same role twice": account(roleArn=ROLE, annotations={KEY: ROLE}),
    "own account": {"identity": {"type": "podIdentity"}, **account(create=False)},
    "annotation of another kind": account(annotations={"example.com/role": ROLE}),
    "small volume of an agent": {
        "server": {**remote()["server"], "persistence": {"type": "persistentVolumeClaim", **SMALL}}
    },
    "other units": {"server": {"retention": {"size": "900MB"}, "persistence": SMALL}},
    "no bound of size": {"server": {"retention": {"size": ""}, "persistence": SMALL}},
    "own job": {"scrape": {"extraConfigs": [{"job_name": "own"}]}},
    "job of what is off": {
        "nodeExporter": {"enabled": False},
        "scrape": {"extraConfigs": [{"job_name": "node-exporter"}]},
    },
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_valid_values_are_accepted(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """Similar, valid values render."""
    assert install(values).select("StatefulSet")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        (remote(queue_confg={}), "additional properties 'queue_confg' not allowed"),
        (remote(queue_config={"max_shard": 1}), "additional properties 'max_shard' not allowed"),
        ({"server": {"remoteWrite": [{"sigv4": {}}]}}, "missing property 'url'"),
        ({"server": {"remoteWrite": {"url": MIMIR}}}, "got object, want array"),
        (remote("{{ fail `x` }}"), "'^https?:"),
        ({"server": {"extraArgs": ["storage.tsdb.path=/x"]}}, "does not match pattern"),
        ({"scrape": {"extraConfigs": [{}]}}, "at '/scrape/extraConfigs/0': missing property 'job_name'"),
        ({"scrape": {"extraConfigs": [{"job_name": ""}]}}, "at '/scrape/extraConfigs/0/job_name': minLength: got 0"),
    ],
    ids=["key", "deep-key", "no-url", "no-list", "template", "no-flag", "nameless-job", "empty-name"],
)
def test_schema_names_the_place(rejection: Callable[..., str], values: dict[str, Any], place: str) -> None:
    """A key with which Prometheus would not start is rejected at render time."""
    assert place in rejection(values)


@both_majors
def test_message_lists_all_problems(rejection: Callable[..., str]) -> None:
    """One message lists every problem once."""
    message = rejection(
        {**remote(AMP), **account(roleArn=ROLE), "scrape": {"timeout": "2m"}, "identity": {"type": "node"}}
    )
    for part in ("`sigv4` is missing", "`scrape.timeout` (2m)", "`identity.type` is node"):
        assert message.count(part) == 1
