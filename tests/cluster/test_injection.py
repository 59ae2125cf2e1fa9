"""Injection on a real API server and kubelet: exactly the annotated pods get a sidecar; it delivers every line."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from cluster.pods import ASKS, EQUAL, INJECTS, WRITER, answer, dry_run, mount, patched, pod, sidecar_of, workload
from cluster.stage import Stage, namespace
from cluster.test_output import receiver
from harness.loss import WRITER_SOURCE, count
from harness.render.manifests import Object

pytestmark = [pytest.mark.cluster, pytest.mark.minutes(2), pytest.mark.environment("ipv4", "injection")]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
OBJECTS = ",".join(
    f"{kind}admissionpol{end}" for kind in ("mutating", "validating") for end in ("icies", "icybindings")
)
LINES = 2000
FARGATE = "eks.amazonaws.com/fargate-profile"
# No rotation every 0.1 s: Fluent Bit stats and opens a file by name, and a rename may happen in between.
WRITES = [
    *WRITER,
    "--lines",
    str(LINES),
    "--rate",
    "2000",
    "--rotate",
    "rename",
    "--rotations",
    "2",
    "--naming",
    "serial",
]
STAYS = [*WRITES, "--stay"]
OWN = {"volumes": [{"name": "own", "emptyDir": {}}]}
INIT = {"name": "prepare", "command": ["sh", "-c", "test ! -e /var/log/app/app.log"]}

# kind, annotations, containers, other fields: one pod per kind of log volume.
CASES: dict[str, tuple[str, dict[str, str], list[dict[str, Any]], dict[str, Any]]] = {
    "no-volumes": ("Deployment", {}, [{"command": STAYS}], {}),
    "own-volume": ("Job", {}, [{"command": WRITES, "mounts": [mount("own", "/var/log/app")]}], OWN),
    "parent-sub-path": ("DaemonSet", {}, [{"command": STAYS, "mounts": [mount("own", "/var/log", "a/b")]}], OWN),
    "own-init": ("Pod", {}, [{"command": STAYS}], {"initContainers": [INIT]}),
    "cron": ("CronJob", {"profile": "small"}, [{"command": WRITES}], {}),
    "glob": ("Job", {"paths": "/var/log/app/*.log, /srv/logs/x.log"}, [{"command": WRITES}], {}),
    "nested": (
        "Job",
        {"paths": "/var/log/*.log,/var/log/app/app.log"},
        [{"command": WRITES, "mounts": [mount("own", "/var/log/app")]}],
        OWN,
    ),
    "two-one-mounts": (
        "Job",
        {},
        [{"command": ["true"]}, {"command": WRITES, "mounts": [mount("own", "/var/log/app")]}],
        OWN,
    ),
    "two-write": (
        "Job",
        {"containers": "app,web", "paths": "/var/log/app/*.log"},
        [{"command": WRITES}, {"command": [*WRITES, "--stream", "v", "--file", "/var/log/app/web.log"]}],
        {},
    ),
}


@pytest.fixture(scope="module")
def cases(operator: Stage) -> Iterator[Stage]:
    """All of CASES in one restricted namespace."""
    with namespace(Stage(operator.cluster, "t-injection-cases", operator.helm), RESTRICTED) as stage:
        stage.kubectl("create", "configmap", "writer", f"--from-file=writer.py={WRITER_SOURCE}")
        items = [
            workload(kind, pod(name, ASKS | annotations, containers, **rest))
            for name, (kind, annotations, containers, rest) in CASES.items()
        ]
        stage.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(items))
        stage.kubectl("create", "job", "cron-now", "--from=cronjob/cron")
        yield stage


def rejection(stage: Stage, item: Object) -> str:
    """Return the API server's error for a rejected object."""
    with pytest.raises(AssertionError) as caught:
        dry_run(stage, item)
    return str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_every_line_arrives_once(cases: Stage, eventually: Callable[..., None], name: str) -> None:
    """2,000 lines in files of mode 0600, rotated twice: each arrives once, and a Job ends."""
    kind, _, containers, _ = CASES[name]
    eventually(lambda: cases.get("pods", f"case={name}"), 60)
    [made] = cases.get("pods", f"case={name}")
    streams = {"w": LINES, "v": LINES} if len(containers) == 2 and name == "two-write" else {"w": LINES}
    with cases.follow(made["metadata"]["name"], "log-sidecar") as lines:
        report = lines.count(streams, timeout=90, quiet=30)
    # Files that were rotated before the first scan arrive in any order.
    assert (report.lost, report.duplicated, report.mangled) == (0, 0, 0), report
    assert [box["name"] for box in made["spec"]["initContainers"]].count("log-sidecar") == 1
    assert sidecar_of(made)["restartPolicy"] == "Always"
    if kind in ("Job", "CronJob"):
        cases.kubectl("wait", "--for=condition=Complete", "job", "-l", f"case={name}", "--timeout=60s")


def test_injected_sidecar_can_do_nothing_but_read(cases: Stage, eventually: Callable[..., None]) -> None:
    """The sidecar has the user of the application, no capabilities, no token, and a read-only log mount."""
    eventually(lambda: cases.get("pods", "case=no-volumes"))
    name = cases.get("pods", "case=no-volumes")[0]["metadata"]["name"]
    cases.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    script = (
        "id -u; id -g; grep CapEff /proc/1/status; ls -A /run/secrets/kubernetes.io/*; touch /var/log/app/x /x 2>&1"
    )
    tried = cases.kubectl("exec", name, "-c", "log-sidecar", "--", "sh", "-c", f"{script}; true").splitlines()
    assert tried[:3] == ["12345", "10001", "CapEff:\t0000000000000000"]
    assert len(tried) == 5
    assert all("Read-only file system" in line for line in tried[3:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"metadata.annotations.log-sidecar/path": "/a/b"}, "The annotation log-sidecar/path is unknown."),
        ({"metadata.annotations.log-sidecar/inject": ...}, 'Write log-sidecar/inject: "true".'),
        ({"metadata.annotations.log-sidecar/inject": "yes"}, "log-sidecar/inject is 'yes'"),
        ({"metadata.annotations.log-sidecar/paths": ...}, "log-sidecar/paths is missing or empty"),
        ({"metadata.annotations.log-sidecar/paths": "a.log"}, "log-sidecar/paths has the relative path 'a.log'"),
        ({"metadata.annotations.log-sidecar/paths": "/a/../b/c"}, "log-sidecar/paths has '/a/../b/c'"),
        ({"metadata.annotations.log-sidecar/paths": "/a.log"}, "log-sidecar/paths has '/a.log'"),
        ({"metadata.annotations.log-sidecar/paths": "/a/$(b)"}, "log-sidecar/paths has '/a/$(b)'"),
        ({"metadata.annotations.log-sidecar/paths": "/a/b\n/c/d"}, "An annotation of log-sidecar/ is invalid"),
        (
            {"metadata.annotations.log-sidecar/profile": "big"},
            "'big'. The cluster has backend, default, fargate, java, small.",
        ),
        ({"metadata.annotations.log-sidecar/engine": "cat"}, "log-sidecar/engine is 'cat'"),
        ({"metadata.annotations.log-sidecar/rotation": "no"}, "log-sidecar/rotation is 'no'"),
        (
            {"metadata.annotations.log-sidecar/engine": "tail", "metadata.annotations.log-sidecar/profile": "java"},
            "log-sidecar/profile is 'java', whose multiline records",
        ),
        (
            {"metadata.annotations.log-sidecar/engine": "tail", "metadata.annotations.log-sidecar/profile": "backend"},
            "log-sidecar/profile is 'backend', which sends to a backend",
        ),
        (
            {"metadata.annotations.log-sidecar/engine": "tail", "metadata.annotations.log-sidecar/paths": "/a/*"},
            "log-sidecar/paths has the glob '/a/*'",
        ),
        ({"metadata.annotations.log-sidecar/containers": "app,api"}, "names 'api', but the pod's containers are app."),
        ({"spec.nodeSelector": {"kubernetes.io/os": "windows"}}, "log-sidecar/inject is set on a Windows pod"),
        ({"spec.initContainers": [{"name": "log-sidecar", "image": "x"}]}, "the pod has a container with this name"),
        (
            {"metadata.annotations.log-sidecar/profile": "backend", "spec.terminationGracePeriodSeconds": 11},
            "Write at least terminationGracePeriodSeconds: 12 in the pod.",
        ),
        ({"metadata.labels": {FARGATE: "shop"}}, "Write log-sidecar/profile with one of fargate."),
        ({"spec.hostNetwork": True}, "log-sidecar/inject is set on a pod with hostNetwork"),
        ({"spec.containers.0.ports": [{"containerPort": 2020}]}, "has the port 2020"),
        ({"spec.containers.1": {"name": "web", "image": "x"}}, "none of the containers app, web mounts a volume"),
        (
            {
                "spec.volumes": [{"name": "own", "emptyDir": {}}],
                "spec.containers.0.volumeMounts.0": {**mount("own", "/var/log"), "subPathExpr": "$(A)"},
            },
            "mounted with a subPathExpr",
        ),
        (
            {
                "spec.volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}],
                "spec.containers.0.volumeMounts": [mount("a", "/var/log/app")],
                "spec.containers.1": {"name": "web", "image": "x", "volumeMounts": [mount("b", "/var/log")]},
            },
            "mount different volumes. Name the container that writes there in log-sidecar/containers",
        ),
    ],
    ids=lambda value: ", ".join(key.rpartition(".")[2] for key in value) if isinstance(value, dict) else "",
)
def test_rejection_names_the_annotation(operator: Stage, change: dict[str, Any], says: str) -> None:
    """A pod that cannot be injected is rejected with a sentence that names the fix."""
    # This namespace does not enforce Pod Security.
    default = Stage(operator.cluster, "default", operator.helm)
    assert sidecar_of(dry_run(default, pod("sound", ASKS)))
    message = rejection(default, patched(pod("wrong", ASKS), change))
    assert says in message
    assert "log-sidecar/" in message.partition("denied request: ")[2]


@pytest.mark.environment("fargate", "injection")
def test_injected_pod_is_one_that_fargate_runs(apps: Stage) -> None:
    """With a profile for Fargate, requests equal limits in the whole pod, and no volume is one of the node."""
    item = pod("serverless", ASKS | {"profile": "fargate"}, [{"resources": EQUAL}])
    item["metadata"]["labels"][FARGATE] = "shop"
    made = dry_run(apps, item)
    assert sidecar_of(made)["resources"] == EQUAL
    assert made["status"]["qosClass"] == "Guaranteed"
    assert {key for volume in made["spec"]["volumes"] for key in volume} <= {
        "name",
        "configMap",
        "emptyDir",
        "projected",
    }
    assert "hostNetwork" not in made["spec"]


def test_nobody_else_is_touched(operator: Stage, apps: Stage) -> None:
    """Pods without annotations, with inject false, or in excluded namespaces stay unchanged."""
    plain = {"log-sidecar/inject": "false"}
    asked = pod("x", ASKS)
    for place, item in [
        (apps.namespace, pod("x", {})),
        (apps.namespace, pod("x", plain)),
        ("kube-system", asked),
        (operator.namespace, asked),
    ]:
        made = dry_run(Stage(apps.cluster, place, apps.helm), copy.deepcopy(item))
        assert not sidecar_of(made)
        assert made["spec"]["volumes"][0]["name"] == "writer"
    apps.kubectl("label", "namespace", apps.namespace, "logs=none")
    assert not sidecar_of(dry_run(apps, asked))


def test_injected_pod_created_again_is_left_as_it_is(apps: Stage) -> None:
    """The output of `kubectl get pod -o yaml` can be created again with its one sidecar; a stale one is rejected."""
    made = dry_run(apps, pod("again", ASKS))
    again = {**made, "metadata": {key: made["metadata"][key] for key in ("name", "annotations")}}
    assert dry_run(apps, again)["spec"]["initContainers"] == made["spec"]["initContainers"]
    again["metadata"]["annotations"]["log-sidecar/paths"] = "/var/log/app/other.log"
    assert "was not created for these annotations" in rejection(apps, again)


def test_profile_sends_to_a_backend(apps: Stage, eventually: Callable[..., None]) -> None:
    """The lines of a profile arrive at its backend with pod and container names, with a Secret of its namespace."""
    asks = ASKS | {"profile": "backend"}
    writer = {"command": [*WRITER, "--lines", "100", "--stay"]}
    items = [*receiver(), pod("sends", asks, [writer], terminationGracePeriodSeconds=12)]
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(items))
    eventually(lambda: apps.get("pods", "app=receiver")[0]["status"]["phase"] == "Running", 60)
    eventually(lambda: len(apps.kubectl("logs", "receiver").splitlines()) >= 100, 60)
    records = [json.loads(line) for line in apps.kubectl("logs", "receiver").splitlines()]
    assert count([record["log"] for record in records], 100).exact
    names = {"namespace": apps.namespace, "pod": "sends", "container": "app", "path": "/var/log/app/app.log"}
    assert {key: records[0][key] for key in names} == names


def test_container_of_a_later_policy_counts(apps: Stage, eventually: Callable[..., None]) -> None:
    """A later policy adds the annotated container: our policy is reinvoked, and injects once."""
    expression = """object.spec.containers.exists(c, c.name == "late") ? [] : [JSONPatch{
        op: "add", path: "/spec/containers/-", value: {"name": dyn("late"), "image": dyn("x"),
        "securityContext": dyn(object.spec.containers[0].securityContext)}}]"""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": apps.namespace}}
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    group = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "zz-adds-a-container"}}
    objects = [
        {**group, "kind": "MutatingAdmissionPolicy", "spec": spec},
        {**group, "kind": "MutatingAdmissionPolicyBinding", "spec": {"policyName": "zz-adds-a-container"}},
    ]
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
    asked = pod("x", ASKS | {"containers": "late"})
    try:
        eventually(lambda: "log-sidecar-logs-0" in answer(apps, asked))
        made = dry_run(apps, asked)
        assert [box["name"] for box in made["spec"]["initContainers"]] == ["log-sidecar"]
        assert [box["name"] for box in made["spec"]["containers"]] == ["app", "late"]
        assert mount("log-sidecar-logs-0", "/var/log/app") in made["spec"]["containers"][1]["volumeMounts"]
    finally:
        apps.kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", "zz-adds-a-container")


def test_pods_made_during_an_upgrade_are_injected(apps: Stage, operator: Stage) -> None:
    """During an upgrade of the policies, pods start with the old or the new sidecar, never without one."""
    item = workload("Deployment", pod("many", ASKS, [{"command": ["sleep", "600"]}], terminationGracePeriodSeconds=0))
    apps.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(item))
    for replicas, level in ((3, "info"), (6, "error"), (9, "warn")):
        apps.kubectl("scale", "deployment", "many", f"--replicas={replicas}")
        values = copy.deepcopy(INJECTS)
        values["injection"]["profiles"]["default"]["logLevel"] = level
        operator.install("x", values)
    apps.kubectl("wait", "--for=jsonpath={.status.replicas}=9", "deployment/many", "--timeout=60s")
    made = apps.get("pods", "case=many")
    assert [[box["name"] for box in each["spec"]["initContainers"]] for each in made] == [["log-sidecar"]] * 9


def test_uninstall_leaves_nothing_and_a_new_install_injects_again(
    stage: Stage, operator: Stage, eventually: Callable[..., None]
) -> None:
    """After an uninstall, no policy or binding remains, pods start unchanged, and a new install works."""
    asked = pod("x", {key.replace("log-sidecar/", "second.example.com/"): value for key, value in ASKS.items()})
    values = {"app": {"enabled": False}, "injection": {"enabled": True, "annotationPrefix": "second.example.com"}}
    # The release's own namespace is excluded.
    elsewhere = Stage(stage.cluster, "default", stage.helm)
    ours = "app.kubernetes.io/instance=second"
    for _ in range(2):
        stage.install("second", values)
        assert len(stage.get(OBJECTS, ours)) == 4
        eventually(lambda: "log-sidecar-logs-0" in answer(elsewhere, asked))
        stage.uninstall("second")
        assert stage.get(OBJECTS, ours) == []
        # The validating policy may exist briefly without the mutating one.
        eventually(lambda: (made := answer(elsewhere, asked)).startswith("{") and '"log-sidecar"' not in made)


def test_broken_policy_stops_nobody_else(stage: Stage, operator: Stage, eventually: Callable[..., None]) -> None:
    """If the policy fails for every pod, annotated pods are rejected and all others start."""
    values = {"app": {"enabled": False}, "injection": {"enabled": True, "annotationPrefix": "third.example.com"}}
    stage.install("third", values)
    asked = pod("x", {key.replace("log-sidecar/", "third.example.com/"): value for key, value in ASKS.items()})
    elsewhere = Stage(stage.cluster, "default", stage.helm)
    [policy] = stage.get("mutatingadmissionpolicies", "app.kubernetes.io/instance=third")
    policy["spec"]["variables"][0]["expression"] = "object.spec.nothing.at.all"
    stage.kubectl("replace", "-f", "-", stdin=json.dumps(policy))
    eventually(lambda: "no such key: nothing" in answer(elsewhere, asked))
    assert "no such key: nothing" in answer(elsewhere, workload("Pod", asked))
    for place in ("default", stage.namespace):
        assert dry_run(Stage(stage.cluster, place, stage.helm), pod("x", {}))
    assert dry_run(stage, asked), "the release's own namespace is not looked at"
    assert sidecar_of(dry_run(elsewhere, pod("x", ASKS))), "the other release injects as before"
