"""Fargate's log router: the rendered ConfigMap behind the input that AWS documents, in the real Fluent Bit."""

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from harness.backends.aws import CREDENTIALS, REGION, CloudWatchLogs
from harness.backends.receivers import HOST, BulkReceiver
from harness.render.helm import Helm

pytestmark = pytest.mark.slow
CHART = Path(__file__).parents[2] / "charts" / "observability-stack"
PATIENCE_SECONDS = 60.0
# https://docs.aws.amazon.com/eks/latest/userguide/fargate-logging.html; only the folder differs.
INPUT = """
[INPUT]
    Name tail
    Buffer_Max_Size 66KB
    DB {folder}/flb_kube.db
    Mem_Buf_Limit 45MB
    Path {folder}/var/log/containers/*.log
    Read_From_Head On
    Refresh_Interval 10
    Rotate_Wait 30
    Skip_Long_Lines On
    Tag kube.*
"""
POD = {"metadata": {"name": "web-1", "namespace": "shop", "uid": "1", "labels": {"app": "web"}}, "spec": {}}
NAMES = {"namespace_name": "shop", "pod_name": "web-1", "container_name": "app"}

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines, or parts of one (flag P), as the container runtime does."""
    logs = tmp_path / "var" / "log" / "containers"
    logs.mkdir(parents=True)

    def lines(*texts: str, flag: str = "F") -> None:
        with (logs / f"web-1_shop_app-{'a' * 64}.log").open("a", encoding="utf-8") as file:
            file.writelines(f"2026-11-21T10:00:00.000000001Z stdout {flag} {text}\n" for text in texts)

    return lines


@pytest.fixture
def router(tmp_path: Path, fluent_bit: Path) -> Iterator[Callable[..., None]]:
    """Start the log router with values of the chart, and further options of its outputs."""
    with ExitStack() as stack:
        api = stack.enter_context(HTTPServer(HOST, 0, threaded=True))
        api.expect_request("/api/v1/namespaces/shop/pods/web-1").respond_with_json(POD)

        def start(values: dict[str, Any], **outputs: str) -> None:
            made = Helm().render(CHART, values={"metrics": {"enabled": False}, "cluster": {"region": REGION}, **values})
            data = made.one("ConfigMap", "aws-logging")["data"]
            (tmp_path / "token").write_text("token", encoding="ascii")
            # What Fargate adds, and the tag's prefix in this folder.
            service = f"    Kube_URL {api.url_for('')}\n    Kube_Token_File {tmp_path}/token\n"
            service += f"    Kube_Tag_Prefix kube{str(tmp_path).replace('/', '.')}.var.log.containers.\n"
            filters = data["filters.conf"].replace("    name kubernetes\n", f"    name kubernetes\n{service}")
            destinations = re.sub(r"    name (\w+)\n", lambda found: found[0] + outputs[found[1]], data["output.conf"])
            head = f"[SERVICE]\n    Flush 1\n    Log_Level info\n    Parsers_File {tmp_path}/parsers.conf\n"
            (tmp_path / "parsers.conf").write_text(data["parsers.conf"], encoding="utf-8")
            text = "\n".join((head, INPUT.format(folder=tmp_path), filters, destinations))
            (tmp_path / "fluent-bit.conf").write_text(text, encoding="utf-8")
            log = stack.enter_context((tmp_path / "agent.log").open("wb"))
            command = [str(fluent_bit), "-q", "-c", str(tmp_path / "fluent-bit.conf")]
            agent = subprocess.Popen(command, env={**os.environ, **CREDENTIALS}, stdout=log, stderr=log)
            stack.callback(agent.wait, PATIENCE_SECONDS)
            stack.callback(agent.terminate)

        yield start


def wait(folder: Path, ready: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < until, (folder / "agent.log").read_text(encoding="utf-8")[-2000:]
        time.sleep(0.1)


def test_every_line_reaches_cloudwatch_once(tmp_path: Path, router: Callable[..., None], write: Write) -> None:
    """By default, each line is one readable record in the group of the pipeline, with the names of its pod."""
    group = "/aws/containerinsights/eks/fargate"
    write(*map(str, range(3000)))
    with CloudWatchLogs(tmp_path / "pki") as api:
        local = f"    endpoint {HOST}\n    port {api.port}\n    tls.ca_file {api.ca}\n"
        router({"fargate": {"logging": {"enabled": True}}}, cloudwatch_logs=local)
        wait(tmp_path, lambda: group in api.groups() and len(api.messages(group)) >= 3000)
        write(*map(str, range(3000, 5000)))
        write("x" * 16384, flag="P")
        write("end")
        wait(tmp_path, lambda: any('"end"' in message for message in api.messages(group)))
        wait(tmp_path, lambda: len(api.messages(group)) >= 5002)
        records = [json.loads(message) for message in api.messages(group)]
        streams, retention = api.streams(group), api.retention()
    parts = {"P": "x" * 16384, "F": "end"}
    expected = Counter([*map(str, range(5000)), *parts.values()])
    assert Counter(record["log"] for record in records) == expected
    assert Counter(record["_p"] for record in records) == Counter({"P": 1, "F": 5001})
    assert {record["stream"] for record in records} == {"stdout"}
    assert all(record["kubernetes"].items() >= NAMES.items() for record in records)
    assert "labels" not in records[0]["kubernetes"]
    assert [stream.endswith(f"web-1_shop_app-{'a' * 64}.log") for stream in streams] == [True]
    assert retention == {group: 30}


def test_opensearch_gets_signed_records(tmp_path: Path, router: Callable[..., None], write: Write) -> None:
    """A domain receives parsed, filtered records with the pod's labels, signed by the pod execution role."""
    write('{"level": "info"}', "DEBUG no", "after")
    with BulkReceiver(tls=tmp_path / "pki", signed=(REGION, "es")) as receiver:
        search = {"type": "opensearch", "host": HOST, "port": receiver.port, "awsAuth": True}
        extra = [{"name": "grep", "match": "kube.*", "exclude": "log ^DEBUG"}]
        logging = {"enabled": True, "parseJson": True, "labels": True, "extraFilters": extra}
        values = {"fargate": {"logging": logging}, "outputs": {"cloudwatch": {"enabled": False}, "search": search}}
        router(values, es=f"    tls.ca_file {receiver.ca}\n")
        wait(tmp_path, lambda: len(receiver.records) >= 2)
        records = receiver.records
    assert [(one.get("log"), one.get("log_processed")) for one in records] == [
        (None, {"level": "info"}),
        ("after", None),
    ]
    assert all(one.items() >= {"cluster": "eks", "pipeline": "fargate"}.items() for one in records)
    assert all(one["kubernetes"]["labels"] == {"app": "web"} for one in records)
    assert (receiver.indices, receiver.unauthorized) == ({"eks"}, 0)
