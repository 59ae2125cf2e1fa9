"""`monitors compile`: its input, its output, and that a broken monitor is reported and affects no other."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from eks_observability import cli
from harness.render.manifests import load_yaml

GROUP = "monitoring.coreos.com/v1"
LOGIN = {"username": {"name": "login", "key": "user"}, "password": {"name": "login", "key": "password"}}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
OAUTH2 = {"clientSecret": {"name": "client", "key": "secret"}, "tokenUrl": "https://login.example.com"}


def monitor(
    kind: str, spec: dict[str, Any] | None, name: str = "api", namespace: str | None = "shop"
) -> dict[str, Any]:
    """Return an object of prometheus-operator."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": GROUP, "kind": kind, "metadata": meta, "spec": spec}


def endpoint(**fields: Any) -> dict[str, Any]:
    """Return a ServiceMonitor with one endpoint."""
    return monitor("ServiceMonitor", {"selector": {}, "endpoints": [{"port": "web", **fields}]})


def service(**fields: Any) -> dict[str, Any]:
    """Return a ServiceMonitor with these fields of its spec."""
    return monitor("ServiceMonitor", {"selector": {}, "endpoints": [{"port": "web"}], **fields})


def relabeling(**fields: Any) -> dict[str, Any]:
    """Return a ServiceMonitor with one relabeling."""
    return endpoint(relabelings=[fields])


def probe(**fields: Any) -> dict[str, Any]:
    """Return a Probe."""
    targets = {"staticConfig": {"static": ["https://example.com"]}}
    return monitor("Probe", {"prober": {"url": "blackbox:9115"}, "targets": targets, **fields})


def scrape(**fields: Any) -> dict[str, Any]:
    """Return a ScrapeConfig."""
    return monitor("ScrapeConfig", fields)


def discovery(**fields: Any) -> dict[str, Any]:
    """Return a ScrapeConfig with discovery by Kubernetes."""
    return scrape(kubernetesSDConfigs=[fields])


def rule(**fields: Any) -> dict[str, Any]:
    """Return a PrometheusRule with one rule."""
    return monitor("PrometheusRule", {"groups": [{"name": "a", "rules": [fields]}]})


@dataclass(frozen=True)
class Done:
    """What a command returned and printed."""

    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str, text: str = "") -> Done:
    """Run the command with a text on its standard input."""
    with CliRunner().isolation(input=text) as (out, err, _):
        status = cli.main(["monitors", "compile", *arguments])
        return Done(status, out.getvalue().decode(), err.getvalue().decode())


def compile_(*objects: Any, options: tuple[str, ...] = ()) -> Done:
    """Run the command with objects on its standard input."""
    return run(*options, text=yaml.safe_dump_all(objects))


def jobs(done: Done) -> list[str]:
    """Return the names of the compiled jobs."""
    found = load_yaml(done.stdout) or {}
    return [one["job_name"] for one in found.get("scrape", found).get("extraConfigs", found.get("scrape_configs", []))]


BROKEN = {
    "no spec": (monitor("ServiceMonitor", None), "spec is null, but must be a map"),
    "no endpoints": (service(endpoints=[]), "spec.endpoints is empty, so nothing would be scraped: add the port"),
    "misspelled field": (endpoint(intervall="30s"), "spec.endpoints[0].intervall is unknown: did you mean `interval`?"),
    "unknown field": (service(foo=1), "spec.foo is unknown, or not supported: remove it"),
    "number for text": (endpoint(path=1), 'spec.endpoints[0].path is 1, but must be a string: write `path: "1"`'),
    "text for flag": (endpoint(honorLabels="true"), 'honorLabels is "true", but must be true or false, without quotes'),
    "text for number": (service(sampleLimit="1"), 'spec.sampleLimit is "1", but must be an integer, without quotes'),
    "negative": (service(sampleLimit=-1), "spec.sampleLimit is -1, but must be an integer of at least 0"),
    "text for list": (service(targetLabels="a"), 'spec.targetLabels is "a", but must be a list of strings'),
    "no duration": (endpoint(interval="10"), 'interval is "10", which is no duration: write `interval: 30s`'),
    "longer timeout": (endpoint(scrapeTimeout="2m"), '"2m", but must not be longer than interval (60s)'),
    "scheme": (endpoint(scheme="ftp"), 'scheme is "ftp", but must be one of '),
    "port": (endpoint(port="", targetPort=[1]), "targetPort is [1], but must be the name or the number of a port"),
    "protocol": (service(scrapeProtocols=["X"]), 'spec.scrapeProtocols[0] "X" must be one of PrometheusProto, '),
    "protocol twice": (
        service(scrapeProtocols=["PrometheusProto", "PrometheusProto"]),
        'spec.scrapeProtocols[1] "PrometheusProto" is there twice: remove one',
    ),
    "size": (service(bodySizeLimit="10"), 'bodySizeLimit is "10", which is no size: write `bodySizeLimit: 10MB`'),
    "quantity": (
        service(nativeHistogramMinBucketFactor="x"),
        "which is no quantity: write `nativeHistogramMinBucketFac",
    ),
    "scrape class": (
        service(scrapeClass="tls"),
        "which no Prometheus object in the input defines: add the Prometheus object",
    ),
    "operator": (
        service(selector={"matchExpressions": [{"key": "a", "operator": "Is"}]}),
        'spec.selector.matchExpressions[0].operator is "Is", but must be one of In, NotIn, Exists, DoesNotExist',
    ),
    "values": (
        service(selector={"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}),
        "values is [], but In requires at least one value",
    ),
    "action": (relabeling(action="kept"), 'relabelings[0].action is "kept", but must be one of replace, keep, drop, '),
    "regex": (relabeling(action="keep", regex="("), 'regex is "(", which is no regular expression (RE2'),
    "lookahead": (relabeling(action="keep", regex="(?!a)"), "which is no regular expression (RE2, without lookaheads)"),
    "no target": (relabeling(sourceLabels=["a"]), "targetLabel is missing: replace requires the label to write"),
    "bad target": (relabeling(targetLabel="a-b"), 'targetLabel is "a-b", which is no label name: use letters, digits'),
    "hashmod": (relabeling(action="hashmod", targetLabel="a"), "modulus is missing: hashmod requires a number"),
    "labelmap": (
        relabeling(action="labelmap", replacement="-"),
        'replacement is "-", but labelmap requires a label name',
    ),
    "labeldrop": (
        relabeling(action="labeldrop", sourceLabels=["a"]),
        "relabelings[0].sourceLabels has no effect: labeldrop uses only regex. Remove it",
    ),
    "keepequal": (
        relabeling(action="keepequal", sourceLabels=["a"], targetLabel="b", regex="a"),
        "regex has no effect: keepequal uses only sourceLabels and targetLabel. Remove it",
    ),
    "two logins": (
        endpoint(basicAuth=LOGIN, bearerTokenFile=TOKEN),
        "spec.endpoints[0] has basicAuth and bearerTokenFile, but Prometheus accepts one login: remove the others",
    ),
    "half a login": (
        endpoint(basicAuth={"username": {"name": "a", "key": "b"}}),
        "basicAuth.password is missing: refer to",
    ),
    "reference": (
        endpoint(authorization={"credentials": {"name": "a"}}),
        "authorization.credentials.key is missing: set it",
    ),
    "basic authorization": (
        endpoint(authorization={"type": "Basic"}),
        'type is "Basic", but a password requires basicAuth',
    ),
    "client ID": (
        endpoint(oauth2={**OAUTH2, "clientId": {"secret": {"name": "client", "key": "id"}}}),
        "clientId is the key id of Secret shop/client, which Prometheus cannot read from a file: add this Secret to",
    ),
    "no client ID": (endpoint(oauth2=OAUTH2), "oauth2.clientId is missing: refer to a key of a Secret or ConfigMap"),
    "certificate": (
        endpoint(tlsConfig={"cert": {"secret": {"name": "a", "key": "b"}}}),
        "tlsConfig.keySecret is missing: a client certificate requires both cert and keySecret",
    ),
    "two certificates": (
        endpoint(tlsConfig={"ca": {"secret": {"name": "a", "key": "b"}}, "caFile": "/c"}),
        "spec.endpoints[0].tlsConfig has both ca and caFile: remove one",
    ),
    "TLS versions": (
        endpoint(tlsConfig={"minVersion": "TLS13", "maxVersion": "TLS12"}),
        'maxVersion is "TLS12", which is lower than minVersion (TLS13): raise it',
    ),
    "proxy header": (endpoint(proxyConnectHeader={"a": []}, proxyUrl="http://p"), ""),
    "no proxy": (endpoint(noProxy="a"), 'noProxy is "a", but there is no proxy: set proxyUrl, too'),
    "two proxies": (
        endpoint(proxyFromEnvironment=True, proxyUrl="http://p"),
        "so proxyUrl and noProxy must not be set",
    ),
    "no prober": (probe(prober=None), "spec.prober is missing: set `prober: {url: <address of the prober>}`"),
    "prober URL": (probe(prober={"url": "http://a"}), "must be a host, or a host and a port, without a scheme"),
    "no targets": (probe(targets={}), "spec.targets is empty: set staticConfig or ingress"),
    "target URL": (scrape(staticConfigs=[{"targets": ["http://a/b"]}]), "must be a host and a port, without scheme"),
    "label": (scrape(staticConfigs=[{"targets": ["a"], "labels": {"a-b": "c"}}]), 'has "a-b", which is no label name'),
    "cloud": (scrape(azureSDConfigs=[{}]), "is not supported, and Prometheus may know no file for its credentials"),
    "credentials of EC2": (
        scrape(ec2SDConfigs=[{"accessKey": {"name": "a", "key": "b"}}]),
        "cannot be read from a file: give Prometheus' role the permission",
    ),
    "token of Consul": (
        scrape(consulSDConfigs=[{"server": "a", "tokenRef": {"name": "a", "key": "b"}}]),
        "use authorization",
    ),
    "file": (scrape(fileSDConfigs=[{"files": ["a.txt"]}]), 'is "a.txt", but must end in .json, .yml or .yaml'),
    "http": (
        scrape(httpSDConfigs=[{"url": "a"}]),
        'url is "a", but must be a URL that begins with http:// or https://',
    ),
    "record": (scrape(dnsSDConfigs=[{"names": ["a"], "type": "A"}]), "port is missing: records of type A have no port"),
    "no role": (discovery(), "spec.kubernetesSDConfigs[0].role is missing: use one of Pod, Service, "),
    "selector": (
        discovery(role="Node", selectors=[{"role": "Pod"}]),
        'role is "Pod", but the role node accepts one selector for each of node',
    ),
    "other cluster": (discovery(role="Pod", basicAuth=LOGIN), "apiServer is missing: basic_auth require it"),
    "own namespace": (
        discovery(role="Pod", apiServer="https://a", namespaces={"ownNamespace": True}),
        "ownNamespace is true, which another API server does not have: remove it",
    ),
    "escaping": (
        scrape(nameValidationScheme="Legacy", nameEscapingScheme="AllowUTF8"),
        'nameEscapingScheme is "AllowUTF8", but nameValidationScheme is Legacy: write Underscores',
    ),
    "query": (rule(alert="A", expr="sum("), 'spec.groups[0].rules[0].expr is "sum(", which is no PromQL ('),
    "no query": (rule(alert="A"), "expr is null, but must be a query"),
    "neither": (rule(expr="up"), "spec.groups[0].rules[0] must have either record or alert"),
    "recorded name": (rule(record="a-b", expr="up"), 'record is "a-b", which is no metric name: use letters'),
    "recording for": (rule(record="a", expr="up", **{"for": "1m"}), 'for is "1m", but a recording rule has none'),
    "template": (rule(alert="A", expr="up", labels={"a": "{{ $value"}), 'close each "{{" with "}}"'),
    "group twice": (
        monitor("PrometheusRule", {"groups": [{"name": "a", "rules": []}] * 2}),
        'spec.groups[1].name is "a", which another group has: rename it',
    ),
}
BROKEN["proxy header"] = (
    endpoint(proxyConnectHeader={"a": [{"name": "b", "key": "c"}]}, proxyUrl="http://p"),
    "proxyConnectHeader cannot be read from files: remove it",
)


@pytest.mark.parametrize(("broken", "says"), BROKEN.values(), ids=BROKEN)
def test_broken_object_is_reported_and_left_out(broken: dict[str, Any], says: str) -> None:
    """One sentence says which object, which field, what is wrong and what to write; all others are compiled."""
    good = {"ServiceMonitor": "serviceMonitor/shop/good/0", "PodMonitor": "podMonitor/shop/good/0"}
    others = [
        monitor("ServiceMonitor", {"selector": {}, "endpoints": [{"port": "web"}]}, "good"),
        monitor("PodMonitor", {"selector": {}, "podMetricsEndpoints": [{"port": "web"}]}, "good"),
    ]
    done = compile_(others[0], broken, others[1])
    assert (done.exit_code, jobs(done)) == (1, list(good.values()))
    [line] = done.stderr.splitlines()
    assert line.startswith(f"left out: {broken['kind']} shop/api: ")
    assert says in line


SCRAPER = {
    "secret": (endpoint(basicAuth=LOGIN), "it uses the Secret login, but the scraper reads no Secrets"),
    "token": (endpoint(bearerTokenFile="/a"), "the scraper reads no token but that of its service account"),
    "other login": (endpoint(authorization={"type": "Token"}), "no login but the token of its service account"),
    "file": (endpoint(tlsConfig={"caFile": "/a/ca.crt"}), "the scraper does not have the file /a/ca.crt"),
    "proxy": (endpoint(proxyUrl="http://p:1"), "the scraper does not support proxy_url"),
    "prober": (probe(), "the scraper resolves no names, and blackbox:9115 has one: use an IP address, or the chart"),
    "target": (scrape(staticConfigs=[{"targets": ["a:1"]}]), "the scraper resolves no names, and a:1 has one"),
    "http": (scrape(httpSDConfigs=[{"url": "http://a"}]), "the scraper does not support http_sd_configs"),
    "other cluster": (discovery(role="Pod", apiServer="https://a"), "the scraper does not support api_server"),
    "slices": (discovery(role="EndpointSlice"), "permits no endpoint slices: write `role: Endpoints`"),
}


@pytest.mark.parametrize(("broken", "says"), SCRAPER.values(), ids=SCRAPER)
def test_scraper_gets_only_what_it_accepts(broken: dict[str, Any], says: str) -> None:
    """AMP's agentless scraper rejects a configuration as a whole, so monitors that it does not support are left out."""
    others = monitor("ServiceMonitor", {"selector": {}, "endpoints": [{"bearerTokenFile": TOKEN}]}, "good")
    done = compile_(broken, others, options=("--format", "amp-scraper"))
    assert (done.exit_code, jobs(done)) == (1, ["serviceMonitor/shop/good/0"])
    assert says in done.stderr
    assert compile_(broken).exit_code == 0


def test_scraper_scrapes_every_30_seconds_at_most() -> None:
    """A shorter interval is raised with a note; endpoints are discovered as the scraper's role permits."""
    done = compile_(endpoint(interval="10s"), options=("--format", "amp-scraper"))
    assert done.exit_code == 0
    assert done.stderr == "note: ServiceMonitor shop/api: the scraper's shortest interval is 30s, instead of 10s\n"
    [job] = load_yaml(done.stdout)["scrape_configs"]
    assert (job["scrape_interval"], job["kubernetes_sd_configs"][0]["role"]) == ("30s", "endpoints")


def test_addresses_of_the_scraper_can_be_numbers() -> None:
    """IPv4 and IPv6 addresses need no names."""
    targets = [{"targets": ["10.0.0.1:9100", "[fd00::1]:9100", "10.0.0.2"]}]
    done = compile_(scrape(staticConfigs=targets), options=("--format", "amp-scraper"))
    assert (done.exit_code, done.stderr) == (0, "")


def test_secrets_become_files() -> None:
    """No value of a Secret is in the output. Those of other namespaces are copied, and the command says how."""
    secret = {
        "kind": "Secret",
        "metadata": {"name": "login", "namespace": "shop"},
        "stringData": {"password": "hidden"},
    }
    done = compile_(secret, endpoint(basicAuth=LOGIN), options=("--release-namespace", "metrics"))
    assert done.stderr == "note: copy the Secret shop/login to metrics/shop-login\n"
    assert "hidden" not in done.stdout
    values = load_yaml(done.stdout)
    folder = "/etc/monitors/secrets/shop/login"
    assert values["scrape"]["extraConfigs"][0]["basic_auth"] == {
        "username_file": f"{folder}/user",
        "password_file": f"{folder}/password",
    }
    [volume] = values["server"]["extraVolumes"]
    assert [one["secret"]["name"] for one in volume["projected"]["sources"]] == ["shop-login"]
    here = compile_(endpoint(basicAuth=LOGIN), options=("--release-namespace", "shop"))
    assert (here.stderr, "shop-login" in here.stdout) == ("", False)


def test_copies_with_the_same_name_are_rejected() -> None:
    """Secrets of two namespaces never take each other's place."""
    token = {"selector": {}, "endpoints": [{"bearerTokenSecret": {"name": "b-c", "key": "token"}}]}
    other = {"selector": {}, "endpoints": [{"bearerTokenSecret": {"name": "c", "key": "token"}}]}
    done = compile_(
        monitor("ServiceMonitor", token, "one", "a"), monitor("ServiceMonitor", other, "two", "a-b"), options=()
    )
    assert done.exit_code == 2
    assert "Secrets of the namespaces a and a-b would both be called a-b-c in prometheus: rename one" in done.stderr


def test_own_lists_are_kept(tmp_path: Path) -> None:
    """With --values, lists of the user's values come first; of several files, the last one counts, as in Helm."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("scrape: {extraConfigs: [{job_name: a}]}\nserver: {extraVolumes: [{name: v}]}", encoding="utf-8")
    second.write_text("scrape: {extraConfigs: [{job_name: b}]}\nrules:\n", encoding="utf-8")
    options = ("--values", str(first), "--values", str(second))
    values = load_yaml(compile_(endpoint(basicAuth=LOGIN), options=options).stdout)
    assert [one["job_name"] for one in values["scrape"]["extraConfigs"]] == ["b", "serviceMonitor/shop/api/0"]
    assert [one["name"] for one in values["server"]["extraVolumes"]] == ["v", "monitors"]
    first.write_text("- a", encoding="utf-8")
    assert "is no values file of the chart" in compile_(endpoint(), options=options).stderr


def test_rules_become_groups_with_unique_names() -> None:
    """Groups are named after their object, because all groups of the chart are in one file; empty ones are left out."""
    groups = [{"name": "a", "interval": "", "rules": [{"record": "x", "expr": 1}]}, {"name": "b"}]
    done = compile_(monitor("PrometheusRule", {"groups": groups}), monitor("PrometheusRule", None, "empty"))
    expected = {"rules": {"groups": [{"name": "shop/api/a", "rules": [{"record": "x", "expr": "1"}]}]}}
    assert (done.exit_code, load_yaml(done.stdout)) == (0, expected)


def test_input_can_be_files_lists_and_json(tmp_path: Path) -> None:
    """Manifests, lists of kubectl and JSON are read together; other kinds and other API groups are skipped."""
    one, two = tmp_path / "a.yaml", tmp_path / "b.json"
    listed = {"apiVersion": "v1", "kind": "List", "items": [endpoint(), {"kind": "Service", "metadata": {"name": "x"}}]}
    one.write_text(yaml.safe_dump_all([None, listed, {**probe(), "apiVersion": "other/v1"}]), encoding="utf-8")
    pods = monitor("PodMonitor", {"selector": {}, "podMetricsEndpoints": [{"port": "web"}]}, namespace=None)
    typed = {"apiVersion": GROUP, "kind": "PodMonitorList", "items": [{**pods, "kind": None, "apiVersion": None}]}
    two.write_text(json.dumps({**typed, "items": [{"metadata": pods["metadata"], "spec": pods["spec"]}]}), "utf-8")
    done = run(str(one), str(two), "--namespace", "web")
    assert (done.exit_code, jobs(done)) == (0, ["serviceMonitor/shop/api/0", "podMonitor/web/api/0"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "is no YAML: "),
        ("- a", "has a document without `kind`: pass Kubernetes objects"),
        (
            "kind: Pod\nmetadata: {name: a}",
            "the input has none of ServiceMonitor, PodMonitor, Probe, ScrapeConfig, Prome",
        ),
        (yaml.safe_dump_all([endpoint(), endpoint()]), "ServiceMonitor shop/api is in the input twice: remove one"),
        (yaml.safe_dump({**endpoint(), "metadata": {}}), "a ServiceMonitor has no metadata.name: set it"),
    ],
    ids=["broken", "list", "pods", "twice", "no name"],
)
def test_other_input_is_rejected(text: str, says: str) -> None:
    """Input that is none ends with status 2, a sentence and no output."""
    done = run(text=text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_output_is_the_same_in_any_order() -> None:
    """The order of the input does not matter, so that an unchanged cluster makes no changes."""
    objects = [endpoint(), probe(), monitor("PodMonitor", {"selector": {}, "podMetricsEndpoints": [{"port": "a"}]})]
    assert compile_(*objects).stdout == compile_(*reversed(objects)).stdout


def test_scrape_classes_come_from_the_input() -> None:
    """Classes are in Prometheus objects; a monitor that breaks with its class is reported, or names an unknown one."""
    classes = [
        {"name": "tls", "tlsConfig": {"caFile": "/ca.crt"}},
        {"name": "bad", "relabelings": [{"action": "keep", "regex": "("}]},
    ]
    prometheus = {"kind": "Prometheus", "metadata": {"name": "p"}, "spec": {"scrapeClasses": classes}}
    [job] = load_yaml(compile_(prometheus, service(scrapeClass="tls")).stdout)["scrape"]["extraConfigs"]
    assert job["tls_config"] == {"ca_file": "/ca.crt"}
    broken = compile_(prometheus, service(scrapeClass="bad"))
    assert "with its scrape class, spec.endpoints[0].relabelings[0].regex is" in broken.stderr
    assert "use one of bad, tls" in compile_(prometheus, service(scrapeClass="other")).stderr
    other = {**prometheus, "spec": {"scrapeClasses": [{"name": "tls"}]}}
    assert "the scrape class tls is defined twice: pass one Prometheus object" in compile_(prometheus, other).stderr
