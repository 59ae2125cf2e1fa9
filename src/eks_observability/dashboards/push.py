"""Pushes data sources and dashboards to a Grafana through its HTTP API; idempotent."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaUnauthorizedError, TokenAuth

from eks_observability.errors import CommandError

FOLDER_UID = "eks-observability-charts"
# Grafana answers immediately or not at all.
TIMEOUT = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Action = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Change:
    """A change to one object in Grafana, or a planned change.

    Attributes:
        kind: folder, data source or dashboard.
        name: title of the object.
        action: the action taken.
    """

    kind: str
    name: str
    action: Action


@dataclass(frozen=True)
class Sources:
    """The data sources of the dashboards.

    Attributes:
        prometheus: URL of an AMP workspace or of a Prometheus.
        region: AWS region of the workspace, of X-Ray and of CloudWatch.
        auth: source of Grafana's AWS credentials: ``workspace-iam-role`` or ``default``.
        role: ARN of a role that Grafana assumes first; empty: none.
    """

    prometheus: str
    region: str
    auth: str = "workspace-iam-role"
    role: str = ""

    @property
    def signed(self) -> bool:
        """Whether queries require a signature, as AWS does."""
        return (urlsplit(self.prometheus).hostname or "").endswith(("amazonaws.com", "amazonaws.com.cn"))

    def wanted(self) -> tuple[dict[str, Any], ...]:
        """Return the data sources in the format of Grafana's API."""
        assumed = {"assumeRoleArn": self.role} if self.role else {}
        aws = {"authType": self.auth, "defaultRegion": self.region, **assumed}
        return (
            _source("eks-prometheus", "EKS Prometheus", "prometheus", self._prometheus(), self.prometheus),
            _source("eks-cloudwatch", "EKS CloudWatch", "cloudwatch", aws),
            _source("eks-xray", "EKS X-Ray", "grafana-x-ray-datasource", aws),
        )

    def _prometheus(self) -> dict[str, Any]:
        # Grafana assumes a scrape interval of 15 s by default; with samples once a minute, rates would have no data.
        options: dict[str, Any] = {"httpMethod": "POST", "timeInterval": "60s"}
        if not self.signed:
            return options
        options |= {"sigV4Auth": True, "sigV4AuthType": self.auth, "sigV4Region": self.region}
        return options | ({"sigV4AssumeRoleArn": self.role} if self.role else {})


def push(
    url: str,
    token: str,
    boards: Sequence[dict[str, Any]],
    sources: Sources,
    *,
    folder: str,
    dry_run: bool = False,
) -> Iterator[Change]:
    """Create or update data sources and dashboards in a Grafana; up-to-date objects stay unchanged.

    Args:
        url: URL of Grafana.
        token: token of a service account with permission to manage data sources.
        boards: the dashboards, as Grafana's JSON.
        sources: the data sources.
        folder: title of the target folder.
        dry_run: report changes without making them.

    Yields:
        The change to each object, once it is made.

    Raises:
        CommandError: Grafana rejects a request or does not answer.
    """
    api = _api(url, token)
    with _explained(url):
        yield _folder(api, folder, dry_run)
        for source in sources.wanted():
            yield _data_source(api, source, dry_run)
        for board in boards:
            yield _dashboard(api, _of_sources(board, sources), dry_run)


def _api(url: str, token: str) -> GrafanaApi:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"{url!r} is not a Grafana URL: use https://<host>/")
    if parts.username:
        raise CommandError("the URL contains a user or password: remove them; $GRAFANA_TOKEN holds the token")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise CommandError(f"http would expose the token: use https://{parts.netloc}{parts.path}")
    return GrafanaApi.from_url(f"{url.rstrip('/')}/", credential=TokenAuth(token), timeout=TIMEOUT)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Return an error with the fix for a rejected request."""
    try:
        yield
    except GrafanaUnauthorizedError as error:
        raise CommandError(
            f"{url} rejects the token in $GRAFANA_TOKEN; tokens of Amazon Managed Grafana expire after at most 30 "
            "days. Create one with `aws grafana create-workspace-service-account-token`"
        ) from error
    except GrafanaException as error:
        if error.status_code == 403:
            raise CommandError(
                f"the token in $GRAFANA_TOKEN lacks permission in {url}: its service account needs the role ADMIN"
            ) from error
        raise CommandError(f"{url} rejects the request: {error.message}") from error
    except requests.exceptions.RequestException as error:
        raise CommandError(f"no Grafana answers at {url}: {type(error).__name__}") from error


def _folder(api: GrafanaApi, title: str, dry_run: bool) -> Change:
    found = _found(lambda: api.folder.get_folder(FOLDER_UID))
    action = _action(found, {"title": title})
    if action == "created" and not dry_run:
        api.folder.create_folder(title, uid=FOLDER_UID)
    elif action == "updated" and not dry_run:
        api.folder.update_folder(FOLDER_UID, title=title, overwrite=True)
    return Change("folder", title, action)


def _data_source(api: GrafanaApi, wanted: dict[str, Any], dry_run: bool) -> Change:
    found = _found(lambda: api.datasource.get_datasource_by_uid(wanted["uid"]))
    action = _action(found, wanted)
    if action == "created" and not dry_run:
        api.datasource.create_datasource(wanted)
    elif action == "updated" and not dry_run:
        api.datasource.update_datasource_by_uid(wanted["uid"], wanted)
    return Change("data source", wanted["name"], action)


def _dashboard(api: GrafanaApi, wanted: dict[str, Any], dry_run: bool) -> Change:
    found = _found(lambda: api.dashboard.get_dashboard(wanted["uid"]))
    here = None if found is None else {**found["dashboard"], "folderUid": found["meta"].get("folderUid")}
    action = _action(here, {**wanted, "folderUid": FOLDER_UID})
    if action != "unchanged" and not dry_run:
        # Without an ID, Grafana matches by uid and overwrites manual changes.
        dashboard = {**wanted, "id": None}
        api.dashboard.update_dashboard({"dashboard": dashboard, "folderUid": FOLDER_UID, "overwrite": True})
    return Change("dashboard", wanted["title"], action)


def _of_sources(dashboard: dict[str, Any], sources: Sources) -> dict[str, Any]:
    """Preselect the pushed data sources in a dashboard; users can select others."""
    ours = {one["type"]: {"selected": True, "text": one["name"], "value": one["uid"]} for one in sources.wanted()}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "datasource":
            variable["current"] = ours[variable["query"]]
    return dashboard


def _source(uid: str, name: str, kind: str, options: Mapping[str, Any], url: str = "") -> dict[str, Any]:
    return {"uid": uid, "name": name, "type": kind, "access": "proxy", "url": url, "jsonData": dict(options)}


def _found(get: Any) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = get()
    except GrafanaClientError as error:
        if error.status_code == 404:
            return None
        raise
    return answer


def _action(found: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> Action:
    if found is None:
        return "created"
    # Grafana adds IDs, versions and defaults, which are ignored.
    return "unchanged" if all(found.get(key) == value for key, value in wanted.items()) else "updated"
