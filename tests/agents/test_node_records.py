"""Records of node agents: which namespaces are read, and what processors, labels and filters make of them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.receivers import HOST, BulkReceiver, JsonReceiver
from harness.render.manifests import load_yaml

from .node import Kubelet, Node

pytestmark = pytest.mark.slow
PREFIXES: dict[str, tuple[dict[str, list[str]], set[str]]] = {
    "skipped": ({"exclude": ["team-*", "b"]}, {"teams", "shop", "a-team-b"}),
    "read": ({"include": ["team-*", "b"]}, {"team-a", "team-b-c", "b"}),
}


@pytest.mark.parametrize(("namespaces", "expected"), PREFIXES.values(), ids=PREFIXES)
def test_namespaces_by_prefix(
    namespaces: dict[str, list[str]], expected: set[str], node: Callable[..., Node], backend: JsonReceiver
) -> None:
    """Namespaces that begin with a prefix are skipped, or the only ones that are read."""
    made = node(metadata={"from": "tag"}, application={"namespaces": namespaces})
    for name in ("team-a", "team-b-c", "teams", "shop", "a-team-b", "b"):
        made.write("team-web", "hello", namespace=name)
    made.wait(lambda: len(backend) >= len(expected))
    made.stop()
    assert Counter(record["kubernetes"]["namespace_name"] for record in backend.records) == Counter(expected)


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "names"])
def test_labels_with_dots_are_no_conflict(tmp_path: Path, node: Callable[..., Node], labels: bool) -> None:
    """With labels of pods, OpenSearch gets no fields with dots, which would be objects beside the text of others."""
    status = {"containerStatuses": [{"name": "app", "containerID": f"containerd://{'a' * 64}"}]}
    given = {"web-1": {"app": "a"}, "web-2": {"app.kubernetes.io/name": "b"}}
    items = [
        {"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": own}, "status": status}
        for name, own in given.items()
    ]

    def conflicts(document: dict[str, Any]) -> bool:
        return any("." in name for name in document["kubernetes"].get("labels", {}))

    with (
        Kubelet(tmp_path / "pki", {"kind": "PodList", "items": items}) as kubelet,
        BulkReceiver(conflicts=conflicts) as index,
    ):
        (tmp_path / "token").write_text("token", encoding="ascii")
        asks = {"kubelet_port": kubelet.port, "kube_ca_file": str(tmp_path / "pki" / "ca.crt")}
        asks |= {"kube_token_file": str(tmp_path / "token"), "kube_namespace_file": str(tmp_path / "token")}
        output = {"type": "opensearch", "host": HOST, "port": index.port, "tls": {"enabled": False}}
        made = node(changed=asks, metadata={"labels": labels}, outputs={"backend": output})
        for name in given:
            made.write(name, "hello")
        made.wait(lambda: len(index.records) >= 2)
        made.stop()
        found = [record["kubernetes"].get("labels") for record in index.records]
    assert sorted(map(str, found)) == (
        ["{'app': 'a'}", "{'app_kubernetes_io/name': 'b'}"] if labels else ["None", "None"]
    )


def test_own_processors_change_records(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """Processors of the values change traces and lines of their pipeline that meet a condition, before filters."""
    condition = {"op": "or", "rules": [{"field": "$log", "op": "regex", "value": "at a.b|^warn"}]}
    insert = {"name": "content_modifier", "action": "insert", "key": "team", "value": "shop", "condition": condition}
    delete = {"name": "content_modifier", "action": "delete", "key": "stream"}
    renamed = {"name": "modify", "match": "application.*", "rename": "team owner"}
    made = node(
        metadata={"from": "tag"},
        application={"multiline": ["java"]},
        extraProcessors={"application": [insert, delete]},
        extraFilters=[renamed],
    )
    trace = "java.lang.Exception: a\n\tat a.b(C.java:1)"
    made.write("web-1", *trace.split("\n"), "warn", "plain")
    made.wait(lambda: len(backend) >= 3)
    owners = [(record["log"], record.get("owner"), "stream" in record) for record in backend.records]
    assert owners == [(trace, "shop", False), ("warn", "shop", False), ("plain", None, False)]


def test_filter_of_the_docs_drops_last_words_of_sidecars(node: Callable[..., Node], backend: JsonReceiver) -> None:
    """The filter of docs/loss.md drops what Fluent Bit prints when it stops, and no other line."""
    page = (Path(__file__).parents[2] / "docs" / "loss.md").read_text(encoding="utf-8")
    block = page.partition("a filter drops them:\n\n```yaml\n")[2].partition("```")[0]
    made = node(metadata={"from": "tag"}, extraFilters=load_yaml(block)["logs"]["extraFilters"])
    stops = "[ warn] [engine] service will shutdown in max 3 seconds"
    made.write("web-1", "[2026/11/28 19:47:10] [engine] caught signal (SIGTERM)", f"[2026/11/28 19:47:10.307] {stops}")
    made.write("web-1", stops, "last")
    made.wait(lambda: len(backend) >= 2)
    assert [record["log"] for record in backend.records] == [stops, "last"]
