"""vmagent in place of Prometheus (`server.engine`): its arguments, its files, and what is rejected."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, load_yaml

CHART = Path(__file__).parents[3] / "charts" / "observability-stack"
MIMIR = {"url": "https://mimir.example.com/api/v1/push"}
SERVER = {"engine": "vmagent", "remoteWrite": [MIMIR]}
NAME = "test-observability-stack-server"


@pytest.fixture(scope="module")
def ci() -> Manifests:
    """The render of ci/vmagent-values.yaml."""
    return Helm().render(CHART, value_files=[CHART / "ci" / "vmagent-values.yaml"])


def flags(made: Manifests) -> dict[str, list[str]]:
    """Return the values of each flag of the first pod."""
    found = defaultdict(list)
    for argument in made.containers("vmagent")[0]["args"]:
        name, _, value = argument.partition("=")
        found[name].append(value)
    return dict(found)


def test_arguments(ci: Manifests) -> None:
    """A flag that one remote uses is there for both, in the order of their URLs; one queue keeps samples in order."""
    amp = (
        "https://aps-workspaces.eu-central-1.amazonaws.com"
        "/workspaces/ws-12345678-1234-1234-1234-123456789012/api/v1/remote_write"
    )
    assert flags(ci) == {
        "--promscrape.config": ["/etc/prometheus/prometheus-0-0.yaml"],
        "--promscrape.configCheckInterval": ["30s"],
        "--promscrape.maxScrapeSize": ["1GiB"],
        "--httpListenAddr": [":9090"],
        "--http.pathPrefix": ["/vmagent"],
        "--enableTCP6": [""],
        "--loggerLevel": ["INFO"],
        "--sortLabels": [""],
        "--remoteWrite.tmpDataPath": ["/prometheus"],
        "--remoteWrite.maxRowsPerBlock": ["2000"],
        "--remoteWrite.flushInterval": ["1000ms"],
        "--remoteWrite.relabelConfig": ["/etc/prometheus/relabel.yaml"],
        "--remoteWrite.urlRelabelConfig": ["/etc/prometheus/relabel-0.yaml", "/etc/prometheus/relabel-1.yaml"],
        "--remoteWrite.label": [f"__replica__={NAME}"],
        "--remoteWrite.url": [amp, "https://metrics.example.com/api/v1/write"],
        "--remoteWrite.forcePromProto": ["true", "true"],
        "--remoteWrite.queues": ["1", "1"],
        "--remoteWrite.maxDiskUsagePerURL": ["3435973836", "3435973836"],
        "--remoteWrite.sendTimeout": ["30000ms", "10000ms"],
        "--remoteWrite.retryMinInterval": ["1000ms", "1000ms"],
        "--remoteWrite.retryMaxInterval": ["5000ms", "5000ms"],
        "--remoteWrite.aws.useSigv4": ["true", "false"],
        "--remoteWrite.aws.region": ["eu-central-1", ""],
        "--remoteWrite.aws.stsEndpoint": ["https://sts.eu-central-1.amazonaws.com", ""],
        "--remoteWrite.headers": ["", "X-Scope-OrgID:ci"],
        "--remoteWrite.basicAuth.username": ["", "ci"],
        "--remoteWrite.basicAuth.passwordFile": ["", "/etc/remote/password"],
        "--remoteWrite.disableMetadata": ["false", "true"],
    }


def test_pods_differ_only_in_the_replica(ci: Manifests) -> None:
    """The pods of a pair have the same arguments, except the label `__replica__`, and their file."""
    first, second = (set(container["args"]) for container in ci.containers("vmagent"))
    assert first ^ second == {
        f"--remoteWrite.label=__replica__={NAME}",
        f"--remoteWrite.label=__replica__={NAME}-0-1",
        "--promscrape.config=/etc/prometheus/prometheus-0-0.yaml",
        "--promscrape.config=/etc/prometheus/prometheus-0-1.yaml",
    }


def test_image_and_resources_of_vmagent() -> None:
    """The image and resources are those of vmagent, whose digest does not come from Prometheus."""
    digest = f"sha256:{'1' * 64}"
    [container] = Helm().render(CHART, values={"server": {**SERVER, "image": {"digest": digest}}}).containers("vmagent")
    assert container["image"].startswith("quay.io/victoriametrics/vmagent:v")
    assert container["resources"]["limits"] == {"memory": "256Mi"}


def test_jobs_are_those_of_prometheus() -> None:
    """Both engines have the same jobs, except two options whose defaults differ."""
    jobs: dict[str, list[dict[str, Any]]] = {}
    for engine in ("prometheus", "vmagent"):
        values = {"server": {**SERVER, "engine": engine}, "scrape": {"jobs": {"controlPlane": True}}}
        made = Helm().render(CHART, values=values)
        jobs[engine] = load_yaml(made.texts(NAME)["prometheus-0-0.yaml"])["scrape_configs"]
    for job in jobs["prometheus"]:
        job.pop("fallback_scrape_protocol", None)
        job.setdefault("honor_timestamps", True)
    assert jobs["vmagent"] == jobs["prometheus"]


@pytest.mark.parametrize(
    ("change", "restarts"),
    [
        ({"scrape": {"extraConfigs": [{"job_name": "a", "static_configs": [{"targets": ["a"]}]}]}}, False),
        ({"scrape": {"allowList": {"keep": ["a"]}}}, True),
        ({"cluster": {"name": "other"}}, True),
    ],
    ids=["scrape-job", "allow-list", "label"],
)
def test_changes_that_restart_the_pod(change: dict[str, Any], restarts: bool) -> None:
    """vmagent reloads scrape jobs, but not the relabeling of remotes."""

    def pod(values: dict[str, Any]) -> Any:
        made = Helm().render(CHART, values={"server": SERVER, **values})
        return made.one("StatefulSet", NAME)["spec"]["template"]

    assert (pod({}) != pod(change)) is restarts


def messages(values: dict[str, Any]) -> str:
    """Return the messages with which values are rejected."""
    with pytest.raises(HelmError) as error:
        Helm().render(CHART, values=values)
    return str(error.value)


def test_options_that_vmagent_lacks() -> None:
    """Each option that vmagent does not support is rejected by name, with what to use instead."""
    remote = {
        "url": "https://a:b@example.com/api/v1/write",
        "send_exemplars": True,
        "send_native_histograms": False,
        "basic_auth": {"username": "a", "password": "b"},
        "headers": {"X-Api-Key": "abc", "X-Scope-OrgID": "a", "X-Token": "%{TOKEN}"},
        "queue_config": {"max_shards": 1, "max_samples_per_send": 5},
    }
    job = {
        "job_name": "a",
        "body_size_limit": "1MB",
        "scrape_native_histograms": True,
        "kubernetes_sd_configs": [{"role": "pod", "http_headers": {}}],
        "relabel_configs": [{"target_label": "a", "replacement": "{{x}}"}],
    }
    text = messages(
        {
            "server": {
                "engine": "vmagent",
                "web": {"externalUrl": "https://x.example.com/a"},
                "queue": {"samplesPerSecond": 100},
                "persistence": {"emptyDir": {"sizeLimit": "1Gi"}},
                "extraArgs": ["--remoteWrite.url=x", "--promscrape.configCheckInterval=1s"],
                "externalLabels": {"a": "%{B}"},
                "remoteWrite": [remote, {**MIMIR, "authorization": {"type": "Token"}}],
            },
            "scrape": {"extraConfigs": [job]},
        }
    )
    found = [line for line in text.splitlines() if line.startswith(("`server", "`scrape", "`queue", "The "))]
    wanted = [
        "`server.web.externalUrl` is set",
        "`server.queue.samplesPerSecond` is set",
        "`server.remoteWrite[0].url` contains a login",
        "`server.remoteWrite[0].headers.X-Api-Key` may be a secret",
        "`server.remoteWrite[1].authorization.type` is Token",
        "`queue_config.max_samples_per_send` differs",
        "`server.remoteWrite[0].basic_auth.password` is an option that vmagent does not support. Use `password_file`",
        "`server.remoteWrite[0].queue_config.max_shards` is an option",
        "`server.remoteWrite[0].send_exemplars` is an option that vmagent does not support. Remove it",
        "`scrape.extraConfigs[0].body_size_limit` is an option that vmagent does not support. Use `max_scrape_size`",
        "`scrape.extraConfigs[0].kubernetes_sd_configs[0].http_headers` is an option",
        "`scrape.extraConfigs[0].scrape_native_histograms` is an option",
        "`server.extraArgs` has --remoteWrite.url",
        "The volume of `server.persistence` has 409 MiB for the samples that wait for each remote",
        'The values of the scrape jobs or labels contain "%{", which vmagent replaces with environment variables',
        'The values of the scrape jobs or labels contain "{{", which vmagent replaces with labels',
    ]
    assert [line for line in found if not any(line.startswith(one) for one in wanted)] == []
    assert [one for one in wanted if sum(line.startswith(one) for line in found) != 1] == []


@pytest.mark.parametrize("server", [{}, {"mode": "server", "remoteWrite": [MIMIR]}], ids=["without-remote", "server"])
def test_vmagent_is_only_an_agent(server: dict[str, Any]) -> None:
    """A server, also without a remote, needs Prometheus."""
    text = messages({"server": {"engine": "vmagent", **server}})
    assert "`server.engine` is vmagent, which only forwards samples" in text


def test_prometheus_is_the_default(render: Callable[..., Manifests]) -> None:
    """Without `server.engine`, Prometheus runs as an agent."""
    [container] = Helm().render(CHART, values={"server": {"remoteWrite": [MIMIR]}}).containers("prometheus")
    assert "--agent" in container["args"]
