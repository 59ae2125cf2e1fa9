"""Configuration files and command lines of a local cluster's components."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.backends.pki import Authority
from harness.backends.ports import in_url
from harness.clusters.local.layout import API_PORT, Layout, Node

# containerd uses this name; harness.images assembles an image with it.
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.1"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_CONTAINERD = f"unix://{CONTAINERD_SOCKET}"


@dataclass(frozen=True)
class Options:
    """Options that a test can set.

    Attributes:
        workers: number of additional nodes.
        ip_family: ``ipv4``, ``ipv6`` or ``dual``.
        container_log_max_size: the kubelet's ``containerLogMaxSize``, a quantity.
        container_log_max_files: the kubelet's ``containerLogMaxFiles``, at least 2.
    """

    workers: int = 0
    ip_family: str = "ipv4"
    container_log_max_size: str = "10Mi"
    container_log_max_files: int = 5


@dataclass(frozen=True)
class Component:
    """A process of the node.

    Attributes:
        name: name of the process and of its log file.
        command: program and arguments.
        after: URL that must answer before the process starts; empty: start immediately.
    """

    name: str
    command: list[str]
    after: str = ""


def write(layout: Layout, programs: dict[str, Path], options: Options) -> list[list[Component]]:
    """Write every configuration file of the cluster.

    Args:
        layout: names, folders and addresses.
        programs: path of each program.
        options: options of the cluster.

    Returns:
        The processes of each node, in start order.
    """
    _write_certificates(layout)
    _write_dns(layout)
    return [_write_node(node, programs, options) for node in layout.nodes]


def _write_node(node: Node, programs: dict[str, Path], options: Options) -> list[Component]:
    node.path().mkdir(exist_ok=True)
    _write_network(node, programs)
    _write_containerd(node, programs)
    _write_kubelet(node, options)
    layout = node.cluster
    ready = f"{layout.server}/readyz"
    runtime = Component("containerd", [str(programs["containerd"]), "--config", str(node.path("containerd.toml"))])
    agents = [
        Component("kubelet", _kubelet(node, programs), after=ready),
        Component("kube-proxy", _proxy(node, programs), after=ready),
    ]
    if node != layout.first:
        return [runtime, *agents]
    return [
        runtime,
        Component("etcd", _etcd(layout, programs)),
        Component("kube-apiserver", _api_server(layout, programs)),
        Component("kube-controller-manager", _controller_manager(layout, programs), after=ready),
        Component("kube-scheduler", _scheduler(layout, programs), after=ready),
        *agents,
        Component("coredns", [str(programs["coredns"]), "-conf", str(layout.path("Corefile"))], after=ready),
    ]


def _write_certificates(layout: Layout) -> None:
    authority = Authority(layout.path("pki"))
    kubernetes = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    authority.issue(
        "apiserver", "kube-apiserver", hosts=(*kubernetes, "localhost", layout.api_service, *layout.first.ips)
    )
    for node in layout.nodes:
        user = f"system:node:{node.name}"
        authority.issue(_kubelet_file(node), user, group="system:nodes", hosts=(node.name, *node.ips))
    for name, user, group in (
        ("admin", "kubernetes-admin", "system:masters"),
        ("kube-controller-manager", "system:kube-controller-manager", ""),
        ("kube-scheduler", "system:kube-scheduler", ""),
        ("kube-proxy", "system:kube-proxy", ""),
    ):
        authority.issue(name, user, group=group)
    authority.issue("service-accounts", "service-accounts")
    kubelets = [_kubelet_file(node) for node in layout.nodes]
    for user in ("admin", "kube-controller-manager", "kube-scheduler", "kube-proxy", *kubelets):
        _write_kubeconfig(layout, user)


def _kubelet_file(node: Node) -> str:
    return f"kubelet-{node.number}"


def _write_kubeconfig(layout: Layout, user: str) -> None:
    cluster = {"server": layout.server, "certificate-authority": str(layout.path("pki", "ca.crt"))}
    credentials = {
        "client-certificate": str(layout.path("pki", f"{user}.crt")),
        "client-key": str(layout.path("pki", f"{user}.key")),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": layout.name, "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": layout.name, "context": {"cluster": layout.name, "user": user}}],
        "current-context": layout.name,
    }
    _write_yaml(layout.path(f"{user}.kubeconfig"), content)


def _write_network(node: Node, programs: dict[str, Path]) -> None:
    plugins = node.path("cni", "bin")
    plugins.mkdir(parents=True)
    for name in ("bridge", "host-local", "loopback", "portmap"):
        plugins.joinpath(name).symlink_to(programs[name])
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isDefaultGateway": True,
        # Hairpin mode: a pod can reach itself through its own Service.
        "hairpinMode": True,
        # Traffic of a test cluster does not leave the machine.
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(node.path("cni", "leases")),
            "ranges": [[{"subnet": str(network)}] for network in node.pods],
        },
    }
    content = {
        "cniVersion": "1.0.0",
        "name": node.cluster.name,
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }
    node.path("cni", "conf").mkdir()
    node.path("cni", "conf", "10-bridge.conflist").write_text(json.dumps(content), encoding="utf-8")


def _write_containerd(node: Node, programs: dict[str, Path]) -> None:
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    # Without CAP_SYS_RESOURCE a sandbox may not lower its OOM score: restrict_oom_score_adj.
    text = f"""
version = 3
root = "{node.path("containerd")}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
address = "{CONTAINERD_SOCKET}"

[plugins.'io.containerd.cri.v1.images']
snapshotter = "overlayfs"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"

[{runtime}]
restrict_oom_score_adj = true

[{runtime}.cni]
bin_dirs = ["{node.path("cni", "bin")}"]
conf_dir = "{node.path("cni", "conf")}"

[{runtime}.containerd]
default_runtime_name = "runc"

[{runtime}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{runtime}.containerd.runtimes.runc.options]
BinaryName = "{programs["runc"]}"
SystemdCgroup = false
"""
    node.path("containerd.toml").write_text(text, encoding="utf-8")


def _write_kubelet(node: Node, options: Options) -> None:
    node.path("resolv.conf").write_text("", encoding="utf-8")
    content = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(node.cluster.path("pki", "ca.crt"))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(node.cluster.path("pki", f"{_kubelet_file(node)}.crt")),
        "tlsPrivateKeyFile": str(node.cluster.path("pki", f"{_kubelet_file(node)}.key")),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": _CONTAINERD,
        "clusterDNS": [str(node.cluster.dns_service)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(node.path("resolv.conf")),
        "containerLogMaxSize": options.container_log_max_size,
        "containerLogMaxFiles": options.container_log_max_files,
        "containerLogMonitorInterval": "3s",
        # Loaded images cannot be pulled again, so disable image garbage collection and disk eviction.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "maxPods": 200,
    }
    _write_yaml(node.path("kubelet.yaml"), content)


def _write_dns(layout: Layout) -> None:
    text = f""".:53 {{
    bind {" ".join(map(str, layout.first.ips))}
    errors
    prometheus {in_url(str(layout.first.ip))}:9153
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {layout.path("admin.kubeconfig")}
        pods insecure
    }}
    cache 5
}}
"""
    layout.path("Corefile").write_text(text, encoding="utf-8")


def _etcd(layout: Layout, programs: dict[str, Path]) -> list[str]:
    return [
        str(programs["etcd"]),
        f"--data-dir={layout.path('etcd')}",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        # Test data need not survive a crash of the machine.
        "--unsafe-no-fsync",
    ]


def _api_server(layout: Layout, programs: dict[str, Path]) -> list[str]:
    pki = layout.path("pki")
    return [
        str(programs["kube-apiserver"]),
        "--etcd-servers=http://127.0.0.1:2379",
        f"--secure-port={API_PORT}",
        f"--advertise-address={layout.first.ip}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--service-cluster-ip-range={_joined(layout.services)}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-accounts.crt",
        f"--service-account-signing-key-file={pki}/service-accounts.key",
    ]


def _controller_manager(layout: Layout, programs: dict[str, Path]) -> list[str]:
    pki = layout.path("pki")
    return [
        str(programs["kube-controller-manager"]),
        f"--kubeconfig={layout.path('kube-controller-manager.kubeconfig')}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/service-accounts.key",
        f"--root-ca-file={pki}/ca.crt",
    ]


def _scheduler(layout: Layout, programs: dict[str, Path]) -> list[str]:
    return [
        str(programs["kube-scheduler"]),
        f"--kubeconfig={layout.path('kube-scheduler.kubeconfig')}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ]


def _kubelet(node: Node, programs: dict[str, Path]) -> list[str]:
    return [
        str(programs["kubelet"]),
        f"--config={node.path('kubelet.yaml')}",
        f"--kubeconfig={node.cluster.path(f'{_kubelet_file(node)}.kubeconfig')}",
        f"--hostname-override={node.name}",
        f"--node-ip={_joined(node.ips)}",
    ]


def _proxy(node: Node, programs: dict[str, Path]) -> list[str]:
    return [
        str(programs["kube-proxy"]),
        f"--kubeconfig={node.cluster.path('kube-proxy.kubeconfig')}",
        f"--hostname-override={node.name}",
        "--proxy-mode=iptables",
        f"--cluster-cidr={_joined(node.pods)}",
        # The conntrack limit belongs to the machine, not to this network namespace.
        "--conntrack-max-per-core=0",
    ]


def _joined(values: Iterable[object]) -> str:
    return ",".join(map(str, values))


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    path.chmod(0o600)
