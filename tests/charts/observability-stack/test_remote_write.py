"""Remote write: destinations, labels, queues and the allow-list."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import load_yaml

from .relabel import relabel, sent

Config = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[3]
LIST = load_yaml((ROOT / "charts/observability-stack/files/allow-list.yaml").read_text(encoding="utf-8"))
OURS = [
    "alertmanager",
    "apiserver",
    "cadvisor",
    "kube-state-metrics",
    "kubelet",
    "node-exporter",
    "prometheus",
    "windows-exporter",
]
URL = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1234-abcd/api/v1/remote_write"
MIMIR = {"url": "https://mimir.example.com/api/v1/push"}


def test_the_articles_values(prometheus: Config, article: Path) -> None:
    """The article's values configure exactly their remote, and also retries of requests rejected with 429."""
    [remote] = prometheus(files=[article])["remote_write"]
    given = load_yaml(article.read_text(encoding="utf-8"))["server"]["remoteWrite"][0]
    relabelling = remote.pop("write_relabel_configs")
    assert relabelling
    assert remote == {**given, "queue_config": {**given["queue_config"], "retry_on_http_429": True}}


@pytest.mark.parametrize(
    ("server", "given", "shards", "capacity"),
    [
        ({"queue": {"samplesPerSecond": 20000}}, {}, 10, 10000),
        ({"queue": {"samplesPerSecond": 20001}}, {}, 11, 10000),
        ({"queue": {"samplesPerSecond": 20000, "latencyMilliseconds": 1000}}, {}, 50, 10000),
        ({"queue": {"samplesPerSecond": 20000}, "shards": 5}, {}, 2, 10000),
        ({"queue": {"samplesPerSecond": 20000}}, {"max_samples_per_send": 1000}, 20, 5000),
        ({"queue": {"samplesPerSecond": 20000}}, {"max_shards": 200, "capacity": 2500}, 200, 2500),
        ({"queue": {"samplesPerSecond": 1}}, {}, 2, 10000),
        ({}, {}, None, None),
    ],
)
def test_queue_size(
    prometheus: Config, server: dict[str, Any], given: dict[str, int], shards: int | None, capacity: int | None
) -> None:
    """`max_shards` is 5 x samples/s x seconds per request / batch, rounded up; `queue_config` overrides it."""
    remote = {**MIMIR, "queue_config": given}
    [made] = prometheus({"server": {"remoteWrite": [remote], **server}})["remote_write"]
    queue = made["queue_config"]
    assert (queue.get("max_shards"), queue.get("capacity")) == (shards, capacity)


def test_other_settings_pass_through(prometheus: Config) -> None:
    """All options of `remote_write` are passed through, and override the chart's own settings."""
    own = {"regex": "go_.*", "source_labels": ["__name__"], "action": "drop"}
    settings = {
        **MIMIR,
        "name": "mimir",
        "remote_timeout": "45s",
        "headers": {"X-Scope-OrgID": "shop"},
        "basic_auth": {"username": "a", "password_file": "/etc/remote/password"},
        "tls_config": {
            "ca": "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n",
            "min_version": "TLS13",
        },
        "metadata_config": {"send": False},
        "queue_config": {"retry_on_http_429": False, "min_backoff": "100ms"},
        "send_native_histograms": True,
        "write_relabel_configs": [own],
    }
    [remote] = prometheus({"server": {"remoteWrite": [settings]}})["remote_write"]
    *_, last = remote["write_relabel_configs"]
    assert last == own
    assert remote == {**settings, "write_relabel_configs": remote["write_relabel_configs"]}


def test_signing_region_is_always_set(prometheus: Config) -> None:
    """Without a region in `sigv4`, requests are signed for the workspace's, or at another address for the cluster's.

    Without one, Prometheus 3.14 exits, or, with AWS_REGION, signs for an empty region. Source:
    `NewSigV4RoundTripper` in sigv4.go of prometheus/sigv4.
    """
    for url, region in ((URL, "eu-west-1"), ("http://localhost:8005/api/v1/remote_write", "eu-central-1")):
        values = {"cluster": {"region": "eu-central-1"}, "server": {"remoteWrite": [{"url": url, "sigv4": {}}]}}
        [remote] = prometheus(values)["remote_write"]
        assert remote["sigv4"]["region"] == region


def test_url_can_contain_templates(prometheus: Config) -> None:
    """URLs can contain templates, also of global values; a missing SigV4 region is derived from the URL."""
    values = {
        "global": {"workspace": "ws-1234-abcd"},
        "cluster": {"region": "eu-west-1"},
        "server": {
            "remoteWrite": [
                {
                    "url": "https://aps-workspaces.{{ .Values.cluster.region }}.amazonaws.com/workspaces/"
                    "{{ .Values.global.workspace }}/api/v1/remote_write",
                    "sigv4": {},
                }
            ]
        },
    }
    [remote] = prometheus(values)["remote_write"]
    assert (remote["url"], remote["sigv4"]) == (URL, {"region": "eu-west-1"})


def test_external_labels(prometheus: Config) -> None:
    """All samples have the label `cluster`; with replicas also `__replica__`, by which AMP deduplicates."""
    alone = prometheus({"cluster": {"name": "shop"}, "server": {"externalLabels": {"stage": "test"}}})
    assert alone["global"]["external_labels"] == {"cluster": "shop", "stage": "test"}
    pair = [prometheus({"server": {"replicas": 2}}, replica=number)["global"]["external_labels"] for number in (0, 1)]
    assert {labels["cluster"] for labels in pair} == {"eks"}
    assert len({labels["__replica__"] for labels in pair}) == 2
    parts = [prometheus({"server": {"shards": 2}}, shard=number)["global"]["external_labels"] for number in (0, 1)]
    assert parts == [{"cluster": "eks"}] * 2


@pytest.mark.parametrize("mode", ["agent", "server"])
def test_allow_list_drops_nothing_used(prometheus: Config, mode: str) -> None:
    """All metrics of a job that rules and dashboards use are sent."""
    config = prometheus({"alertmanager": {"enabled": True}, "server": {"remoteWrite": [MIMIR], "mode": mode}})
    used = [(job, name) for job, names in LIST.items() for name in names]
    assert len(used) > 50
    pod = {"pod": "a", "id": "/kubepods/a"}
    missing = [(job, name) for job, name in used if not sent(config, {"__name__": name, "job": job, **pod})]
    assert missing == []
    [remote] = config["remote_write"]
    series = {"__name__": LIST["kubelet"][0], "job": "kubelet", "node": "n", "cluster": "eks"}
    assert relabel(remote["write_relabel_configs"], series) == series


@pytest.mark.parametrize("mode", ["agent", "server"])
def test_allow_list_sends_nothing_unused(prometheus: Config, mode: str) -> None:
    """No other metrics of the chart's jobs are sent: neither those listed for other jobs, nor those of scrapes."""
    exporters = {name: {"enabled": True} for name in ("alertmanager", "windowsExporter")}
    config = prometheus({**exporters, "server": {"remoteWrite": [MIMIR], "mode": mode}})
    every = sorted({name for names in LIST.values() for name in names} - {"up"})
    pod = {"pod": "a", "id": "/kubepods/a"}
    for job in OURS:
        wrong = [name for name in every if name not in LIST.get(job, []) and not name.startswith("scrape_")]
        unused = ["x", f"{LIST.get(job, ['up'])[0]}_x", "apiserver_request_duration_seconds_bucket", *wrong]
        assert [name for name in unused if sent(config, {"__name__": name, "job": job, **pod})] == []
        assert sent(config, {"__name__": "up", "job": job})
    assert not sent(config, {"__name__": "scrape_series_added", "job": "pods"}) or "scrape_series_added" in every


@pytest.mark.parametrize("mode", ["agent", "server"])
@pytest.mark.parametrize("job", ["pods", "endpoints", "pushgateway", "outside", ""])
def test_own_metrics_are_sent(prometheus: Config, mode: str, job: str) -> None:
    """Metrics of annotated pods, pushed, recorded, and from additional scrape configurations are always sent."""
    config = prometheus({"server": {"remoteWrite": [MIMIR], "mode": mode}})
    assert sent(config, {"__name__": "shop_orders_total", "job": job})
    assert sent(config, {"__name__": "node:cpu:ratio"})


def test_allow_list_is_one_switch(prometheus: Config) -> None:
    """Without the allow-list everything is sent, `keep` adds metrics, and a server stores all metrics itself."""
    odd = {"__name__": "apiserver_request_total", "job": "apiserver"}
    for mode in ("agent", "server"):
        server = {"remoteWrite": [MIMIR], "mode": mode}
        off = prometheus({"server": server, "scrape": {"allowList": {"enabled": False}}})
        more = prometheus({"server": server, "scrape": {"allowList": {"keep": ["apiserver_request_.*"]}}})
        assert sent(off, odd)
        assert sent(more, odd)
    by_job = {
        job["job_name"]: job
        for job in prometheus({"server": {"remoteWrite": [MIMIR], "mode": "server"}})["scrape_configs"]
    }
    assert "metric_relabel_configs" not in by_job["apiserver"]
    assert not sent(prometheus({"server": {"remoteWrite": [MIMIR]}}), odd)
