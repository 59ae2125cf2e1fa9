"""Logs with fluentd: the article's DaemonSet, the same sources as Fluent Bit, and a dry run of the real program."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.render.manifests import Manifests, Pod, load_yaml

from .conftest import ROOT
from .test_logs import config_of as fluent_bit_config
from .test_logs import values as fluent_bit_values

Install = Callable[..., Manifests]
EXAMPLE = ROOT / "values" / "examples" / "fluentd-elasticsearch.yaml"
NAME = "fluentd-logs"
LOGIN = {"httpUser": {"name": "search", "key": "user"}, "httpPasswd": {"name": "search", "key": "password"}}
FIXED = "FLUENT_ELASTICSEARCH"


class Loader(yaml.SafeLoader):
    """Reads fluentd's embedded strings, which refer to environment variables."""


Loader.add_constructor("!fluent/s", lambda loader, node: ("embedded", loader.construct_scalar(node)))  # type: ignore[no-untyped-call]


@pytest.fixture
def article(install: Install) -> Callable[..., Manifests]:
    """Install the example with additional values of `logs` and `outputs`."""

    def made(*, outputs: dict[str, Any] | None = None, **logs: Any) -> Manifests:
        values = {"logs": logs, "outputs": outputs or {}}
        return install(values, files=[EXAMPLE], release="fluentd", namespace="logging")

    return made


def config_of(made: Manifests) -> dict[str, Any]:
    config: dict[str, Any] = yaml.load(made.one("ConfigMap", "fluentdconf")["data"]["fluent.conf"], Loader=Loader)
    return config


def parts(made: Manifests, kind: str) -> dict[str, dict[str, Any]]:
    """Return the sources by ID, or the labels by name."""
    found = [part[kind] for part in config_of(made)["config"] if kind in part]
    return {part["$id" if kind == "source" else "$name"]: part for part in found}


def agent(made: Manifests) -> Pod:
    [pod] = made.pods()
    return pod


def test_example_reproduces_the_article(article: Callable[..., Manifests]) -> None:
    """Service account, ConfigMap, variables, Secret, requests and grace period are those of the article."""
    made = article()
    assert made.names() == {
        ("ConfigMap", "fluentdconf"),
        ("DaemonSet", NAME),
        ("NetworkPolicy", NAME),
        ("ServiceAccount", "fluentd"),
    }
    spec = agent(made).spec
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("fluentd", False)
    assert spec["terminationGracePeriodSeconds"] == 30
    [container] = spec["containers"]
    assert container["image"].startswith("docker.io/fluent/fluentd-kubernetes-daemonset:v1.")
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert {name: value for name, value in env.items() if name.startswith(FIXED)} == {
        f"{FIXED}_HOST": "elasticsearch.logging.svc.cluster.local",
        f"{FIXED}_PORT": "9200",
        f"{FIXED}_SCHEME": "http",
        f"{FIXED}_USER": "elastic",
        f"{FIXED}_PASSWORD": {"secretKeyRef": {"name": "efk-pw-elastic", "key": "password"}},
        f"{FIXED}_SED_DISABLE": "true",
    }
    assert container["resources"] == {
        "requests": {"cpu": "100m", "memory": "200Mi"},
        "limits": {"memory": "512Mi"},
    }
    assert {"name": "config", "configMap": {"name": "fluentdconf"}} in spec["volumes"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/fluentd/etc/fluent.conf"]["subPath"] == "fluent.conf"
    assert mounts["/var/log"]["readOnly"] is True


def test_sources_are_those_of_fluent_bit(article: Callable[..., Manifests], install: Install) -> None:
    """For every selection, both engines read the same files and journal entries in the same pipelines."""
    chosen = {
        "application": {"namespaces": {"include": ["shop"], "exclude": ["test"]}},
        "dataplane": {"pods": ["kube-system/aws-node-"], "journal": ["_SYSTEMD_UNIT=kubelet.service"]},
        "host": {"files": ["/var/log/secure"]},
    }
    fluentd = parts(article(**chosen), "source")
    inputs = fluent_bit_config(install(fluent_bit_values(**chosen)))["pipeline"]["inputs"]
    others = {one["alias"]: one for one in inputs if one["name"] != "dummy"}
    tails = {name: one["path"] for name, one in others.items() if one["name"] == "tail"}
    assert {name: one["path"] for name, one in fluentd.items() if one["$type"] == "tail"} == tails
    assert set(fluentd) - {"metrics", "metrics-outputs"} == set(others)
    assert load_yaml(fluentd["dataplane-journal"]["matches"]) == [{"_SYSTEMD_UNIT": "kubelet.service"}]
    assert load_yaml(fluentd["application"]["exclude_path"]) == [
        "/var/log/pods/logging_fluentd-logs-*/*/*",
        "/var/log/pods/kube-system_aws-node-*/*/*",
        "/var/log/pods/test_*/*/*",
    ]
    ids = [one["$label"] for name, one in fluentd.items() if not name.startswith("metrics")]
    assert ids == ["@APPLICATION", "@DATAPLANE", "@DATAPLANE", "@HOST", "@HOST"]
    for one in fluentd.values():
        if one["$type"] == "tail":
            assert one["follow_inodes"] is True and one["pos_file"].startswith("/var/lib/fluentd/")


def test_every_pipeline_has_a_buffer_that_blocks(article: Callable[..., Manifests]) -> None:
    """A full buffer pauses reading, a retried chunk is stored once, and plugin IDs are unique."""
    made = article(application={"storage": {"totalLimitSize": "64M"}}, outputs={"elasticsearch": {"retryLimit": 7}})
    labels = parts(made, "label")
    assert set(labels) == {"@APPLICATION", "@DATAPLANE", "@HOST"}
    ids = [*parts(made, "source")]
    for name, label in labels.items():
        filters = [part["filter"] for part in label["config"] if "filter" in part]
        match = label["config"][-1]["match"]
        ids.append(match["$id"])
        assert match["host"] == ("embedded", f"#{{ENV['{FIXED}_HOST']}}")
        assert match["password"] == ("embedded", f"#{{ENV['{FIXED}_PASSWORD']}}")
        assert (filters[-1]["$type"], filters[-1]["hash_id_key"]) == ("elasticsearch_genid", match["id_key"])
        assert (match["buffer"]["overflow_action"], match["buffer"]["retry_max_times"]) == ("block", 7)
        assert filters[-2]["record"]["pipeline"] == name.removeprefix("@").lower()
    assert labels["@APPLICATION"]["config"][-1]["match"]["buffer"]["total_limit_size"] == "64M"
    assert len(ids) == len(set(ids))


def test_parts_of_a_line_are_joined(article: Callable[..., Manifests]) -> None:
    """The concat filter joins parts of one file and stream, and records keep the field `stream`."""
    made = article()
    expression = parts(made, "source")["application"]["parse"]["expression"]
    assert "(?<of>(?<stream>stdout|stderr))" in expression
    for name in ("APPLICATION", "DATAPLANE"):
        concat = parts(made, "label")[f"@{name}"]["config"][0]["filter"]
        assert (concat["stream_identity_key"], concat["partial_cri_stream_key"]) == ("of", "of")
        assert (concat["partial_cri_logtag_key"], concat["$tag"]) == ("flag", f"{name.lower()}.var.log.pods.**")
    apart = article(joinParts=False)
    assert "(?<_p>[^ ]+)" in parts(apart, "source")["application"]["parse"]["expression"]
    assert "concat" not in {one["filter"]["$type"] for one in parts(apart, "label")["@APPLICATION"]["config"][:-1]}


def test_engines_share_the_daemonset(article: Callable[..., Manifests]) -> None:
    """Both engines use the same DaemonSet name and selector, so no node runs two agents that send everything twice."""
    other = article(engine="fluent-bit")
    specs = [made.one("DaemonSet", NAME)["spec"] for made in (article(), other)]
    assert specs[0]["selector"] == specs[1]["selector"]
    assert ("ConfigMap", "fluentdconf") not in other.names()


def test_existing_configmap(article: Callable[..., Manifests]) -> None:
    """An existing ConfigMap is used unchanged, in its own format."""
    made = article(fluentd={"configMap": {"create": False, "name": "mine"}})
    assert not made.select("ConfigMap")
    [container] = agent(made).containers()
    assert "FLUENTD_OPT" not in {entry["name"] for entry in container["env"]}
    assert {"name": "config", "configMap": {"name": "mine"}} in agent(made).spec["volumes"]


def test_opensearch(article: Callable[..., Manifests]) -> None:
    """With its image, records go to OpenSearch, with the plugin's own options; IDs can be disabled."""
    made = article(
        fluentd={"image": {"tag": "v1.19.3-debian-opensearch-1.1"}},
        outputs={
            "elasticsearch": {"enabled": False},
            "search": {"type": "opensearch", "host": "logs.example.com", "generateId": False, **LOGIN},
        },
    )
    *filters, last = parts(made, "label")["@HOST"]["config"]
    match = last["match"]
    assert {one["filter"]["$type"] for one in filters} == {"record_transformer"} and "id_key" not in match
    assert (match["$type"], match["host"][1]) == ("opensearch", "#{ENV['FLUENT_OPENSEARCH_HOST']}")
    [container] = agent(made).containers()
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert (env["FLUENT_OPENSEARCH_SCHEME"], env["FLUENT_OPENSEARCH_PORT"]) == ("https", "443")
    assert env["FLUENT_OPENSEARCH_USER"]["secretKeyRef"] == LOGIN["httpUser"]


def test_several_outputs_at_once(article: Callable[..., Manifests]) -> None:
    """Each matching output receives a copy of each record, with its own buffer, variables and IDs."""
    second = {"type": "elasticsearch", "host": "b.example.com", "logstashFormat": True, "generateId": False, **LOGIN}
    made = article(outputs={"second": {**second, "match": {"pipelines": ["host"]}}})
    labels = parts(made, "label")
    assert {name: label["config"][-1]["match"]["$type"] for name, label in labels.items()} == {
        "@APPLICATION": "elasticsearch",
        "@DATAPLANE": "elasticsearch",
        "@HOST": "copy",
    }
    first, other = labels["@HOST"]["config"][-1]["match"]["store"]
    assert (first["$id"], other["$id"]) == ("elasticsearch-host", "second-host")
    assert (first["buffer"]["path"], other["buffer"]["path"]) == (
        "/var/lib/fluentd/buffer-host-elasticsearch",
        "/var/lib/fluentd/buffer-host-second",
    )
    assert other["host"] == ("embedded", "#{ENV['OUTPUT_SECOND__HOST']}")
    # Documents of this output do not contain the hash for the other one.
    assert (other["remove_keys"], "id_key" in other, other["logstash_format"]) == ("_hash", False, True)
    [container] = agent(made).containers()
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert env["OUTPUT_SECOND__HOST"] == "b.example.com"
    assert env["OUTPUT_SECOND__PASSWORD"] == {"secretKeyRef": LOGIN["httpPasswd"]}


def test_namespaces_are_split(article: Callable[..., Manifests]) -> None:
    """An output for certain namespaces has a label whose filters keep only their records."""
    shop = {
        "type": "elasticsearch",
        "host": "shop.example.com",
        "match": {"namespaces": {"include": ["shop", "shop-*"]}},
    }
    made = article(outputs={"shop": shop, "elasticsearch": {"match": {"namespaces": {"exclude": ["shop", "shop-*"]}}}})
    labels = parts(made, "label")
    assert set(labels) == {"@APPLICATION", "@ELASTICSEARCH-APPLICATION", "@SHOP-APPLICATION", "@DATAPLANE", "@HOST"}
    stores = labels["@APPLICATION"]["config"][-1]["match"]["store"]
    assert [(one["$type"], one["$label"]) for one in stores] == [
        ("relabel", "@ELASTICSEARCH-APPLICATION"),
        ("relabel", "@SHOP-APPLICATION"),
    ]
    names = {"key": "$.kubernetes.namespace_name", "pattern": "/^(?:shop|shop-.*)$/"}
    for name, option in {"SHOP": "regexp", "ELASTICSEARCH": "exclude"}.items():
        grep, output = labels[f"@{name}-APPLICATION"]["config"]
        assert grep["filter"] == {"$type": "grep", "$tag": "**", option: names}
        assert output["match"]["$id"] == f"{name.lower()}-application"


OFF = {"enabled": False}
OPENSEARCH = {"type": "opensearch", "host": "x"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"outputs": {"cloudwatch": {"enabled": True}}},
            "`outputs.cloudwatch.type` is cloudwatch, but fluentd sends to",
        ),
        ({"outputs": {"search": {**OPENSEARCH, "awsAuth": True}}}, "`outputs.search.awsAuth` is set"),
        ({"outputs": {"search": OPENSEARCH}}, "tag: v1.19.3-debian-opensearch-1.1"),
        ({"outputs": {"elasticsearch": {"index": "eks-%Y.%m.%d"}}}, "    logstashFormat: true"),
        (
            {"outputs": {"elasticsearch": {"tls": {"vhost": "es.example.com"}}}},
            "`outputs.elasticsearch.tls.vhost` is set",
        ),
        ({"logs": {"application": {"multiline": ["java"]}}}, "`logs.application.multiline` is set"),
        ({"logs": {"metadata": {"labels": True}}}, "`logs.metadata.labels` is set"),
        ({"logs": {"metadata": {"k8sLogging": {"exclude": True}}}}, "`logs.metadata.k8sLogging.exclude` is set"),
        ({"logs": {"inotifyWatcher": False}}, "`logs.inotifyWatcher` is false"),
        (
            {"logs": {"application": OFF, "dataplane": OFF, "host": OFF}},
            "every pipeline below `logs` is disabled",
        ),
    ],
    ids=[
        "CloudWatch",
        "signature",
        "image",
        "date",
        "vhost",
        "multiline",
        "labels",
        "annotations",
        "watcher",
        "nothing",
    ],
)
def test_unsupported_values_are_rejected(rejection: Callable[..., str], values: dict[str, Any], said: str) -> None:
    """The message says what fluentd does not support, and shows the YAML to write."""
    assert said in rejection(values, files=[EXAMPLE])


def test_fluentd_accepts_the_configuration(article: Callable[..., Manifests], tmp_path: Path) -> None:
    """A dry run of fluentd with the plugins of the image accepts the configuration."""
    program = shutil.which("fluentd")
    if program is None:
        pytest.skip("needs fluentd on PATH")
    made = article(host={"files": ["/var/log/secure"]})
    text = made.one("ConfigMap", "fluentdconf")["data"]["fluent.conf"]
    file = tmp_path / "fluent.conf"
    file.write_text(text.replace("/var/lib/fluentd", str(tmp_path)), encoding="utf-8")
    [container] = agent(made).containers()
    environment = {entry["name"]: entry.get("value", "x") for entry in container["env"]}
    command = [program, "--dry-run", "--config", str(file), *environment.pop("FLUENTD_OPT").split()]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    said = done.stdout + done.stderr
    if "Unknown" in said and "plugin" in said:
        pytest.skip(f"needs a fluentd with the plugins of the image: {said.splitlines()[-1]}")
    assert done.returncode == 0 and "finished dry run mode" in said, said
