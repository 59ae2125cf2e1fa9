"""Invalid values are rejected with the problem, the place, and the YAML to write."""

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from harness.render import supported
from harness.render.manifests import Manifests, load_yaml

OWN = {"demo": {"enabled": False}, "command": ["serve"]}
both_majors = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")


def files(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"app": OWN, "logs": {"files": list(listed)}}


ROLE = "arn:aws:iam::111122223333:role/shop"
KEY = "eks.amazonaws.com/role-arn"
A = {"name": "a", "path": "/var/log/app/a.log"}
WEB = {"name": "web", "containerPort": 8080}
# name: (values, what the message says, the YAML that it shows)
REJECTED: dict[str, tuple[dict[str, Any], str, str]] = {
    "relative path": (
        files({"name": "a", "path": "a.log"}),
        '`logs.files[0]` (a): the path "a.log" is relative',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log",
    ),
    "relative rotated name": (
        files({**A, "rotated": ["a-*.log"]}),
        '`logs.files[0]` (a): the path "a-*.log" is relative',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log\n    rotated:\n    - /var/log/app/a-*.log",
    ),
    "path outside the directory": (
        files(A, {"name": "b", "path": "/var/log/b.log"}),
        '`logs.files[1]` (b): the path "/var/log/b.log" is outside `logs.directory`',
        "logs:\n  directory: /var/log",
    ),
    "path with two dots": (
        files({"name": "a", "path": "/var/log/app/../a.log"}),
        'the path "/var/log/app/../a.log" is outside `logs.directory`',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log",
    ),
    "path with a double slash": (
        files({"name": "a", "path": "/var/log/app//a.log"}),
        'the path "/var/log/app//a.log" contains "..", "." or a double slash',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log",
    ),
    "path in another directory": (
        files(A, {"name": "tomcat", "path": "/opt/tomcat/logs/*.log"}),
        'the path "/opt/tomcat/logs/*.log" is outside `logs.directory` and `logs.extraDirectories`',
        "logs:\n  extraDirectories:\n    tomcat:\n      path: /opt/tomcat/logs",
    ),
    "path below the root": (
        {"logs": {"directory": "/", "files": [{"name": "a", "path": "/a.log"}]}},
        '`logs.directory` is "/", but it must be an absolute path other than "/"',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log",
    ),
    "directory in another one": (
        {"logs": {"extraDirectories": {"old": {"path": "/var/log/app/old"}}}},
        '`logs.extraDirectories.old.path` is "/var/log/app/old", which `logs.directory` (/var/log/app) contains',
        "",
    ),
    "directory without a volume": (
        {
            "logs": {
                "extraDirectories": {"web": {"path": "/srv"}},
                "volume": {"type": "existing", "existing": {"name": "data"}},
            },
            "extraVolumes": [{"name": "data", "emptyDir": {}}],
        },
        "`logs.volume.type` is existing, but `logs.extraDirectories.web.existing` does not name the volume of /srv",
        "logs:\n  extraDirectories:\n    web:\n      existing:\n        name: data",
    ),
    "directory with an unknown volume": (
        {"logs": {"extraDirectories": {"web": {"path": "/srv", "existing": {"name": "data"}}}}},
        '`logs.extraDirectories.web.existing.name` is "data", but `extraVolumes` has no volume with that name',
        "extraVolumes:\n- emptyDir: {}\n  name: data",
    ),
    "relative directory": (
        {"logs": {"directory": "var/log/app"}},
        '`logs.directory` is "var/log/app", but it must be an absolute path',
        "logs:\n  directory: /var/log/app",
    ),
    "no files": (
        {"logs": {"files": []}},
        "`logs.files` is empty",
        "logs:\n  files:\n  - name: app\n    path: /var/log/app/app.log",
    ),
    "duplicate file name": (
        files(A, {"name": "a", "path": "/var/log/app/b.log"}),
        '`logs.files[1]` has the name "a", which `logs.files[0]` already uses',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log\n  - name: a-2\n    path: /var/log/app/b.log",
    ),
    "duplicate file path": (
        files(A, {"name": "b", "path": "/var/log/app/a.log"}),
        "`logs.files[1]` (b) has the same path as `logs.files[0]`: its lines would be duplicated",
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log",
    ),
    "file in a glob": (
        files({"name": "all", "path": "/var/log/app/*.log"}, A),
        '`logs.files`: "/var/log/app/a.log" (a) is also matched by "/var/log/app/*.log" (all)',
        "logs:\n  files:\n  - name: all\n    path: /var/log/app/*.log",
    ),
    "copytruncate with rotated names": (
        files({**A, "rotation": "copytruncate", "rotated": ["/var/log/app/a.log.*"]}),
        "`logs.files[0]` (a) sets `rotated`, but `copytruncate` copies lines",
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/a.log\n    rotation: copytruncate",
    ),
    "copytruncate with polling": (
        {**files({**A, "rotation": "copytruncate"}), "sidecar": {"fluentBit": {"inotifyWatcher": False}}},
        "`logs.files[0]` (a) has `copytruncate`, but `sidecar.fluentBit.inotifyWatcher` is false",
        "sidecar:\n  fluentBit:\n    inotifyWatcher: true",
    ),
    "Job with replicas": (
        {"app": {"kind": "Job", "replicas": 3}},
        "`app.replicas` is 3, but a Job has no replicas",
        "app:\n  job:\n    completions: 3\n    parallelism: 3\n  kind: Job\n  replicas: null",
    ),
    "DaemonSet with replicas": (
        {"app": {"kind": "DaemonSet", "replicas": 3}},
        "`app.replicas` is 3, but a DaemonSet has no replicas",
        "app:\n  kind: DaemonSet\n  replicas: null",
    ),
    "Job with a plain sidecar": (
        {"app": {"kind": "Job"}, "sidecar": {"native": False}},
        "`sidecar.native` is false, but a plain sidecar never exits: the Job would never complete",
        "sidecar:\n  native: true",
    ),
    "CronJob with a plain sidecar": (
        {"app": {"kind": "CronJob"}, "sidecar": {"native": False}},
        "the CronJob would never complete",
        "sidecar:\n  native: true",
    ),
    "grace period too short": (
        {"sidecar": {"native": False}, "terminationGracePeriodSeconds": 8},
        "`sidecar.quietSeconds` (5) and `sidecar.drainSeconds` (1) do not fit within `terminationGracePeriodSeconds`",
        "terminationGracePeriodSeconds: 10",
    ),
    "drain too short": (
        {"sidecar": {"fluentBit": {"refreshInterval": 2}}},
        "`sidecar.drainSeconds` is 1, less than two scan intervals",
        "sidecar:\n  drainSeconds: 4",
    ),
    "Job with restart policy Always": (
        {"app": {"kind": "Job", "restartPolicy": "Always"}},
        "`app.restartPolicy` is Always, but a Job must run to completion",
        "app:\n  restartPolicy: OnFailure",
    ),
    "Deployment with restart policy Never": (
        {"app": {"restartPolicy": "Never"}},
        "`app.restartPolicy` is Never, but a Deployment always restarts its containers",
        'app:\n  restartPolicy: ""',
    ),
    "Pod with an update strategy": (
        {"app": {"kind": "Pod", "updateStrategy": {"type": "Recreate"}}},
        "`app.updateStrategy` is set, but a Pod has no update strategy",
        "app:\n  updateStrategy: {}",
    ),
    "update strategy of another kind": (
        {"app": {"kind": "StatefulSet", "updateStrategy": {"type": "Recreate"}}},
        "`app.updateStrategy.type` is Recreate, which a StatefulSet does not support",
        "updateStrategy:\n    type: RollingUpdate",
    ),
    "update strategy with a field of another kind": (
        {"app": {"kind": "StatefulSet", "updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}},
        "`app.updateStrategy.rollingUpdate.maxSurge` is set",
        "rollingUpdate:\n      maxSurge: null",
    ),
    "tail with a glob": (
        {**files({"name": "a", "path": "/var/log/app/*.log"}), "sidecar": {"engine": "tail"}},
        '`logs.files[0]` (a): the tail engine cannot follow the glob "/var/log/app/*.log"',
        "sidecar:\n  engine: fluent-bit",
    ),
    "tail with multiline": (
        {**files({**A, "multiline": "java"}), "sidecar": {"engine": "tail"}},
        "`logs.files[0]` (a): the tail engine cannot join the lines of java records",
        "sidecar:\n  engine: fluent-bit",
    ),
    "tail with rotated names": (
        {**files({**A, "rotated": ["/var/log/app/a.log.*"]}), "sidecar": {"engine": "tail"}},
        "`logs.files[0]` (a): the tail engine follows the file by name and does not read rotated files",
        "sidecar:\n  engine: fluent-bit",
    ),
    "demo with a command": (
        {"app": {"command": ["serve"], "args": ["--fast"]}},
        "`app.command` or `app.args` is set, but the demo application is enabled",
        "app:\n  args:\n  - --fast\n  command:\n  - serve\n  demo:\n    enabled: false",
    ),
    "image without an application": (
        {"app": {"demo": {"enabled": False}}},
        'the image "docker/library/python" contains no application',
        "app:\n  command:\n  - python3\n  - -c\n  - print('hello')",
    ),
    "demo with a glob": (
        {"logs": {"files": [{"name": "a", "path": "/var/log/app/*.log"}]}},
        'The demo application writes to `logs.files[0].path`, but "/var/log/app/*.log" is a glob',
        "logs:\n  files:\n  - name: a\n    path: /var/log/app/app.log",
    ),
    "demo with copytruncate": (
        {"logs": {"files": [{**A, "rotation": "copytruncate"}]}},
        "The demo application renames its log to rotate it, but `logs.files[0].rotation` is copytruncate",
        "app:\n  demo:\n    rotateBytes: 0",
    ),
    "demo without a port": (
        {"app": {"ports": [], "service": {"enabled": False}}},
        "The demo application listens on the first port of `app.ports`, but `app.ports` is empty",
        "app:\n  ports:\n  - containerPort: 5000\n    name: http",
    ),
    "unknown volume": (
        {"logs": {"volume": {"type": "existing", "existing": {"name": "data"}}}},
        '`logs.volume.existing.name` is "data", but `extraVolumes` has no volume with that name',
        "extraVolumes:\n- emptyDir: {}\n  name: data",
    ),
    "volume named logs": (
        {"extraVolumes": [{"name": "logs", "emptyDir": {}}]},
        "`extraVolumes` contains the volume `logs`, a name that the chart uses itself",
        "logs:\n  volume:\n    existing:\n      name: logs\n    type: existing",
    ),
    "claim for several pods": (
        {"app": {"replicas": 2}, "logs": {"volume": {"type": "persistentVolumeClaim"}}},
        "all pods of a Deployment would write to the same claim",
        "app:\n  kind: StatefulSet",
    ),
    "claim for a DaemonSet": (
        {"app": {"kind": "DaemonSet"}, "logs": {"volume": {"type": "persistentVolumeClaim"}}},
        "all pods of a DaemonSet would write to the same claim",
        "app:\n  kind: StatefulSet",
    ),
    "name too long": (
        {"sidecar": {"name": "s" * 60, "perFile": True}},
        "is longer than 63 characters",
        f"sidecar:\n  name: {'s' * 20}",
    ),
    "port in use": (
        {"app": {"ports": [{"name": "http", "containerPort": 2020}]}},
        "Port 2020 is in `app.ports`, but the sidecar's HTTP server listens on it",
        "sidecar:\n  fluentBit:\n    httpServer:\n      port: 12020",
    ),
    "two roles": (
        {"serviceAccount": {"roleArn": ROLE, "annotations": {KEY: f"{ROLE}-2"}}},
        f"`serviceAccount.roleArn` and the annotation {KEY} name different roles",
        f"serviceAccount:\n  roleArn: {ROLE}-2",
    ),
    "role of a service account that is not created": (
        {"serviceAccount": {"roleArn": ROLE, "create": False, "name": "own"}},
        "`serviceAccount` names an IAM role, but `serviceAccount.create` is false",
        "serviceAccount:\n  create: true",
    ),
    "annotation of another account": (
        {"serviceAccount": {"annotations": {KEY: ROLE}, "create": False}},
        "`serviceAccount` names an IAM role, but `serviceAccount.create` is false",
        "serviceAccount:\n  create: true",
    ),
    "misspelled annotation": (
        {"serviceAccount": {"annotations": {"eks.amazonaws.co/role-arn": ROLE}}},
        f'`serviceAccount.annotations` has the key "eks.amazonaws.co/role-arn", but EKS reads only {KEY}',
        f"serviceAccount:\n  annotations:\n    {KEY}: {ROLE}",
    ),
    "budget without a limit": (
        {"podDisruptionBudget": {"enabled": True, "maxUnavailable": ""}},
        "`podDisruptionBudget` is enabled, but `minAvailable` and `maxUnavailable` are empty",
        "podDisruptionBudget:\n  maxUnavailable: 1",
    ),
    "budget for a Pod": (
        {"app": {"kind": "Pod"}, "podDisruptionBudget": {"enabled": True}},
        "a PodDisruptionBudget requires a Deployment or StatefulSet, and `app.kind` is Pod",
        "podDisruptionBudget:\n  enabled: false",
    ),
    "Service without ports": (
        {"app": {"service": {"ports": []}}},
        "`app.service.ports` is empty",
        "app:\n  service:\n    enabled: false",
    ),
    "Service of an unknown port": (
        {"app": {"ports": [{"name": "web", "containerPort": 8080}]}},
        "`app.service.ports[0].targetPort` is http, but `app.ports` has no port with that name",
        "app:\n  service:\n    ports:\n    - port: 80\n      targetPort: web",
    ),
    "load balancer class of a ClusterIP": (
        {"app": {"service": {"loadBalancerClass": "service.k8s.aws/nlb"}}},
        "`app.service.loadBalancerClass` is set, but `app.service.type` is ClusterIP",
        "app:\n  service:\n    type: LoadBalancer",
    ),
    "traffic policy of a ClusterIP": (
        {"app": {"service": {"externalTrafficPolicy": "Local"}}},
        "`app.service.externalTrafficPolicy` is set, but `app.service.type` is ClusterIP",
        'app:\n  service:\n    externalTrafficPolicy: ""',
    ),
}


@both_majors
@pytest.mark.parametrize(("values", "says", "write"), REJECTED.values(), ids=REJECTED)
def test_message_says_what_is_wrong_and_what_to_write(
    rejection: Callable[..., str], values: dict[str, Any], says: str, write: str
) -> None:
    """An invalid value is rejected with its name and valid YAML to write."""
    message = textwrap.dedent(rejection(values))
    assert says in message
    assert write in message
    load_yaml(write)
    assert "nil pointer" not in message


def test_all_faults_are_told_at_once(rejection: Callable[..., str]) -> None:
    """Three invalid values are rejected with three messages at once."""
    message = rejection({"app": {"kind": "Job", "replicas": 2, "command": ["x"]}, "sidecar": {"native": False}})
    for says in ("`app.replicas` is 2", "`app.command` or `app.args` is set", "`sidecar.native` is false"):
        assert message.count(says) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"app": {"kind": "Job", "job": {"completions": 3, "parallelism": 3}}},
        {"app": {"kind": "StatefulSet", "replicas": 3}, "logs": {"volume": {"type": "persistentVolumeClaim"}}},
        {"sidecar": {"drainSeconds": 4, "fluentBit": {"refreshInterval": 2}}},
        {"sidecar": {"drainSeconds": 0, "engine": "tail"}},
        {"sidecar": {"native": False}, "terminationGracePeriodSeconds": 10},
        files({"name": "all", "path": "/var/log/app/*.log"}, {"name": "b", "path": "/var/log/app/b.txt"}),
        files({"name": "all", "path": "/var/log/app/*.log"}, {"name": "b", "path": "/var/log/app/deeper/b.log"}),
        {
            "app": {
                "ports": [{"name": "web", "containerPort": 8080}],
                "service": {"ports": [{"port": 80, "targetPort": "web"}]},
            }
        },
        {"app": {"ports": [{"name": "http", "containerPort": 2020}]}, "sidecar": {"engine": "tail"}},
        {"logs": {"files": [{**A, "rotation": "copytruncate"}]}, "app": {"demo": {"rotateBytes": 0}}},
        {"serviceAccount": {"roleArn": ROLE, "annotations": {KEY: ROLE}}},
        {"serviceAccount": {"create": False, "name": "own", "annotations": {"example.com/role": ROLE}}},
        {"podDisruptionBudget": {"enabled": True, "minAvailable": 1, "maxUnavailable": ""}},
    ],
)
def test_what_the_messages_suggest_is_taken(install: Callable[..., Manifests], values: dict[str, Any]) -> None:
    """The YAML of the messages, and values similar to rejected ones, are accepted."""
    assert install(values)


def test_nothing_is_checked_for_an_application_that_is_off(install: Callable[..., Manifests]) -> None:
    """With `app.enabled: false`, invalid values have no effect."""
    assert install({"app": {"enabled": False, "command": ["x"]}, "logs": {"files": []}}).names() == set()


OVERLAPPING = [
    ("*.log", "app*.log"),
    ("a*", "*b"),
    ("a?.log", "a*.log*"),
    ("*/app.log", "a*/*.log"),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPPING, ids=[" ".join(pair) for pair in OVERLAPPING])
def test_globs_of_the_same_file(rejection: Callable[..., str], one: str, other: str) -> None:
    """Two globs that match the same file would deliver its lines twice."""
    message = rejection(
        files(*({"name": name, "path": f"/var/log/app/{path}"} for name, path in (("a", one), ("b", other))))
    )
    assert "its lines would be duplicated" in message


DISJOINT = [("*.log", "*.err"), ("a*.log", "b*.log"), ("*.log", "old/*.log"), ("a*/x.log", "a*/y.log")]


@pytest.mark.parametrize(("one", "other"), DISJOINT, ids=[" ".join(pair) for pair in DISJOINT])
def test_globs_of_different_files(install: Callable[..., Manifests], one: str, other: str) -> None:
    """Globs that match no common file are accepted."""
    made = [{"name": name, "path": f"/var/log/app/{path}"} for name, path in (("a", one), ("b", other))]
    off = {"app": {"demo": {"enabled": False}, "command": ["serve"]}}
    assert install({"logs": {"files": made}, **off}).one("ConfigMap", "x-log-sidecar-sidecar")


def test_glob_of_all_levels(rejection: Callable[..., str]) -> None:
    """Fluent Bit reads two stars as one."""
    message = rejection(files({"name": "a", "path": "/var/log/app/**/a.log"}))
    assert 'contains "**", which matches one directory level only' in message
