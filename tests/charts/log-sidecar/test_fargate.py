"""Pods on Fargate: their shape, the size that Fargate provisions, and values that it does not support."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.render.manifests import Manifests, load_yaml

from .conftest import CHART

Install = Callable[..., Manifests]
FILE = CHART / "ci" / "fargate-values.yaml"
ROLE = {"roleArn": "arn:aws:iam::111122223333:role/shop-logs"}
LABEL = "eks.amazonaws.com/fargate-profile"
PLACES: dict[str, dict[str, Any]] = {
    "profile": {"podLabels": {LABEL: "shop"}},
    "nodes": {"nodeSelector": {"eks.amazonaws.com/compute-type": "fargate"}},
}


def equal(cpu: Any = "50m", memory: Any = "64Mi") -> dict[str, Any]:
    """Return resources of a container as Fargate requires them."""
    return {"resources": {kind: {"cpu": cpu, "memory": memory} for kind in ("requests", "limits")}}


def fargate(**values: Any) -> dict[str, Any]:
    """Return values of pods on Fargate, with these values added to those of each block."""
    blocks = {"app": equal(), "sidecar": equal("20m", "64Mi"), **PLACES["profile"]}
    return {**values, **{key: {**block, **values.get(key, {})} for key, block in blocks.items()}}


@pytest.mark.environment("fargate", "sidecar")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "CronJob", "Pod"])
def test_pod_is_one_that_fargate_runs(install: Install, kind: str) -> None:
    """Requests equal limits in every container; there is no hostPath, host network, host port or privilege."""
    made = install({"app": {"kind": kind}}, files=[FILE])
    [pod] = made.select(component="app").pods()
    assert pod.metadata["labels"][LABEL] == "shop"
    for container in pod.containers():
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}
        assert not container["securityContext"].get("privileged")
        assert not any("hostPort" in port for port in container.get("ports", []))
    assert {key for volume in pod.spec["volumes"] for key in volume} == {"name", "configMap", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
    # The filter `aws` would ask the instance metadata service, and so would an output without a region.
    config = load_yaml(made.one("ConfigMap", component="sidecar")["data"]["sidecar.yaml"])["pipeline"]
    assert "aws" not in [plugin["name"] for plugin in config.get("filters", [])]
    assert [output["region"] for output in config["outputs"]] == ["eu-west-1"]


SIZES: dict[str, tuple[dict[str, Any], str]] = {
    # 114 MiB and 256 MiB for Kubernetes.
    "smallest": (fargate(app=equal("50m", "50Mi")), "0.25 vCPU and 0.5 GB"),
    "exactly full": (fargate(app=equal("230m", "192Mi")), "0.25 vCPU and 0.5 GB"),
    "memory above": (fargate(app=equal("230m", "193Mi")), "0.25 vCPU and 1 GB"),
    "CPU above": (fargate(app=equal("231m", "192Mi")), "0.5 vCPU and 1 GB"),
    # The example of the user guide: 1 vCPU and 8 GB.
    "memory of a larger size": (fargate(app=equal("980m", "8128Mi")), "2 vCPU and 9 GB"),
    "cores and gibibytes": (fargate(app=equal(3.5, "20Gi")), "4 vCPU and 21 GB"),
    "steps of 4 GB": (fargate(app=equal(7, "17Gi")), "8 vCPU and 20 GB"),
    "steps of 8 GB": (fargate(app=equal(15, "40G")), "16 vCPU and 40 GB"),
    "least memory of many cores": (fargate(app=equal(8, "1Gi")), "16 vCPU and 32 GB"),
    "two sidecars": (
        fargate(
            app=equal("150m", "128Mi"),
            sidecar={"perFile": True, **equal("50m", "64Mi")},
            logs={"files": [{"name": name, "path": f"/var/log/app/{name}.log"} for name in ("a", "b")]},
        ),
        "0.25 vCPU and 0.5 GB",
    ),
    "extra container": (
        fargate(extraContainers=[{"name": "proxy", "image": "example.com/proxy:1", **equal("300m", "1Gi")}]),
        "0.5 vCPU and 2 GB",
    ),
    "small init container": (
        fargate(extraInitContainers=[{"name": "init", "image": "example.com/init:1", **equal("70m", "128Mi")}]),
        "0.25 vCPU and 0.5 GB",
    ),
    "largest init container": (
        fargate(extraInitContainers=[{"name": "init", "image": "example.com/init:1", **equal(1, "3Gi")}]),
        "1 vCPU and 4 GB",
    ),
    "native sidecar of the user": (
        fargate(
            extraInitContainers=[
                {"name": "proxy", "image": "example.com/proxy:1", "restartPolicy": "Always", **equal("200m", "64Mi")}
            ]
        ),
        "0.5 vCPU and 1 GB",
    ),
    "limits alone": (
        fargate(app={"resources": {"requests": None, "limits": {"cpu": 1, "memory": "1Gi"}}}),
        "2 vCPU and 4 GB",
    ),
    "engine with its own resources": (
        fargate(sidecar={"engine": "fluentd", "fluentd": equal("200m", "512Mi")}),
        "0.25 vCPU and 1 GB",
    ),
}


@pytest.mark.parametrize(("values", "size"), SIZES.values(), ids=SIZES)
def test_notes_show_the_size(notes: Callable[..., str], values: dict[str, Any], size: str) -> None:
    """The size has room for the larger of the sum and the largest init container, and for 256 MiB."""
    assert f"Fargate provisions {size} for each pod" in notes(values)


def test_notes_know_both_labels_and_no_other_pod(notes: Callable[..., str]) -> None:
    """The size is shown for the label of a profile or of Fargate's nodes, and for no other pod."""
    for place in PLACES.values():
        assert "Fargate provisions 0.25 vCPU" in notes({**fargate(), "podLabels": {}, **place})
    assert "Fargate" not in notes()


def test_notes_offer_no_pod_identity(notes: Callable[..., str]) -> None:
    """With a service account of the user, the notes name the annotation of IRSA, and not EKS Pod Identity."""
    outputs = {"stdout": {"enabled": False}, "archive": {"type": "s3", "bucket": "b"}}
    given = {"outputs": outputs, "serviceAccount": {"create": False, "name": "own"}}
    text = notes(fargate(**given))
    assert "annotation eks.amazonaws.com/role-arn of the service account own" in text
    assert "Pod Identity" not in text and "Pod Identity" in notes(given)


def image(name: str, **container: Any) -> list[dict[str, Any]]:
    return [{"name": name, "image": f"example.com/{name}:1", **container}]


UNEQUAL = "CPU and memory requests other than its limits, but Fargate requires equal ones"
REJECTED: dict[str, tuple[dict[str, Any], str]] = {
    "default resources of the application": (PLACES["profile"], f"`app` has {UNEQUAL}"),
    "default resources of the sidecar": (PLACES["nodes"], f"`sidecar` has {UNEQUAL}. Write:\nsidecar:\n  resources:"),
    "resources of the engine": (fargate(sidecar={"engine": "fluentd"}), f"`sidecar.fluentd` has {UNEQUAL}"),
    "no CPU limit": (
        fargate(app={"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "64Mi"}}}),
        f"`app` has {UNEQUAL}",
    ),
    "extra container": (
        fargate(extraContainers=image("proxy")),
        f"The container proxy of `extraContainers` has {UNEQUAL}. Write:\nextraContainers:\n- name: proxy",
    ),
    "init container": (
        fargate(extraInitContainers=image("init", resources={"limits": {"memory": "1Gi"}})),
        f"The container init of `extraInitContainers` has {UNEQUAL}",
    ),
    "daemonset": (fargate(app={"kind": "DaemonSet"}), "`app.kind` is DaemonSet, which Fargate does not run"),
    "new claim": (
        fargate(logs={"volume": {"type": "persistentVolumeClaim"}}),
        "Fargate creates no volumes: it mounts only existing EFS file systems",
    ),
    "hostPath": (
        fargate(extraVolumes=[{"name": "node", "hostPath": {"path": "/var/log"}}]),
        "The volume node of `extraVolumes` is a hostPath, which Fargate does not mount",
    ),
    "privileged": (
        fargate(extraContainers=image("proxy", securityContext={"privileged": True}, **equal())),
        "The container proxy of `extraContainers` is privileged",
    ),
    "hostPort": (
        fargate(extraContainers=image("proxy", ports=[{"containerPort": 80, "hostPort": 80}], **equal())),
        "The container proxy of `extraContainers` has a hostPort",
    ),
    "no role": (
        fargate(outputs={"logs": {"type": "cloudwatch", "region": "eu-west-1"}}),
        "`outputs.logs` requires AWS credentials, but Fargate has no Pod Identity and no role of the node",
    ),
    "no role to sign with": (
        fargate(outputs={"logs": {"type": "opensearch", "host": "x", "awsAuth": True}}),
        "`outputs.logs` requires AWS credentials",
    ),
    "CPU": (fargate(app=equal(16, "1Gi")), "The containers request 16.02 vCPU"),
    "memory": (fargate(app=equal(1, "120Gi")), "120.31 GiB of memory. Fargate has up to 16 vCPU and 120 GB"),
}


@pytest.mark.parametrize(("values", "says"), REJECTED.values(), ids=REJECTED)
def test_pods_that_fargate_does_not_run_are_rejected(
    rejection: Callable[..., str], install: Install, values: dict[str, Any], says: str
) -> None:
    """The message has the problem and the place; without the label of Fargate, the values are accepted."""
    assert says in rejection(values)
    install({**values, "podLabels": {}, "nodeSelector": {}})


@pytest.mark.parametrize(
    "values",
    [
        fargate(outputs={"logs": {"type": "cloudwatch", "region": "eu-west-1"}}, serviceAccount=ROLE),
        fargate(outputs={"logs": {"type": "s3", "bucket": "b"}}, serviceAccount={"create": False, "name": "own"}),
        fargate(
            outputs={"logs": {"type": "s3", "bucket": "b"}},
            serviceAccount={"annotations": {"eks.amazonaws.com/role-arn": ROLE["roleArn"]}},
        ),
        fargate(outputs={"logs": {"type": "opensearch", "host": "x"}}),
        fargate(logs={"volume": {"type": "persistentVolumeClaim", "persistentVolumeClaim": {"existingClaim": "efs"}}}),
        fargate(
            app={"resources": {"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}}}
        ),
    ],
    ids=["role", "own account", "annotation", "no AWS", "EFS", "same amounts in other units"],
)
def test_pods_that_fargate_runs_are_accepted(install: Install, values: dict[str, Any]) -> None:
    """IRSA, existing claims and equal amounts render."""
    assert install(values).select(component="app").pods()


@pytest.mark.environment("fargate", "injection")
@pytest.mark.parametrize(
    ("profiles", "fitting", "advice"),
    [
        ({"default": {}}, [], "No profile has equal ones: set injection.profiles.NAME.resources of the chart."),
        ({"default": {}, "fargate": equal()}, ["fargate"], "Write log-sidecar/profile with one of fargate."),
    ],
    ids=["none", "one"],
)
def test_injected_sidecar_has_equal_requests_on_fargate(
    install: Install, profiles: dict[str, Any], fitting: list[str], advice: str
) -> None:
    """Both policies reject a pod on Fargate whose profile has other requests than limits, and name the others."""
    made = install({"app": {"enabled": False}, "injection": {"enabled": True, "profiles": profiles}})
    for kind in ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"):
        text = re.sub(r"\s+", " ", str(made.one(kind)))
        listed = str(fitting).replace("'", '"')
        assert f'"{LABEL}" in object.metadata.?labels.orValue({{}}) && !(variables.profile in {listed})' in text
        assert advice in text
