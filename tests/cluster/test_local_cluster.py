"""The cluster without Docker: its features, and that it leaves nothing behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest

from cluster.leftovers import left_behind, processes, traces
from cluster.stage import own_name
from harness import tools
from harness.backends.ports import family, in_url
from harness.clusters import LocalCluster
from harness.clusters.local import layout
from harness.clusters.local.config import Options
from harness.clusters.local.process import pid_of
from harness.errors import HarnessError

PYTHON = "public.ecr.aws/docker/library/python:3.11-slim-bookworm"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.minutes(3),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a local cluster needs Linux and root"),
]


def kubectl(cluster: LocalCluster, *arguments: str, stdin: str = "") -> str:
    command = [str(tools.path("kubectl")), "--kubeconfig", str(cluster.kubeconfig), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def serve(cluster: LocalCluster, name: str, node: str = "") -> str:
    """Run a web server on a node, behind a Service with its name; return the address of its pod."""
    cluster.load_images([PYTHON])
    where = json.dumps({"spec": {"nodeName": node or cluster.name}})
    server = ("--command", "--", "python3", "-m", "http.server", "--bind", "::", "8000")
    kubectl(cluster, "run", name, f"--image={PYTHON}", f"--overrides={where}", *server)
    # /etc/hosts resolves the pod's own name, so the Service has a different one.
    kubectl(cluster, "expose", "pod", name, f"--name={name}-service", "--port=80", "--target-port=8000")
    kubectl(cluster, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    retry_until_listening(cluster, name)
    return kubectl(cluster, "get", "pod", name, "-o", "jsonpath={.status.podIP}")


def retry_until_listening(cluster: LocalCluster, pod: str) -> None:
    deadline = time.monotonic() + 20
    while fetch(cluster, pod, "http://127.0.0.1:8000") != "200":
        assert time.monotonic() < deadline, f"{pod} does not listen"


def fetch(cluster: LocalCluster, pod: str, url: str) -> str:
    """Request a URL from inside a pod and return the result."""
    script = (
        "import sys, urllib.request as r\n"
        "try: print(r.urlopen(sys.argv[1], timeout=3).status)\n"
        "except OSError as error: print('unreachable')"
    )
    return kubectl(cluster, "exec", pod, "--", "python3", "-c", script, url).strip()


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    made = LocalCluster(own_name("a"))
    with made:
        yield made


def test_pods_resolve_services_by_name(cluster: LocalCluster) -> None:
    """A pod reaches another pod, and itself, through a Service name."""
    serve(cluster, "web")
    # The DNS server needs a moment for a new Service, and may have cached a negative answer.
    deadline = time.monotonic() + 20
    while fetch(cluster, "web", "http://web-service") != "200":
        assert time.monotonic() < deadline
    assert fetch(cluster, "web", "http://web-service.default.svc.cluster.local") == "200"
    assert fetch(cluster, "web", "http://nobody.default.svc.cluster.local") == "unreachable"


def test_cluster_leaves_nothing_behind() -> None:
    """`down` removes every trace of the cluster, even with running pods and a network namespace that is in use."""
    name = own_name("remains")
    before = traces(name)
    with contextlib.ExitStack() as held:
        with LocalCluster(name) as cluster:
            serve(cluster, "web")
            during = traces(name)
            seen = {kind for kind in before if during[kind] - before[kind]}
            assert seen >= {"processes", "interfaces", "control groups", "clusters"}
            assert [process for process in during["processes"] if "containerd-shim" in process]
            plan = layout.find(name)
            assert plan is not None
            # As a connection does whose last bytes nobody acknowledges.
            held.enter_context(open(f"/proc/{pid_of(plan.first)}/ns/net", encoding="utf-8"))
        assert left_behind(name, before) == {}


def test_clusters_side_by_side_do_not_meet(cluster: LocalCluster) -> None:
    """Two clusters run in parallel; a pod of one reaches neither pods nor the API server of the other."""
    with LocalCluster(own_name("b")) as other:
        address, other_address = serve(cluster, "web"), serve(other, "web")
        assert fetch(cluster, "web", f"http://{address}:8000") == "200"
        assert fetch(other, "web", f"http://{other_address}:8000") == "200"
        assert fetch(cluster, "web", f"http://{other_address}:8000") == "unreachable"
        assert fetch(other, "web", f"http://{address}:8000") == "unreachable"
        plan = layout.find(other.name)
        assert plan is not None
        assert fetch(cluster, "web", f"http://{plan.first.ip}:6443") == "unreachable"


class Host(ThreadingHTTPServer):
    """A web server of this machine."""

    def __init__(self, address: str) -> None:
        self.address_family = family(address)
        super().__init__((address, 0), SimpleHTTPRequestHandler)


@pytest.mark.parametrize("ip_family", layout.IP_FAMILIES)
def test_nodes_are_one_cluster(ip_family: str) -> None:
    """Pods of two nodes reach each other, DNS and the host; logs, exec and kills work on both; nothing remains."""
    name = own_name("nodes")
    before = traces(name)
    with LocalCluster(name, Options(workers=1, ip_family=ip_family)) as cluster:
        plan = layout.find(name)
        assert plan is not None
        nodes = dict(zip(("near", "far"), plan.nodes, strict=True))
        ready = kubectl(cluster, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=1s", "-o", "name")
        assert sorted(ready.split()) == [f"node/{name}", f"node/{name}-worker1"]
        addresses = {pod: serve(cluster, pod, node.name) for pod, node in nodes.items()}
        with Host(str(cluster.host_address())) as host:
            threading.Thread(target=host.serve_forever).start()
            try:
                for here, there in (("near", "far"), ("far", "near")):
                    assert fetch(cluster, here, f"http://{in_url(addresses[there])}:8000") == "200"
                    address = in_url(str(host.server_address[0]))
                    assert fetch(cluster, here, f"http://{address}:{host.server_port}") == "200"
                    deadline = time.monotonic() + 20
                    while fetch(cluster, here, f"http://{there}-service.default.svc.cluster.local") != "200":
                        assert time.monotonic() < deadline, f"{here} does not find the Service of {there}"
            finally:
                host.shutdown()
        for pod, node in nodes.items():
            assert f"{addresses['far' if pod == 'near' else 'near']} - -" in kubectl(cluster, "logs", pod)
            interface = cluster.exec(["ip", "-json", "address", "show", "eth0"], node=node.name).stdout
            assert {entry["local"] for entry in json.loads(interface)[0]["addr_info"]} >= set(map(str, node.ips))
            status = json.loads(kubectl(cluster, "get", "pod", pod, "-o", "json"))["status"]
            versions = [ip_address(entry["ip"]).version for entry in status["podIPs"]]
            assert versions == list(layout.IP_FAMILIES[ip_family])
            cluster.kill_container(status["containerStatuses"][0]["containerID"])
            kubectl(cluster, "wait", f"pod/{pod}", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1")
        with pytest.raises(HarnessError, match=rf"(?s)unknown cannot be killed: {name}: .*; {name}-worker1: "):
            cluster.kill_container("containerd://unknown")
    assert left_behind(name, before) == {}


def test_failure_names_the_component_and_keeps_its_logs() -> None:
    """A kubelet that rejects its configuration is named with its last log lines, and nothing is left behind."""
    name = own_name("failing")
    before = traces(name)
    with pytest.raises(
        HarnessError, match=rf"(?s)kubelet on {name}\S*:.*failed to parse container log max size.*its logs are kept in"
    ) as failure:
        LocalCluster(name, Options(workers=1, container_log_max_size="enormous")).up()
    kept = Path(str(failure.value).rpartition(" ")[2])
    assert kept.joinpath("etcd.log").stat().st_size > 0
    assert kept.joinpath(f"{name}-worker1", "containerd.log").stat().st_size > 0
    assert left_behind(name, before) == {}


def heed_interrupts() -> None:
    """Reset SIGINT, which background jobs of a shell and their children ignore."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_cluster_ends_with_the_process_that_made_it(how: signal.Signals) -> None:
    """A killed or interrupted run ends its nodes, and the next `up` succeeds."""
    name = own_name("owned")
    program = (
        "from harness.clusters import LocalCluster; import time\n"
        "from harness.clusters.local.config import Options\n"
        f"with LocalCluster('{name}', Options(workers=1)): print('up', flush=True); time.sleep(99)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=heed_interrupts,
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    owner.send_signal(how)
    owner.communicate(timeout=10)
    cluster = LocalCluster(name)
    deadline = time.monotonic() + 5
    while [*processes(name)] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [*processes(name)] == []
    assert not cluster.is_up()
    with cluster:
        assert name in kubectl(cluster, "get", "nodes", "-o", "name")
    assert layout.find(name) is None


def test_simulated_nodes_become_ready_and_take_pods(cluster: LocalCluster) -> None:
    """Fifty simulated Windows nodes become Ready, and a DaemonSet for Windows runs on exactly these."""
    cluster.add_fake_nodes(50, {"kubernetes.io/os": "windows"})
    kubectl(cluster, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    daemonset = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
                    "containers": [{"name": "agent", "image": "example.invalid/agent:1"}],
                },
            },
        },
    }
    kubectl(cluster, "apply", "-f", "-", stdin=json.dumps(daemonset))
    kubectl(cluster, "wait", "--for=jsonpath={.status.numberReady}=50", "daemonset/agent", "--timeout=60s")
    where = kubectl(cluster, "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}").split()
    assert sorted(where) == [f"fake-{number:05d}" for number in range(50)]
