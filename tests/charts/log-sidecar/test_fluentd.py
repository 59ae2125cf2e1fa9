"""The fluentd engine: its configuration, and the real program if it is on PATH."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends import receivers
from harness.backends.ports import free_port
from harness.render.manifests import Manifests, Object

from .conftest import ROOT
from .test_engines import Sidecar

EXAMPLE = ROOT / "values" / "examples" / "fluentd-sidecar.yaml"
ENGINE = {"engine": "fluentd"}
SEARCH = {"type": "elasticsearch", "host": "x"}
Parts = dict[str, list[dict[str, Any]]]


class Loader(yaml.SafeLoader):
    """YAML loader for fluentd's embedded strings, which read the environment."""


Loader.add_constructor("!fluent/s", lambda loader, node: ("embedded", loader.construct_scalar(node)))  # type: ignore[no-untyped-call]


@pytest.fixture
def config(install: Callable[..., Manifests]) -> Callable[..., Parts]:
    """Sources, filters and matches of the first sidecar."""

    def parts(values: dict[str, Any] | None = None, **options: Any) -> Parts:
        [item] = install(values, **options).select("ConfigMap", component="sidecar")
        found: Parts = {"source": [], "filter": [], "match": []}
        config = yaml.load(sorted(item["data"].items())[0][1], Loader=Loader)["config"]
        for part in [*config[:-1], *config[-1]["label"]["config"]]:
            [(kind, body)] = part.items()
            found[kind].append(body)
        return found

    return parts


def test_every_file_is_a_source_that_loses_nothing(config: Callable[..., Parts]) -> None:
    """Each file is read from its head, by inode, with rotated names and stored positions, without compressed copies."""
    files = [
        {"name": "a", "path": "/var/log/app/a.log"},
        {"name": "b", "path": "/var/log/app/b.log", "rotation": "copytruncate"},
    ]
    first, second, monitor = config({"logs": {"files": files}, "sidecar": ENGINE})["source"]
    assert first["path"] == "/var/log/app/a.log-*,/var/log/app/a.log.*,/var/log/app/a.log"
    assert second["path"] == "/var/log/app/b.log"
    for source in (first, second):
        assert source["pos_file"] == f"/var/lib/log-sidecar/sidecar/{source['tag']}.pos"
        assert source["read_from_head"] is source["follow_inodes"] is True
        assert "*.gz" in source["exclude_path"]
    assert (monitor["$type"], monitor["port"]) == ("monitor_agent", 24220)


def test_stdout_has_no_buffer(config: Callable[..., Parts]) -> None:
    """stdout prints raw lines without a buffer, so that no read line can be lost."""
    made = config({"sidecar": ENGINE})
    assert made["match"] == [
        {
            "$type": "stdout",
            "$tag": "**",
            "$id": "stdout",
            "format": {"$type": "single_value", "message_key": "log"},
        }
    ]
    assert made["filter"] == []
    [label] = config({"sidecar": {**ENGINE, "fileLabel": True}})["filter"]
    assert label["record"] == {"log": '${tag}: ${record["log"]}'}


def test_example_sends_to_elasticsearch(config: Callable[..., Parts], pod_spec: Callable[..., Object]) -> None:
    """The example has the article's address, user and Secret; when its buffer is full, fluentd pauses reading."""
    [match] = config(files=[EXAMPLE])["match"]
    assert (match["host"], match["port"], match["scheme"]) == ("elasticsearch.logging.svc.cluster.local", 9200, "http")
    assert match["password"] == ("embedded", "#{ENV['OUTPUT_ELASTICSEARCH__HTTP_PASSWD']}")
    buffer = match["buffer"]
    assert (buffer["overflow_action"], buffer["retry_forever"], buffer["total_limit_size"]) == ("block", True, "128M")
    assert buffer["path"].startswith("/var/lib/log-sidecar/")
    [container] = pod_spec(files=[EXAMPLE])["initContainers"]
    env = {entry["name"]: entry for entry in container["env"]}
    assert env["OUTPUT_ELASTICSEARCH__HTTP_PASSWD"]["valueFrom"] == {
        "secretKeyRef": {"name": "efk-pw-elastic", "key": "password"}
    }
    assert container["livenessProbe"]["httpGet"] == {"path": "/api/plugins.json", "port": 24220}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_several_outputs_are_copies(config: Callable[..., Parts]) -> None:
    """`copy` has a store for each output, with its own ID and buffer, and every store receives every line."""
    outputs = {"a": SEARCH, "b": {**SEARCH, "host": "y", "generateId": False, "retryLimit": 7}}
    made = config({"sidecar": {**ENGINE, "state": {"sizeLimit": "1Gi"}}, "outputs": outputs})
    [match] = made["match"]
    assert (match["$type"], match["$tag"]) == ("copy", "**")
    assert [(store["$type"], store["$id"]) for store in match["store"]] == [
        ("elasticsearch", "a"),
        ("elasticsearch", "b"),
        ("stdout", "stdout"),
    ]
    first, second, _ = match["store"]
    assert (first["buffer"]["path"], second["buffer"]["path"]) == tuple(
        f"/var/lib/log-sidecar/sidecar/{name}" for name in "ab"
    )
    assert (first["buffer"]["retry_forever"], second["buffer"]["retry_max_times"]) == (True, 7)
    assert (first.get("id_key"), second.get("id_key")) == ("_hash", None)
    assert first["remove_keys"] == second["remove_keys"] == "_hash"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"sidecar": ENGINE, "outputs": {"a": {"type": "cloudwatch"}}},
            "`outputs.a.type` is cloudwatch, but the fluentd",
        ),
        ({"sidecar": ENGINE, "outputs": {"stdout": {"match": {"files": ["app"]}}}}, "sends every file to every output"),
        ({"sidecar": ENGINE, "outputs": {"a": {**SEARCH, "tls": {"vhost": "y"}}}}, "`outputs.a.tls.vhost` is set"),
        (
            {"sidecar": ENGINE, "logs": {"files": [{"name": "a", "path": "/var/log/app/a", "multiline": "go"}]}},
            "sidecar:\n  engine: fluent-bit",
        ),
        (
            {"sidecar": ENGINE, "outputs": {"a": {**SEARCH, "index": "x-{namespace}"}}},
            '`outputs.a.index` is "x-{namespace}", but the fluentd engine does not replace',
        ),
        ({"sidecar": {**ENGINE, "fluentd": {"refreshInterval": 5}}}, "drainSeconds: 10"),
    ],
    ids=["CloudWatch", "match", "vhost", "multiline", "placeholders", "drain"],
)
def test_what_it_does_not_do_is_rejected(rejection: Callable[[Any], str], values: dict[str, Any], said: str) -> None:
    """Unsupported values are rejected with the YAML to write."""
    assert said in rejection(values)


class Fluentd(Sidecar):
    """The rendered sidecar with the local fluentd."""

    def __init__(self, made: Manifests, folder: Path, environment: dict[str, str]) -> None:
        [container] = made.containers("sidecar")
        container["env"] = [{"value": "", **entry} for entry in container["env"]]
        super().__init__(made, folder, shell="/bin/sh")
        self._environment |= {"AGENT": str(shutil.which("fluentd")), **environment}


@pytest.fixture
def fluentd(install: Callable[..., Manifests], tmp_path: Path) -> Iterator[Callable[..., Fluentd]]:
    """Start the sidecar of an installation as a local process."""
    if shutil.which("fluentd") is None:
        pytest.skip("needs fluentd on PATH")
    started: list[Fluentd] = []

    def start(outputs: dict[str, Any] | None = None) -> Fluentd:
        http = {"listen": "127.0.0.1", "port": free_port()}
        settings = {"httpServer": http, "drainSeconds": 3, "flushInterval": 0.5}
        values: dict[str, Any] = {"sidecar": {**ENGINE, "fluentd": settings}, "outputs": outputs or {}}
        names = {f"OUTPUT_{name}": name.lower() for name in ("NAMESPACE", "NODE", "POD")}
        names |= {"OUTPUT_SEARCH__HTTP_USER": "username", "OUTPUT_SEARCH__HTTP_PASSWD": "password"}
        started.append(Fluentd(install(values), tmp_path, names))
        started[-1].start()
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.mark.slow
def test_lines_arrive_across_a_rotation_and_at_the_end(fluentd: Callable[..., Fluentd]) -> None:
    """Lines arrive in order and once across a rotation, including those written just before SIGTERM."""
    running = fluentd()
    running.write("app.log", "one", "  two\t$HOME 'quoted' \\n ñ")
    running.wait_for("one")
    running.rotate("app.log")
    running.write("app.log", "three")
    running.wait_for("three")
    running.rotate("app.log")
    running.write("app.log", "last")
    running.end()
    assert running.lines() == ["one", "  two\t$HOME 'quoted' \\n ñ", "three", "last"]


@pytest.mark.slow
def test_it_goes_on_where_it_was(fluentd: Callable[..., Fluentd]) -> None:
    """After a SIGKILL and a restart, fluentd resumes at its positions without losing or duplicating lines."""
    running = fluentd()
    running.write("app.log", "one", "two")
    running.wait_for("two")
    time.sleep(1.5)  # positions are written once a second
    running.kill()
    running.write("app.log", "three")
    running.rotate("app.log")
    running.write("app.log", "four")
    running.start()
    running.wait_for("three", "four")
    running.end()
    assert sorted(running.lines()) == ["four", "one", "three", "two"]


@pytest.mark.slow
def test_elasticsearch_gets_every_document_once(fluentd: Callable[..., Fluentd]) -> None:
    """After refused connections and 503, each document is stored once."""
    with receivers.BulkReceiver(user="username", password="password") as backend:
        secrets = {name: {"name": "login", "key": name} for name in ("httpUser", "httpPasswd")}
        block = {"host": receivers.HOST, "port": backend.port, "tls": {"enabled": False}, **secrets}
        running = fluentd({"stdout": {"enabled": False}, "search": {"type": "elasticsearch", **block}})
        lines = [f"{number:07d} x" for number in range(300)]
        running.write("app.log", *lines[:100])
        for part, kind in ((lines[100:200], "refuse"), (lines[200:], "503")):
            time.sleep(2)
            backend.fail(kind)
            running.write("app.log", *part)
        time.sleep(2)
        backend.heal()
        deadline = time.monotonic() + 60
        while len(backend) < 300 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert sorted(line.decode() for line in backend.lines()) == lines
        assert backend.records[0]["pod"] == "pod"
