"""The cost estimator: prices, what rendered objects say, the article's sum, and what the answer looks like."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity

from eks_observability import cli, cost
from eks_observability.cost import Insights, LogGroup, Price, Release, Volumes, prices, report
from eks_observability.cost import command as cost_command
from eks_observability.cost.quantity import quantity
from eks_observability.errors import CommandError
from harness.render.helm import Helm
from harness.render.manifests import Manifests

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "cost.md"
AMP = ROOT / "values" / "examples" / "amp.yaml"
PRICES = cost.load()
NOTHING = Release(amp=False, interval=0, claims_gib=0, per_node=(0, 0), once=(0, 0))
TO_AMP = replace(NOTHING, amp=True, interval=60)
INFINITE = float("inf")


def price(**changes: Any) -> Price:
    row: dict[str, Any] = {
        "unit": "x",
        "per": 1,
        "tiers": ((INFINITE, 2.0),),
        "free": 0,
        "source": "",
        "evidence": "official",
    }
    return Price(**{**row, "read": date(2026, 1, 1), **changes})


@pytest.mark.parametrize(
    ("changes", "quantity", "usd"),
    [
        ({}, 3, 6),
        ({"per": 10}, 5, 1),
        ({"free": 4}, 3, 0),
        ({"free": 4}, 5, 2),
        ({"tiers": ((10, 2.0), (30, 1.0), (INFINITE, 0.5))}, 10, 20),
        ({"tiers": ((10, 2.0), (30, 1.0), (INFINITE, 0.5))}, 40, 20 + 20 + 5),
        ({"tiers": ((10, 2.0), (INFINITE, 1.0)), "free": 5, "per": 5}, 20, 4 + 1),
    ],
    ids=["plain", "per many", "free", "above free", "edge of a tier", "three tiers", "everything"],
)
def test_a_price_has_tiers_and_a_free_part(changes: dict[str, Any], quantity: float, usd: float) -> None:
    """What is free is taken off first; each further tier costs what is in it."""
    assert price(**changes).of(quantity) == pytest.approx(usd)


def test_every_price_says_where_it_is_from() -> None:
    """Each row has an https source of AWS, the day on which it was read, and whether it was read there."""
    for name, row in PRICES.price.items():
        assert row.source.startswith("https://aws.amazon.com/"), name
        assert date(2026, 1, 1) <= row.read <= date.today() and row.evidence in ("official", "secondary"), name
        assert row.tiers[-1][0] == INFINITE and row.per > 0, name


@pytest.mark.parametrize(
    ("series", "usd"),
    [(1_000, 0.34), (10_000, 35.82), (100_000, 261.90)],
)
def test_amp_bills_samples(series: float, usd: float) -> None:
    """A series at 60 s makes 43,800 samples a month; 40 million are free, two billion cost 0.90 USD per ten million."""
    samples = series * 43_800
    expected = (min(samples - 40e6, 2e9) * 0.90 + max(0, samples - 40e6 - 2e9) * 0.35) / 1e7
    line, _ = cost.estimate(TO_AMP, Volumes(series=series), PRICES, without=["eks", "nodes", "grafana"]).lines
    assert line.usd == pytest.approx(expected) == pytest.approx(usd, abs=0.01)


def test_article_costs_what_it_says(helm: Helm) -> None:
    """The article's example: 449.16 USD a month without Managed Prometheus and Container Insights."""
    release = cost.read(helm.render(ROOT / "charts" / "observability-stack", value_files=[AMP]))
    made = cost.estimate(release, Volumes(traces_per_minute=14.8), PRICES, without=["amp", "insights"])
    assert {line.service: round(line.usd, 2) for line in made.lines} == {
        "eks": 73.00,
        "nodes": 364.42,
        "grafana": 9.00,
        "xray": 2.74,
    }
    assert round(made.total, 2) == 449.16


def test_release_is_read_from_what_is_rendered(helm: Helm) -> None:
    """Remote, interval and disks are those of the rendered objects, whatever values they come from."""

    def rendered(**values: Any) -> Release:
        return cost.read(helm.render(ROOT / "charts" / "observability-stack", values=values))

    url = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"
    remote = {"remoteWrite": [{"url": url, "sigv4": {"region": "eu-west-1"}}]}
    agent = rendered(server=remote, scrape={"interval": "30s"}, cluster={"region": "eu-west-1"})
    assert (agent.amp, agent.interval, agent.claims_gib) == (True, 30, 0)
    server = rendered(server={"persistence": {"persistentVolumeClaim": {"size": "20Gi"}}, "replicas": 2})
    assert (server.amp, server.claims_gib) == (False, 40)
    assert server.once[0] > 0 and server.once[1] > 0


def test_services_are_read_from_what_is_rendered(helm: Helm) -> None:
    """Log groups with class and retention, X-Ray and Container Insights are those of the rendered objects."""

    def rendered(**values: Any) -> Release:
        off = {"metrics": {"enabled": False}}
        return cost.read(helm.render(ROOT / "charts" / "observability-stack", values={**off, **values}))

    nothing = rendered()
    assert (nothing.groups, nothing.traces, nothing.insights) == ((), False, None)
    rare = {"logRetentionDays": 0, "logGroupClass": "INFREQUENT_ACCESS", "match": {"pipelines": ["application"]}}
    outputs = {"cloudwatch": {"match": {"pipelines": ["dataplane"]}}, "rare": {"type": "cloudwatch", **rare}}
    logs = {"enabled": True, "host": {"enabled": False}}
    insights = {"enabled": True, "interval": 120}
    everything = rendered(logs=logs, outputs=outputs, traces={"enabled": True}, containerInsights=insights)
    assert sorted(everything.groups, key=str) == [LogGroup(0, infrequent=True), LogGroup(30, infrequent=False)]
    assert everything.traces
    assert everything.insights == Insights(enhanced=True, extract=True, interval=120)
    http = {"cloudwatch": {"enabled": False}, "http": {"type": "http", "host": "logs.example.com"}}
    other = rendered(traces={"enabled": True, "engine": "otel"}, logs={"enabled": True}, outputs=http)
    assert other.traces and not other.groups


@pytest.mark.parametrize(
    ("release", "volumes", "says"),
    [
        ({"groups": (LogGroup(30, infrequent=False),)}, {"log_gb": 10}, "CloudWatch Logs, which bills GB"),
        ({"traces": True}, {"traces_per_minute": 10}, "X-Ray, which bills traces"),
        ({"insights": Insights(True, True, 60)}, {"observations": 1e6}, "Insights, which bills observations"),
        ({"insights": Insights(False, True, 60)}, {"custom_metrics": 50}, "Insights, which bills metrics"),
    ],
    ids=["logs", "traces", "observations", "metrics"],
)
def test_amount_has_to_be_told(release: dict[str, Any], volumes: dict[str, Any], says: str) -> None:
    """What a release writes to a service is billed by an amount that no values file has: it is asked for."""
    asking = replace(NOTHING, **release)
    with pytest.raises(CommandError, match=says):
        cost.estimate(asking, Volumes(), PRICES)
    without = ["eks", "nodes", "grafana"]
    assert cost.estimate(asking, Volumes(**volumes), PRICES, without=without).total > 0
    assert cost.estimate(asking, Volumes(), PRICES, without=["logs", "xray", "insights"]).of("logs") == 0


def test_values_decide_class_retention_and_interval() -> None:
    """Infrequent Access halves what ingestion costs, the groups say for how long, and fewer measurements cost less."""
    logs = replace(NOTHING, groups=(LogGroup(90, infrequent=False), LogGroup(7, infrequent=True)))
    volumes = Volumes(log_gb=105)
    given = cost.estimate(logs, volumes, PRICES)
    rare = dict(cost.alternatives(logs, volumes, PRICES))["logs in Infrequent Access"]
    assert given.of("logs") - rare.of("logs") == pytest.approx(100 * 0.25)
    [kept] = [line for line in given.lines if line.unit == "GB-months"]
    assert kept.quantity == pytest.approx(105 * 90 / (365 / 12) * 0.15)
    ever = cost.estimate(replace(NOTHING, groups=(LogGroup(0, infrequent=False),)), volumes, PRICES)
    assert ever.of("logs") == pytest.approx(cost.estimate(NOTHING, replace(volumes, log_days=365), PRICES).of("logs"))
    measured = replace(NOTHING, insights=Insights(enhanced=True, extract=True, interval=60))
    others = dict(cost.alternatives(measured, Volumes(observations=100e6), PRICES))
    assert others["Container Insights every 120 s"].of("insights") == pytest.approx(50 * 0.21)
    silent = replace(NOTHING, insights=Insights(enhanced=True, extract=False, interval=60))
    assert cost.estimate(silent, Volumes(), PRICES).of("insights") == 0


def test_requests_count_what_stays() -> None:
    """Pods of a DaemonSet count for each node; what a start-up needs, and a test, do not count."""

    def container(cpu: str, **more: str) -> dict[str, Any]:
        return {"name": "a", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}, **more}

    def workload(
        kind: str, *containers: dict[str, Any], first: tuple[dict[str, Any], ...] = (), **spec: Any
    ) -> dict[str, Any]:
        template = {"spec": {"containers": list(containers), "initContainers": list(first)}}
        return {"kind": kind, "metadata": {"name": kind}, "spec": {"template": template, **spec}}

    release = cost.read(
        Manifests(
            [
                workload("DaemonSet", container("100m"), {"name": "without"}),
                workload("Deployment", container("1"), replicas=3),
                workload("StatefulSet", container("1"), first=(container("4"), container("1", restartPolicy="Always"))),
                {"kind": "Pod", "metadata": {"name": "test"}, "spec": {"containers": [container("9")]}},
            ]
        )
    )
    assert release.per_node == pytest.approx((0.1, 1)) and release.once == pytest.approx((5, 5))
    assert release.requests(4) == pytest.approx((5.4, 9))
    made = cost.estimate(release, Volumes(nodes=4), PRICES)
    assert made.requests_usd == pytest.approx(5.4 / 4 * 0.1664 * 730)


def test_alternatives_are_the_same_but_for_one_thing() -> None:
    """Spot, another interval, another retention: each differs where it should; what changes nothing is not shown."""
    volumes = Volumes(series=50_000, log_gb=100, log_days=30)
    given = cost.estimate(TO_AMP, volumes, PRICES)
    others = dict(cost.alternatives(TO_AMP, volumes, PRICES))
    assert others.keys() == {
        "spot nodes",
        "scrapes every 30 s",
        "scrapes every 120 s",
        "metrics kept 30 days",
        "metrics kept 1095 days",
        "logs kept 7 days",
        "logs kept 365 days",
    }
    changed = {"spot": "nodes", "scrapes": "amp", "metrics": "amp", "logs": "logs"}
    for name, other in others.items():
        differing = {key for key in cost.SERVICES if other.of(key) != given.of(key)}
        assert differing == {changed[name.split()[0]]}, name
    assert others["spot nodes"].of("nodes") == pytest.approx(given.of("nodes") * (1 - PRICES.spot_saving))
    assert dict(cost.alternatives(NOTHING, Volumes(spot=True), PRICES)) == {}
    counted = dict(cost.alternatives(TO_AMP, replace(volumes, series=None, samples_per_second=50_000 / 60), PRICES))
    assert {name: round(one.total, 2) for name, one in counted.items()} == {
        name: round(one.total, 2) for name, one in others.items()
    }


def test_counted_samples_are_taken_from_metrics() -> None:
    """What /metrics of a running Prometheus says stands for the series: samples sent, over the time it has run."""
    text = """\
# TYPE prometheus_remote_storage_samples_total counter
prometheus_remote_storage_samples_total{remote_name="a",url="https://x"} 120000
prometheus_remote_storage_queue_highest_timestamp_seconds{remote_name="a",url="https://x"} 1.7e+09
process_start_time_seconds 1.6999988e+09
"""
    assert cost_command.samples_per_second(text) == 100
    for missing in ("", text.replace("1.6999988e+09", "1.69999999e+09"), text.replace("storage_samples", "other")):
        with pytest.raises(CommandError, match="have no count of sent samples"):
            cost_command.samples_per_second(missing)


@pytest.fixture
def command(
    helm: Helm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Run `eks-observability cost` and return its status, output and errors."""
    monkeypatch.setenv("HELM", str(helm.binary))

    def run(*arguments: object) -> tuple[int, str, str]:
        status = cli.main(["cost", *map(str, arguments)])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


Command = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("budget", "status", "says"), [(449.17, 0, "0.01 USD below"), (449.15, 1, "0.01 USD over")])
def test_budget_decides_the_exit_status(command: Command, budget: float, status: int, says: str) -> None:
    """A pipeline can stop at a budget: status 1 when a month costs more."""
    arguments = ["--values", AMP, "--traces-per-minute", 14.8, "--without", "amp", "--budget", budget]
    told, shown, _ = command(*arguments)
    assert told == status and f"That is {says} the budget of {budget}" in shown
    told, shown, _ = command(*arguments, "--json")
    found = json.loads(shown)
    assert told == status and found["within_budget"] is (status == 0)
    assert found["total"] == 449.16 == round(sum(found["services"].values()), 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--values", AMP], "Pass the number of series (--series N)"),
        (["--values", "absent.yaml"], "File 'absent.yaml' does not exist."),
        (["--instance", "t9.huge"], '"t9.huge" = { usd = 0.0, cpu = 0, memory_gib = 0 }'),
        (["--prices", ROOT / "pyproject.toml"], "pyproject.toml is not a price file"),
        (["--nodes", "-1"], "-1 is not in the range x>=0"),
        (["--budget", "nan"], "amounts must be finite numbers"),
        (["--picture", "cost.pdf"], "the name of a picture must end in .svg or .png"),
    ],
    ids=["how much to AMP", "no values", "unknown instance", "no prices", "fewer than none", "no number", "no picture"],
)
def test_what_is_missing_is_told(command: Command, arguments: list[object], says: str) -> None:
    """What cannot be estimated ends with status 2 and what to write instead."""
    status, shown, errors = command(*arguments)
    assert (status, shown) == (2, "") and says in errors


def test_picture_is_the_same_each_time(tmp_path: Path) -> None:
    """The same estimate makes the same bytes, with a bar for it and for each alternative."""
    volumes = Volumes(series=50_000)
    others = dict(cost.alternatives(TO_AMP, volumes, PRICES))
    files = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for file in files:
        report.picture(cost.estimate(TO_AMP, volumes, PRICES), others, file)
    drawn = files[0].read_text(encoding="utf-8")
    assert drawn == files[1].read_text(encoding="utf-8")
    assert all(name in drawn for name in ["as given", "Managed Prometheus", *others])


def test_command_has_an_option_for_every_amount() -> None:
    """Each amount that an estimate depends on has an option, with the estimator's default."""
    chosen = cost_command.command.make_context("cost", []).params
    known = {field.name: field.default for field in fields(Volumes) if field.name != "samples_per_second"}
    assert {name: chosen[name] for name in known} == known


def document_commands() -> list[str]:
    text = DOCUMENT.read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^(?:\$ )?\.venv/bin/eks-observability cost (.*)$", text, re.MULTILINE)


def test_document_shows_what_is_printed(command: Command) -> None:
    """The output in docs/cost.md is that of the command above it."""
    blocks = re.findall(
        r"```\n\$ \.venv/bin/eks-observability cost (.*?[^\\])\n(.*?)```",
        DOCUMENT.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert blocks
    for line, output in blocks:
        _, shown, _ = command(*shlex.split(line.replace("\\\n", " ")))
        assert shown.strip() == output.strip()


@pytest.mark.slow
@pytest.mark.parametrize("line", document_commands())
def test_commands_of_the_document_run(
    command: Command, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command in docs/cost.md works from a folder with the files that the document speaks of."""
    for folder in ("charts", "values"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "metrics.txt").write_text(
        "prometheus_remote_storage_samples_total 60000\nprocess_start_time_seconds 0\n"
        "prometheus_remote_storage_queue_highest_timestamp_seconds 600\n",
        encoding="utf-8",
    )
    (tmp_path / "prices.toml").write_text(prices.DEFAULT.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    status, shown, errors = command(*shlex.split(line))
    assert status == (1 if "--budget" in line else 0) and shown and not errors
    assert (tmp_path / "cost.svg").exists() == ("--picture" in line)


@pytest.mark.parametrize("text", ["250m", "2", 0.5, "1Ki", "1.5Gi", "1e3", "3k", "20n", "7u", "4M", "-1", "2Ei", "5E"])
def test_quantity_is_what_kubernetes_reads(text: str | float) -> None:
    """A quantity is the number that Kubernetes' own client reads."""
    assert quantity(text) == parse_quantity(text)


@pytest.mark.parametrize("text", ["", "1 Gi", "1KiB", "m", "1ki"])
def test_text_that_is_no_quantity_is_rejected(text: str) -> None:
    """A misspelled unit is never taken for bytes or cores."""
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        quantity(text)
