"""The dashboards: their queries parse, name what they ask for, and say what they need."""

from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from eks_observability.dashboards import BOARDS, Board, PanelQuery, panel_queries, substitute

JOBS = {
    "alertmanager",
    "apiserver",
    "cadvisor",
    "endpoints",
    "kube-state-metrics",
    "kubelet",
    "node-exporter",
    "pods",
    "probes",
    "prometheus",
    "windows-exporter",
}
ADDONS = ("a CoreDNS that forwards queries", "the VPC CNI", "Karpenter", "the EBS CSI driver")
ASKED = [query for query in panel_queries() if query.source == "prometheus"]
each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def selectors(expr: Any) -> Iterator[promql_parser.VectorSelector]:
    """Yield every selector of a query."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expr), visit)
    yield from found


def test_every_query_parses_and_selects_something() -> None:
    """PromQL's grammar accepts each query, and each asks for at least one metric by its name."""
    for query in ASKED:
        assert [one.name for one in selectors(query.expr)], query.name
        assert all(one.name for one in selectors(query.expr)), query.name


def test_every_selector_names_its_job_and_cluster() -> None:
    """The allow-list reads from a selector which job a metric is kept for; two clusters never mix."""
    for query in ASKED:
        for one in selectors(query.expr):
            matchers = {matcher.name: matcher for matcher in one.matchers.matchers}
            assert {"job", "cluster"} <= set(matchers), f"{query.name}: {one}"
            assert set(matchers["job"].value.split("|")) <= {*JOBS, ".+"}, f"{query.name}: {one}"


def test_labels_of_old_are_gone() -> None:
    """No query asks for a label that Kubernetes 1.16 took away, which is what broke dashboard 3119."""
    for query in ASKED:
        for gone in ("pod_name", "container_name", "k8s_", "rkt", "kubernetes_io_hostname"):
            assert gone not in query.expr, query.name


@each_board
def test_queries_use_the_variables_that_their_dashboard_has(board: Board) -> None:
    """A reader can choose everything that a query leaves open, and each choice changes some query."""
    used = set()

    class Asked(dict[str, str]):
        def __missing__(self, name: str) -> str:
            used.add(name)
            return "x"

    for panel in board.panels:
        for query in panel.queries:
            substitute(getattr(query, "expr", ""), Asked())
    assert used - {"__rate_interval"} == {variable.name for variable in board.variables}


def test_a_variable_without_value_is_rejected() -> None:
    """A misspelled variable is an error, not an empty panel; a regular expression group is not a variable."""
    assert substitute('x{a="$a"} $1 ${b}', {"a": "1", "b": "2"}) == 'x{a="1"} $1 2'
    with pytest.raises(KeyError, match="nothing"):
        substitute("$nothing", {})


def test_panels_have_names_of_their_own() -> None:
    """A dashboard has one panel of a title, and there is one dashboard of a uid."""
    assert len({board.uid for board in BOARDS}) == len(BOARDS) == 7
    for board in BOARDS:
        titles = [panel.title for panel in board.panels]
        assert sorted(set(titles)) == sorted(titles)


def test_only_aws_and_windows_are_out_of_reach() -> None:
    """The panels that no test cluster can answer are exactly those of CloudWatch, Windows nodes and add-ons of EKS."""
    addons = {query.absent for query in panel_queries() if query.dashboard == "eks-addons"}
    assert addons == {"", *(f"needs {name}" for name in ADDONS)}
    missing = {query.name for query in panel_queries() if query.absent and query.dashboard != "eks-addons"}
    windows = {query.name for query in panel_queries() if "windows-exporter" in query.expr}
    assert windows == {f"eks-node: {what} of Windows nodes" for what in ("CPU", "Memory", "Traffic", "Volumes")}
    assert missing - windows == {
        "eks-logs: CloudWatch Logs: bytes by log group",
        "eks-remote-write: Active series",
        "eks-remote-write: Discarded samples",
        "eks-remote-write: Samples per second",
    }
    assert missing - windows == {query.name for query in panel_queries() if query.source == "cloudwatch"}


def test_rates_span_the_window_that_is_asked_for() -> None:
    """The window stands in for Grafana's own, everything else that is left open matches everything."""
    query: PanelQuery = panel_queries("2m")[0]
    assert "$__rate_interval" in query.template
    assert query.expr.count("[2m]") == 1
    assert 'cluster=~".*"' in query.expr
