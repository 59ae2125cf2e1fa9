"""Dashboards on their way into a Grafana: a stand-in for its HTTP API says what became of them."""

import json
import re
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from eks_observability.cli import main
from eks_observability.dashboards import BOARDS

TOKEN = "glsa_secret"
WORKSPACE = "ws-01234567-89ab-cdef-0123-456789abcdef"
THINGS = 1 + 3 + len(BOARDS)


class Grafana:
    """What of Grafana's API is needed here: folders, data sources and dashboards, with their refusals.

    Attributes:
        store: what it has, by kind and uid.
        requests: method and path of each request.
        refusal: a status to answer everything with.
    """

    def __init__(self, server: HTTPServer) -> None:
        self.store: dict[str, dict[str, Any]] = {"folders": {}, "datasources": {}, "dashboards": {}}
        self.requests: list[tuple[str, str]] = []
        self.refusal = 0
        self.url = server.url_for("/grafana")
        server.expect_request(re.compile("/grafana/.*")).respond_with_handler(self._answer)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [request for request in self.requests if request[0] != "GET"]

    def _answer(self, request: Request) -> Response:
        status, answer = self._decide(request)
        return Response(json.dumps(answer), status, content_type="application/json")

    def _decide(self, request: Request) -> tuple[int, Any]:
        self.requests.append((request.method, request.path))
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if self.refusal:
            return self.refusal, {"message": "no"}
        kind, _, rest = request.path.removeprefix("/grafana/api/").partition("/")
        have, uid = self.store[kind], rest.removeprefix("uid/")
        if request.method == "GET":
            return (200, have[uid]) if uid in have else (404, {"message": "not found"})
        body = request.get_json()
        if kind == "dashboards":
            return self._save(body)
        uid = uid or body["uid"]
        if request.method == "POST" and any(one.get("name", "") == body.get("name") for one in have.values()):
            return 409, {"message": "data source with the same name already exists"}
        # Grafana adds fields of its own to what it was given.
        have[uid] = {**have.get(uid, {}), **body, "uid": uid, "id": 7, "readOnly": False}
        return 200, {"message": "done"}

    def _save(self, body: Any) -> tuple[int, Any]:
        dashboard, folder = body["dashboard"], body["folderUid"]
        if folder not in self.store["folders"]:
            return 400, {"message": "folder not found"}
        before = self.store["dashboards"].get(dashboard["uid"])
        if before and not body["overwrite"]:
            return 412, {"message": "The dashboard has been changed by someone else"}
        version = before["dashboard"]["version"] + 1 if before else 1
        saved = {**dashboard, "id": 7, "version": version}
        self.store["dashboards"][dashboard["uid"]] = {"dashboard": saved, "meta": {"folderUid": folder}}
        return 200, {"status": "success"}


@pytest.fixture
def grafana(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Grafana:
    """A Grafana with nothing in it, whose token is in the environment."""
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    return Grafana(httpserver)


def push(grafana: Grafana, *more: str, source: tuple[str, str] = ("--workspace", WORKSPACE)) -> int:
    return main(["dashboards", "push", "--url", grafana.url, "--region", "eu-west-1", *source, *more])


def test_everything_arrives_once(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    """The first push creates folder, data sources and dashboards; the second finds all of it and writes nothing."""
    assert push(grafana) == 0
    assert capsys.readouterr().out.count("created") == THINGS == len(grafana.writes)
    assert set(grafana.store["dashboards"]) == {board.uid for board in BOARDS}
    grafana.requests.clear()
    assert push(grafana) == 0
    assert capsys.readouterr().out.count("unchanged") == THINGS
    assert grafana.writes == []


def test_dashboards_begin_with_the_data_sources_beside_them(grafana: Grafana) -> None:
    """In a Grafana with other Prometheus servers a dashboard opens with the one that it was pushed with."""
    push(grafana)
    for saved in grafana.store["dashboards"].values():
        variables = saved["dashboard"]["templating"]["list"]
        chosen = {one["query"]: one["current"]["value"] for one in variables if one["type"] == "datasource"}
        assert chosen.items() <= {"prometheus": "eks-prometheus", "cloudwatch": "eks-cloudwatch"}.items()
        assert "prometheus" in chosen


def test_a_dry_run_writes_nothing(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run says of each thing what would become of it, and only reads."""
    assert push(grafana, "--dry-run") == 0
    assert capsys.readouterr().out.count("would be created") == THINGS
    assert grafana.writes == []
    assert grafana.requests


def test_what_was_changed_by_hand_is_put_right(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what differs is written again, with the same uid, so that links to it stay."""
    push(grafana)
    grafana.store["dashboards"]["eks-node"]["dashboard"]["panels"].pop()
    grafana.store["datasources"]["eks-xray"]["jsonData"]["defaultRegion"] = "us-east-1"
    grafana.requests.clear()
    capsys.readouterr()
    assert push(grafana) == 0
    changed = [line for line in capsys.readouterr().out.splitlines() if not line.endswith("unchanged")]
    assert [line.split()[-1] for line in changed] == ["updated", "updated"]
    assert grafana.writes == [
        ("PUT", "/grafana/api/datasources/uid/eks-xray"),
        ("POST", "/grafana/api/dashboards/db"),
    ]
    assert grafana.store["dashboards"]["eks-node"]["dashboard"]["version"] == 2


def test_data_sources_sign_for_the_workspace(grafana: Grafana) -> None:
    """AMP is asked with SigV4 in its region; rates are told that samples come once a minute; the token is nowhere."""
    push(grafana, "--role-arn", "arn:aws:iam::111122223333:role/reader")
    sources = grafana.store["datasources"]
    assert {(one["uid"], one["type"], one["access"]) for one in sources.values()} == {
        ("eks-prometheus", "prometheus", "proxy"),
        ("eks-cloudwatch", "cloudwatch", "proxy"),
        ("eks-xray", "grafana-x-ray-datasource", "proxy"),
    }
    amp = sources["eks-prometheus"]
    assert amp["url"] == f"https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/{WORKSPACE}/"
    assert amp["jsonData"] == {
        "httpMethod": "POST",
        "timeInterval": "60s",
        "sigV4Auth": True,
        "sigV4AuthType": "workspace-iam-role",
        "sigV4Region": "eu-west-1",
        "sigV4AssumeRoleArn": "arn:aws:iam::111122223333:role/reader",
    }
    for uid in ("eks-cloudwatch", "eks-xray"):
        assert sources[uid]["jsonData"] == {
            "authType": "workspace-iam-role",
            "defaultRegion": "eu-west-1",
            "assumeRoleArn": "arn:aws:iam::111122223333:role/reader",
        }
    assert TOKEN not in json.dumps(grafana.store)


def test_a_prometheus_of_the_cluster_is_asked_unsigned(grafana: Grafana) -> None:
    """A Grafana in the cluster asks the server there without a signature."""
    push(grafana, "--auth", "default", source=("--prometheus-url", "http://prometheus.prometheus.svc:9090"))
    asked = grafana.store["datasources"]["eks-prometheus"]
    assert asked["url"] == "http://prometheus.prometheus.svc:9090"
    assert asked["jsonData"] == {"httpMethod": "POST", "timeInterval": "60s"}


@pytest.mark.parametrize(
    ("refusal", "token", "says"),
    [
        pytest.param(0, "", "set GRAFANA_TOKEN to the token of a service account", id="no token"),
        pytest.param(0, "old", "rejects the token in $GRAFANA_TOKEN", id="unknown token"),
        pytest.param(403, TOKEN, "its service account needs the role ADMIN", id="not allowed"),
        pytest.param(500, TOKEN, "rejects the request: Server Error 500: no", id="broken"),
    ],
)
def test_refusals_are_one_sentence(
    grafana: Grafana,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    refusal: int,
    token: str,
    says: str,
) -> None:
    """What Grafana refuses ends with status 2 and what to do about it, without the token."""
    monkeypatch.setenv("GRAFANA_TOKEN", token)
    grafana.refusal = refusal
    assert push(grafana) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert TOKEN not in shown.out + shown.err
    assert grafana.writes == []


def test_a_name_that_is_taken_is_said(grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    """A data source of the same name but another uid is somebody else's, and is left alone."""
    grafana.store["datasources"]["theirs"] = {"uid": "theirs", "name": "EKS X-Ray"}
    assert push(grafana) == 2
    assert "data source with the same name already exists" in capsys.readouterr().err
    assert grafana.store["datasources"]["theirs"] == {"uid": "theirs", "name": "EKS X-Ray"}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("http://grafana.example.com", "use https://grafana.example.com", id="token in the clear"),
        pytest.param("https://me:secret@grafana.example.com", "contains a user or password", id="password"),
        pytest.param("grafana.example.com", "is not a Grafana URL", id="no scheme"),
        pytest.param("http://127.0.0.1:9", "no Grafana answers at http://127.0.0.1:9", id="nobody there"),
    ],
)
def test_bad_addresses_are_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, says: str
) -> None:
    """The token goes over TLS or stays on the machine; an address that cannot be right is said to be so."""
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    arguments = ["--url", url, "--region", "eu-west-1", "--workspace", WORKSPACE]
    assert main(["dashboards", "push", *arguments]) == 2
    assert says in capsys.readouterr().err
