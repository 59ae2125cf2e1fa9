"""Loads rule groups into the rule groups namespaces of a workspace of Amazon Managed Service for Prometheus."""

import difflib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from eks_observability.errors import CommandError
from eks_observability.monitors.objects import Object
from eks_observability.monitors.outputs import text
from eks_observability.monitors.rules import Group

# The tag of namespaces that this command creates. It deletes no others.
TAGS = {"managed-by": "eks-observability"}
_LONGEST_NAME = 64
_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Change:
    """What differs between the input and the workspace.

    Attributes:
        name: the rule groups namespace.
        action: created, changed, deleted or unchanged.
        content: the new content; empty: it is deleted.
        diff: lines of a unified diff.
    """

    name: str
    action: str
    content: str
    diff: list[str]


def name_of(rule: Object) -> str:
    """Return the rule groups namespace of a PrometheusRule, of at most 64 characters."""
    # Namespaces of Kubernetes contain no dots, so no two objects share a name.
    name = f"{rule.namespace}.{rule.name}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}-{digest}"


class Workspace:
    """The rule groups namespaces of a workspace.

    Args:
        workspace: its ID, `ws-...`.
        region: its AWS Region.

    Raises:
        CommandError: boto3 is not installed, or, from the methods, AWS rejects a request.
    """

    def __init__(self, workspace: str, region: str) -> None:
        try:
            import boto3  # noqa: PLC0415 - only this command requires it
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError as error:
            raise CommandError("boto3 is missing: install eks-observability-charts[aws]") from error
        self._errors = (BotoCoreError, ClientError)
        self._workspace = workspace
        self._client = boto3.client("amp", region_name=region)

    def changes(self, wanted: Mapping[str, list[Group]], keep: set[str] | None) -> list[Change]:
        """Compare the workspace with rule groups.

        Args:
            wanted: rule groups by name of their namespace.
            keep: namespaces that are not deleted though they are not wanted; None: delete none.

        Returns:
            The changes, in the order of the names.
        """
        there = {one["name"]: one.get("tags") or {} for one in self._list()}
        found = [self._change(name, groups, name in there) for name, groups in wanted.items()]
        if keep is not None:
            ours = {name for name, tags in there.items() if tags.items() >= TAGS.items()}
            for name in ours - wanted.keys() - keep:
                found.append(Change(name, "deleted", "", _diff(name, self._read(name), "")))
        return sorted(found, key=lambda one: one.name)

    def apply(self, change: Change) -> str:
        """Make a change, and wait until it is active.

        Returns:
            Why the workspace rejects it; empty: it is active.
        """
        name = {"workspaceId": self._workspace, "name": change.name}
        data = change.content.encode()
        if change.action == "created":
            self._call("create_rule_groups_namespace", **name, data=data, tags=TAGS)
        elif change.action == "changed":
            self._call("put_rule_groups_namespace", **name, data=data)
        elif change.action == "deleted":
            self._call("delete_rule_groups_namespace", **name)
        return self._result(change.name) if change.action in ("created", "changed") else ""

    def _change(self, name: str, groups: list[Group], exists: bool) -> Change:
        content = text({"groups": groups})
        old = self._read(name) if exists else ""
        if exists and _parsed(old) == {"groups": groups}:
            return Change(name, "unchanged", content, [])
        return Change(name, "changed" if exists else "created", content, _diff(name, old, content))

    def _list(self) -> Iterator[dict[str, Any]]:
        arguments = {"workspaceId": self._workspace}
        while True:
            page = self._call("list_rule_groups_namespaces", **arguments)
            yield from page["ruleGroupsNamespaces"]
            if not page.get("nextToken"):
                return
            arguments["nextToken"] = page["nextToken"]

    def _read(self, name: str) -> str:
        data = self._describe(name)["data"]
        return data.decode() if isinstance(data, bytes) else str(data)

    def _describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._call("describe_rule_groups_namespace", workspaceId=self._workspace, name=name)[
            "ruleGroupsNamespace"
        ]
        return found

    def _result(self, name: str) -> str:
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            status = self._describe(name)["status"]
            if status["statusCode"].endswith("_FAILED"):
                return str(status.get("statusReason") or status["statusCode"])
            if status["statusCode"] == "ACTIVE":
                return ""
            if time.monotonic() > until:
                return f"it is still {status['statusCode']} after {_WAIT_SECONDS:g} s"
            time.sleep(1)

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except self._errors as error:
            raise CommandError(f"workspace {self._workspace}: {error}") from error
        return answer


def _parsed(content: str) -> Any:
    try:
        return yaml.load(content, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return None


def _diff(name: str, old: str, new: str) -> list[str]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"workspace/{name}", f"input/{name}", lineterm="")
    return list(lines)
