"""The admission policies of injection: their objects, the pods that they match, and the injected parts."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.render import supported
from harness.render.helm import Helm, HelmError
from harness.render.manifests import Manifests, Object, load_yaml
from harness.render.schemas import value_errors

from .conftest import CHART, tails, written

Install = Callable[..., Manifests]
ON: dict[str, Any] = {"app": {"enabled": False}, "injection": {"enabled": True}}
KINDS = ("MutatingAdmissionPolicy", "ValidatingAdmissionPolicy")


def on(**injection: Any) -> dict[str, Any]:
    return {**ON, "injection": {"enabled": True, **injection}}


def variables(policy: Object) -> dict[str, str]:
    return {entry["name"]: entry["expression"] for entry in policy["spec"]["variables"]}


def data(expression: str) -> Any:
    """Parse the data in a CEL expression; computed parts are returned as `cel: ...`."""
    found, rest = _read(expression)
    assert not rest.strip(), rest
    return found


def _read(text: str) -> tuple[Any, str]:
    text = text.lstrip()
    if text.startswith("dyn("):
        inside, rest = _read(text.removeprefix("dyn("))
        # A computed part ends with its closing parenthesis.
        if not rest.lstrip().startswith(")"):
            return _opaque(text.removeprefix("dyn("))
        return inside, rest.lstrip()[1:]
    if text.startswith(("{", "[")):
        pairs, text = [], text[1:].lstrip()
        while not text.startswith(("}", "]")):
            key, text = _read(text)
            value, text = _read(text[1:]) if text.startswith(":") else (None, text)
            pairs.append((key, value))
            text = text.lstrip().removeprefix(",").lstrip()
        return (dict(pairs) if text[0] == "}" else [key for key, _ in pairs]), text[1:]
    if re.match(r'["0-9tfn]|-\d', text) and not text.startswith("namespaceObject"):
        value, end = json.JSONDecoder().raw_decode(text)
        return value, text[end:]
    return _opaque(text)


def _opaque(text: str) -> tuple[str, str]:
    """Return an expression up to its first unmatched closing parenthesis."""
    depth = 0
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|[()]', text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0:
            return f"cel: {text[: token.start()]}", text[token.start() + 1 :]
    return f"cel: {text}", ""


@pytest.fixture
def injected(install: Install) -> Callable[..., Object]:
    """The injected container of a profile."""

    def container(
        values: dict[str, Any] | None = None, *, profile: str = "default", engine: str = "fluent-bit"
    ) -> Object:
        policy = install(values or ON).one("MutatingAdmissionPolicy")
        profiles = sorted({"default", *(values or ON)["injection"].get("profiles", {})})
        name = f"sidecar_{profiles.index(profile)}_{engine.replace('-', '_')}"
        made: Object = data(variables(policy)[name])
        return made

    return container


def test_objects_are_two_policies_and_their_bindings(install: Install) -> None:
    """Injection has four cluster-scoped objects, named after release and namespace, and none when it is disabled."""
    made = install(ON)
    assert made.names() == {(f"{kind}{end}", "x-log-sidecar.prd") for kind in KINDS for end in ("", "Binding")}
    assert not [item for item in made if "namespace" in item["metadata"]]
    assert {item["spec"]["policyName"] for item in made if "policyName" in item["spec"]} == {"x-log-sidecar.prd"}
    assert not [name for kind, name in install().names() if "Admission" in kind]
    assert not install({"app": {"enabled": False}}).names()
    assert {kind for kind, _ in install({"injection": {"enabled": True}}).names()} > {"Deployment", *KINDS}


@pytest.mark.parametrize("version", [version for version in supported.KUBERNETES if version < "1.36"])
def test_cluster_without_the_api_is_rejected(helm: Helm, version: str) -> None:
    """Below Kubernetes 1.36, injection is rejected with the version, the alternative and the YAML to write."""
    with pytest.raises(HelmError) as caught:
        helm.render(CHART, values=ON, kube_version=f"v{version}.9-eks-1a2b3c4")
    assert (
        f"v{version}.9-eks-1a2b3c4 does not serve MutatingAdmissionPolicy, which requires 1.36" in caught.value.stderr
    )
    assert written(caught.value.stderr) == {"injection": {"enabled": False}, "app": {"enabled": True}}
    assert helm.render(CHART, values=ON, kube_version="v1.36.0-eks-1a2b3c4")


def test_cluster_with_the_api_switched_off_is_rejected(helm: Helm) -> None:
    """A cluster that does not serve the API is rejected; `helm template`, which knows no API by itself, is not."""
    served = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
    with pytest.raises(HelmError) as caught:
        helm.render(CHART, values=ON, kube_version="v1.36.0", api_versions=["v1/Pod"])
    assert "this Kubernetes v1.36.0 cluster does not serve MutatingAdmissionPolicy" in caught.value.stderr
    assert written(caught.value.stderr) == {"injection": {"enabled": False}, "app": {"enabled": True}}
    assert helm.render(CHART, values=ON, kube_version="v1.36.0", api_versions=["v1/Pod", served])


def test_only_new_pods_of_chosen_namespaces_are_looked_at(install: Install) -> None:
    """Both policies match new pods, except in kube-system, the release's namespace and excluded namespaces."""
    selector = {"matchLabels": {"logs": "files"}, "matchExpressions": [{"key": "team", "operator": "Exists"}]}
    made = install(on(namespaceSelector=selector, excludeNamespaces=["monitoring", "prd"]))
    excluded = {
        "key": "kubernetes.io/metadata.name",
        "operator": "NotIn",
        "values": ["kube-system", "prd", "monitoring"],
    }
    for kind in KINDS:
        match = made.one(kind)["spec"]["matchConstraints"]
        assert match["namespaceSelector"]["matchLabels"] == {"logs": "files"}
        assert match["namespaceSelector"]["matchExpressions"] == [*selector["matchExpressions"], excluded]
        [rule] = match["resourceRules"]
        assert (rule["operations"], rule["resources"], rule["apiGroups"]) == (["CREATE"], ["pods"], [""])
        assert made.one(kind)["spec"]["failurePolicy"] == "Fail"
    assert made.one("ValidatingAdmissionPolicyBinding")["spec"]["validationActions"] == ["Deny"]


def test_pods_that_do_not_ask_are_not_evaluated(install: Install) -> None:
    """Match conditions that cannot fail exclude pods without annotations from both policies."""
    made = install(on(annotationPrefix="logs.example.com"))
    mutating, validating = (made.one(kind)["spec"]["matchConditions"] for kind in KINDS)
    asks, is_small = mutating
    assert asks["expression"] == 'object.metadata.?annotations[?"logs.example.com/inject"].orValue("") == "true"'
    assert is_small["expression"].endswith(') == ""')
    [has_annotations] = validating
    assert has_annotations["expression"] == (
        'object.metadata.?annotations[?"logs.example.com/inject"].hasValue() || '
        "object.metadata.?annotations.orValue({}).size() <= 200 && "
        'object.metadata.?annotations.orValue({}).exists(k, k.startsWith("logs.example.com/"))'
    )


def test_both_policies_have_the_same_bounds(install: Install) -> None:
    """A pod that is too large for the mutating policy is rejected by the validating one, first of all."""
    mutating, validating = (install(ON).one(kind)["spec"] for kind in KINDS)
    excess = {entry["name"]: entry["expression"] for entry in validating["variables"]}["excess"]
    assert "".join(mutating["matchConditions"][1]["expression"].split()) == "".join(f'({excess})==""'.split())
    first = {entry["name"]: entry["expression"] for entry in validating["variables"]}["rejection"]
    assert first.lstrip().startswith('variables.inject != "false" && variables.excess != ""')
    # Match conditions cannot use variables.
    assert "variables." not in excess


def test_pods_that_do_not_ask_belong_to_no_prefix(install: Install) -> None:
    """With another prefix, no expression mentions the default one."""
    made = install(on(annotationPrefix="logs.example.com"))
    assert '"log-sidecar/' not in "".join(variables(made.one(KINDS[0])).values())


def test_both_policies_compute_the_same(install: Install) -> None:
    """The mutating policy skips a pod for the same reason for which the validating policy rejects it."""
    mutating, validating = (variables(install(ON).one(kind)) for kind in KINDS)
    assert validating.items() <= mutating.items()
    patch = install(ON).one("MutatingAdmissionPolicy")["spec"]["mutations"][0]["jsonPatch"]["expression"]
    assert patch.startswith('variables.rejection != "" || variables.sidecars.size() > 0 ? []')
    first = install(ON).one("ValidatingAdmissionPolicy")["spec"]["validations"][0]
    assert (first["expression"], first["messageExpression"]) == ('variables.rejection == ""', "variables.rejection")


@pytest.mark.parametrize("engine", ["fluent-bit", "tail"])
def test_injected_container_is_that_of_the_charts_own_pod(
    injected: Callable[..., Object], sidecars: Callable[..., list[Object]], engine: str
) -> None:
    """Image, command, probes, ports and resources equal those of the chart's own pod."""
    [own] = sidecars({"sidecar": {"engine": engine}})
    made = injected(engine=engine)
    differ = {key for key in own.keys() | made.keys() if own.get(key) != made.get(key)}
    assert differ == {"name", "env", "volumeMounts", "securityContext"} | ({"args"} if engine == "tail" else set())
    assert made["name"] == "log-sidecar"
    assert made["restartPolicy"] == "Always"
    if engine == "tail":
        assert made["args"][0].replace("stream $LOG_PATHS;", "stream '/var/log/app/app.log';") == own["args"][0]
    context = {key: value for key, value in made["securityContext"].items() if not str(value).startswith("cel: ")}
    assert context == {key: value for key, value in own["securityContext"].items() if key != "runAsNonRoot"} | {
        "seccompProfile": {"type": "RuntimeDefault"}
    }
    assert made["securityContext"]["runAsUser"] == "cel: variables.user"


def test_configuration_comes_in_the_environment(injected: Callable[..., Object]) -> None:
    """The configuration is in the environment, with the paths as a variable, so that no ConfigMap is required."""
    env = {entry["name"]: entry.get("value") for entry in injected()["env"]}
    assert env["LOG_PATHS"] == "cel: variables.logPaths"
    # The kubelet reads "$$" as "$".
    config = load_yaml(env["CONFIG_DATA"].replace("$$", "$"))
    [tail] = tails(config["pipeline"])
    assert (tail["path"], tail["db"]) == ("${LOG_PATHS}", "/var/lib/log-sidecar/log-sidecar/logs.db")
    assert re.search(r"(?<!\$)\$(?!\$)", env["CONFIG_DATA"].replace("$$", "")) is None


def test_profile_goes_over_the_charts_settings(injected: Callable[..., Object]) -> None:
    """A profile overrides `sidecar` and `outputs`, and does not affect other profiles."""
    resources = {"requests": {"cpu": "1", "memory": "2Mi"}, "limits": {"memory": "3Mi"}}
    password = {"name": "login", "key": "password"}
    login = {"httpUser": {"name": "login", "key": "user"}, "httpPasswd": password}
    big = {
        "logLevel": "debug",
        "resources": resources,
        "httpServer": {"port": 3020},
        "multiline": "java",
        "env": [{"name": "TZ", "value": "UTC"}],
        "outputs": {
            "search": {"type": "elasticsearch", "host": "es", **login, "tls": {"enabled": False}},
            "stdout": {"enabled": False},
        },
    }
    values = on(profiles={"big": big}) | {"sidecar": {"extraEnv": [{"name": "OWN", "value": "x"}]}}
    made = injected(values, profile="big")
    env = {entry["name"]: entry for entry in made["env"]}
    config = load_yaml(env["CONFIG_DATA"]["value"])
    assert made["resources"]["limits"] == {"memory": "3Mi"}
    assert made["ports"] == [{"name": "metrics", "containerPort": 3020}]
    assert made["livenessProbe"]["httpGet"]["port"] == config["service"]["http_port"] == 3020
    assert config["service"]["log_level"] == "debug"
    assert "java" in str(config["multiline_parsers"])
    [output] = config["pipeline"]["outputs"]
    assert (output["alias"], output["host"], output["tls"]) == ("search", "es", False)
    variable = "OUTPUT_SEARCH__HTTP_PASSWD"
    assert env[variable] == {"name": variable, "valueFrom": {"secretKeyRef": password}}
    assert env["TZ"]["value"] == "UTC"
    assert "OWN" not in env, "what may be a Secret of the release's namespace"
    assert injected(values)["ports"][0]["containerPort"] == 2020
    assert variable not in str(injected(values))


def test_profile_sends_to_several_outputs(install: Install, injected: Callable[..., Object]) -> None:
    """A profile's outputs are added to the chart's, without their `match`; each CA certificate has its own volume."""
    ca = {"caSecret": {"name": "authority", "key": "ca.crt"}}
    extra = {name: {"type": "http", "host": name, "tls": ca} for name in ("b", "c")}
    values = on(profiles={"two": {"outputs": extra}}) | {
        "outputs": {"stdout": {"match": {"files": ["app"]}}},
        "sidecar": {"state": {"sizeLimit": "1Gi"}},
    }
    made = injected(values, profile="two")
    env = {entry["name"]: entry.get("value") for entry in made["env"]}
    outputs = load_yaml(env["CONFIG_DATA"].replace("$$", "$"))["pipeline"]["outputs"]
    assert [(output["alias"], output["match"]) for output in outputs] == [("b", "*"), ("c", "*"), ("stdout", "*")]
    volumes = [f"log-sidecar-ca-{name}" for name in "bc"]
    assert [name for name in volumes if name in made["volumeMounts"]] == volumes
    needs = variables(install(values).one("MutatingAdmissionPolicy"))["needs"].removesuffix("[variables.profile]")
    assert {name: [volume["name"] for volume in need["volumes"]] for name, need in data(needs).items()} == {
        "default": [],
        "two": volumes,
    }


def test_every_profile_of_the_values_is_offered(install: Install) -> None:
    """The policies contain all profiles by name, each with its engine."""
    made = variables(install(on(profiles={"small": {"engine": "tail"}})).one("ValidatingAdmissionPolicy"))
    assert 'orValue({"default":"fluent-bit","small":"tail"}[?variables.profile].orValue(""))' in made["engine"]
    assert "The cluster has default, small." in made["rejection"]


def test_names_and_sizes_of_what_is_added(install: Install, injected: Callable[..., Object]) -> None:
    """Container and volumes are named after `injection.name`; sizes and the default user come from the values."""
    values = on(name="logs", runAsUser=7, runAsGroup=8, volume={"sizeLimit": "9Mi"}) | {
        "sidecar": {"state": {"sizeLimit": "300Mi", "medium": "Memory"}}
    }
    made = variables(install(values).one("MutatingAdmissionPolicy"))
    assert injected(values)["name"] == "logs"
    assert '"logs-logs-"' in made["newVolumes"]
    assert '{"sizeLimit": "9Mi"}' in made["newVolumes"]
    assert data(made["needs"].removesuffix("[variables.profile]"))["default"]["state"] == {
        "medium": "Memory",
        "sizeLimit": "300Mi",
    }
    assert made["user"].endswith("orValue(7))")
    assert made["group"].endswith("orValue(8))")


def test_one_registry_for_the_injected_sidecar_too(injected: Callable[..., Object]) -> None:
    """`global.imageRegistry` overrides the registry of the injected container."""
    for engine in ("fluent-bit", "tail"):
        assert injected(ON | {"global": {"imageRegistry": "r.example"}}, engine=engine)["image"].startswith(
            "r.example/"
        )


def rejected() -> Iterator[Any]:
    tail = {"engine": "tail", "multiline": "java"}
    yield "tail-multiline", {"profiles": {"a": tail}}, "cannot join the lines of java", {"a": {"engine": "fluent-bit"}}
    backend = {"engine": "tail", "outputs": {"b": {"type": "cloudwatch"}}}
    yield (
        "tail-backend",
        {"profiles": {"a": backend}},
        "`outputs.b.type` is cloudwatch",
        {"a": {"engine": "fluent-bit"}},
    )
    none = {"outputs": {"stdout": {"enabled": False}}}
    yield "output", {"profiles": {"a": none}}, "In `injection.profiles.a`: No output is enabled", None
    large = {"outputs": {"b": {"type": "cloudwatch", "storage": {"totalLimitSize": "1G"}}}}
    says = "In `injection.profiles.a`: `outputs.b.storage.totalLimitSize` is 1G, but Kubernetes evicts the pod"
    yield "buffer", {"profiles": {"a": large}}, says, None
    file = {"outputs": {"b": {"type": "cloudwatch", "match": {"files": ["app"]}}}}
    yield "file", {"profiles": {"a": file}}, 'In `injection.profiles.a`: `outputs.b.match.files` contains "app"', None
    unknown = {"outputs": {"other": {"enabled": True}}}
    yield "type", {"profiles": {"a": unknown}}, "`injection.profiles.a.outputs.other` has no type", None
    for engine, name in (("fluent-bit", "CONFIG_DATA"), ("tail", "LOG_PATHS")):
        own = {"profiles": {"a": {"engine": engine, "env": [{"name": name, "value": "x"}]}}}
        yield (
            f"{engine}-own-{name}",
            own,
            f'The sidecar of injection.profiles.a has the environment variable "{name}" twice',
            None,
        )
    yield "prefix", {"annotationPrefix": "logs.kubernetes.io"}, "Kubernetes reserves this domain", None


@pytest.mark.parametrize(("values", "says", "write"), [pytest.param(*case[1:], id=case[0]) for case in rejected()])
def test_profile_that_cannot_work_is_rejected(
    rejection: Callable[..., str], install: Install, values: dict[str, Any], says: str, write: dict[str, Any] | None
) -> None:
    """An invalid profile is rejected with its name, the problem, and YAML that the chart accepts."""
    message = rejection(on(**values))
    assert says in message
    if write is None:
        return
    written = load_yaml(re.split(r"Write.*:\n", message, maxsplit=1)[1].partition("\n\n")[0].split("\ninjection:")[0])
    profile = written["injection"]["profiles"]["a"]
    assert profile.items() >= write["a"].items()
    assert install(on(profiles={"a": profile}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"engin": "tail"},
        {"engine": "fluentd"},
        {"outputs": {"b": {"typ": "http"}}},
        {"httpServer": {"port": 80}},
        {"multiline": "regex"},
        {"multiline": "regex", "multilineRegex": {"start": ""}},
        {"multilineRegex": {"start": "x"}},
    ],
)
def test_profile_has_a_schema(wrong: dict[str, Any]) -> None:
    """A misspelled key or invalid value in a profile is rejected."""
    assert value_errors(CHART, {"injection": {"profiles": {"default": {}}}}) == []
    [error] = value_errors(CHART, {"injection": {"profiles": {"a": wrong}}})
    assert error.startswith("injection.profiles.a")


def test_notes_show_the_annotations(helm: Helm) -> None:
    """The notes show the annotations for a pod template, with the prefix and profiles of the values."""
    if helm.major == 3:
        pytest.skip("needs helm 4, which tells templates a current version of Kubernetes without a cluster")
    text = helm.notes(CHART, release="x", values=on(annotationPrefix="l.example", profiles={"small": {}}, name="logs"))
    assert 'l.example/inject: "true"' in text
    assert "one of default, small" in text
    assert "kubectl logs --namespace NAMESPACE POD -c logs -f" in text
    assert "l.example" not in helm.notes(CHART, release="x", values={"app": {"enabled": False}})
