"""Puts data sources and dashboards into a Grafana, through its HTTP API; again and again without doing it twice."""

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
# Grafana's answers come at once or not at all.
TIMEOUT = 30.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

Action = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Change:
    """What became of one thing in Grafana, or would.

    Attributes:
        kind: folder, data source or dashboard.
        name: its title.
        action: what was done.
    """

    kind: str
    name: str
    action: Action


@dataclass(frozen=True)
class Sources:
    """Where the dashboards' data is.

    Attributes:
        prometheus: address of an AMP workspace, or of a Prometheus.
        region: AWS region of the workspace, of X-Ray and of CloudWatch.
        auth: how Grafana gets its AWS credentials: ``workspace-iam-role`` or ``default``.
        role: ARN of a role that Grafana assumes first; empty: none.
    """

    prometheus: str
    region: str
    auth: str = "workspace-iam-role"
    role: str = ""

    @property
    def signed(self) -> bool:
        """Whether queries need a signature: those to AWS."""
        return (urlsplit(self.prometheus).hostname or "").endswith(("amazonaws.com", "amazonaws.com.cn"))

    def wanted(self) -> tuple[dict[str, Any], ...]:
        """Return the data sources as Grafana's API takes them."""
        assumed = {"assumeRoleArn": self.role} if self.role else {}
        aws = {"authType": self.auth, "defaultRegion": self.region, **assumed}
        return (
            _source("eks-prometheus", "EKS Prometheus", "prometheus", self._prometheus(), self.prometheus),
            _source("eks-cloudwatch", "EKS CloudWatch", "cloudwatch", aws),
            _source("eks-xray", "EKS X-Ray", "grafana-x-ray-datasource", aws),
        )

    def _prometheus(self) -> dict[str, Any]:
        # Samples come once a minute: Grafana would take 15 s for granted, and draw nothing where it asks for a rate.
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
    """Make a Grafana have the data sources and dashboards; what it has already is left alone.

    Args:
        url: Grafana's address.
        token: token of a service account that may administer data sources.
        boards: the dashboards, as Grafana's JSON.
        sources: their data sources.
        folder: title of the folder that they are put into.
        dry_run: say what would change, and change nothing.

    Yields:
        Each thing, when it is done.

    Raises:
        CommandError: Grafana refuses, or is not there.
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
        raise CommandError(f"{url!r} is not the address of a Grafana: write https://<host>/")
    if parts.username:
        raise CommandError("leave user and password out of the address: $GRAFANA_TOKEN has the token")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise CommandError(f"http would show the token to whoever listens: write https://{parts.netloc}{parts.path}")
    return GrafanaApi.from_url(f"{url.rstrip('/')}/", credential=TokenAuth(token), timeout=TIMEOUT)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Say what the user can do about what Grafana refuses."""
    try:
        yield
    except GrafanaUnauthorizedError as error:
        raise CommandError(
            f"{url} does not know the token in $GRAFANA_TOKEN: Amazon Managed Grafana's last at most 30 days; "
            "make one with `aws grafana create-workspace-service-account-token`"
        ) from error
    except GrafanaException as error:
        if error.status_code == 403:
            raise CommandError(
                f"the token in $GRAFANA_TOKEN may not do that in {url}: its service account needs the role ADMIN"
            ) from error
        raise CommandError(f"{url} refuses: {error.message}") from error
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
        # Without an id Grafana goes by the uid; what somebody changed by hand is put right.
        dashboard = {**wanted, "id": None}
        api.dashboard.update_dashboard({"dashboard": dashboard, "folderUid": FOLDER_UID, "overwrite": True})
    return Change("dashboard", wanted["title"], action)


def _of_sources(dashboard: dict[str, Any], sources: Sources) -> dict[str, Any]:
    """Let a dashboard begin with the data sources that were pushed with it; a reader may choose others."""
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
    # Grafana adds ids, versions and defaults of its own, which are its business.
    return "unchanged" if all(found.get(key) == value for key, value in wanted.items()) else "updated"
