"""Injection on a real API server into pods whose author is malicious or spells things differently."""

from typing import Any

import pytest

from cluster.pods import ASKS, answer, dry_run, mount, patched, pod, sidecar_of
from cluster.stage import Stage
from harness.render.manifests import Object

pytestmark = [pytest.mark.cluster, pytest.mark.environment("ipv4", "injection")]
LOGS = "/var/log/app"
TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
WINDOWS = {"key": "kubernetes.io/os", "operator": "In", "values": ["windows"]}


@pytest.fixture
def default(operator: Stage) -> Stage:
    """A namespace that does not enforce Pod Security."""
    return Stage(operator.cluster, "default", operator.helm)


def own(source: dict[str, Any], path: str = LOGS, **asks: str) -> Object:
    """Return a pod whose container mounts a volume of its own."""
    return pod("x", ASKS | asks, [{"mounts": [mount("own", path)]}], volumes=[{"name": "own", **source}])


def affinity(kind: str, term: Any) -> dict[str, Any]:
    return {"spec.affinity": {"nodeAffinity": {f"{kind}DuringSchedulingIgnoredDuringExecution": term}}}


def many(key: str, item: dict[str, Any], count: int, **each: str) -> dict[str, Any]:
    """Return a change that gives a list many items, in which `{}` is the number."""
    numbered = [item | {name: text.format(number) for name, text in each.items()} for number in range(count)]
    return {key: numbered}


TOO_MUCH: dict[str, tuple[dict[str, Any], str]] = {
    "commas": ({"metadata.annotations.log-sidecar/paths": "," * 250_000}, "4096 characters in an annotation"),
    "names": ({"metadata.annotations.log-sidecar/containers": "a," * 60_000}, "4096 characters in an annotation"),
    "inject": ({"metadata.annotations.log-sidecar/inject": "x" * 250_000}, "4096 characters in an annotation"),
    "paths": ({"metadata.annotations.log-sidecar/paths": ",".join(["/a/b"] * 51)}, "more than 50 paths"),
    "directories": (
        {"metadata.annotations.log-sidecar/paths": ",".join(f"/logs/{number}/a" for number in range(21))},
        "files in more than 20 directories",
    ),
    "containers": (many("spec.containers", {"image": "x"}, 1000, name="c{}"), "more than 100 containers"),
    "init-containers": (many("spec.initContainers", {"image": "x"}, 1000, name="c{}"), "more than 100 containers"),
    "mounts": (
        many("spec.containers.0.volumeMounts", {"name": "writer"}, 501, mountPath="/{}"),
        "more than 500 volume mounts",
    ),
    "path-of-a-mount": (
        {"spec.containers.0.volumeMounts": [mount("writer", "/" * 256)]},
        "255 characters in the path of a volume mount",
    ),
    "volumes": (
        many("spec.volumes", {"emptyDir": {}}, 501, name="v{}") | {"spec.containers": [{"name": "a", "image": "x"}]},
        "more than 500 volumes",
    ),
    "ports": ({"spec.containers.0.ports": [{"containerPort": n} for n in range(1, 502)]}, "more than 500 ports"),
    "variables": (many("spec.containers.0.env", {}, 2001, name="E{}"), "more than 2000 environment variables"),
    "terms": (
        affinity("required", {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}] * 101}),
        "100 terms or 500 expressions in its node affinity",
    ),
    "expressions": (
        affinity("required", {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}] * 501}]}),
        "100 terms or 500 expressions in its node affinity",
    ),
    "annotations": (
        {"metadata.annotations": ASKS | {f"other{number}": "" for number in range(200)}},
        "more than 200 annotations",
    ),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_pod_that_costs_too_much_is_rejected_first(default: Stage, name: str) -> None:
    """What the policies would read of a pod is bounded, and the message names the bound."""
    change, says = TOO_MUCH[name]
    message = answer(default, patched(pod("x", ASKS), change))
    assert "denied request: The annotation log-sidecar/" in message, message[:500]
    assert says in message


def test_pods_at_the_bounds_are_injected(default: Stage) -> None:
    """50 paths in 20 directories, and 90 containers with 400 mounts, are within the API server's limits."""
    item = pod(
        "x", ASKS | {"log-sidecar/paths": ",".join(f"/logs/{n % 20}/{n}.log" for n in range(50)), "containers": "c0"}
    )
    mounts = [{"name": "writer", "mountPath": f"/mnt//{number}"} for number in range(4)]
    boxes = [{"name": f"c{number}", "image": "x", "volumeMounts": mounts} for number in range(90)]
    item["spec"]["containers"] = boxes
    made = dry_run(default, item)
    assert len(sidecar_of(made)["volumeMounts"]) == 22


def test_annotations_of_others_are_not_evaluated(default: Stage) -> None:
    """A pod with thousands of annotations, none of them ours, is unchanged."""
    made = dry_run(default, patched(pod("x", {}), {"metadata.annotations": {f"a{n}": "" for n in range(5000)}}))
    assert not sidecar_of(made)


@pytest.mark.parametrize(
    "directory",
    [
        *("/bin", "/dev", "/dev/shm", "/etc", "/etc/app", "/fluent-bit", "/fluent-bit/etc", "/lib", "/lib64", "/proc"),
        *("/proc/1", "/run", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib/x", "/usr/local/bin", "/var", "/var/lib"),
        *("/var/run", "/run/secrets/x", TOKENS, "/var/run/secrets/eks.amazonaws.com/serviceaccount"),
    ],
)
def test_directories_of_the_system_are_rejected(default: Stage, directory: str) -> None:
    """No volume of the chart or of the pod hides a directory that the application or the sidecar needs."""
    says = f"has files in {directory}, which containers need for themselves"
    paths = {"log-sidecar/paths": f"{directory}/a.log"}
    assert says in answer(default, pod("x", ASKS | paths))
    assert says in answer(default, own({"emptyDir": {}}, directory, **paths))


@pytest.mark.parametrize(
    "directory", ["/usr/local/tomcat/logs", "/usr/share/app/logs", "/var/lib/app", "/run/app", "/tmp"]
)
def test_directories_of_applications_are_injected(default: Stage, directory: str) -> None:
    """Directories of applications below those of the system are accepted."""
    made = dry_run(default, pod("x", ASKS | {"log-sidecar/paths": f"{directory}/a.log"}))
    assert mount("log-sidecar-logs-0", directory) in made["spec"]["containers"][0]["volumeMounts"]


@pytest.mark.parametrize("path", ["/", "/usr", "/var/lib", "/var//run/"])
def test_mount_above_what_the_sidecar_needs_is_rejected(default: Stage, path: str) -> None:
    """The sidecar mounts volumes where the application does, so none may contain the sidecar's own directories."""
    message = answer(
        default, own({"emptyDir": {}}, path, **{"log-sidecar/paths": f"{path}/app/logs/a.log".replace("//", "/")})
    )
    assert "which containers need for themselves" in message


@pytest.mark.parametrize(
    "source",
    [
        {"secret": {"secretName": "s"}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"projected": {"sources": [{"secret": {"name": "s"}}]}},
        {"configMap": {"name": "s"}},
        {"downwardAPI": {"items": []}},
        {"csi": {"driver": "secrets-store.csi.k8s.io"}},
        {"image": {"reference": "x"}},
    ],
    ids=lambda source: next(iter(source)),
)
def test_sidecar_reads_no_secrets(default: Stage, source: dict[str, Any]) -> None:
    """The sidecar mounts no volume whose files are not an application's logs, however its path is spelled."""
    for path in (LOGS, "/var/log", "/var//log/./app/"):
        says = (
            f"in the volume own of the type {next(iter(source))}. The sidecar reads logs only from volumes of the types"
        )
        assert says in answer(default, own(source, path))


@pytest.mark.parametrize("path", ["/logs/.?/a.log", "/logs/..*/a.log", "/logs/.[.]/a.log", "/logs/*/.*/a", "/a/.*"])
def test_globs_cannot_match_the_parent_folder(default: Stage, path: str) -> None:
    """A glob that matches `..` would read outside the mounted directories, for example the sidecar's environment."""
    assert f"log-sidecar/paths has '{path}'" in answer(default, pod("x", ASKS | {"log-sidecar/paths": path}))


def test_read_only_claim_is_rejected(default: Stage) -> None:
    """The state cannot be stored on a read-only claim."""
    claim: dict[str, Any] = {"claimName": "c"}
    assert sidecar_of(dry_run(default, own({"persistentVolumeClaim": claim})))
    message = answer(default, own({"persistentVolumeClaim": claim | {"readOnly": True}}))
    assert "Remove readOnly from persistentVolumeClaim" in message


@pytest.mark.parametrize("name", ["logs-0", "state", "none", "ca-x"])
def test_volumes_of_the_sidecar_are_its_own(default: Stage, name: str) -> None:
    """A pod can neither define an injected volume nor mount one, for example to change the sidecar's state."""
    volume = {"name": f"log-sidecar-{name}", "emptyDir": {}}
    says = f"adds the volume log-sidecar-{name}, but the pod already has or mounts a volume with this name"
    assert says in answer(default, pod("x", ASKS, volumes=[volume]))
    mounts = [{"mounts": [mount(volume["name"], "/x/y")]}]
    # The API server finds a mount without a volume before the validating policy does.
    assert f'Not found: \\"log-sidecar-{name}\\"' in repr(answer(default, pod("x", ASKS, mounts))).replace('"', '\\"')
    assert sidecar_of(dry_run(default, pod("x", ASKS, volumes=[volume | {"name": "log-sidecar-other"}])))


@pytest.mark.parametrize("kind", ["native", "plain"])
def test_port_of_an_init_container_counts(default: Stage, kind: str) -> None:
    """Init containers run beside the sidecar, which starts first, so none may have its port."""
    init = {"ports": [{"containerPort": 2020}]} | ({"restartPolicy": "Always"} if kind == "native" else {})
    assert "has the port 2020" in answer(default, pod("x", ASKS, initContainers=[init]))


WINDOWS_PODS: dict[str, dict[str, Any]] = {
    "os": {"spec.os": {"name": "windows"}, "spec.securityContext": {}},
    "label": {"spec.nodeSelector": {"kubernetes.io/os": "windows"}},
    "old-label": {"spec.nodeSelector": {"beta.kubernetes.io/os": "windows"}},
    "build": {"spec.nodeSelector": {"node.kubernetes.io/windows-build": "10.0.20348"}},
    "options": {"spec.securityContext": {"windowsOptions": {"runAsUserName": "x"}}},
    "affinity": affinity("required", {"nodeSelectorTerms": [{"matchExpressions": [WINDOWS]}]}),
    "one-of-two-terms": affinity(
        "required",
        {
            "nodeSelectorTerms": [
                {"matchExpressions": [WINDOWS | {"values": ["linux"]}]},
                {"matchExpressions": [WINDOWS]},
            ]
        },
    ),
    "not-linux": affinity(
        "required",
        {"nodeSelectorTerms": [{"matchExpressions": [WINDOWS | {"operator": "NotIn", "values": ["linux"]}]}]},
    ),
    "preferred": affinity("preferred", [{"weight": 1, "preference": {"matchExpressions": [WINDOWS]}}]),
}


@pytest.mark.parametrize("name", WINDOWS_PODS)
def test_windows_is_rejected_however_it_is_expressed(default: Stage, name: str) -> None:
    """A pod that can run on Windows only is rejected, for every way to say so."""
    item = patched(pod("x", ASKS), WINDOWS_PODS[name])
    if name == "os":
        item["spec"]["containers"][0].pop("securityContext")
    assert "log-sidecar/inject is set on a Windows pod" in answer(default, item)


def test_linux_affinity_is_no_windows(default: Stage) -> None:
    """Affinity to Linux, or away from Windows, is accepted."""
    for change in ({"values": ["linux"]}, {"operator": "NotIn"}):
        terms = {"nodeSelectorTerms": [{"matchExpressions": [WINDOWS | change]}]}
        assert sidecar_of(dry_run(default, patched(pod("x", ASKS), affinity("required", terms))))


@pytest.mark.parametrize("path", ["/var/log/app/.", "//var/log/app", "/var//log/app", "var/log/app", "/var/log/app///"])
def test_mount_is_recognized_however_it_is_spelled(default: Stage, path: str) -> None:
    """The kubelet cleans paths, so the sidecar uses the application's volume instead of hiding it with another one."""
    made = dry_run(default, own({"emptyDir": {}}, path))
    [app] = made["spec"]["containers"]
    assert [
        entry for entry in app["volumeMounts"] if entry["name"] != "writer" and "kube-api" not in entry["name"]
    ] == [mount("own", path)]
    assert sidecar_of(made)["volumeMounts"][0] == {"name": "own", "mountPath": LOGS, "readOnly": True}


def test_mount_with_a_parent_folder_is_rejected(default: Stage) -> None:
    """With `..`, a mount's directory is not visible in its path."""
    assert "Write the path without '..'" in answer(default, own({"emptyDir": {}}, "/var/log/x/../app"))


def test_pod_with_resources_of_its_own_is_injected(default: Stage) -> None:
    """In a pod with pod-level resources, which must cover those of its containers, the sidecar has none."""
    small = {kind: {"cpu": "2m", "memory": "2Mi"} for kind in ("requests", "limits")}
    made = dry_run(default, pod("x", ASKS, resources=small))
    assert sidecar_of(made)["resources"] == {}
    assert made["spec"]["resources"] == small
