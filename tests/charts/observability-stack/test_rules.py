"""The rules: alerts fire as expected, and a server or AMP receives them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from eks_observability import allow_list
from eks_observability.dashboards import panel_queries
from eks_observability.promql import reads
from harness.render.helm import Helm
from harness.render.manifests import Manifests, load_yaml

CHART = Path(__file__).parents[3] / "charts" / "observability-stack"
FILES = sorted(CHART.glob("files/rules/*.yaml"))
CASES = Path(__file__).parent / "rules"
URL = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1234-abcd/api/v1/remote_write"
AGENT = {"server": {"remoteWrite": [{"url": URL, "sigv4": {"region": "us-east-1"}}]}}
WITH_ALERTMANAGER = {"alertmanager": {"enabled": True}}
# Alerts as they are in the files.
UNCHANGED = {"rules": {"runbookUrl": ""}}
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def rules_of(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"]]


def data(made: Manifests) -> dict[str, list[dict[str, Any]]]:
    """Return the rule groups of each file of the ConfigMap."""
    return {name: load_yaml(text)["groups"] for name, text in made.one("ConfigMap", component="rules")["data"].items()}


def expected(file: Path) -> dict[str, list[str]]:
    """Return the labels of expected samples in a test file, by series name."""
    found: dict[str, list[str]] = {}
    for test in load_yaml(file.read_text(encoding="utf-8"))["tests"]:
        for case in test["promql_expr_test"]:
            for sample in case["exp_samples"]:
                name, _, labels = sample["labels"].rstrip("}").partition("{")
                if name == "ALERTS":
                    name = dict(pair.split("=") for pair in labels.split(","))["alertname"].strip('"')
                found.setdefault(name, []).append(labels)
    return found


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.mark.slow
def test_rules_fire_when_they_should(promtool: Path) -> None:
    """promtool evaluates the rules on test series, with exactly the expected alerts."""
    done = run(promtool, "test", "rules", *sorted(CASES.glob("*.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == len(FILES)


@each_file
def test_every_rule_is_tested(file: Path) -> None:
    """Each alert fires in a test of its file with its severity, and each recorded series has an expected value."""
    found = expected(CASES / file.name)
    for rule in rules_of(load_yaml(file.read_text(encoding="utf-8"))["groups"]):
        name = rule.get("alert") or rule["record"]
        assert name in found, f"no test in rules/{file.name} expects {name}"
        if "alert" in rule:
            assert all(f'severity="{rule["labels"]["severity"]}"' in labels for labels in found[name]), name
    assert load_yaml((CASES / file.name).read_text(encoding="utf-8"))["rule_files"] == [
        f"../../../../charts/observability-stack/files/rules/{file.name}"
    ]


@each_file
def test_alerts_explain_themselves(file: Path) -> None:
    """Each alert has severity, summary and description, which use only labels of the alert."""
    found = expected(CASES / file.name)
    for rule in rules_of(load_yaml(file.read_text(encoding="utf-8"))["groups"]):
        if "alert" not in rule:
            continue
        assert rule["labels"].keys() == {"severity"}, rule
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}, rule
        assert rule["annotations"].keys() == {"summary", "description"}, rule
        text = " ".join(rule["annotations"].values())
        used = {word.split()[0].strip("}/.,:;)") for word in text.split("$labels.")[1:]}
        for name in used:
            assert any(f"{name}=" in labels for labels in found[rule["alert"]]), f"{rule['alert']} has no label {name}"


def test_no_alert_lacks_a_runbook_a_unit_test_or_a_panel() -> None:
    """Each alert has a section in a runbook, a test in which it fires, and a panel with one of its metrics."""
    rules = [(file, rule) for file in FILES for rule in rules_of(load_yaml(file.read_text(encoding="utf-8"))["groups"])]
    recorded = {rule["record"]: rule["expr"] for _, rule in rules if "record" in rule}

    def metrics(expr: str) -> set[str]:
        found = {read.metric for read in reads(expr, allow_list.JOBS)}
        return found.union(*(metrics(recorded[name]) for name in found & recorded.keys()))

    shown = {metric for one in panel_queries() if one.source == "prometheus" for metric in metrics(one.expr)}
    without: dict[str, set[str]] = {"runbook": set(), "unit test": set(), "panel": set()}
    for file, rule in rules:
        if "alert" not in rule:
            continue
        runbook = CHART.parents[1] / "docs" / "runbooks" / f"{file.stem}.md"
        lacks = {
            "runbook": f"\n## {rule['alert']}\n" not in runbook.read_text(encoding="utf-8"),
            "unit test": rule["alert"] not in expected(CASES / file.name),
            "panel": not metrics(rule["expr"]) & shown,
        }
        for what in (name for name, missing in lacks.items() if missing):
            without[what].add(rule["alert"])
    assert without == {"runbook": set(), "unit test": set(), "panel": set()}


def test_document_lists_every_alert() -> None:
    """docs/rules.md lists exactly the alerts, with severity and `for`."""
    shown = (CHART.parents[1] / "docs" / "rules.md").read_text(encoding="utf-8")
    listed = [
        row.strip("| ").split(" | ") for row in shown.splitlines() if row.startswith("| ") and row.count("|") == 4
    ]
    rules = rules_of([group for file in FILES for group in load_yaml(file.read_text(encoding="utf-8"))["groups"]])
    alerts = [
        [rule["alert"], rule["labels"]["severity"], rule.get("for", "at once")] for rule in rules if "alert" in rule
    ]
    assert sorted(row for row in listed if row[1] in {"critical", "warning", "info"}) == sorted(alerts)


def test_names_are_unique() -> None:
    """Names of groups and rules are unique across files, because AMP receives them in one file."""
    groups = [group for file in FILES for group in load_yaml(file.read_text(encoding="utf-8"))["groups"]]
    for names in ([group["name"] for group in groups], [r.get("alert") or r["record"] for r in rules_of(groups)]):
        assert sorted(names) == sorted(set(names))


SHARDS = (
    ("server", {"server": {"shards": 2}}),
    ("one", {}),
    ("agent", {"server": {**AGENT["server"], "shards": 2}}),
    ("without rules", {"server": {"shards": 2}, "rules": {"enabled": False}}),
)


def test_server_evaluates_rules(helm: Helm) -> None:
    """A server mounts each rule file unchanged, and a change of the rules does not replace its pods."""
    made = helm.render(CHART, values={**WITH_ALERTMANAGER, **UNCHANGED})
    assert data(made) == {file.name: load_yaml(file.read_text(encoding="utf-8"))["groups"] for file in FILES}
    pod = made.one("StatefulSet", component="server")["spec"]["template"]
    [mount] = [mount for mount in pod["spec"]["containers"][0]["volumeMounts"] if mount["name"] == "rules"]
    [volume] = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "rules"]
    assert volume["configMap"]["name"] == made.one("ConfigMap", component="rules")["metadata"]["name"]
    config = load_yaml(made.texts(component="server")["prometheus-0-0.yaml"])
    assert config["rule_files"] == [f"{mount['mountPath']}/*.yaml"]
    changed = {**WITH_ALERTMANAGER, "rules": {"disabledAlerts": ["NodeNotReady"]}}
    other = helm.render(CHART, values=changed).one("StatefulSet", component="server")
    assert pod == other["spec"]["template"]


def test_agent_leaves_rules_to_amp(helm: Helm) -> None:
    """An agent evaluates no rules; one file contains all rules, and the notes show how to upload it."""
    made = helm.render(CHART, values={**AGENT, **UNCHANGED})
    assert data(made) == {
        "amp-rules.yaml": [
            group
            for file in FILES
            if file.stem != "alertmanager"
            for group in load_yaml(file.read_text(encoding="utf-8"))["groups"]
        ]
    }
    assert "rule_files" not in load_yaml(made.texts(component="server")["prometheus-0-0.yaml"])
    assert "prometheus-rules" not in str(made.one("StatefulSet"))
    notes = helm.notes(CHART, values=AGENT, release="x")
    arguments = "--region us-east-1 --workspace-id ws-1234-abcd --name x"
    assert f"aws amp create-rule-groups-namespace {arguments} --data fileb://amp-rules.yaml" in notes
    assert f"aws amp delete-rule-groups-namespace {arguments}" in notes
    assert "amp " not in helm.notes(CHART)


@pytest.mark.slow
@pytest.mark.parametrize("values", [{}, AGENT], ids=["server", "amp"])
def test_rendered_rules_are_valid(helm: Helm, promtool: Path, tmp_path: Path, values: dict[str, Any]) -> None:
    """promtool accepts the rendered rules, with additional groups and labels."""
    own = {"name": "mine", "interval": "30s", "rules": [{"alert": "Mine", "expr": "up == 0", "for": "1m"}]}
    made = helm.render(CHART, values={**values, "rules": {"groups": [own], "labels": {"team": "a"}}})
    for name, text in made.one("ConfigMap", component="rules")["data"].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *sorted(tmp_path.iterdir()))
    assert done.returncode == 0, done.stdout + done.stderr


def test_values_select_rules(helm: Helm) -> None:
    """Files, alerts and all rules can be disabled; labels and additional groups are rendered."""
    alerts = [{"alert": "A", "expr": "up"}, {"alert": "B", "expr": "up", "labels": {"team": "c", "severity": "info"}}]
    record = {"record": "a:b", "expr": "sum(up)"}
    own = {"name": "mine", "labels": {"tier": "web"}, "rules": [record, *alerts]}
    chosen = {
        "files": {"nodes": False, "logs": False},
        "disabledAlerts": ["VolumeFailed"],
        "labels": {"team": "a"},
        "groups": [own],
    }
    made = data(helm.render(CHART, values={"rules": chosen}))
    left_out = {"nodes.yaml", "logs.yaml", "alertmanager.yaml"}
    assert made.keys() == {file.name for file in FILES} - left_out | {"own.yaml"}
    [group] = made.pop("own.yaml")
    assert group["rules"] == [
        record,
        {**alerts[0], "labels": {"team": "a", "tier": "web"}},
        {**alerts[1], "labels": {"team": "c", "tier": "web", "severity": "info"}},
    ]
    rules = rules_of([group for groups in made.values() for group in groups])
    found = {rule["alert"]: rule["labels"] for rule in rules if "alert" in rule}
    assert "VolumeFailed" not in found and found["VolumeClaimUnbound"] == {"severity": "warning", "team": "a"}
    assert all("team" not in rule.get("labels", {}) for rule in rules if "record" in rule)
    off = helm.render(CHART, values={"rules": {"enabled": False}})
    assert not off.select("ConfigMap", component="rules")
    assert "rule" not in off.texts(component="server")["prometheus-0-0.yaml"]


def test_rules_for_alertmanager_require_it(helm: Helm) -> None:
    """Rules for Alertmanager are omitted without an Alertmanager of this chart."""
    for values, there in (({}, False), (WITH_ALERTMANAGER, True), ({**AGENT, **WITH_ALERTMANAGER}, False)):
        made = data(helm.render(CHART, values=values))
        names = {group["name"] for groups in made.values() for group in groups}
        assert ("alertmanager" in names) == there


def test_metrics_of_rules_are_scraped(helm: Helm) -> None:
    """Every job of the allow-list exists, and kube-state-metrics exports the metrics that the list expects of it."""
    wanted = load_yaml((CHART / "files" / "allow-list.yaml").read_text(encoding="utf-8"))
    everything = {
        **WITH_ALERTMANAGER,
        "pushgateway": {"enabled": True},
        "blackboxExporter": {"enabled": True},
        "windowsExporter": {"enabled": True},
        "scrape": {"jobs": {"controlPlane": True}},
    }
    made = helm.render(CHART, values=everything)
    config = load_yaml(made.texts(component="server")["prometheus-0-0.yaml"])
    assert set(allow_list.JOBS) == {job["job_name"] for job in config["scrape_configs"]} >= wanted.keys()
    [container] = made.one("Deployment", component="kube-state-metrics")["spec"]["template"]["spec"]["containers"]
    [kinds] = [arg.partition("=")[2].split(",") for arg in container["args"] if arg.startswith("--resources=")]
    for name in wanted["kube-state-metrics"]:
        if name.startswith("kube_") and not name.startswith("kube_state_metrics_"):
            assert any(name.startswith(f"kube_{kind.removesuffix('s')}") for kind in kinds), name
    ports = {port["name"] for port in container["ports"]}
    [job] = [job for job in config["scrape_configs"] if job["job_name"] == "kube-state-metrics"]
    [kept] = [step["regex"].split("|") for step in job["relabel_configs"] if step.get("action") == "keep"]
    assert set(kept) == ports, "its figures of itself are on a port of their own"


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"disabledAlerts": ["NodeNotRedy"]}, "`rules.disabledAlerts` has NodeNotRedy, but the chart has no alert"),
        (
            {"disabledAlerts": ["node:memory_used:ratio"]},
            "no alert of that name. Its alerts are:\n  AlertmanagerConfigRefused",
        ),
        (
            {"groups": [{"name": "nodes", "rules": [{"alert": "A", "expr": "up == 0"}]}]},
            "rules:\n  groups:\n  - name: my-nodes",
        ),
        ({"groups": [{"name": "g", "rules": [{"alert": "A", "expression": "up == 0"}]}]}, "expression"),
        (
            {"groups": [{"name": "g", "rules": [{"alert": "A", "record": "a", "expr": "up"}]}]},
            "either `alert`",
        ),
        ({"groups": [{"name": "g", "rules": [{"expr": "up"}]}]}, "missing property 'alert'"),
    ],
    ids=["misspelt alert", "recording rule", "group of the chart", "misspelt key", "alert and record", "neither"],
)
def test_invalid_values_are_rejected(helm: Helm, rules: dict[str, Any], says: str) -> None:
    """An unknown name in `disabledAlerts` and an invalid group are rejected."""
    rejected = helm.template(CHART, values={"rules": rules})
    assert rejected.exit_code != 0 and says in rejected.stderr


def test_notes_name_the_limit_of_shards(helm: Helm) -> None:
    """The notes say that a shard of a server sees only its own targets; one pod, or an agent, sees no such note."""
    found = {
        name: "each shard evaluates them" in helm.notes(CHART, values=values, release="x") for name, values in SHARDS
    }
    assert found == {"server": True, "one": False, "agent": False, "without rules": False}
