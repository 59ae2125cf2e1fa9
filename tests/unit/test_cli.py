"""The command line: what it teaches, and that bad input is one sentence with exit status 2."""

import subprocess
import sys

import pytest


def harness(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness", *arguments]
    path = ":".join(["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
    return subprocess.run(
        command, env={"PATH": path, "PYTHONPATH": "tests", **environment}, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("arguments", "teaches"),
    [
        ([], "python -m harness cluster up"),
        (["demo"], "--requests"),
        (["cluster"], "inspect, or remove a cluster"),
        (["tools"], "--build"),
    ],
    ids=["harness", "demo", "cluster", "tools"],
)
def test_help_teaches(arguments: list[str], teaches: str) -> None:
    """Every command explains itself, with examples at the top."""
    shown = harness(*arguments, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert teaches in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param([], "List or build the programs that the harness uses", id="no command"),
        pytest.param(["clutser", "up"], "No such command 'clutser'. Did you mean 'cluster'?", id="misspelt command"),
        pytest.param(["cluster", "up", "--type", "minikube"], "'minikube' is not one of", id="unknown cluster type"),
        pytest.param(["demo", "--requests", "0"], "0 is not in the range x>=1", id="no requests"),
        pytest.param(["demo", "--requests", "many"], "'many' is not a valid integer range", id="not a number"),
        pytest.param(["cluster", "up", "--type", "existing"], "set KUBECONFIG=<file>", id="existing but not which"),
        pytest.param(
            ["cluster", "up", "--type", "existing", "--kube-config", "/nowhere"],
            "kubeconfig /nowhere",
            id="kubeconfig that is not there",
        ),
        pytest.param(
            ["cluster", "kubeconfig", "--name", "absent"], "cluster absent is not up; create it with", id="not up"
        ),
        pytest.param(["cluster", "up", "--name", "../x"], "use lowercase letters, digits and '-'", id="bad name"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], says: str) -> None:
    """Bad input ends with status 2 and says what is wrong; no traceback, nothing on standard output."""
    done = harness(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_cluster_variable_chooses_the_provider() -> None:
    """CLUSTER and KUBECONFIG choose a cluster as the options do; KUBECONFIG alone is never used."""
    told = harness("cluster", "up", CLUSTER="existing", KUBECONFIG="/nowhere")
    assert "kubeconfig /nowhere" in told.stderr
    not_told = harness("cluster", "status", "--type", "local", "--name", "absent", KUBECONFIG="/nowhere")
    assert not_told.stdout == "cluster absent (local) is not up\n"


def test_tools_are_listed_with_version_and_place() -> None:
    """Every pinned program has a line with its version."""
    listed = harness("tools")
    assert listed.returncode == 0
    first = {line.split()[0]: line.split()[1] for line in listed.stdout.splitlines()}
    assert first["helm"].startswith("v4.")
    assert {"helm3", "kubelet", "etcd", "containerd", "runc", "coredns", "kwok"} <= set(first)


def test_reader_that_has_seen_enough_is_no_error() -> None:
    """Piping into `head` ends quietly."""
    shown = subprocess.run(
        [f"{sys.executable} -m harness tools | head -1"],
        shell=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "tests"},
        capture_output=True,
        text=True,
    )
    assert (shown.stdout.split()[0], shown.stderr) == ("helm", "")
