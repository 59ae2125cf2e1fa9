"""Values of metrics that would not take effect at the remote, or that would break what the documentation promises."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import Manifests, key_of, load_yaml

from .relabel import sent

ROOT = Path(__file__).parents[3]
COMPONENTS = ("alertmanager", "server")
CHART = ROOT / "charts" / "observability-stack"
AMP = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1234-abcd/api/v1/remote_write"
EU = {"region": "eu-west-1"}
MIMIR = {"remoteWrite": [{"url": "https://mimir.example.com/api/v1/push"}]}


def keep(pattern: str) -> dict[str, Any]:
    return {"scrape": {"allowList": {"keep": [pattern]}}}


def rule(expression: str) -> dict[str, Any]:
    return {"rules": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": expression}]}]}, "server": MIMIR}


def files_of(**values: Any) -> dict[str, Any]:
    arguments = ["--collector.textfile.directory=/host/root/var/lib/metrics"]
    return {"nodeExporter": {"extraArgs": arguments}, "server": MIMIR, **values}


REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    **{
        f"expression {pattern}": (
            keep(pattern),
            f'`scrape.allowList.keep[0]` is "{pattern}", which is not a regular expression',
            "scrape:\n  allowList:\n    keep:\n    - node_load.*",
        )
        for pattern in ("a(", "a)(b", "a|*", "a**", "((a)")
    },
    "expression of a rule": (
        rule('{__name__=~"a[b"} > 1'),
        '`rules.groups` has a rule that selects metrics by `__name__=~"a[b"`, which is not a regular expression',
        "",
    ),
    "metrics of files": (
        files_of(),
        "`nodeExporter.extraArgs` adds metrics whose names you choose, and the allow-list does not send them",
        "scrape:\n  allowList:\n    keep:\n    - backup_.*",
    ),
    "metrics of files on Windows": (
        {"windowsExporter": {"collectors": ["cpu", "textfile"]}, "server": MIMIR},
        "`windowsExporter.collectors` adds metrics whose names you choose",
        "scrape:\n  allowList:\n    enabled: false",
    ),
    **{
        f"{option} for AMP": (
            {"server": {"remoteWrite": [{"url": AMP, "sigv4": {}, option: value}]}, "cluster": EU},
            f"`server.remoteWrite[0]` has {option}, but Amazon Managed Service for Prometheus accepts neither",
            "",
        )
        for option, value in {
            "send_exemplars": True,
            "send_native_histograms": True,
            "protobuf_message": "io.prometheus.write.v2.Request",
        }.items()
    },
    **{
        f"pod label {label}": (
            {"scrape": {"podLabels": [label]}},
            f"`scrape.podLabels` has {label}, which is a label of the target",
            "",
        )
        for label in ("job", "cluster", "instance", "namespace")
    },
}


@pytest.mark.parametrize(("values", "says", "shows"), REJECTED.values(), ids=REJECTED)
def test_rejected(rejection: Callable[..., str], values: dict[str, Any], says: str, shows: str) -> None:
    """Such values are rejected with problem, place and YAML to paste."""
    message = rejection(values)
    assert says in message
    assert shows in message
    load_yaml(textwrap.dedent(shows))


ACCEPTED = {
    "groups and repetitions": keep("(?i:a)|b(c|d)+?(?:e)*|.+"),
    "flag": keep("(?i)abc"),
    "class in a rule": rule('{__name__=~"a[bc]\\\\d"} > 1'),
    "names of files": files_of(scrape={"allowList": {"keep": ["backup_.*"]}}),
    "files without a remote": files_of(server={}),
    "files without an allow-list": files_of(scrape={"allowList": {"enabled": False}}),
    "options of others": {"server": {"remoteWrite": [{**MIMIR["remoteWrite"][0], "send_exemplars": True}]}},
    "another label": {"scrape": {"podLabels": ["app.kubernetes.io/instance"]}},
    "collector with an underscore": {"nodeExporter": {"extraArgs": ["--collector.meminfo_numa"]}},
}


@pytest.mark.parametrize("values", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """Similar, valid values render."""
    assert install(values).select("StatefulSet")


def test_added_parts_of_exporters(prometheus: Callable[..., dict[str, Any]]) -> None:
    """The remote receives all metrics of each kind and collector beyond the defaults, which the chart's data lists."""
    values = load_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))
    known = load_yaml((CHART / "files/exporters.yaml").read_text(encoding="utf-8"))
    assert known["kinds"] == values["kubeStateMetrics"]["resourceKinds"]
    assert known["windowsCollectors"] == values["windowsExporter"]["collectors"]
    # Metrics of kube-state-metrics, node-exporter and windows_exporter, from their source.
    added = {
        "kube_service_info": {"kubeStateMetrics": {"resourceKinds": ["services"]}},
        "kube_ingress_path": {"kubeStateMetrics": {"resourceKinds": ["ingresses"]}},
        "kube_ingressclass_info": {"kubeStateMetrics": {"resourceKinds": ["ingressclasses"]}},
        "kube_networkpolicy_created": {"kubeStateMetrics": {"resourceKinds": ["networkpolicies"]}},
        "kube_endpoint_info": {"kubeStateMetrics": {"resourceKinds": ["endpoints"]}},
        "kube_limitrange": {"kubeStateMetrics": {"resourceKinds": ["limitranges"]}},
        "kube_pod_annotations": {"kubeStateMetrics": {"extraArgs": ["--metric-annotations-allowlist=pods=[*]"]}},
        "kube_customresource_up": {"kubeStateMetrics": {"extraArgs": ["--custom-resource-state-config-file=/a"]}},
        "kube_pod_tolerations": {"kubeStateMetrics": {"extraArgs": ["--metric-opt-in-list=kube_pod_tolerations"]}},
        "node_memory_numa_MemFree": {"nodeExporter": {"extraArgs": ["--collector.meminfo_numa"]}},
        "node_network_routes": {"nodeExporter": {"extraArgs": ["--collector.network_route"]}},
        "node_network_autonegotiate": {"nodeExporter": {"extraArgs": ["--collector.ethtool=true"]}},
        "windows_diskdrive_size": {"windowsExporter": {"collectors": ["diskdrive"]}},
    }
    for metric, chosen in added.items():
        for mode in ("agent", "server"):
            server = {**MIMIR, "mode": mode}
            for values, expected in (({"server": server}, False), ({"server": server, **chosen}, True)):
                series = {"__name__": metric, "job": "kubelet", "cluster": "eks"}
                assert sent(prometheus(values), series) == expected, (metric, mode)


SECRET = "hunter2"
LOGIN = {"username": "a", "password": SECRET}


def test_credentials_are_only_in_secrets(install: Callable[..., Manifests], notes: Callable[..., str]) -> None:
    """Credentials in configurations of Prometheus and Alertmanager, under whatever key, are only in their Secrets."""
    remotes: list[dict[str, Any]] = [
        {"url": f"https://user:{SECRET}@mimir.example.com/api/v1/push"},
        {"basic_auth": LOGIN},
        {"authorization": {"credentials": SECRET}},
        {"headers": {"Authorization": SECRET}},
        {"azuread": {"oauth": {"client_id": "a", "client_secret": SECRET, "tenant_id": "b"}}},
        {"proxy_url": f"http://user:{SECRET}@proxy.example.com:3128"},
        {"sigv4": {"region": "us-east-1", "access_key": "a", "secret_key": SECRET}},
    ]
    config = {
        "global": {"slack_api_url": f"https://hooks.slack.com/{SECRET}", "smtp_auth_password": SECRET},
        "route": {"receiver": "pager"},
        "receivers": [{"name": "pager", "pagerduty_configs": [{"routing_key": SECRET}]}],
    }
    values = {
        "server": {"mode": "server", "remoteWrite": [{**MIMIR["remoteWrite"][0], **remote} for remote in remotes]},
        "scrape": {"extraConfigs": [{"job_name": "mine", "basic_auth": LOGIN}]},
        "alertmanager": {"enabled": True, "config": config},
    }
    made = install(values)
    assert SECRET not in notes(values)
    secrets = {("Secret", f"x-observability-stack-{name}") for name in COMPONENTS}
    assert {key_of(item) for item in made if SECRET in str(item)} == secrets
    assert made.texts(component="server")["prometheus-0-0.yaml"].count(SECRET) == len(remotes) + 1
    assert made.texts(component="alertmanager")["alertmanager.yml"].count(SECRET) == 3
    assert made.select("Secret").names() == secrets
