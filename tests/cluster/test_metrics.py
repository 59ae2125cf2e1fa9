"""Prometheus and its exporters on a real node: received samples, outages, and mode changes.

The tests use one release, in this order.
"""

import math
import os
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator

import pytest

from cluster import metrics_queries as queries
from cluster.metrics import (
    BUSYBOX,
    CA,
    CHART,
    FLUENT_BIT,
    INTERVAL,
    REGION,
    RELEASE,
    Metrics,
    apply,
    settled,
    until,
    volume,
    world,
)
from cluster.stage import Stage, namespace
from harness.backends.ports import free_port
from harness.backends.remote_write import PATH, RemoteWriteReceiver
from harness.clusters import Cluster
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(5), pytest.mark.environment("ipv4", "metrics")]
# Duration of each kind of failure, in seconds.
OUTAGE = float(os.environ.get("METRICS_OUTAGE_SECONDS", "5"))
JOBS = {
    *("kubelet", "cadvisor", "apiserver", "node-exporter", "kube-state-metrics"),
    *("prometheus", "alertmanager", "pushgateway", "pods", "endpoints", "probes"),
}
# A scrape's own metrics; only used ones are sent, even without the allow-list.
META = {"scrape_duration_seconds", "scrape_samples_post_metric_relabeling", "scrape_samples_scraped"}
META |= {"scrape_series_added"}
# Results of rules are always sent. The cluster's certificates expire soon enough for an alert of the job `probes`.
OF_ALERTS = {"ALERTS", "ALERTS_FOR_STATE"}


@pytest.fixture(scope="module")
def metrics(kube_stage_cluster: Cluster, helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """The chart as a server that also writes to a receiver on this machine."""
    address = kube_stage_cluster.host_address()
    if address is None:
        pytest.skip("needs a cluster whose pods reach this machine (local or kind)")
    folder = tmp_path_factory.mktemp("metrics")
    stage = Stage(kube_stage_cluster, "t-metrics", helm)
    receiver = RemoteWriteReceiver(tls=folder / "pki", host=address, region=REGION)
    with namespace(stage), receiver:
        stage.load_images([BUSYBOX, FLUENT_BIT])
        local = kube_stage_cluster.type == "local"
        # The node sees folders that existed before it, and new ones below them.
        volumes = [volume(stage, folder / "claim")] if local else []
        apply(stage, [*volumes, *world(stage)])
        made = Metrics(stage, receiver, address)
        made.install("server")
        yield made
        for left in [*stage.releases]:
            stage.uninstall(left)
        stage.kubectl("delete", "persistentvolumeclaims", "--all", "--wait=false")
        if local:
            stage.kubectl("delete", "persistentvolume", stage.namespace, "--wait=false")


def test_signed_samples_of_every_job_arrive(metrics: Metrics) -> None:
    """Every target is up, and the receiver, which verifies each signature, has rejected nothing."""
    until(lambda: {job_of(key) for key in metrics.receiver.select("up")} == JOBS, f"samples of {sorted(JOBS)}")
    until(lambda: all(row["value"][1] == "1" for row in metrics.query("up")), "every target to be up")
    assert metrics.receiver.reasons == []
    assert metrics.receiver.paths == {PATH}
    assert (metrics.receiver.repeated, metrics.receiver.late) == (0, 0)


def test_only_what_is_used_is_sent(metrics: Metrics) -> None:
    """Of the chart's jobs, exactly the existing metrics of the allow-list arrive; of pods and Services, all."""
    allowed = load_yaml((CHART / "files" / "allow-list.yaml").read_text())
    yours = {"pods", "endpoints", "pushgateway"}
    scraped, sent = defaultdict(set), defaultdict(set)

    def difference() -> dict[str, set[str]]:
        for row in metrics.query('count by (__name__, job) ({__name__!=""})'):
            scraped[row["metric"].get("job", "")].add(row["metric"]["__name__"])
        for key in metrics.receiver.all():
            sent[job_of(key)].add(dict(key)["__name__"])
        wanted = {job: scraped[job] & set(allowed[job]) for job in JOBS - yours}
        wanted |= {job: scraped[job] for job in yours}
        found = {job: (sent[job] ^ names) - META - OF_ALERTS for job, names in wanted.items()}
        return {job: names for job, names in found.items() if names}

    # A metric may be scraped for the first time during this check.
    assert settled(difference, 90) == {}
    own = JOBS - yours
    assert sum(len(scraped[job]) for job in own) > 5 * sum(len(sent[job]) for job in own)


def test_every_panel_and_rule_has_data(metrics: Metrics) -> None:
    """Every panel query returns data, every rule is evaluated, and the inputs of every rule exist."""
    checks = (queries.empty_panels, queries.empty_rules, queries.refused_rules)
    # A rate needs two scrapes, a rule on a recorded metric two evaluations, a volume's size a minute, a restart five.
    assert settled(lambda: [found for check in checks for found in sorted(check(metrics))], 330) == []
    recorded = {rule["record"] for rule in queries.rules() if "record" in rule}
    assert {name for name in recorded if not metrics.query(name)} == set()


def test_commands_of_the_notes_work(metrics: Metrics) -> None:
    """The port-forward in the notes reaches Prometheus, and the printed command shows the sent samples."""
    notes = metrics.stage.helm.installed_notes(
        RELEASE, namespace=metrics.stage.namespace, kubeconfig=metrics.stage.cluster.kubeconfig
    )
    [forward] = re.findall(r"^  (kubectl port-forward .+)$", notes, re.MULTILINE)
    [counters] = re.findall(r"^  (curl .+)$", notes, re.MULTILINE)
    port = free_port()
    counters = counters.replace("localhost:9090", f"localhost:{port}")
    printed: list[str] = []

    def answered() -> bool:
        printed[:] = subprocess.run(["sh", "-c", counters], capture_output=True, text=True).stdout.splitlines()
        return bool(printed)

    here = {**os.environ, "KUBECONFIG": str(metrics.stage.cluster.kubeconfig)}
    shell = f"exec {forward.replace(' 9090:', f' {port}:')}"
    with subprocess.Popen(["sh", "-c", shell], env=here, stdout=subprocess.DEVNULL) as running:
        try:
            until(answered, "an answer through the port-forward")
        finally:
            running.terminate()
    values = {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in printed}
    assert values["prometheus_remote_storage_samples_total"] > 0
    assert values["prometheus_remote_storage_samples_failed_total"] == 0


def test_outage_loses_no_sample(metrics: Metrics) -> None:
    """After refused connections, throttling and errors, every sample arrives in order and once.

    The test compares the received samples with those in Prometheus: series, times and values.
    """
    until(lambda: metrics.caught_up(time.time() - 2 * INTERVAL), "the receiver to catch up")
    since = time.time()
    metrics.receiver.suffer(("refuse", "429", "500"), seconds=3 * OUTAGE)
    healed = time.time()
    assert {"429", "500"} <= set(metrics.receiver.failed)
    until(lambda: metrics.caught_up(healed + INTERVAL), "what was held back to arrive", 120)
    received = metrics.received(since, healed)
    sent = {(job_of(key), dict(key)["__name__"]) for key in received}
    stored = metrics.stored({name for _, name in sent}, since, healed)
    stored = {key: points for key, points in stored.items() if (job_of(key), dict(key)["__name__"]) in sent}
    assert {job for job, _ in sent} >= JOBS
    assert {key: received.get(key) for key in stored} == stored
    assert received.keys() == stored.keys()
    assert (metrics.receiver.late, metrics.receiver.repeated) == (0, 0)
    assert metrics.own("prometheus_remote_storage_samples_failed_total") == 0


def test_another_region_is_rejected(metrics: Metrics) -> None:
    """An endpoint of another region rejects the same Prometheus, and names the signed region."""
    metrics.receiver.want(region="us-west-2")
    until(lambda: metrics.receiver.reasons, "a refusal")
    metrics.receiver.want(region=REGION)
    assert f"/{REGION}/aps/aws4_request, not for aps in us-west-2" in metrics.receiver.reasons[0]


def test_vmagent_takes_the_place_of_prometheus(metrics: Metrics) -> None:
    """vmagent finds the same targets and signs its requests; no sample is lost in an outage, or out of order."""
    receiver = metrics.receiver
    assert receiver.ca is not None
    data = {CA["key"]: receiver.ca.read_text(encoding="ascii")}
    apply(metrics.stage, [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CA["name"]}, "data": data}])
    faults = (len(receiver.reasons), receiver.late, receiver.repeated)
    metrics.install("agent", "vmagent")
    started = time.time()
    until(lambda: metrics.caught_up(started + INTERVAL), f"samples of {sorted(JOBS)}")
    since = time.time()
    receiver.suffer(("refuse", "429", "500"), seconds=3 * OUTAGE)
    healed = time.time()
    until(lambda: metrics.caught_up(healed + INTERVAL), "what was held back to arrive", 120)
    assert receiver.gaps(INTERVAL, since=since) == {}
    assert metrics.own("vmagent_remotewrite_packets_dropped_total") == 0
    assert (len(receiver.reasons), receiver.late, receiver.repeated) == faults
    metrics.install("server")


def test_change_of_mode_keeps_data_and_uninstall_the_claim(metrics: Metrics) -> None:
    """Server, agent, server: no sample is lost, and the server finds its data again."""
    stage = metrics.stage
    before = metrics.query("count_over_time(up{job='kubelet'}[1h])")
    assert before
    stored_at = time.time()
    metrics.install("agent")
    until(lambda: metrics.caught_up(time.time() - 2 * INTERVAL), "the agent to write")
    agent_since = time.time()
    metrics.receiver.suffer(("refuse", "429", "500"), seconds=3 * OUTAGE)
    healed = time.time()
    until(lambda: metrics.caught_up(healed + INTERVAL), "what the agent held back to arrive", 120)
    assert metrics.receiver.gaps(INTERVAL, since=agent_since) == {}
    assert metrics.own("prometheus_remote_storage_samples_failed_total") == 0
    metrics.install("server")
    old = metrics.query(f"count_over_time(up{{job='kubelet'}}[1h] @ {math.ceil(stored_at)})")
    assert float(old[0]["value"][1]) >= float(before[0]["value"][1])
    stage.uninstall(RELEASE)
    kinds = "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims,networkpolicies,poddisruptionbudgets"

    def left() -> list[str]:
        return [item["kind"] for item in stage.get(kinds, f"app.kubernetes.io/instance={RELEASE}")]

    until(lambda: left() == ["PersistentVolumeClaim"], f"nothing but the claim to be left of {left()}")


def job_of(labels: tuple[tuple[str, str], ...]) -> str:
    return dict(labels).get("job", "")
