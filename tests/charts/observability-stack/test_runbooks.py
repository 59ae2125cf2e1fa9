"""The runbooks: each alert has a section with a query and commands, and an annotation that leads there."""

import functools
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from eks_observability import allow_list
from eks_observability.promql import reads
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "observability-stack"
RUNBOOKS = ROOT / "docs" / "runbooks"
FILES = sorted(CHART.glob("files/rules/*.yaml"))
SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"\$([A-Z_]+)")
PROGRAMS = {"kubectl", "aws", "helm", "curl"}
CASES = Path(__file__).parent / "rules"
FIRING = re.compile(r'alertname="(\w+)",alertstate="firing"')
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


@functools.cache
def sent() -> set[tuple[str, str]]:
    """Return the metrics of the allow-list, each with its job."""
    return {(job, metric) for job, metrics in allow_list.collect(CHART).items() for metric in metrics}


@functools.cache
def groups(file: Path) -> list[dict[str, list[dict[str, str]]]]:
    found: list[dict[str, list[dict[str, str]]]] = load_yaml(file.read_text(encoding="utf-8"))["groups"]
    return found


def alerts(file: Path) -> list[str]:
    return [rule["alert"] for group in groups(file) for rule in group["rules"] if "alert" in rule]


def query(section: str) -> str:
    """Return the only query of a section."""
    [found] = [text for language, text in BLOCK.findall(section) if language == "promql"]
    return str(found).strip()


def sections(file: Path) -> dict[str, str]:
    """Return the text of each section of a rule file's runbook, by alert."""
    return dict(SECTION.findall((RUNBOOKS / f"{file.stem}.md").read_text(encoding="utf-8")))


@each_file
def test_each_alert_has_a_section(file: Path) -> None:
    """A runbook has the alerts of its rule file in their order, and no others."""
    assert list(sections(file)) == alerts(file)


def test_each_runbook_has_rules() -> None:
    """There is no runbook without a rule file."""
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == [file.stem for file in FILES]


@each_file
def test_queries_read_what_is_sent(file: Path) -> None:
    """Each section has a query of series that the allow-list sends, or that a rule records."""
    recorded = {
        rule["record"] for file in FILES for group in groups(file) for rule in group["rules"] if "record" in rule
    }
    for alert, text in sections(file).items():
        for read in reads(query(text), allow_list.JOBS):
            known = read.metric in recorded or any(
                read.metric == metric and read.job in ("", job) for job, metric in sent()
            )
            assert known, f"{alert}: {read.metric} of job {read.job or 'any'} is not sent"


@pytest.mark.slow
@each_file
def test_queries_have_results_while_the_alert_fires(file: Path, promtool: Path, tmp_path: Path) -> None:
    """In each promtool test in which an alert fires, the query of its section returns at least one series."""
    text = (CASES / file.name).read_text(encoding="utf-8")
    # As texts: to YAML, the series `0x40` is a number.
    cases = yaml.load(text.replace("../../../..", str(ROOT)), Loader=yaml.CBaseLoader)
    for test in cases["tests"]:
        fired = {
            (alert, expected["eval_time"])
            for expected in test.pop("promql_expr_test")
            for sample in expected["exp_samples"]
            for alert in FIRING.findall(sample["labels"])
        }
        test["promql_expr_test"] = [
            {
                "expr": f"count({query(sections(file)[alert])}) > bool 0 # {alert}",
                "eval_time": when,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for alert, when in sorted(fired)
        ]
    asked = {expected["expr"] for test in cases["tests"] for expected in test["promql_expr_test"]}
    assert {expr.rpartition(" # ")[2] for expr in asked} == set(alerts(file))
    (tmp_path / "cases.yaml").write_text(json.dumps(cases), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", tmp_path / "cases.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@each_file
def test_sections_say_what_to_do(file: Path) -> None:
    """Each section explains the alert in words, and has commands that exist on an operator's machine."""
    for alert, text in sections(file).items():
        assert len(text.partition("```")[0].split()) >= 20, f"{alert} is hardly explained"
        lines = [line for language, block in BLOCK.findall(text) if language == "sh" for line in block.splitlines()]
        assert lines, f"{alert} has no command"
        assert {line.split()[0] for line in lines if not line.startswith(" ")} <= PROGRAMS, alert


@pytest.mark.parametrize("mode", ["server", "agent"])
def test_alerts_lead_to_their_runbook(helm: Helm, mode: str) -> None:
    """The annotation of each alert of the chart names its file and section; those of users' alerts stay."""
    own = {"name": "own", "rules": [{"alert": "Own", "expr": "vector(1)"}]}
    values = {
        "alertmanager": {"enabled": mode == "server"},
        "rules": {"runbookUrl": "https://wiki.example.com/books/", "groups": [own]},
        "server": {"mode": mode, "remoteWrite": [{"url": "https://metrics.example.com/write"}]},
    }
    config = helm.render(CHART, values=values).one("ConfigMap", component="rules")["data"]
    made = [rule for text in config.values() for group in load_yaml(text)["groups"] for rule in group["rules"]]
    found = {rule["alert"]: rule.get("annotations", {}).get("runbook_url") for rule in made if "alert" in rule}
    wanted = {
        alert: f"https://wiki.example.com/books/{file.stem}.md#{alert.lower()}"
        for file in FILES
        for alert in alerts(file)
        if mode == "server" or file.stem != "alertmanager"
    }
    assert found == {**wanted, "Own": None}


def test_default_address_is_that_of_the_repository() -> None:
    """Without a value, alerts lead to the runbooks of this repository."""
    home = load_yaml((CHART / "Chart.yaml").read_text(encoding="utf-8"))["home"]
    values = load_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert values["rules"]["runbookUrl"] == f"{home}/blob/main/docs/runbooks"


@each_file
def test_variables_are_labels_of_the_alert(file: Path) -> None:
    """A command has variables for labels of its alert only, or those that the page explains."""
    page = (RUNBOOKS / f"{file.stem}.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`\$([A-Z_]+)`", page))
    exprs = {rule["alert"]: rule["expr"] for group in groups(file) for rule in group["rules"] if "alert" in rule}
    for alert, text in sections(file).items():
        used = {name for language, block in BLOCK.findall(text) if language == "sh" for name in VARIABLE.findall(block)}
        unknown = {name for name in used - explained if not re.search(rf"\b{name.lower()}\b", exprs[alert])}
        assert not unknown, f"{alert} has no label for {unknown}"
