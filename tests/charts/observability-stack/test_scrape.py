"""Scrape configuration: jobs, targets, labels, limits, and the check by promtool."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

from .relabel import relabel

Scrapes = Callable[..., dict[str, dict[str, Any]]]
ROOT = Path(__file__).parents[3]
FILES = [
    file
    for file in (
        *sorted((ROOT / "charts" / "observability-stack" / "ci").glob("*-values.yaml")),
        *sorted((ROOT / "values").glob("*/observability-stack.yaml")),
        ROOT / "values" / "examples" / "amp.yaml",
    )
    if (load_yaml(file.read_text(encoding="utf-8")) or {}).get("metrics", {}).get("enabled", True)
]
ALL = {name: {"enabled": True} for name in ("alertmanager", "blackboxExporter", "pushgateway", "windowsExporter")}
PROBES = {"probes"}
OWN = {"alertmanager", "kube-state-metrics", "node-exporter", "prometheus", "pushgateway", "windows-exporter"}
CLUSTER = {"apiserver", "cadvisor", "kubelet"}
CONTROL_PLANE = {"kube-controller-manager", "kube-scheduler"}
USERS = {"endpoints", "pods"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_prometheus_accepts_the_configuration(
    install: Callable[..., Manifests], promtool: Path, tmp_path: Path, file: Path
) -> None:
    """promtool accepts the configuration of each values file, for its mode."""
    made = install(files=[file])
    data = made.texts("x-observability-stack-server")
    assert data
    for box in made.containers("prometheus"):
        name = box["args"][0].rpartition("/")[2]
        config = tmp_path / name
        config.write_text(data[name], encoding="utf-8")
        mode = ["--agent"] if "--agent" in box["args"] else []
        check = [str(promtool), "check", "config", "--syntax-only", *mode, str(config)]
        done = subprocess.run(check, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_jobs(scrapes: Scrapes) -> None:
    """There is a job for each enabled component, and no other; each job can be disabled."""
    assert scrapes().keys() == CLUSTER | USERS | {"kube-state-metrics", "node-exporter", "prometheus"}
    assert scrapes(ALL).keys() == CLUSTER | USERS | OWN | PROBES
    keys = {
        "kubeStateMetrics": "kube-state-metrics",
        "nodeExporter": "node-exporter",
        "windowsExporter": "windows-exporter",
    }
    for name in CLUSTER | USERS | OWN | PROBES:
        key = {job: key for key, job in keys.items()}.get(name, name)
        assert scrapes({**ALL, "scrape": {"jobs": {key: False}}}).keys() == (CLUSTER | USERS | OWN | PROBES) - {name}


def test_apiserver_is_read_for_what_is_used(scrapes: Scrapes) -> None:
    """An agent reads the smaller page of API servers, unless your values can name metrics of the other page."""
    mimir = {"remoteWrite": [{"url": "https://mimir.example.com/api/v1/push"}]}
    rules = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "apiserver_request_total > 5"}]}]}
    small = "/metrics/slis"
    for values, path in (
        ({"server": mimir}, small),
        ({"server": mimir, "rules": rules}, None),
        ({"server": mimir, "scrape": {"allowList": {"keep": ["apiserver_.*"]}}}, None),
        ({"server": mimir, "scrape": {"allowList": {"enabled": False}}}, None),
        ({"server": {**mimir, "mode": "server"}}, None),
        ({}, None),
    ):
        assert scrapes(values)["apiserver"].get("metrics_path") == path


def test_control_plane(scrapes: Scrapes, install: Callable[..., Manifests]) -> None:
    """One switch adds scheduler and controller manager, with the paths and the permission that EKS documents.

    Source: "Fetch control plane raw metrics in Prometheus format" of the Amazon EKS user guide.
    """
    chosen = {"scrape": {"jobs": {"controlPlane": True}}}
    jobs, apiserver = scrapes(chosen), scrapes()["apiserver"]
    assert jobs.keys() == scrapes().keys() | CONTROL_PLANE
    for name, component in (("kube-scheduler", "ksh"), ("kube-controller-manager", "kcm")):
        path = f"/apis/metrics.eks.amazonaws.com/v1/{component}/container/metrics"
        assert jobs[name] == {**apiserver, "job_name": name, "metrics_path": path}
    group = "metrics.eks.amazonaws.com"
    for values, resources in ({}, []), (chosen, ["kcm/metrics", "ksh/metrics"]):
        [role] = [
            item
            for item in install(values).select("ClusterRole")
            if item["metadata"]["name"].endswith("server.prometheus")
        ]
        found = [rule for rule in role["rules"] if group in rule.get("apiGroups", [])]
        assert found == ([{"apiGroups": [group], "resources": resources, "verbs": ["get"]}] if resources else [])


def test_targets_are_endpoints(scrapes: Scrapes) -> None:
    """No target but those of probes is the address of a Service, and jobs of the release select only its own pods."""
    for name, job in scrapes(ALL).items():
        [discovery] = job["kubernetes_sd_configs"]
        assert discovery["role"] in (("service",) if name in PROBES else ("node", "pod", "endpointslice"))
        assert not job.get("static_configs")
        if name in OWN:
            component = "server" if name == "prometheus" else name
            assert discovery["namespaces"] == {"names": ["prometheus"]}
            [selector] = discovery["selectors"]
            assert selector["label"].endswith(
                f"app.kubernetes.io/instance=x,app.kubernetes.io/component in ({component})"
            )


def test_honor_labels(scrapes: Scrapes) -> None:
    """Only kube-state-metrics and Pushgateway, which export metrics about other objects, can set target labels."""
    honored = {name for name, job in scrapes(ALL).items() if job.get("honor_labels")}
    assert honored == {"kube-state-metrics", "pushgateway"}
    assert scrapes()["cadvisor"]["honor_timestamps"] is False


def test_kubelet_certificates_are_verified(scrapes: Scrapes) -> None:
    """Prometheus sends its token only over TLS verified by the cluster's CA, unless `insecureSkipVerify` is set."""
    for name in CLUSTER:
        job = scrapes()[name]
        assert job["scheme"] == "https"
        assert job["tls_config"]["ca_file"].endswith("/ca.crt")
        assert "insecure_skip_verify" not in job["tls_config"]
    loose = scrapes({"scrape": {"kubelet": {"insecureSkipVerify": True}}})
    assert {name for name, job in loose.items() if "insecure_skip_verify" in job.get("tls_config", {})} == {
        "kubelet",
        "cadvisor",
    }
    tokens = {name for name, job in scrapes(ALL).items() if "authorization" in job}
    assert tokens == CLUSTER


@pytest.mark.parametrize(("system", "path"), [("linux", "/metrics/cadvisor"), ("windows", "/metrics/resource")])
def test_containers_of_windows_nodes(scrapes: Scrapes, system: str, path: str) -> None:
    """Container metrics of a Windows node have the same names at another path, which requires no other permission.

    Source: `pkg/kubelet/server/auth.go` of Kubernetes: every path below /metrics is the subresource `metrics`.
    """
    job = scrapes()["cadvisor"]
    found = {"__meta_kubernetes_node_name": "n", "__meta_kubernetes_node_label_kubernetes_io_os": system}
    made = relabel(job["relabel_configs"], {**found, "__metrics_path__": job["metrics_path"]})
    assert made is not None
    assert (made["__metrics_path__"], made["node"]) == (path, "n")
    series = {"__name__": "container_memory_working_set_bytes", "namespace": "a", "pod": "b", "container": "c"}
    assert relabel(job["metric_relabel_configs"], series) is not None


@pytest.mark.parametrize(
    ("series", "kept"),
    [
        ({"id": "/"}, True),
        ({"id": "/kubepods/burstable/pod1/c1", "pod": "a", "container": "b"}, True),
        ({"id": "/kubepods/burstable/pod1", "pod": "a"}, True),
        ({"id": "/system.slice/sshd.service"}, False),
        ({"id": "/kubepods"}, False),
        ({"__name__": "machine_cpu_cores"}, True),
    ],
)
def test_series_of_system_services_are_dropped(scrapes: Scrapes, series: dict[str, str], kept: bool) -> None:
    """cAdvisor's series of pods, the node total and the machine are kept, but not those of system services."""
    steps = scrapes()["cadvisor"]["metric_relabel_configs"]
    assert (relabel(steps, series) is not None) == kept


POD = {
    "__address__": "10.0.0.7:8080",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_ip": "10.0.0.7",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_container_name": "app",
    "__meta_kubernetes_pod_container_port_protocol": "TCP",
    "__meta_kubernetes_namespace": "shop",
    "__meta_kubernetes_pod_name": "cart-0",
    "__meta_kubernetes_pod_node_name": "node-1",
    "__meta_kubernetes_pod_label_app_kubernetes_io_name": "cart",
}


def annotated(**annotations: str) -> dict[str, str]:
    return {f"__meta_kubernetes_pod_annotation_prometheus_io_{name}": value for name, value in annotations.items()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"__address__": "10.0.0.7:8080", "namespace": "shop", "pod": "cart-0", "node": "node-1"}),
        ({}, {"container": "app"}),
        (annotated(port="9100", path="/m", scheme="https"), {"__address__": "10.0.0.7:9100"}),
        (annotated(port="9100", path="/m", scheme="https"), {"__metrics_path__": "/m", "__scheme__": "https"}),
        ({**annotated(port="9100"), "__meta_kubernetes_pod_ip": "fd00::7"}, {"__address__": "[fd00::7]:9100"}),
        (annotated(scheme="ftp"), {"__scheme__": None}),
        (annotated(scrape="yes"), None),
        ({"__meta_kubernetes_pod_phase": "Succeeded"}, None),
        ({"__meta_kubernetes_pod_container_port_protocol": ""}, None),
        ({"__meta_kubernetes_pod_container_port_protocol": "UDP"}, None),
        ({"__meta_kubernetes_pod_container_port_protocol": "", **annotated(port="9")}, {"__address__": "10.0.0.7:9"}),
    ],
)
def test_annotated_pods(scrapes: Scrapes, given: dict[str, str], expected: dict[str, str | None] | None) -> None:
    """Annotations select pods, port, path and scheme; terminated pods and ports without TCP are no targets."""
    made = relabel(scrapes()["pods"]["relabel_configs"], {**POD, **given})
    if expected is None or made is None:
        assert (made, expected) == (None, None)
    else:
        assert {name: made.get(name) for name in expected} == expected


def test_pod_with_a_named_port_is_scraped_once(scrapes: Scrapes) -> None:
    """An annotated pod with two containers is one target, because the labels of both are the same."""
    steps = scrapes()["pods"]["relabel_configs"]
    targets = set()
    for name, port in (("app", "8080"), ("sidecar", "9090")):
        container = {"__meta_kubernetes_pod_container_name": name, "__address__": f"10.0.0.7:{port}"}
        made = relabel(steps, {**POD, **annotated(port="9090"), **container})
        assert made is not None
        targets.add(str({key: value for key, value in made.items() if not key.startswith("__meta")}))
    assert len(targets) == 1


def test_annotated_services(scrapes: Scrapes) -> None:
    """Endpoints of an annotated Service are targets; an annotation can replace the port."""
    start = "__meta_kubernetes_service_annotation_prometheus_io_"
    steps = scrapes()["endpoints"]["relabel_configs"]
    found = {
        "__address__": "10.0.0.7:8080",
        f"{start}scrape": "true",
        f"{start}port": "9102",
        "__meta_kubernetes_service_name": "cart",
    }
    made = relabel(steps, found)
    assert made is not None
    assert (made["__address__"], made["service"]) == ("10.0.0.7:9102", "cart")
    assert relabel(steps, {**found, f"{start}scrape": "false"}) is None


INTERVALS = [*(f"{second}s" for second in range(330)), *(f"{minute}m" for minute in range(9))]
# Not in whole seconds or minutes, or no durations.
OTHERS = ["90000ms", "1m30s", "1h", "05s", "60", "-60s", "60s ", "sixty"]


@pytest.mark.parametrize(
    ("shortest", "seconds", "timeout"),
    [("", 60, None), ("61s", 61, None), ("15s", 15, None), ("5s", 5, "5s"), ("1500ms", 2, "1500ms"), ("4m", 240, None)],
)
def test_annotated_intervals(scrapes: Scrapes, shortest: str, seconds: int, timeout: str | None) -> None:
    """Annotations choose intervals from `scrape.minInterval` to 5m, never one shorter than the timeout."""
    jobs = scrapes({"scrape": {"minInterval": shortest}})
    service = {"__meta_kubernetes_service_annotation_prometheus_io_scrape": "true", "__address__": "10.0.0.7:8080"}
    for job, found, kind in (("pods", POD, "pod"), ("endpoints", service, "service")):
        for interval in (*INTERVALS, *OTHERS):
            given = {**found, f"__meta_kubernetes_{kind}_annotation_prometheus_io_interval": interval}
            made = relabel(jobs[job]["relabel_configs"], given)
            assert made is not None
            known = int(interval[:-1]) * {"s": 1, "m": 60}[interval[-1]] if interval in INTERVALS else 0
            permitted = seconds <= known <= 300
            assert made.get("__scrape_interval__") == (interval if permitted else None), interval
            assert made.get("__scrape_timeout__") == (timeout if permitted else None), interval


def test_no_annotated_interval_is_shorter(scrapes: Scrapes) -> None:
    """By default, annotations have no effect where the scrape interval of all targets is longer than they permit."""
    assert "prometheus_io_interval" not in str(scrapes({"scrape": {"interval": "5m"}}))


SERVICE = {
    "__address__": "cart.shop.svc:8080",
    "__meta_kubernetes_namespace": "shop",
    "__meta_kubernetes_service_name": "cart",
    "__meta_kubernetes_service_annotation_prometheus_io_probe": "true",
}


def probe(**annotations: str) -> dict[str, str]:
    return {
        f"__meta_kubernetes_service_annotation_prometheus_io_probe_{name}": value for name, value in annotations.items()
    }


@pytest.mark.parametrize(
    ("found", "target", "module"),
    [
        (SERVICE, "cart.shop.svc:8080", "http_2xx"),
        ({**SERVICE, **probe(port="9090", path="/healthz")}, "cart.shop.svc:9090/healthz", "http_2xx"),
        ({**SERVICE, **probe(scheme="https", module="own")}, "https://cart.shop.svc:8080", "own"),
        ({**SERVICE, **probe(scheme="ftp", port="http")}, "cart.shop.svc:8080", "http_2xx"),
        ({**SERVICE, "__meta_kubernetes_service_annotation_prometheus_io_probe": "yes"}, None, None),
        (
            {"__address__": "https://shop.example.com/a?b=c", "__param_module": "own"},
            "https://shop.example.com/a?b=c",
            "own",
        ),
    ],
    ids=["service", "port-and-path", "scheme-and-module", "invalid", "not-annotated", "static"],
)
def test_targets_of_probes(scrapes: Scrapes, found: dict[str, str], target: str | None, module: str | None) -> None:
    """blackbox_exporter receives target and module, which are labels, too; static targets keep their labels."""
    job = scrapes({"blackboxExporter": {"enabled": True}})["probes"]
    made = relabel(job["relabel_configs"], {**found, "namespace": "own"})
    if target is None:
        assert made is None
        return
    assert made is not None
    assert made["__address__"] == "x-observability-stack-blackbox-exporter.prometheus.svc:9115"
    assert (made["__param_target"], made["__param_module"]) == (target, module)
    assert (made["instance"], made["module"]) == (target, module)
    service = ("shop", "cart") if "__meta_kubernetes_namespace" in found else ("own", None)
    assert (made["namespace"], made.get("service")) == service


def test_shards_split_the_probes(scrapes: Scrapes) -> None:
    """Probes are split by their targets, since all have the address of blackbox_exporter."""
    values = {"blackboxExporter": {"enabled": True}, "server": {"shards": 2}}
    parts = [scrapes(values, shard=shard)["probes"]["relabel_configs"] for shard in range(2)]
    for shard, other in ((0, 1), (1, 0)):
        targets = [f"https://{number}.example.com" for number in range(20)]
        of_shard = {one for one in targets if relabel(parts[shard], {"__address__": one})}
        assert of_shard == set(targets) - {one for one in targets if relabel(parts[other], {"__address__": one})}
        assert of_shard


def test_pod_labels_are_selected(scrapes: Scrapes) -> None:
    """Only pod labels in `scrape.podLabels` are copied to metrics."""
    plain = relabel(scrapes()["pods"]["relabel_configs"], POD)
    chosen = relabel(
        scrapes({"scrape": {"podLabels": ["app.kubernetes.io/name"]}})["pods"]["relabel_configs"],
        POD,
    )
    assert plain is not None
    assert chosen is not None
    assert chosen.items() - plain.items() == {("app_kubernetes_io_name", "cart")}


def test_limits_apply_to_your_own_metrics(scrapes: Scrapes) -> None:
    """Only jobs of your own metrics have limits of labels, and those of pods also of samples; both can be disabled."""
    extra = {"extraConfigs": [{"job_name": "mine"}, {"job_name": "wide", "label_limit": 90}]}
    jobs = scrapes({**ALL, "scrape": extra})
    labels = {name: job["label_limit"] for name, job in jobs.items() if "label_limit" in job}
    assert labels == {**dict.fromkeys([*USERS, "pushgateway", "mine"], 60), "wide": 90}
    assert {name: job["sample_limit"] for name, job in jobs.items() if "sample_limit" in job} == dict.fromkeys(
        USERS, 50000
    )
    none = {"sampleLimit": 0, "labelLimit": 0, "extraConfigs": [{"job_name": "mine"}]}
    unlimited = str(scrapes({**ALL, "scrape": none}))
    assert "sample_limit" not in unlimited
    assert "label_limit" not in unlimited


def test_shards_split_the_targets(scrapes: Scrapes) -> None:
    """With three shards, exactly one shard scrapes each target of each job, additional ones included."""
    values = {**ALL, "server": {"shards": 3}, "scrape": {"extraConfigs": [{"job_name": "outside"}]}}
    parts = [scrapes(values, shard=shard) for shard in range(3)]
    for name in parts[0].keys() - PROBES:
        taken = []
        for address in (f"10.0.0.{number}:9100" for number in range(30)):
            steps = [job[name]["relabel_configs"][-2:] for job in parts]
            taken.append([number for number, part in enumerate(steps) if relabel(part, {"__address__": address})])
        assert {len(owners) for owners in taken} == {1}
        assert {owner for [owner] in taken} == {0, 1, 2}
    assert "hashmod" not in str(scrapes())


def test_server_sends_alerts_to_its_alertmanager(prometheus: Callable[..., dict[str, Any]]) -> None:
    """A server sends alerts to Alertmanager with the labels of all alerts but `__replica__`; an agent sends none."""
    config = prometheus({**ALL, "server": {"replicas": 2, "externalLabels": {"stage": "test"}}})["alerting"]
    alert = {"alertname": "A", "cluster": "eks", "stage": "test", "__replica__": "x-0"}
    plain = {name: value for name, value in alert.items() if name != "__replica__"}
    assert relabel(config["alert_relabel_configs"], alert) == plain
    kafka = relabel(config["alert_relabel_configs"], {**alert, "cluster": "kafka"})
    assert kafka == {**plain, "exported_cluster": "kafka"}
    [found] = config["alertmanagers"][0]["kubernetes_sd_configs"]
    assert "component in (alertmanager)" in found["selectors"][0]["label"]
    agent = prometheus({**ALL, "server": {"remoteWrite": [{"url": "https://mimir.example.com/api/v1/push"}]}})
    assert not {"alerting", "rule_files"} & agent.keys()
    assert "evaluation_interval" not in agent["global"]
    assert "alerting" not in prometheus()
