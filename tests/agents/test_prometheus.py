"""What the documentation promises about every series, against applications and rules that contradict it."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.backends.receivers import Request
from harness.backends.remote_write import RemoteWriteReceiver, decode

from .prometheus import CLUSTER, Exporter, Target, amp, running

pytestmark = pytest.mark.slow
# Pods of Prometheus by name of the case.
MODES: dict[str, dict[str, Any]] = {
    "agent": {"mode": "agent"},
    "server": {"mode": "server"},
    "pair": {"mode": "agent", "replicas": 2},
    "shards": {"mode": "server", "shards": 2},
    "vmagent": {"mode": "agent", "engine": "vmagent"},
    "vmagent-pair": {"mode": "agent", "engine": "vmagent", "replicas": 2},
    "vmagent-shards": {"mode": "agent", "engine": "vmagent", "shards": 2},
}
SINGLE = {name: MODES[name] for name in ("agent", "server", "vmagent")}
# By engine: an argument to reload often, and the pod's own metrics of dropped, rejected and lost samples.
RELOAD = {"prometheus": "--config.auto-reload-interval=1s", "vmagent": "--promscrape.configCheckInterval=1s"}
DROPPED = {
    "prometheus": "prometheus_remote_storage_samples_dropped_total",
    "vmagent": "vmagent_remotewrite_relabel_metrics_dropped_total",
}
REJECTED = {
    "prometheus": "prometheus_remote_storage_samples_failed_total",
    "vmagent": "vmagent_remotewrite_packets_dropped_total",
}
NODE = {"node_name": "node-1"}
OWN = {"pod_container_port_name": "http"}


def pod(name: str, **annotations: str) -> dict[str, str]:
    """Return the labels of discovery of an annotated pod."""
    found = {"pod_annotation_prometheus_io_scrape": "true", "pod_phase": "Running", "pod_name": name}
    found |= {"namespace": "shop", "pod_container_port_protocol": "TCP"}
    return found | {f"pod_annotation_prometheus_io_{key}": value for key, value in annotations.items()}


class Workspace(RemoteWriteReceiver):
    """Rejects a request that contains a name that AMP does not permit."""

    def take(self, request: Request) -> tuple[int, bytes]:
        for series in decode(request.raw).timeseries:
            for label in series.labels:
                names = [label.name, *([label.value] if label.name == "__name__" else [])]
                if not all(re.fullmatch("[a-zA-Z_:][a-zA-Z0-9_:]*", name) for name in names):
                    return 400, f"invalid name: {label}".encode()
        return super().take(request)


@pytest.fixture
def receiver() -> Iterator[RemoteWriteReceiver]:
    """The workspace."""
    with Workspace(region="us-east-1") as made:
        yield made


@pytest.fixture
def sent(tmp_path: Path, receiver: RemoteWriteReceiver) -> Callable[..., list[dict[str, str]]]:
    """Run Prometheus with values and targets; return the labels of the series that arrive in three scrapes."""

    def series(
        values: dict[str, Any], targets: dict[str, list[Target]], server: dict[str, Any]
    ) -> list[dict[str, str]]:
        values = {**values, "server": {**server, "remoteWrite": [amp()]}}
        with running(tmp_path, values, targets, receiver) as prometheus:
            started = sum(len(found) for found in targets.values()) + len(values["scrape"].get("extraConfigs", ()))

            def scraped() -> bool:
                up = receiver.select("up").values()
                return len(up) >= started and all(len(points) >= 3 for points in up)

            prometheus.wait(scraped, f"three scrapes of {started} targets")
        return [dict(labels) for labels in receiver.all()]

    return series


def names(found: list[dict[str, str]], job: str) -> set[str]:
    """Return the names of a job's metrics, without those of the scrapes."""
    of_job = {labels["__name__"] for labels in found if labels.get("job") == job}
    return {name for name in of_job if not name.startswith(("up", "scrape_"))}


@pytest.mark.parametrize("server", MODES.values(), ids=MODES)
def test_labels_of_every_series(sent: Callable[..., list[dict[str, str]]], server: dict[str, Any]) -> None:
    """A metric's own labels with the names of external labels are renamed, so that every series has the cluster's."""
    page = 'kafka{cluster="a",stage="b",__replica__="c",__tmp_drop="1"} 1\nplain{exported_cluster="d"} 1\n'
    with Exporter(page) as exporter:
        values = {
            "scrape": {"extraConfigs": [{"job_name": "mine", "static_configs": [{"targets": [exporter.address]}]}]}
        }
        targets = {"pods": [exporter.target(**pod("a"))], "pushgateway": [exporter.target(**OWN)]}
        pushes = {"pushgateway": {"enabled": True}}
        found = sent({**values, **pushes}, targets, {**server, "externalLabels": {"stage": "prd"}})
    assert {(labels["cluster"], labels["stage"]) for labels in found} == {(CLUSTER, "prd")}
    replicas = {labels.get("__replica__", "") for labels in found}
    assert len(replicas) == server.get("replicas", 1)
    assert "c" not in replicas
    for job in ("pods", "pushgateway", "mine"):
        kafka, *_ = [one for one in found if one["__name__"] == "kafka" and one["job"] == job]
        kept = {name: value for name, value in kafka.items() if name.startswith("exported_")}
        assert kept == {"exported_cluster": "a", "exported_stage": "b", "exported___replica__": "c"}
        plain, *_ = [one for one in found if one["__name__"] == "plain" and one["job"] == job]
        assert plain["exported_cluster"] == "d"


@pytest.mark.parametrize("server", MODES.values(), ids=MODES)
def test_own_metrics_are_always_sent(sent: Callable[..., list[dict[str, str]]], server: dict[str, Any]) -> None:
    """All metrics of pods, pushes, scrape configurations and rules are sent, but none of them in a job of the chart."""
    with (
        Exporter('a{__tmp_drop="1"} 1\nb{job="kubelet"} 1\n') as yours,
        Exporter("a 1\nkubelet_running_pods 1\n") as kubelet,
        Exporter('kube_pod_info{job="kube-state-metrics"} 1\n') as pushes,
    ):
        mine = {"job_name": "mine", "honor_labels": True, "static_configs": [{"targets": [yours.address]}]}
        replaced = {"job_name": "cadvisor", "static_configs": [{"targets": [yours.address]}]}
        rules = [{"record": name, "expr": "sum by (job) (up)"} for name in ("mine", "job:up:sum")]
        values = {
            "pushgateway": {"enabled": True},
            "scrape": {"extraConfigs": [mine, replaced], "jobs": {"cadvisor": False}},
            "rules": {"groups": [{"name": "mine", "interval": "1s", "rules": rules}]},
        }
        targets = {
            "pods": [yours.target(**pod("a"))],
            "kubelet": [kubelet.target(**NODE)],
            "pushgateway": [pushes.target(**OWN)],
        }
        found = sent(values, targets, server)
    made = {"mine", "job:up:sum"} if server["mode"] == "server" else set()
    for job in ("pods", "mine", "cadvisor"):
        assert names(found, job) - made == {"a", "b"}
        assert {one.get("exported_job") for one in found if one["__name__"] == "b"} == {"kubelet"}
    assert names(found, "kubelet") == {"kubelet_running_pods", *made}
    assert names(found, "pushgateway") - made == {"kube_pod_info"}
    assert not names(found, "kube-state-metrics")


@pytest.mark.parametrize("server", SINGLE.values(), ids=SINGLE)
def test_what_values_enable_is_sent(sent: Callable[..., list[dict[str, str]]], server: dict[str, Any]) -> None:
    """Metrics that your rules read, and those of kinds, labels and collectors that you add, are sent, and no others."""
    objects = ("pod_info", "pod_labels", "ingress_info", "pod_tolerations", "replicaset_owner", "pod_spec_volumes")
    nodes = ("load1", "load15_x", "LOAD15", "FILEFD_ALLOCATED", "systemd_unit_state", "tcp_connection_states")
    with (
        Exporter("".join(f"kube_{name} 1\n" for name in objects)) as states,
        Exporter("".join(f"node_{name} 1\n" for name in nodes)) as node,
    ):
        rules = [
            {"alert": "A", "expr": "max(node_load1) > 5"},
            {"alert": "B", "expr": 'count({__name__=~"kube_pod_tol\\\\w+"}) > 5'},
        ]
        values = {
            "scrape": {"allowList": {"keep": ["(?i)node_load15"]}},
            "rules": {"groups": [{"name": "mine", "rules": rules}]},
            "kubeStateMetrics": {"resourceKinds": ["pods", "ingresses"], "metricLabelsAllowlist": ["pods=[app]"]},
            "nodeExporter": {"extraArgs": ["--collector.systemd", "--collector.tcpstat"]},
        }
        targets = {"kube-state-metrics": [states.target(**OWN)], "node-exporter": [node.target(**NODE)]}
        found = sent(values, targets, server)
    assert names(found, "kube-state-metrics") == {f"kube_{name}" for name in objects[:4]}
    assert names(found, "node-exporter") == {f"node_{name}" for name in ("load1", "LOAD15", *nodes[4:])}


@pytest.mark.parametrize("server", SINGLE.values(), ids=SINGLE)
def test_changed_jobs_lose_no_sample(tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any]) -> None:
    """Jobs that change during an outage are reloaded, and no sample of the other jobs is lost."""

    def values(*exporters: Exporter) -> dict[str, Any]:
        jobs = [{"job_name": one.address, "static_configs": [{"targets": [one.address]}]} for one in exporters]
        extra = [RELOAD[server.get("engine", "prometheus")]]
        return {"scrape": {"extraConfigs": jobs}, "server": {**server, "remoteWrite": [amp()], "extraArgs": extra}}

    with Exporter("a 1\n") as first, Exporter("b 1\n") as second:
        with running(tmp_path, values(first), {}, receiver) as prometheus:
            prometheus.wait(lambda: receiver.select("a"), "the first job")
            receiver.fail("500")
            prometheus.configure(values(first, second))
            prometheus.wait(lambda: len(second.requests) > 5, "scrapes of the new job")
            assert not receiver.select("b")
            receiver.heal()
            prometheus.wait(lambda: receiver.select("b"), "the new job")
            scrapes = len(first.requests)
            prometheus.wait(lambda: len(receiver.select("a").popitem()[1]) >= scrapes, "all scrapes of the first job")
        assert len(next(iter(receiver.select("b").values()))) > 4
        assert receiver.gaps(1, tolerance=0.9) == {}
        assert receiver.repeated == 0


@pytest.mark.parametrize("failure", ["429", "500", "refuse"])
@pytest.mark.parametrize("server", [MODES["agent"], MODES["vmagent"]], ids=["agent", "vmagent"])
def test_outages_lose_no_sample(
    tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any], failure: str
) -> None:
    """Samples that wait during an outage arrive once, in order, with the time of their scrape."""
    with Exporter("a 1\n") as exporter:
        values = {"server": {**server, "remoteWrite": [amp()]}}
        with running(tmp_path, values, {"pods": [exporter.target(**pod("a"))]}, receiver) as prometheus:
            prometheus.wait(lambda: receiver.select("a"), "the first sample")
            receiver.fail(failure)
            scrapes = len(exporter.requests)
            prometheus.wait(lambda: len(exporter.requests) > scrapes + 5, "scrapes during the outage")
            receiver.heal()
            scrapes = len(exporter.requests)
            prometheus.wait(lambda: len(receiver.select("a").popitem()[1]) >= scrapes, "all scrapes")
    assert receiver.gaps(1, tolerance=0.9) == {}
    assert (receiver.late, receiver.repeated) == (0, 0)


@pytest.mark.parametrize("server", SINGLE.values(), ids=SINGLE)
def test_names_that_amp_rejects(tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any]) -> None:
    """Series with such names are dropped and counted, and the other samples of their request arrive."""
    good = {f"good_{number}" for number in range(999)}
    bad = '{"http.duration"} 1\nlabeled{"http.method"="GET"} 1\nlabeled{"1st"="GET"} 1\n'
    with Exporter("".join(f"{name} 1\n" for name in good) + bad) as exporter:
        engine = server.get("engine", "prometheus")
        values = {"server": {**server, "remoteWrite": [amp()]}}
        with running(tmp_path, values, {"pods": [exporter.target(**pod("a"))]}, receiver) as prometheus:
            prometheus.wait(lambda: all(len(points) > 1 for points in receiver.select("up").values()), "two scrapes")
            prometheus.wait(lambda: good <= receiver.names(), "all permitted names")
            assert prometheus.own(DROPPED[engine]) >= 3
            assert prometheus.own(REJECTED[engine]) == 0
    assert receiver.names() & {"labeled", "http.duration"} == set()
    assert receiver.reasons == []
    # vmagent accepts only the older text format, which permits no other names.
    asks = "escaping=underscores" if engine == "prometheus" else "text/plain;version=0.0.4;"
    assert all(asks in accepted and "allow-utf-8" not in accepted for accepted in exporter.accepts)


@pytest.mark.parametrize("server", SINGLE.values(), ids=SINGLE)
def test_annotations_of_pods(tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any]) -> None:
    """A target without Content-Type is read as text, and `prometheus.io/param_*` are parameters of its URL."""
    with Exporter({"/probe": "a 1\n"}, content_type="") as exporter:
        found = pod("a", path="/probe", param_module="http_2xx", param_target="a b")
        values = {"server": {**server, "remoteWrite": [amp()]}}
        with running(tmp_path, values, {"pods": [exporter.target(**found)]}, receiver) as prometheus:
            prometheus.wait(lambda: receiver.select("a"), "the metric")
    assert set(exporter.requests) == {"/probe?module=http_2xx&target=a+b"}


@pytest.mark.parametrize("server", SINGLE.values(), ids=SINGLE)
def test_annotated_intervals(tmp_path: Path, receiver: RemoteWriteReceiver, server: dict[str, Any]) -> None:
    """Targets are scraped at permitted intervals of their annotations, and at the default with any other annotation."""
    chosen = {"fast": "1s", "slow": "2s", "below": "500ms", "above": "1h", "wrong": "fast"}
    expected = {"fast": ("1s", "1s"), "slow": ("2s", "1s"), "plain": ("3s", "3s"), "service": ("1s", "1s")}
    expected |= dict.fromkeys(("below", "above", "wrong"), ("3s", "3s"))
    values = {"scrape": {"interval": "3s", "timeout": "3s", "minInterval": "1s"}}
    with Exporter("a 1\n") as exporter:
        pods = [exporter.target(**pod("plain"))]
        pods += [exporter.target(**pod(name, interval=interval)) for name, interval in chosen.items()]
        start = "service_annotation_prometheus_io_"
        service = {f"{start}scrape": "true", f"{start}interval": "1s", "pod_name": "service"}
        targets = {"pods": pods, "endpoints": [exporter.target(**service)]}
        remote = {"server": {**server, "remoteWrite": [amp()]}}
        with running(tmp_path, {**values, **remote}, targets, receiver) as prometheus:

            def scraped() -> bool:
                points = receiver.select("a").values()
                return len(points) == len(expected) and all(len(of_one) >= 3 for of_one in points)

            prometheus.wait(scraped, "three scrapes of each target")
            if server.get("engine") == "vmagent":  # whose API has no intervals
                assert observed(receiver) == expected
                return
            active = json.loads(prometheus.get("/api/v1/targets"))["data"]["activeTargets"]
            found = {one["labels"]["pod"]: (one["scrapeInterval"], one["scrapeTimeout"]) for one in active}
            assert found == expected


def observed(receiver: RemoteWriteReceiver) -> dict[str, tuple[str, str]]:
    """Return the scrape interval and timeout of each pod, from the times of its samples and vmagent's own metrics."""
    found = {}
    for labels, points in receiver.select("a").items():
        name = dict(labels)["pod"]
        # A late scrape does not change the time of the next one.
        interval = round(min(after - before for before, after in itertools.pairwise(sorted(points))) / 1000)
        [(_, timeouts)] = receiver.select("scrape_timeout_seconds", pod=name).items()
        found[name] = (f"{interval}s", f"{next(iter(timeouts.values())):g}s")
    return found
