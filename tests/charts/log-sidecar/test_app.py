"""The application: the demo, or your own application set by values."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, Object

App = Callable[..., Object]
OWN = {"demo": {"enabled": False}, "command": ["serve"]}


def environment(container: Object) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}


def test_demo_runs_from_a_stock_image_without_a_build(app: App) -> None:
    """The demo runs the source from a ConfigMap in the stock Python image."""
    container = app()
    assert container["image"] == "public.ecr.aws/docker/library/python:3.11-slim-bookworm"
    assert container["command"] == ["python3", "-u", "-B", "/opt/demo/app.py"]
    assert {"name": "demo", "mountPath": "/opt/demo", "readOnly": True} in container["volumeMounts"]
    assert "args" not in container


def test_demo_source_is_the_file_beside_its_dockerfile(install: Callable[..., Manifests], chart: Any) -> None:
    """The mounted source is identical to the one that the Dockerfile copies."""
    mounted = install().one("ConfigMap", "x-log-sidecar-demo")["data"]["app.py"]
    source = (chart / "files" / "demo" / "app.py").read_text(encoding="utf-8")
    assert mounted.rstrip("\n") == source.rstrip("\n")
    assert "COPY app.py ship.py tracer.py " in (chart / "files" / "demo" / "Dockerfile").read_text(encoding="utf-8")


def test_demo_writes_to_the_first_log_file_and_listens_on_the_first_port(app: App) -> None:
    """The demo's file, rotation and port come from the values."""
    values = {
        "app": {
            "demo": {"linesPerRequest": 3, "rotateBytes": 2000000, "rotateKeep": 2},
            "ports": [{"name": "http", "containerPort": 8080}],
        },
        "logs": {
            "directory": "/srv",
            "files": [{"name": "a", "path": "/srv/a.log"}, {"name": "b", "path": "/srv/b.log"}],
        },
    }
    assert environment(app(values)) == {
        "LOG_FILE": "/srv/a.log",
        "LOG_ROTATE_BYTES": "2000000",
        "LOG_ROTATE_KEEP": "2",
        "LINES_PER_REQUEST": "3",
        "PORT": "8080",
    }


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_demo_as_a_job_writes_its_lines_and_ends(app: App, kind: str) -> None:
    """In a Job, the demo writes its lines and exits: it has no port and no probes."""
    container = app({"app": {"kind": kind, "demo": {"jobLines": 1000000}}})
    assert container["args"] == ["batch"]
    assert environment(container)["LINES"] == "1000000"
    assert "PORT" not in environment(container)
    assert "livenessProbe" not in container


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe"])
def test_demo_is_probed_unless_a_probe_is_given(app: App, probe: str) -> None:
    """The default probe is `/healthz` of the demo; other fields are kept, and a handler replaces it."""
    handler = {"httpGet": {"path": "/healthz", "port": 5000}}
    assert app()[probe] == handler
    assert app({"app": {probe: {"periodSeconds": 3}}})[probe] == {"periodSeconds": 3, **handler}
    given = {"exec": {"command": ["true"]}}
    assert app({"app": {probe: given}})[probe] == given
    assert probe not in app({"app": OWN})


def test_demo_has_no_start_up_probe(app: App) -> None:
    """The demo has no startup probe unless the values set one."""
    assert "startupProbe" not in app()
    given = {"tcpSocket": {"port": 5000}, "failureThreshold": 9}
    assert app({"app": {"startupProbe": given}})["startupProbe"] == given


def test_real_application_takes_the_place_of_the_demo(app: App) -> None:
    """Image, command, arguments, directory, environment, ports and hooks come from the values alone."""
    container = app(
        {
            "app": {
                "name": "shop",
                "demo": {"enabled": False},
                "image": {
                    "registry": "111122223333.dkr.ecr.us-east-1.amazonaws.com",
                    "repository": "shop",
                    "tag": "2.0",
                    "pullPolicy": "Always",
                },
                "command": ["/shop"],
                "args": ["--log", "/var/log/app/app.log"],
                "workingDir": "/srv",
                "env": [{"name": "A", "value": "1"}],
                "extraEnv": [{"name": "B", "value": "2"}],
                "envFrom": [{"secretRef": {"name": "one"}}],
                "extraEnvFrom": [{"configMapRef": {"name": "two"}}],
                "ports": [{"name": "web", "containerPort": 8080}],
                "service": {"ports": [{"port": 80, "targetPort": "web"}]},
                "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
                "resources": {"limits": {"memory": "1Gi"}},
            }
        }
    )
    assert container["name"] == "shop"
    assert container["image"] == "111122223333.dkr.ecr.us-east-1.amazonaws.com/shop:2.0"
    assert container["imagePullPolicy"] == "Always"
    assert (container["command"], container["args"]) == (["/shop"], ["--log", "/var/log/app/app.log"])
    assert container["workingDir"] == "/srv"
    assert environment(container) == {"A": "1", "B": "2"}
    assert container["envFrom"] == [{"secretRef": {"name": "one"}}, {"configMapRef": {"name": "two"}}]
    assert container["ports"] == [{"name": "web", "containerPort": 8080}]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 2}}}
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert {mount["name"] for mount in container["volumeMounts"]} == {"logs", "tmp"}


def test_environment_of_the_user_is_added_to_that_of_the_demo(app: App) -> None:
    """`app.env` is added to the demo's own environment."""
    found = environment(app({"app": {"env": [{"name": "LOG_LEVEL", "value": "debug"}]}}))
    assert found["LOG_LEVEL"] == "debug"
    assert found["LOG_FILE"] == "/var/log/app/app.log"


def test_tmp_can_be_left_out(app: App, pod_spec: Callable[..., Object]) -> None:
    """The application's `/tmp` is an emptyDir with a size limit, and can be disabled."""
    assert {"name": "tmp", "mountPath": "/tmp"} in app()["volumeMounts"]
    assert {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}} in pod_spec()["volumes"]
    without = pod_spec({"app": {"tmp": {"enabled": False}}})
    assert "tmp" not in {volume["name"] for volume in without["volumes"]}
    assert "tmp" not in {mount["name"] for mount in without["containers"][0]["volumeMounts"]}


def test_replicas_belong_to_an_autoscaler_until_they_are_set(install: Callable[..., Manifests]) -> None:
    """`replicas` is not rendered by default, so that an upgrade does not override an autoscaler; 0 is rendered."""
    assert "replicas" not in install().one("Deployment")["spec"]
    for replicas in (0, 3):
        assert install({"app": {"replicas": replicas}}).one("Deployment")["spec"]["replicas"] == replicas


@pytest.mark.parametrize(
    ("kind", "field", "expected", "other"),
    [
        ("Deployment", "strategy", None, "Recreate"),
        ("StatefulSet", "updateStrategy", None, "OnDelete"),
        (
            "DaemonSet",
            "updateStrategy",
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "OnDelete",
        ),
    ],
)
def test_update_strategy(install: Callable[..., Manifests], kind: str, field: str, expected: Any, other: str) -> None:
    """The update strategy comes from the values; by default, a DaemonSet updates 10% of the nodes at a time."""
    assert install({"app": {"kind": kind}}).one(kind)["spec"].get(field) == expected
    given = {"type": other}
    assert install({"app": {"kind": kind, "updateStrategy": given}}).one(kind)["spec"][field] == given


def test_job_settings(install: Callable[..., Manifests]) -> None:
    """Limits of a Job come from the values, large numbers included, and its pod is not restarted."""
    job = {
        "backoffLimit": 1,
        "completions": 2,
        "parallelism": 2,
        "activeDeadlineSeconds": 3000000,
        "ttlSecondsAfterFinished": 0,
    }
    spec = install({"app": {"kind": "Job", "job": job}}).one("Job")["spec"]
    assert {key: spec[key] for key in job} == job
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    bare = install({"app": {"kind": "Job"}}).one("Job")["spec"]
    assert not {"activeDeadlineSeconds", "ttlSecondsAfterFinished"} & set(bare)


def test_cron_job_settings(install: Callable[..., Manifests]) -> None:
    """Settings of a CronJob come from the values; unset ones are not rendered."""
    cron = {
        "schedule": "0 3 * * *",
        "timeZone": "Europe/Madrid",
        "concurrencyPolicy": "Replace",
        "suspend": True,
        "startingDeadlineSeconds": 60,
        "successfulJobsHistoryLimit": 0,
        "failedJobsHistoryLimit": 2,
    }
    spec = install({"app": {"kind": "CronJob", "cronJob": cron}}).one("CronJob")["spec"]
    assert {key: spec[key] for key in cron} == cron
    bare = install({"app": {"kind": "CronJob"}}).one("CronJob")["spec"]
    assert not {"timeZone", "startingDeadlineSeconds"} & set(bare)
    assert bare["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_service_settings(install: Callable[..., Manifests]) -> None:
    """Type, annotations, labels, ports and load balancer settings of the Service come from the values."""
    service = {
        "type": "LoadBalancer",
        "annotations": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"},
        "labels": {"exposed": "yes"},
        "ports": [{"name": "web", "port": 8000, "targetPort": 5000}],
        "loadBalancerClass": "service.k8s.aws/nlb",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "externalTrafficPolicy": "Local",
    }
    made = install({"app": {"service": service}}).one("Service")
    assert made["metadata"]["annotations"] == service["annotations"]
    assert made["metadata"]["labels"]["exposed"] == "yes"
    for field in ("type", "ports", "loadBalancerClass", "loadBalancerSourceRanges", "externalTrafficPolicy"):
        assert made["spec"][field] == service[field]
    assert set(install().one("Service")["spec"]) == {"type", "selector", "ports"}


def test_service_finds_the_pods_and_only_these(install: Callable[..., Manifests]) -> None:
    """The Service selects the pods of the workload, but not the pod of `helm test`."""
    made = install()
    selector = made.one("Service")["spec"]["selector"].items()
    pods = {str(pod): selector <= pod.metadata["labels"].items() for pod in made.pods()}
    assert pods == {"Deployment/x-log-sidecar": True, "Pod/x-log-sidecar-test": False}


def test_headless_service_of_a_stateful_set(install: Callable[..., Manifests]) -> None:
    """The StatefulSet refers to its headless Service, which has the application's ports or none."""
    made = install({"app": {"kind": "StatefulSet"}})
    headless = made.one("Service", "x-log-sidecar-headless")["spec"]
    assert made.one("StatefulSet")["spec"]["serviceName"] == "x-log-sidecar-headless"
    assert headless["clusterIP"] == "None"
    assert [port["port"] for port in headless["ports"]] == [5000]
    bare = {"app": {**OWN, "kind": "StatefulSet", "ports": [], "service": {"enabled": False}}}
    assert "ports" not in install(bare).one("Service")["spec"]


def test_service_account(install: Callable[..., Manifests], pod_spec: Callable[..., Object]) -> None:
    """The pod uses the chart's service account, another one or `default`, and mounts a token only on request."""
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/shop"}
    made = install({"serviceAccount": {"name": "shop", "roleArn": role["eks.amazonaws.com/role-arn"]}})
    assert made.one("ServiceAccount")["metadata"]["name"] == "shop"
    assert made.one("ServiceAccount")["metadata"]["annotations"] == role
    assert made.one("ServiceAccount")["automountServiceAccountToken"] is False
    annotated = install({"serviceAccount": {"annotations": {**role, "example.com/team": "shop"}}})
    assert annotated.one("ServiceAccount")["metadata"]["annotations"] == {**role, "example.com/team": "shop"}
    for account, name in (
        ({}, "x-log-sidecar"),
        ({"name": "shop"}, "shop"),
        ({"create": False}, "default"),
        ({"create": False, "name": "old"}, "old"),
    ):
        spec = pod_spec({"serviceAccount": account})
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (name, False)
    assert pod_spec({"serviceAccount": {"automount": True}})["automountServiceAccountToken"] is True


def test_disruption_budget(install: Callable[..., Manifests]) -> None:
    """The budget selects the workload's pods, with a minimum of available or a maximum of unavailable pods."""
    made = install({"podDisruptionBudget": {"enabled": True}})
    budget = made.one("PodDisruptionBudget")["spec"]
    assert budget["selector"] == made.one("Deployment")["spec"]["selector"]
    assert (budget["maxUnavailable"], "minAvailable" in budget) == (1, False)
    for least in (0, "50%"):
        spec = install({"podDisruptionBudget": {"enabled": True, "minAvailable": least}}).one("PodDisruptionBudget")[
            "spec"
        ]
        assert (spec["minAvailable"], "maxUnavailable" in spec) == (least, False)
