"""The notes: commands for the installed objects."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from harness.backends import iam
from harness.render.manifests import Manifests

MSK = "arn:aws:kafka:eu-west-1:111122223333"
KAFKA = {
    "type": "kafka",
    "brokers": "b:9098",
    "topics": "logs,audit",
    "awsMskIamClusterArn": f"{MSK}:cluster/shop/5b1a-7",
}
ANY_TOPIC = {"topicKey": "file", "dynamicTopic": True, "rdkafka": {"enable.idempotence": True}}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"])
@pytest.mark.parametrize("engine", ["fluent-bit", "tail"])
def test_log_commands_name_every_container(
    notes: Callable[..., str], install: Callable[..., Manifests], kind: str, engine: str
) -> None:
    """The notes have a `kubectl logs` command for each container, which selects the pods of this release."""
    values = {"app": {"kind": kind}, "sidecar": {"engine": engine, "perFile": True}}
    text = notes(values)
    [pod] = install(values).select(component="app").pods()
    commands = re.findall(r"kubectl logs --namespace prd (.*?) -c (\S+)", text)
    assert {container for _, container in commands} == {box["name"] for box in pod.containers()}
    for target, _ in commands:
        selector = re.search(r"-l '(.*?)'", target)
        if kind == "Pod":
            assert target == pod.owner["metadata"]["name"]
        else:
            assert selector is not None
            wanted = dict(pair.split("=") for pair in selector[1].split(","))
            assert wanted.items() <= pod.metadata["labels"].items()


def test_commands_reach_the_service(notes: Callable[..., str], install: Callable[..., Manifests]) -> None:
    """The port-forward names the Service and one of its ports; `helm test` is shown if there is a test."""
    service = install().one("Service")
    text = notes()
    assert f"service/{service['metadata']['name']} 8080:{service['spec']['ports'][0]['port']}" in text
    assert "helm test x --namespace prd" in text
    assert "helm test" not in notes({"tests": {"enabled": False}})
    assert "port-forward" not in notes({"app": {"kind": "Job"}})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sidecar": {"engine": "tail"}}, "when its container restarts, it delivers the files from their start again"),
        ({"sidecar": {"native": False}}, "goes on until the files were quiet for 5 s"),
        ({"sidecar": {"enabled": False}}, "There is no sidecar"),
        ({"app": {"kind": "Job"}}, "kubectl delete job --namespace prd x-log-sidecar"),
        (
            {"app": {"service": {"type": "LoadBalancer"}}},
            "kubectl get service --namespace prd x-log-sidecar -o jsonpath",
        ),
        (
            {"app": {"kind": "StatefulSet"}, "logs": {"volume": {"type": "persistentVolumeClaim"}}},
            "kubectl get persistentvolumeclaim --namespace prd -l 'app.kubernetes.io/name=log-sidecar",
        ),
        ({"app": {"enabled": False}}, "installed no application"),
        ({"outputs": {"logs": {"type": "http", "host": "x"}}}, "go to logs (http), stdout (stdout)."),
        ({"outputs": {"logs": {"type": "s3", "bucket": "b"}}}, "Set the role in serviceAccount.roleArn"),
    ],
    ids=["tail", "plain", "none", "job", "load-balancer", "claims", "off", "backend", "no-role"],
)
def test_what_an_install_has_to_know(notes: Callable[..., str], values: dict[str, Any], says: str) -> None:
    """The notes have a hint for each special case, and only then."""
    assert says in notes(values)
    assert says not in notes()


def documents(text: str) -> list[Any]:
    """Return the policies in the notes, in order."""
    return [json.loads(found)["Statement"] for found in re.findall(r"^  \{$.*?^  \}$", text, re.MULTILINE | re.DOTALL)]


def test_aws_outputs_show_their_policies(notes: Callable[..., str]) -> None:
    """The notes contain each role's least-privilege policy, and the trust policy for namespace and service account."""
    role, other = (f"arn:aws:iam::{account}:role/logs" for account in ("111122223333", "444455556666"))
    outputs = {
        "cloudwatch": {"type": "cloudwatch", "region": "eu-west-1", "logGroupName": "/eks/{namespace}"},
        "audit": {"type": "firehose", "region": "eu-west-1", "deliveryStream": "audit", "roleArn": other},
        "http": {"type": "http", "host": "logs.test"},
    }
    values = {
        "serviceAccount": {"roleArn": role},
        "outputs": outputs,
        "sidecar": {"state": {"sizeLimit": "1Gi"}},
    }
    assumed, own, trust = documents(notes(values))
    stream = "arn:aws:firehose:eu-west-1:ACCOUNT:deliverystream/audit"
    assert assumed == [{"Effect": "Allow", "Action": ["firehose:PutRecordBatch"], "Resource": [stream]}]
    group = "arn:aws:logs:eu-west-1:ACCOUNT:log-group:/eks/prd:*"
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    assert own == [
        {"Effect": "Allow", "Action": actions, "Resource": [group]},
        {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [other]},
    ]
    [statement] = trust
    subject = {key.rpartition(":")[2]: value for key, value in statement["Condition"]["StringEquals"].items()}
    assert subject == {"sub": "system:serviceaccount:prd:x-log-sidecar", "aud": "sts.amazonaws.com"}
    assert documents(notes({"outputs": {"http": outputs["http"]}})) == []


KEY = "arn:aws:kms:eu-west-1:111122223333:key/5b1a-7"
# What stands for the AWS CLI: it prints the names of two groups, or its arguments.
AWS = 'aws() { case $2 in describe-log-groups) echo /eks/a/app /eks/b/app ;; *) echo "$*" ;; esac; }\n'


def test_commands_set_keys_and_tags(notes: Callable[..., str]) -> None:
    """The notes contain commands for the KMS key and the tags of log groups, for a name and for any with a prefix."""
    named = {"type": "cloudwatch", "region": "eu-west-1", "logGroupName": "/eks/{namespace}", "kmsKeyId": KEY}
    tagged = {
        "type": "cloudwatch",
        "region": "eu-west-1",
        "logGroupName": "/eks/{pod}/app",
        "tags": {"team": "shop", "env": "prod"},
    }
    values = {
        "outputs": {"a": {**named, "logRetentionDays": 7}, "b": tagged},
        "sidecar": {"state": {"sizeLimit": "1Gi"}},
    }
    parts = re.findall(r"without the KMS key and the tags of outputs\.\w+.*?:\n\n(.*?)\n\n", notes(values), re.DOTALL)
    done = subprocess.run(["sh", "-eu"], input=AWS + "\n".join(parts), capture_output=True, text=True, check=True)
    groups = [f"arn:aws:logs:eu-west-1:ACCOUNT:log-group:/eks/{pod}/app" for pod in ("a", "b")]
    assert done.stdout.splitlines() == [
        "logs create-log-group --region eu-west-1 --log-group-name /eks/prd",
        "logs put-retention-policy --region eu-west-1 --log-group-name /eks/prd --retention-in-days 7",
        f"logs associate-kms-key --region eu-west-1 --log-group-name /eks/prd --kms-key-id {KEY}",
        *(f"logs tag-resource --region eu-west-1 --resource-arn {group} --tags env=prod,team=shop" for group in groups),
    ]
    assert "KMS" not in notes({"outputs": {"a": {"type": "cloudwatch"}}})


@pytest.mark.parametrize("dynamic", [False, True], ids=["topics", "any topic"])
def test_kafka_shows_its_policy(notes: Callable[..., str], dynamic: bool) -> None:
    """IAM permits the connection to the cluster of Amazon MSK, and writing to the topics of the values."""
    [policy] = documents(notes({"outputs": {"kafka": KAFKA | (ANY_TOPIC if dynamic else {})}}))
    topics = [f"{MSK}:topic/shop/5b1a-7/{topic}" for topic in (["*"] if dynamic else ["logs", "audit"])]
    connect = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"][: 1 + dynamic]
    assert policy == [
        {"Effect": "Allow", "Action": connect, "Resource": [KAFKA["awsMskIamClusterArn"]]},
        {"Effect": "Allow", "Action": ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"], "Resource": topics},
    ]


@pytest.mark.slow
def test_policy_of_kafka_is_valid(notes: Callable[..., str]) -> None:
    """The actions of the policy exist, and apply to clusters and topics."""
    [policy] = documents(notes({"outputs": {"kafka": KAFKA | ANY_TOPIC}}))
    assert iam.faults({"Version": "2012-10-17", "Statement": policy}) == []


def test_notes_repeat_no_free_text(notes: Callable[..., str]) -> None:
    """The notes contain no environment variables, arguments or annotations, which can be secret."""
    values = {
        "app": {
            "demo": {"enabled": False},
            "command": ["hunter2"],
            "args": ["hunter2"],
            "env": [{"name": "A", "value": "hunter2"}],
        },
        "podAnnotations": {"a": "hunter2"},
    }
    assert "hunter2" not in notes(values)
