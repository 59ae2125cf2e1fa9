"""log-sidecar on a real cluster: defaults, examples, values files, upgrades and removal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.stage import CHART, Stage

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(4)]


def test_default_install_streams_the_demo(stage: Stage, eventually: Callable[..., None]) -> None:
    """With defaults, the demo answers; its start-up lines are on its stdout, its request lines on the sidecar's."""
    stage.install("x")
    [service] = stage.get("services")
    [pod] = stage.get("pods")
    name, service_name = pod["metadata"]["name"], service["metadata"]["name"]
    proxy = f"/api/v1/namespaces/{stage.namespace}/services/{service_name}:http/proxy"
    assert stage.kubectl("get", "--raw", f"{proxy}/healthz").strip()
    answered = [line for _ in range(5) for line in stage.kubectl("get", "--raw", f"{proxy}/log").splitlines()]
    assert len(answered) == len(set(answered)) == 50
    eventually(lambda: set(answered) <= set(stage.kubectl("logs", name, "-c", "sidecar").splitlines()))
    delivered = stage.kubectl("logs", name, "-c", "sidecar").splitlines()
    assert sorted(line for line in delivered if line in set(answered)) == sorted(answered)
    started = stage.kubectl("logs", name, "-c", "app")
    assert "5000" in started
    assert not set(answered) & set(started.splitlines())


def test_chart_test_passes(stage: Stage) -> None:
    """`helm test` of the default install passes."""
    stage.install("x")
    stage.helm.test("x", namespace=stage.namespace, kubeconfig=stage.cluster.kubeconfig)


def test_sidecar_cannot_write_the_logs(stage: Stage) -> None:
    """The sidecar has read-only access to the application's files, and no root, token or capabilities."""
    stage.install("x", {"sidecar": {"engine": "tail"}})
    [pod] = stage.get("pods")
    inside = ["exec", pod["metadata"]["name"], "-c", "sidecar", "--", "sh", "-c"]
    script = (
        "for p in /var/log/app /etc; do touch $p/x 2>&1; done; "
        "id -u; grep CapEff /proc/1/status; ls /var/run/secrets 2>&1; true"
    )
    tried = stage.kubectl(*inside, script)
    assert tried.count("Read-only file system") == 2
    assert "\n0\n" not in tried
    assert "CapEff:\t0000000000000000" in tried
    assert "No such file" in tried.splitlines()[-1]


def test_counter_example_has_a_sidecar_for_each_file(stage: Stage, eventually: Callable[..., None]) -> None:
    """`kubectl logs counter -c count-log-1` and `-c count-log-2` print one file each, in its format."""
    stage.install("counter", files=(Path("values/examples/counter.yaml"),))
    first = lambda: stage.kubectl("logs", "counter", "-c", "count-log-1").splitlines()  # noqa: E731
    second = lambda: stage.kubectl("logs", "counter", "-c", "count-log-2").splitlines()  # noqa: E731
    eventually(lambda: len(first()) > 3 and len(second()) > 3)
    assert [line.split(":")[0] for line in first()[:3]] == ["0", "1", "2"]
    assert all("INFO" in line for line in second())
    assert not set(first()) & set(second())


@pytest.mark.parametrize("file", sorted((CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem)
def test_every_feature_set_installs(stage: Stage, file: Path) -> None:
    """Each values file of `ci/` installs, becomes ready and uninstalls completely."""
    before = stage.kubectl("get", "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims", "-o", "name").split()
    stage.install("ci", files=(file,))
    stage.uninstall("ci")
    stage.kubectl("wait", "--for=delete", "pods", "--all", "--timeout=60s")
    after = stage.kubectl("get", "all,configmaps,secrets,serviceaccounts,persistentvolumeclaims", "-o", "name").split()
    assert set(after) - set(before) <= {name for name in after if name.startswith("persistentvolumeclaim/")}


def test_upgrade_and_rollback_keep_the_lines_coming(stage: Stage) -> None:
    """Across upgrade, rollback and upgrade, the selector stays, and only a changed configuration restarts pods."""
    stage.install("x", {"sidecar": {"engine": "tail"}})
    first = stage.get("deployments")[0]
    stage.install("x", {"sidecar": {"engine": "tail", "fileLabel": True}})
    second = stage.get("deployments")[0]
    stage.helm.rollback("x", namespace=stage.namespace, kubeconfig=stage.cluster.kubeconfig, wait=True)
    third = stage.get("deployments")[0]
    assert first["spec"]["selector"] == second["spec"]["selector"] == third["spec"]["selector"]
    assert first["spec"]["template"] == third["spec"]["template"] != second["spec"]["template"]
