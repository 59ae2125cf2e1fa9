"""The allow-list: which metrics queries read, of which job, and what cannot be told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from eks_observability import allow_list, promql
from eks_observability.errors import CommandError
from eks_observability.promql import Read
from harness.render.manifests import load_yaml

Chart = Callable[..., Path]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ('sum by (a) (rate(x_total{job="kubelet"}[5m]))', {Read("x_total", "kubelet")}),
        ('x{job="kubelet"} / on (a) group_left (b) y{job="pods"} > 0', {Read("x", "kubelet"), Read("y", "pods")}),
        ('max_over_time(sum(x{job="pods"})[1h:5m])', {Read("x", "pods")}),
        ('label_replace(x{job="pods"}, "a", "y{job=", "b", "(.*)")', {Read("x", "pods")}),
        ('histogram_quantile(0.9, sum by (le) (rate(x_bucket{job="pods"}[5m])))', {Read("x_bucket", "pods")}),
        ('x{job=~"pods|endpoints"}', {Read("x", "pods"), Read("x", "endpoints")}),
        ('x{job=~".+", job!~"pods|kubelet"}', {Read("x", "endpoints")}),
        ('quantile(0.5, x{job!="pods", job!="kubelet"}) unless vector(1)', {Read("x", "endpoints")}),
        ('-x{job="pods", a=~"$cluster"} offset 5m', {Read("x", "pods")}),
        ("count(up == 0)", {Read("up", "")}),
        ("time() - 1", set()),
    ],
)
def test_a_query_reads_metrics_of_jobs(query: str, found: set[Read]) -> None:
    """A parser finds the selectors wherever they are, and takes no text for one."""
    assert promql.reads(query, ["endpoints", "kubelet", "pods"]) == found


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(rate(x[5m])", "invalid PromQL"),
        ('{__name__=~"x.*", job="pods"}', "must begin with the name of its metric"),
        ('{job="pods"}', "must begin with the name of its metric"),
        ('x{job="pods" or job="kubelet"}', "write two selectors instead"),
        ('x{job="cubelet"}', "the job of x is unknown; use one of kubelet, pods"),
    ],
)
def test_a_query_that_says_too_little_is_rejected(query: str, says: str) -> None:
    """What could read anything would keep everything, or nothing; the message shows the query."""
    with pytest.raises(CommandError) as caught:
        promql.reads(query, ["kubelet", "pods"])
    assert says in str(caught.value) and query in str(caught.value)


@pytest.fixture
def chart(tmp_path: Path) -> Chart:
    """Make the files of a chart: one of rules, one dashboard."""

    def made(rules: list[dict[str, str]], board: dict[str, Any] | None = None) -> Path:
        for folder in ("rules", "dashboards"):
            (tmp_path / "files" / folder).mkdir(parents=True)
        text = yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]})
        (tmp_path / "files" / "rules" / "r.yaml").write_text(text, encoding="utf-8")
        if board:
            (tmp_path / "files" / "dashboards" / "d.json").write_text(json.dumps(board), encoding="utf-8")
        return tmp_path

    return made


def board(*panels: dict[str, Any], variables: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"panels": list(panels), "templating": {"list": list(variables)}}


def panel(*queries: str, title: str = "p") -> dict[str, Any]:
    return {"title": title, "targets": [{"expr": query} for query in queries]}


def test_rules_and_dashboards_are_read(chart: Chart) -> None:
    """Alerts, recordings, panels, panels of a folded row and variables count; what rules record does not."""
    made = chart(
        [
            {"record": "n:a", "expr": 'sum(a{job="pods"})'},
            {"alert": "A", "expr": 'n:a > 1 and b{job="kubelet"} > 1 unless ALERTS{alertname="B"}'},
        ],
        board(
            panel('rate(c{job="pods", cluster=~"$cluster"}[$__rate_interval])', "n:a"),
            {"title": "row", "panels": [panel('increase(d{job="pods"}[$__range])')]},
            {"title": "of another source", "targets": [{"expression": "SEARCH('x')"}]},
            variables=(
                {"name": "node", "type": "query", "query": 'label_values(e{job="kubelet",a="b,c"}, node)'},
                {"name": "pod", "type": "query", "query": {"query": 'label_values(f{job="kubelet"}, pod)'}},
                {"name": "source", "type": "datasource", "query": "prometheus"},
            ),
        ),
    )
    assert allow_list.collect(made) == {"kubelet": ["b", "e", "f"], "pods": ["a", "c", "d"]}


def test_what_scrapes_make_is_of_every_job(chart: Chart) -> None:
    """`up` is there for each target, so that a query for it need name no job."""
    made = chart([{"alert": "A", "expr": "up == 0"}])
    assert allow_list.collect(made) == {job: ["up"] for job in allow_list.JOBS}


@pytest.mark.parametrize(
    ("rules", "dashboard", "says"),
    [
        ([{"alert": "A", "expr": "x > 0"}], None, 'r.yaml: A: x has no job; name it: x{job="..."}'),
        ([], board(panel("x{", title="Load")), "d.json: Load: invalid PromQL"),
        (
            [],
            board(variables=({"name": "v", "type": "query", "query": "metrics(x)"},)),
            "a variable must be label_values(selector, label), not metrics(x)",
        ),
    ],
    ids=["no job", "no PromQL", "other variable"],
)
def test_the_place_of_a_fault_is_told(
    chart: Chart, rules: list[dict[str, str]], dashboard: dict[str, Any] | None, says: str
) -> None:
    """Whoever wrote a rule or panel that cannot be sorted learns which."""
    with pytest.raises(CommandError) as caught:
        allow_list.collect(chart(rules, dashboard))
    assert says in str(caught.value)


def test_check_writes_nothing(chart: Chart) -> None:
    """The file is written when it differs, and `check` only tells that it does."""
    made = chart([{"alert": "A", "expr": 'x{job="pods"}'}])
    file = made / "files" / "allow-list.yaml"
    assert allow_list.write(made, check=True) and not file.exists()
    assert allow_list.write(made) and load_yaml(file.read_text(encoding="utf-8")) == {"pods": ["x"]}
    assert not allow_list.write(made) and not allow_list.write(made, check=True)


def test_list_of_the_chart_is_up_to_date() -> None:
    """Whoever changes a rule or a dashboard writes the list anew: `eks-observability allow-list`."""
    assert not allow_list.write(allow_list.CHART, check=True)
