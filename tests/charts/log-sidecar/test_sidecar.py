"""The sidecar's containers: their number, permissions, start and end."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

Sidecars = Callable[..., list[Object]]
TWO_FILES = {
    "files": [{"name": "app", "path": "/var/log/app/app.log"}, {"name": "audit", "path": "/var/log/app/audit.log"}]
}
both_engines = pytest.mark.parametrize("engine", ["fluent-bit", "tail"])


def environment(container: Object) -> dict[str, str]:
    """Return the value of each variable, or the field of the pod that sets it."""
    return {
        entry["name"]: entry["value"] if "value" in entry else entry["valueFrom"]["fieldRef"]["fieldPath"]
        for entry in container["env"]
    }


@both_engines
def test_native_sidecar_by_default(pod_spec: Callable[..., Object], engine: str) -> None:
    """The sidecar is the first init container, with `restartPolicy: Always`, so that it starts first and stops last."""
    spec = pod_spec({"sidecar": {"engine": engine}})
    assert [(box["name"], box["restartPolicy"]) for box in spec["initContainers"]] == [("sidecar", "Always")]
    assert [box["name"] for box in spec["containers"]] == ["app"]


@both_engines
def test_plain_container_on_request(pod_spec: Callable[..., Object], engine: str) -> None:
    """With `native: false`, the sidecar follows the application, without its own restart policy."""
    spec = pod_spec({"sidecar": {"engine": engine, "native": False}})
    assert "initContainers" not in spec
    assert [box["name"] for box in spec["containers"]] == ["app", "sidecar"]
    assert "restartPolicy" not in spec["containers"][1]


def test_no_sidecar(pod_spec: Callable[..., Object]) -> None:
    """Without a sidecar, the pod has neither its container nor its volumes, and keeps the log directory."""
    spec = pod_spec({"sidecar": {"enabled": False}})
    assert "initContainers" not in spec
    assert [box["name"] for box in spec["containers"]] == ["app"]
    assert {volume["name"] for volume in spec["volumes"]} == {"logs", "demo", "tmp"}


@both_engines
def test_one_for_each_file(sidecars: Sidecars, engine: str) -> None:
    """With `perFile`, there is a container for each file, named after it."""
    values = {"logs": TWO_FILES, "sidecar": {"engine": engine, "name": "log", "perFile": True}}
    assert [box["name"] for box in sidecars(values)] == ["log-app", "log-audit"]
    assert [box["name"] for box in sidecars({"logs": TWO_FILES, "sidecar": {"engine": engine}})] == ["sidecar"]


@both_engines
def test_sidecar_comes_before_other_init_containers(pod_spec: Callable[..., Object], engine: str) -> None:
    """The sidecar precedes other init containers, so that their lines are delivered, too."""
    extra = {"name": "prepare", "image": "busybox"}
    spec = pod_spec({"sidecar": {"engine": engine}, "extraInitContainers": [extra]})
    assert [box["name"] for box in spec["initContainers"]] == ["sidecar", "prepare"]


@both_engines
def test_sidecar_may_do_nothing_but_read(sidecars: Sidecars, engine: str) -> None:
    """The sidecar has no root user, no capabilities, a read-only root file system and a read-only log directory."""
    [container] = sidecars({"sidecar": {"engine": engine}})
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }
    assert {"name": "logs", "mountPath": "/var/log/app", "readOnly": True} in container["volumeMounts"]
    writable = {mount["name"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == ({"state"} if engine == "fluent-bit" else set())


USERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "of the pod": ({}, {}, {"runAsNonRoot": True}),
    "root": ({"runAsUser": 0, "runAsNonRoot": False}, {}, {"runAsUser": 0, "runAsNonRoot": False}),
    "another": ({"runAsUser": 7, "runAsGroup": 8}, {}, {"runAsUser": 7, "runAsGroup": 8, "runAsNonRoot": True}),
    "its own": ({"runAsUser": 0, "runAsNonRoot": False}, {"runAsUser": 9}, {"runAsUser": 9, "runAsNonRoot": True}),
}


@pytest.mark.parametrize(("app", "own", "expected"), USERS.values(), ids=USERS)
def test_sidecar_runs_as_the_user_of_the_application(
    sidecars: Sidecars, app: dict[str, Any], own: dict[str, Any], expected: dict[str, Any]
) -> None:
    """It can read files that only their owner can; a user of its own has precedence."""
    [container] = sidecars({"app": {"securityContext": app}, "sidecar": {"securityContext": own}})
    context = container["securityContext"]
    assert {name: context[name] for name in context if name.startswith("runAs")} == expected


def test_fluent_bit_container(sidecars: Sidecars, pod_spec: Callable[..., Object]) -> None:
    """Fluent Bit has its configuration and state, the metrics port, and a liveness probe as the only probe."""
    [container] = sidecars()
    assert container["image"] == "public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.17"
    assert container["command"] == ["/bin/sh", "-c"]
    assert container["ports"] == [{"name": "metrics", "containerPort": 2020}]
    assert container["livenessProbe"] == {
        "httpGet": {"path": "/", "port": 2020},
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "failureThreshold": 6,
    }
    assert not {"readinessProbe", "startupProbe"} & set(container)
    assert environment(container) == {
        "NATIVE": "true",
        "DRAIN_SECONDS": "1",
        "AGENT": "/fluent-bit/bin/fluent-bit",
        "CONFIG": "/etc/log-sidecar/sidecar.yaml",
        "STATE_DIR": "/var/lib/log-sidecar/sidecar",
        "POD_IP": "status.podIP",
        "MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
    }
    assert {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}} in pod_spec()["volumes"]


def test_tail_container(sidecars: Sidecars, pod_spec: Callable[..., Object]) -> None:
    """GNU tail has no configuration, state, port or probe."""
    values = {"sidecar": {"engine": "tail"}}
    [container] = sidecars(values)
    assert container["image"] == "public.ecr.aws/docker/library/debian:bookworm-slim"
    assert not {"ports", "livenessProbe", "readinessProbe", "startupProbe"} & set(container)
    assert [mount["name"] for mount in container["volumeMounts"]] == ["logs"]
    assert {volume["name"] for volume in pod_spec(values)["volumes"]} == {"logs", "demo", "tmp"}


def test_tail_follows_exactly_the_files_of_its_container(sidecars: Sidecars) -> None:
    """One process follows all files; with `perFile`, each container follows its own."""
    together = sidecars({"logs": TWO_FILES, "sidecar": {"engine": "tail"}})
    assert "{ stream '/var/log/app/app.log' '/var/log/app/audit.log'; kill" in together[0]["args"][0]
    apart = sidecars({"logs": TWO_FILES, "sidecar": {"engine": "tail", "perFile": True}})
    assert ["audit.log" in box["args"][0] for box in apart] == [False, True]


def test_tail_labels_lines(sidecars: Sidecars) -> None:
    """With `fileLabel`, sed puts the name of the file before its lines."""
    [container] = sidecars({"logs": TWO_FILES, "sidecar": {"engine": "tail", "fileLabel": True}})
    assert "stream '/var/log/app/app.log' | stdbuf -oL sed 's/^/app: /'; kill" in container["args"][0]
    assert "stream '/var/log/app/audit.log' | stdbuf -oL sed 's/^/audit: /'; kill" in container["args"][0]


@pytest.mark.parametrize(
    ("level", "shown"), [("error", "false"), ("warn", "false"), ("info", "true"), ("debug", "true")]
)
def test_tail_is_silent_unless_asked(sidecars: Sidecars, level: str, shown: str) -> None:
    """Messages of tail about missing and rotated files are shown only at level info."""
    [container] = sidecars({"sidecar": {"engine": "tail", "logLevel": level}})
    assert environment(container)["MESSAGES"] == shown


@both_engines
def test_plain_container_knows_what_to_watch_and_how_long(
    sidecars: Any, pod_spec: Callable[..., Object], engine: str
) -> None:
    """A plain container waits until its files are quiet, within the pod's grace period."""
    files = [
        {"name": "a", "path": "/var/log/app/a.log"},
        {"name": "b", "path": "/var/log/app/b.log", "rotation": "copytruncate"},
    ]
    values = {
        "logs": {"files": files},
        "sidecar": {"engine": engine, "native": False, "quietSeconds": 4},
        "terminationGracePeriodSeconds": 20,
    }
    found = environment(pod_spec(values)["containers"][1])
    assert found["NATIVE"] == "false"
    assert found["QUIET_SECONDS"] == "4"
    assert found["LONGEST_SECONDS"] == "15"
    assert found["WATCH"] == "/var/log/app/a.log-* /var/log/app/a.log.* /var/log/app/a.log /var/log/app/b.log"
    [native] = sidecars({"sidecar": {"engine": engine}})
    assert not {"QUIET_SECONDS", "LONGEST_SECONDS", "WATCH"} & set(environment(native))


def test_drain_is_longer_where_records_are_held_back(sidecars: Sidecars) -> None:
    """A sidecar with multiline records, of which the last one is delayed, drains for one second more."""
    files = [
        {"name": "a", "path": "/var/log/app/a.log", "multiline": "go"},
        {"name": "b", "path": "/var/log/app/b.log"},
    ]
    values = {"logs": {"files": files}, "sidecar": {"perFile": True, "drainSeconds": 1.5}}
    assert [environment(box)["DRAIN_SECONDS"] for box in sidecars(values)] == ["2.5", "1.5"]


def test_every_file_has_its_own_metrics_port(sidecars: Sidecars) -> None:
    """Each sidecar of a pod has its own port, which its probe uses."""
    made = sidecars({"logs": TWO_FILES, "sidecar": {"perFile": True, "fluentBit": {"httpServer": {"port": 3000}}}})
    assert [box["ports"] for box in made] == [
        [{"name": "metrics-0", "containerPort": 3000}],
        [{"name": "metrics-1", "containerPort": 3001}],
    ]
    assert [box["livenessProbe"]["httpGet"]["port"] for box in made] == [3000, 3001]
    assert [environment(box)["STATE_DIR"] for box in made] == [
        f"/var/lib/log-sidecar/sidecar-{name}" for name in ("app", "audit")
    ]


def test_probes_can_be_switched_and_replaced(sidecars: Sidecars) -> None:
    """Probes can be enabled; a handler in the values replaces the engine's, and tail requires one."""
    [without] = sidecars({"sidecar": {"livenessProbe": {"enabled": False}}})
    assert "livenessProbe" not in without
    [with_both] = sidecars(
        {"sidecar": {"startupProbe": {"enabled": True}, "readinessProbe": {"enabled": True, "periodSeconds": 2}}}
    )
    assert with_both["startupProbe"] == {"httpGet": {"path": "/", "port": 2020}}
    assert with_both["readinessProbe"] == {"httpGet": {"path": "/", "port": 2020}, "periodSeconds": 2}
    handler = {"exec": {"command": ["true"]}}
    for engine in ("fluent-bit", "tail"):
        [container] = sidecars({"sidecar": {"engine": engine, "readinessProbe": {"enabled": True, **handler}}})
        assert container["readinessProbe"] == handler


def test_extras_of_the_sidecar(sidecars: Sidecars) -> None:
    """Environment variables and mounts of the values are added to the sidecar's own, and resources are replaced."""
    [container] = sidecars(
        {
            "sidecar": {
                "extraEnv": [{"name": "STAGE", "value": "prod"}],
                "extraEnvFrom": [{"configMapRef": {"name": "more"}}],
                "extraVolumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
                "resources": {"limits": {"memory": "1Gi"}},
            },
            "extraVolumes": [{"name": "scratch", "emptyDir": {}}],
        }
    )
    assert environment(container)["STAGE"] == "prod"
    assert environment(container)["NATIVE"] == "true"
    assert container["envFrom"] == [{"configMapRef": {"name": "more"}}]
    assert [mount["name"] for mount in container["volumeMounts"]] == ["logs", "config", "state", "scratch"]
    assert container["resources"]["limits"]["memory"] == "1Gi"


@both_engines
@pytest.mark.parametrize("native", [True, False], ids=["native", "plain"])
def test_script_survives_kubernetes_expansion(pod_spec: Callable[..., Object], engine: str, native: bool) -> None:
    """The scripts contain neither `$(NAME)` nor `$$`, which the kubelet would replace."""
    spec = pod_spec({"sidecar": {"engine": engine, "native": native}})
    [container] = [box for box in [*spec.get("initContainers", []), *spec["containers"]] if box["name"] == "sidecar"]
    script = container["args"][0]
    assert "$$" not in script
    assert not [name for name in environment(container) if f"$({name})" in script]


def test_sidecar_is_the_same_in_every_kind(install: Callable[..., Manifests]) -> None:
    """The sidecar is the same in every kind of workload."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
    made = [install({"app": {"kind": kind}}).containers("sidecar") for kind in kinds]
    assert all(containers == made[0] for containers in made)
    assert len(made[0]) == 1
