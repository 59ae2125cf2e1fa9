"""The documents, and what examples say at their top: links lead somewhere, YAML parses, helm commands render."""

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from harness.backends import iam
from harness.render.helm import Helm, HelmError
from harness.render.manifests import load_yaml

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("charts/*/*.md"))]
EXAMPLES = sorted(ROOT.glob("values/examples/*.yaml"))
FENCE = re.compile(r"^( *)```([\w-]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TAKEN = ("install", "upgrade", "template")
# What a command may say that changes where or how long, but not what is rendered.
SWITCHES = {"--create-namespace", "--install", "--wait", "--atomic", "--debug", "--dry-run=client"}
IGNORED = {"--timeout", "--kubeconfig", "--kube-context"}
WITH_VALUE = {"-f": "files", "--values": "files", "--set": "sets", "--set-string": "sets", "--set-json": "sets"}
IDENTITIES = {
    ("default", "log-sidecar"),
    ("default", "xray-daemon"),
    ("amazon-cloudwatch", "cloudwatch-agent"),
    ("amazon-cloudwatch", "fluent-bit"),
    ("amazon-cloudwatch", "fluent-bit-windows"),
    ("amazon-cloudwatch", "insights-observability-stack-events"),
    ("prometheus", "amp-iamproxy-ingest-service-account"),
}


@dataclass
class Command:
    """One ``helm`` command of a document."""

    release: str = ""
    chart: str = ""
    namespace: str = "default"
    files: list[str] = field(default_factory=list)
    sets: list[str] = field(default_factory=list)


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of each fenced block."""
    for indent, language, text in FENCE.findall(document.read_text(encoding="utf-8")):
        yield language, re.sub(f"^{indent}", "", text, flags=re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    heads = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", head) for head in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(document: Path) -> list[str]:
    """Return the links to a file or heading that is not there."""
    dead = []
    for target in LINK.findall(FENCE.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    return dead


def told(document: Path) -> str:
    """Return what a reader is told to run: by the fenced blocks of a page, or the comment that begins an example."""
    if document.suffix == ".md":
        return "\n".join(text for _, text in blocks(document))
    comment = itertools.takewhile(lambda line: line.startswith("#"), document.read_text(encoding="utf-8").splitlines())
    return "\n".join(line.lstrip("# ") for line in comment)


def helm_lines(document: Path) -> list[str]:
    """Return the lines that make helm render a chart."""
    text = told(document).replace("\\\n", " ")
    start = re.compile(rf"(?:^|[;&|$(] *)(helm (?:{'|'.join(TAKEN)}) [^;&|#\n]*)", re.MULTILINE)
    return [" ".join(line.split()) for line in start.findall(text)]


def understood(line: str) -> Command:
    """Return what a command says; fail on an option that this test does not know, so that none is skipped."""
    command = Command()
    words = iter(shlex.split(line)[2:])
    for word in words:
        option, joined, value = word.partition("=")
        if option in WITH_VALUE:
            getattr(command, WITH_VALUE[option]).append(value if joined else next(words))
            if WITH_VALUE[option] == "sets":
                command.sets.insert(-1, option)
        elif option in ("-n", "--namespace"):
            command.namespace = value if joined else next(words)
        elif option in IGNORED:
            value or next(words)
        elif word.startswith("-"):
            assert word in SWITCHES, f"{word} is not known to this test: {line}"
        elif not command.release:
            command.release = word
        else:
            assert not command.chart, f"{word} is one word too many: {line}"
            command.chart = word
    return command


COMMANDS = [(document, line) for document in [*DOCUMENTS, *EXAMPLES] for line in helm_lines(document)]


def test_the_documents_are_found() -> None:
    """The tests below look at documents, links, YAML and commands that are really there."""
    assert {"README.md", "docs/README.md", "charts/log-sidecar/README.md"} <= {name_of(each) for each in DOCUMENTS}
    assert sum(len(LINK.findall(each.read_text(encoding="utf-8"))) for each in DOCUMENTS) > 20
    assert len(COMMANDS) > 5


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    """Each relative link of a document names a file of the repository, and a heading of it where it has an anchor."""
    assert dead_links(document) == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    """A missing file, a missing heading and a missing heading of the same document are named; the rest is not."""
    page = tmp_path / "page.md"
    page.write_text("# A `b` c!\n[x](page.md#a-b-c) [x](gone.md) [x](page.md#gone) [x](#gone) [x](https://gone)\n")
    assert dead_links(page) == ["gone.md", "page.md#gone", "#gone"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_yaml_blocks_parse(document: Path) -> None:
    """Each block that says it is YAML is YAML."""
    for language, text in blocks(document):
        if language in ("yaml", "yml"):
            assert list(yaml.safe_load_all(text))


@pytest.mark.parametrize("document", EXAMPLES, ids=name_of)
def test_what_examples_tell_to_run_is_there(document: Path) -> None:
    """Each chart, folder and file that the comment at the top of an example names is in the repository, itself too."""
    named = re.findall(r"(?:charts|values|docs)/[\w./-]+\w", told(document))
    assert name_of(document) in named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("document", "line"), COMMANDS, ids=[f"{name_of(document)}: {line}" for document, line in COMMANDS]
)
def test_helm_commands_render(helm: Helm, document: Path, line: str) -> None:
    """Each helm command of a document names a chart and values files of the repository, and renders."""
    command = understood(line)
    files = [ROOT / file for file in command.files]
    assert [file for file in files if not file.exists()] == []
    assert helm.render(
        ROOT / command.chart,
        release=command.release,
        namespace=command.namespace,
        values=overrides(helm, command),
        value_files=files,
    )


def overrides(helm: Helm, command: Command) -> dict[str, Any]:
    """Return what the ``--set`` options of a command say, as Helm itself reads them."""
    if not command.sets:
        return {}
    echo = ROOT / "tests" / "unit" / "fixtures" / "echo"
    done = subprocess.run(
        [str(helm.binary), "template", "x", str(echo), *command.sets], capture_output=True, text=True, check=True
    )
    values: dict[str, Any] = load_yaml(done.stdout)
    return values


def test_a_command_that_does_not_render_is_noticed(helm: Helm) -> None:
    """Values that the chart refuses, a file that is not there and an unknown option do not pass."""
    refused = "helm install x charts/log-sidecar --set app.demo.enabld=true"
    with pytest.raises(HelmError, match="enabld"):
        test_helm_commands_render(helm, ROOT, refused)
    with pytest.raises(AssertionError, match=r"gone\.yaml"):
        test_helm_commands_render(helm, ROOT, "helm install x charts/log-sidecar -f values/gone.yaml")
    with pytest.raises(AssertionError, match="--post-renderer is not known"):
        understood("helm install x charts/log-sidecar --post-renderer y")


def test_each_service_account_has_an_identity() -> None:
    """The eksctl file prepares a role for each chart's service account, once, and what these roles need."""
    cluster = load_yaml((ROOT / "docs/eks/cluster.yaml").read_text(encoding="utf-8"))
    assert (cluster["apiVersion"], cluster["kind"]) == ("eksctl.io/v1alpha5", "ClusterConfig")
    assert cluster["iam"]["withOIDC"] is True
    assert "eks-pod-identity-agent" in {addon["name"] for addon in cluster["addons"]}
    associations = cluster["iam"]["podIdentityAssociations"]
    accounts = [each["metadata"] for each in cluster["iam"]["serviceAccounts"]]
    named = [(each["namespace"], each["serviceAccountName"]) for each in associations]
    named += [(each["namespace"], each["name"]) for each in accounts]
    assert sorted(named) == sorted(IDENTITIES)


def test_the_cluster_enforces_network_policies() -> None:
    """What the charts close is closed on the cluster of the eksctl file: the VPC CNI takes a text, not a boolean."""
    cluster = load_yaml((ROOT / "docs/eks/cluster.yaml").read_text(encoding="utf-8"))
    [values] = [addon["configurationValues"] for addon in cluster["addons"] if addon["name"] == "vpc-cni"]
    assert json.loads(values) == {"enableNetworkPolicy": "true"}


def test_identities_may_do_little() -> None:
    """No role of the eksctl file is allowed a whole service, and none all resources where its actions know some."""
    identities = load_yaml((ROOT / "docs/eks/cluster.yaml").read_text(encoding="utf-8"))["iam"]
    policies = [each["permissionPolicy"] for each in identities["podIdentityAssociations"]]
    policies += [each["attachPolicy"] for each in identities["serviceAccounts"]]
    allowed = [each for policy in policies for each in policy["Statement"] if each["Effect"] == "Allow"]
    assert not [action for each in allowed for action in each["Action"] if "*" in action]
    everywhere = {action.split(":")[0] for each in allowed if each["Resource"] == "*" for action in each["Action"]}
    assert everywhere == {"ec2", "xray"}


@pytest.mark.slow
def test_identities_are_what_aws_takes() -> None:
    """Each policy of the eksctl file has actions that exist and resources that fit them."""
    identities = load_yaml((ROOT / "docs/eks/cluster.yaml").read_text(encoding="utf-8"))["iam"]
    policies = [each["permissionPolicy"] for each in identities["podIdentityAssociations"]]
    policies += [each["attachPolicy"] for each in identities["serviceAccounts"]]
    assert [fault for policy in policies for fault in iam.faults(policy)] == []
