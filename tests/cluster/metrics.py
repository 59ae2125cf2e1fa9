"""A release of observability-stack on a cluster: its prerequisites, its answers, and its received samples."""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import config

from cluster.stage import Stage
from harness.backends.aws import CREDENTIALS
from harness.backends.ports import in_url
from harness.backends.remote_write import PATH, Labels, RemoteWriteReceiver
from harness.backends.samples import total

CHART = Path("charts/observability-stack")
RELEASE = "m"
REGION = "eu-west-1"
BUSYBOX = "public.ecr.aws/docker/library/busybox:1.37"
FLUENT_BIT = "public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.17"
# Scrape interval in seconds; rates need two scrapes.
INTERVAL = 5
# Label of sent samples, which a server does not add to its own storage.
EXTERNAL = ("cluster", "shop")
# The API server answers its health check to everyone, with a certificate of the cluster's CA.
PROBES = {
    "enabled": True,
    "modules": {"api": {"prober": "http", "http": {"tls_config": {"insecure_skip_verify": True}}}},
    "targets": {"api": {"target": "https://kubernetes.default.svc/livez", "module": "api"}},
}
# The receiver's CA for engines that read it from a file.
CA = {"name": "receiver", "key": "ca.crt"}
Points = dict[int, float]
T = TypeVar("T")


@dataclass
class Metrics:
    """A release and the endpoint that it writes to.

    Attributes:
        stage: the namespace of the release.
        receiver: the endpoint.
        address: address of the endpoint for pods.
    """

    stage: Stage
    receiver: RemoteWriteReceiver
    address: str

    def install(self, mode: str, engine: str = "prometheus", **values: Any) -> None:
        """Install or upgrade the release, as `server` or `agent`, with an engine."""
        assert self.receiver.ca is not None
        remote: dict[str, Any] = {
            "url": f"https://{in_url(self.address)}:{self.receiver.port}{PATH}",
            "sigv4": {"region": REGION},
        }
        if engine == "prometheus":
            remote["tls_config"] = {"ca": self.receiver.ca.read_text(encoding="ascii")}
        else:
            values["caBundle"] = {"configMap": CA}
        chosen = {
            "cluster": {"name": EXTERNAL[1], "region": REGION},
            "server": {
                "mode": mode,
                "engine": engine,
                "remoteWrite": [remote],
                "extraEnvFrom": [{"secretRef": {"name": "aws"}}],
            },
            "scrape": {"interval": f"{INTERVAL}s", "timeout": f"{INTERVAL}s", "kubelet": {"insecureSkipVerify": True}},
            "alertmanager": {"enabled": True},
            "pushgateway": {"enabled": True},
            "blackboxExporter": PROBES,
            **values,
        }
        self.stage.install(RELEASE, chosen, chart=CHART)

    def get(self, path: str, **query: str) -> str:
        """Query Prometheus' API through the API server."""
        name, namespace = f"{RELEASE}-{CHART.name}-server", self.stage.namespace
        with config.new_client_from_config(str(self.stage.cluster.kubeconfig)) as api:
            url = f"{api.configuration.host}/api/v1/namespaces/{namespace}/services/{name}:http/proxy/{path}"
            answer = api.call_api("GET", f"{url}?{urllib.parse.urlencode(query)}")
            body: bytes = answer.read()
        assert answer.status == 200, body
        return body.decode()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the current result of a query."""
        answer = json.loads(self.get("api/v1/query", query=expression))
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def own(self, metric: str) -> float:
        """Return the current sum of one of Prometheus' own metrics."""
        text = self.get("metrics")
        assert f"\n{metric}" in text, f"Prometheus does not tell {metric}"
        return total(text, metric)

    def stored(self, names: set[str], since: float, until: float) -> dict[Labels, Points]:
        """Return the samples in Prometheus between two times (s since the epoch)."""
        selector = f'{{__name__=~"{"|".join(sorted(names))}"}}[{int((until - since) * 1000)}ms]'
        answer = json.loads(self.get("api/v1/query", query=selector, time=f"{until:.3f}"))
        return {
            tuple(sorted(one["metric"].items())): {round(when * 1000): float(value) for when, value in one["values"]}
            for one in answer["data"]["result"]
        }

    def received(self, since: float, until: float) -> dict[Labels, Points]:
        """Return the received samples of a period, without the cluster label."""
        found = {}
        for labels, points in self.receiver.all().items():
            assert EXTERNAL in labels
            between = {when: value for when, value in points.items() if since * 1000 < when <= until * 1000}
            if between:
                found[tuple(sorted(set(labels) - {EXTERNAL}))] = between
        return found

    def caught_up(self, when: float) -> bool:
        """Return whether samples newer than a time (s since the epoch) arrived for every job."""
        newest: dict[str, int] = {}
        for labels, points in self.receiver.select("up").items():
            job = dict(labels)["job"]
            newest[job] = max(newest.get(job, 0), *points)
        return bool(newest) and min(newest.values()) > when * 1000


def world(stage: Stage) -> list[dict[str, Any]]:
    """Return objects for rules and dashboards: healthy and unhealthy workloads."""
    meta = {"namespace": stage.namespace}
    box = {"name": "box", "image": BUSYBOX}
    few = {"resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "50m", "memory": "32Mi"}}}
    # Uses its CPU limit, and queries names.
    loop = (
        "i=0; while :; do i=$((i + 1)); [ $((i % 50000)) != 0 ] || nslookup kubernetes.default.svc.cluster.local; done"
    )
    busy = {**box, **few, "command": ["sh", "-c", loop]}
    failing = {**box, "command": ["sh", "-c", "sleep 2; exit 1"]}
    ends = {"spec": {"restartPolicy": "Never", "containers": [{**box, "command": ["false"]}]}}
    labels = {"app": "busy"}
    worker = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [busy]}}
    return [
        _object("v1", "Secret", "aws", meta, stringData=CREDENTIALS),
        _object("v1", "Pod", "unpullable", meta, spec={"containers": [{"name": "c", "image": "a.invalid/b:1"}]}),
        _object("v1", "Pod", "failing", meta, spec={"containers": [failing], "terminationGracePeriodSeconds": 0}),
        _object("apps/v1", "Deployment", "busy", meta, spec={"selector": {"matchLabels": labels}, "template": worker}),
        _object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "busy",
            meta,
            spec={
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"},
                "minReplicas": 1,
                "maxReplicas": 2,
            },
        ),
        _object("batch/v1", "Job", "lost", meta, spec={"backoffLimit": 0, "template": ends}),
        _object(
            "batch/v1",
            "CronJob",
            "hourly",
            meta,
            spec={"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": ends}}},
        ),
        _object(
            "policy/v1",
            "PodDisruptionBudget",
            "busy",
            meta,
            spec={"minAvailable": 1, "selector": {"matchLabels": labels}},
        ),
        _object("v1", "ResourceQuota", "most", meta, spec={"hard": {"pods": "100"}}),
        *_log_agent(meta),
    ]


def _log_agent(meta: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A Fluent Bit with scrape annotations, as in the log charts of this repository."""
    pipeline = {
        "inputs": [{"name": "dummy", "tag": "d"}],
        "filters": [
            {"name": "modify", "match": "*", "add": "a b"},
            # The name of the counter of a redaction rule.
            {"name": "grep", "alias": "redacted-email", "match": "*", "exclude": "a none"},
        ],
        "outputs": [{"name": "stdout", "match": "*"}],
    }
    service = {"http_server": True, "http_listen": "::", "http_port": 2020, "flush": 1, "storage.metrics": True}
    config = yaml.safe_dump({"service": service, "pipeline": pipeline})
    yield _object("v1", "ConfigMap", "agent", meta, data={"fluent-bit.yaml": config})
    notes = {"scrape": "true", "port": "2020", "path": "/api/v2/metrics/prometheus"}
    container = {
        "name": "fluent-bit",
        "image": FLUENT_BIT,
        "command": ["/fluent-bit/bin/fluent-bit", "-c", "/config/fluent-bit.yaml"],
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
    }
    annotated = {**meta, "annotations": {f"prometheus.io/{key}": value for key, value in notes.items()}}
    spec = {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": "agent"}}]}
    yield _object("v1", "Pod", "agent", annotated, spec={**spec, "terminationGracePeriodSeconds": 0})


def volume(stage: Stage, folder: Path) -> dict[str, Any]:
    """Return a local volume of the only node, for a server's claim in a cluster without a provisioner.

    Args:
        stage: the namespace of the claim.
        folder: folder of this machine with the volume's content.
    """
    folder.mkdir(parents=True)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [stage.cluster.name]}
    spec = {
        "capacity": {"storage": "8Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    return _object("v1", "PersistentVolume", stage.namespace, {}, spec=spec)


def apply(stage: Stage, objects: list[dict[str, Any]]) -> None:
    """Create objects."""
    stage.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    assert not settled(lambda: not condition(), seconds), f"not within {seconds:.0f} s: {what}"


def settled(read: Callable[[], T], seconds: float) -> T:
    """Return what a function returns once nothing of it is left (it is false), or its result when the time is over."""
    deadline = time.monotonic() + seconds
    while (found := read()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def wait_as_it_shrinks(rest: Callable[[], int], seconds: float = 60) -> None:
    """Wait until nothing is left, or for some seconds the rest has not changed."""
    left, since = rest(), time.monotonic()
    while left and time.monotonic() - since < seconds:
        time.sleep(1)
        if (now := rest()) != left:
            left, since = now, time.monotonic()


def _object(version: str, kind: str, name: str, metadata: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {**metadata, "name": name}, **rest}
