"""Values files of the repository, the README, and the demo application as a process."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import tools
from harness.backends.ports import free_port
from harness.generate import readme as docs
from harness.render.manifests import Manifests, Object, load_yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "log-sidecar"
CI = sorted(CHART.glob("ci/*-values.yaml"))
ENVIRONMENTS = [ROOT / "values" / stage / "log-sidecar.yaml" for stage in ("dev", "staging", "prod")]
PLAIN_IMAGES = {
    "public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.17",
    "public.ecr.aws/docker/library/busybox:1.36",
    "public.ecr.aws/docker/library/debian:bookworm-slim",
    "public.ecr.aws/docker/library/python:3.11-slim-bookworm",
}
Install = Callable[..., Manifests]


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_ci_values_install_on_a_plain_cluster(install: Install, file: Path) -> None:
    """Each file requires only public images, and no storage class, load balancer or existing Secret."""
    made = install(files=[file])
    assert {container["image"] for container in made.containers()} <= PLAIN_IMAGES
    assert not made.select("PersistentVolumeClaim")
    assert "LoadBalancer" not in [service["spec"]["type"] for service in made.select("Service", "x-log-sidecar")]


def test_ci_values_cover_every_choice() -> None:
    """The files in `ci/` cover every kind, both engines, and each form of the sidecar."""
    every = [load_yaml(file.read_text(encoding="utf-8")) or {} for file in CI]
    assert {values.get("app", {}).get("kind", "Deployment") for values in every} == {
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "Job",
        "CronJob",
        "Pod",
    }
    sidecar = [values.get("sidecar", {}) for values in every]
    assert {one.get("engine", "fluent-bit") for one in sidecar} == {"fluent-bit", "tail"}
    for field, other in (("native", False), ("perFile", True), ("fileLabel", True), ("enabled", False)):
        assert other in [one.get(field) for one in sidecar], field


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.parent.name)
def test_environments_change_size_and_not_kind(install: Install, file: Path) -> None:
    """Each environment has the objects of the default installation, except for a budget and the test."""
    plain = install().names()
    made = install(files=[file]).names()
    assert made - plain <= {("PodDisruptionBudget", "x-log-sidecar")}
    assert plain - made <= {("Pod", "x-log-sidecar-test")}


def test_production_is_spread_and_protected(install: Install) -> None:
    """Production has three replicas spread over zones, and a PodDisruptionBudget."""
    made = install(files=[ENVIRONMENTS[-1]])
    spec = made.one("Deployment")["spec"]
    assert spec["replicas"] == 3
    assert [one["topologyKey"] for one in spec["template"]["spec"]["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone"
    ]
    assert made.one("PodDisruptionBudget")


def test_counter_example(install: Install) -> None:
    """The example is a Pod named `counter` with a sidecar for each of its two files, count-log-1 and count-log-2."""
    made = install(files=[ROOT / "values" / "examples" / "counter.yaml"], release="counter")
    assert made.names() == {("Pod", "counter"), ("ServiceAccount", "counter")}
    spec = made.one("Pod")["spec"]
    assert [box["name"] for box in spec["initContainers"]] == ["count-log-1", "count-log-2"]
    assert [box["name"] for box in spec["containers"]] == ["count"]
    for number, box in enumerate(spec["initContainers"], start=1):
        assert f"stream '/var/log/{number}.log'" in box["args"][0]
        assert f"/var/log/{3 - number}.log" not in box["args"][0]
        assert f"/var/log/{number}.log" in spec["containers"][0]["args"][0]


def test_multi_container_example(install: Install) -> None:
    """The example has the image in a private registry, the load balancer and the containers of the article."""
    made = install(files=[ROOT / "values" / "examples" / "aws-multi-container.yaml"], release="python-app")
    assert {name for _, name in made.names()} == {"python-app", "python-app-sidecar"}
    spec: Object = made.one("Deployment")["spec"]["template"]["spec"]
    assert [box["name"] for box in [*spec["initContainers"], *spec["containers"]]] == ["sidecar", "python-app"]
    assert spec["containers"][0]["image"].startswith("111122223333.dkr.ecr.us-east-1.amazonaws.com/")
    service = made.one("Service")["spec"]
    assert service["type"] == "LoadBalancer"
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    assert [port["containerPort"] for port in spec["containers"][0]["ports"]] == [5000]


def test_every_value_is_documented() -> None:
    """Each value has a comment `# -- ...` above it."""
    undocumented, above = [], ""
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        is_value = re.match(r"\s*[a-zA-Z]+:(\s+\S|$)", line)
        is_leaf = is_value and not line.rstrip().endswith(":")
        if is_leaf and not above.lstrip().startswith("#"):
            undocumented.append(line)
        if line.strip():
            above = line
    # Fields of Kubernetes objects in a block that has one comment.
    own = ("cpu", "memory", "allowPrivilegeEscalation", "privileged", "readOnlyRootFilesystem", "runAsNonRoot")
    own += ("fsGroup", "fsGroupChangePolicy", "runAsGroup", "runAsUser", "type", "containerPort", "port", "targetPort")
    own += ("path", "kubernetes.io/os")
    assert [line for line in undocumented if line.strip().partition(":")[0] not in own] == []


def test_readme_is_up_to_date() -> None:
    """The README is current; `make docs` writes it."""
    if tools.find("helm-docs").path is None:
        pytest.skip("needs helm-docs")
    assert [path for path in docs.write(check=True) if path.parent == CHART] == []


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[str]:
    """Run the demo application, and yield its address."""
    port = free_port()
    environment = {"LOG_FILE": str(tmp_path / "app.log"), "LOG_ROTATE_BYTES": "20000", "PORT": str(port)}
    with open(tmp_path / "stdout", "wb") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-B", str(CHART / "files" / "demo" / "app.py")],
            env={**os.environ, **environment},
            stdout=stdout,
        )
    deadline = time.monotonic() + 10
    while "listens on port" not in (tmp_path / "stdout").read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, "the demo did not start"
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - started < 2


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_demo_answers_with_the_lines_that_it_wrote(demo: str, tmp_path: Path) -> None:
    """The lines in a response of `/log` are in the file, numbered, and not on stdout."""
    answered = [line for _ in range(20) for line in get(f"{demo}/log").splitlines()]
    answered += get(f"{demo}/log?lines=200").splitlines()
    written = [line for file in tmp_path.glob("app.log*") for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(answered) == len(set(answered)) == 400
    assert sorted(written) == sorted(answered)
    assert {int(re.search(r"id=(\d+)", line)[1]) for line in written} == set(range(1, 401))  # type: ignore[index]
    assert (tmp_path / "app.log.1").exists()
    assert "id=" not in (tmp_path / "stdout").read_text(encoding="utf-8")


def test_demo_says_that_it_lives_and_refuses_nonsense(demo: str) -> None:
    """`/healthz` returns ok; an invalid count and an unknown path are rejected, and the demo keeps running."""
    for path, status in (("/log?lines=0", 400), ("/log?lines=many", 400), ("/log?lines=1000000000", 400), ("/", 404)):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(demo + path)
        assert caught.value.code == status
        caught.value.close()
    assert get(f"{demo}/healthz") == "ok\n"


def test_demo_passes_its_own_chart_test(demo: str) -> None:
    """The program of `helm test` passes with the demo, and fails with another server."""
    ask = [sys.executable, "-B", str(CHART / "files" / "demo" / "ask.py")]
    assert subprocess.run([*ask, demo], capture_output=True, timeout=30).returncode == 0
    wrong = subprocess.run([*ask, f"{demo}/log?x="], capture_output=True, text=True, timeout=30)
    assert wrong.returncode == 1
    assert "answered" in wrong.stderr


def test_demo_as_a_batch_ends(tmp_path: Path) -> None:
    """As a batch, the demo writes its lines and exits with 0."""
    environment = {**os.environ, "LOG_FILE": str(tmp_path / "app.log"), "LINES": "50"}
    command = [sys.executable, "-B", str(CHART / "files" / "demo" / "app.py"), "batch"]
    assert subprocess.run(command, env=environment, capture_output=True, timeout=30).returncode == 0
    assert len((tmp_path / "app.log").read_text(encoding="utf-8").splitlines()) == 50
