"""The chart's dashboards: generated JSON files, and ConfigMaps for a Grafana in the cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from eks_observability.dashboards import BOARDS
from eks_observability.dashboards.grafana import FILES, as_json, write
from harness.render.helm import Helm, HelmError
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[3] / "charts" / "observability-stack"
UIDS = sorted(board.uid for board in BOARDS)


def maps(helm: Helm, release: str = "x", **dashboards: Any) -> list[dict[str, Any]]:
    """Return the ConfigMaps of dashboards."""
    made = helm.render(CHART, release=release, namespace="prometheus", values={"dashboards": dashboards})
    component = "app.kubernetes.io/component"
    found = made.select("ConfigMap")
    return [one for one in found if one["metadata"]["labels"].get(component) == "dashboards"]


def test_files_are_up_to_date() -> None:
    """The committed dashboards are identical to generated ones."""
    assert write(BOARDS, check=True) == []
    assert sorted(path.stem for path in FILES.glob("*.json")) == UIDS


def test_check_lists_stale_files(tmp_path: Path) -> None:
    """The check lists changed, missing and superfluous files, and corrects them only without `check`."""
    write(BOARDS, folder=tmp_path)
    changed, missing, extra = (tmp_path / f"{uid}.json" for uid in ("eks-node", "eks-logs", "old"))
    changed.write_text("{}", encoding="utf-8")
    missing.unlink()
    extra.write_text("{}", encoding="utf-8")
    assert sorted(write(BOARDS, check=True, folder=tmp_path)) == sorted([changed, missing, extra])
    assert (extra.exists(), missing.exists()) == (True, False)
    write(BOARDS, folder=tmp_path)
    assert write(BOARDS, check=True, folder=tmp_path) == []
    assert not extra.exists()


def test_no_dashboards_by_default(helm: Helm) -> None:
    """By default, the chart creates no dashboards."""
    assert maps(helm) == []


def test_each_dashboard_is_a_labeled_configmap(helm: Helm) -> None:
    """Each ConfigMap contains one unchanged dashboard, the label of Grafana's sidecar, and the folder."""
    made = maps(helm, enabled=True)
    assert sorted(one["metadata"]["name"] for one in made) == [f"x-observability-stack-{uid}" for uid in UIDS]
    files = {name: text for one in made for name, text in one["data"].items()}
    assert files == {f"{board.uid}.json": as_json(board) for board in BOARDS}
    for one in made:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "EKS"}
        # The limit of annotations, which `kubectl apply` copies the object to.
        assert len(json.dumps(one)) < 262144


def test_label_and_folder_are_configurable(helm: Helm) -> None:
    """Label, value and annotation are configurable; without a folder there is no annotation."""
    made = maps(
        helm,
        enabled=True,
        label="example.com/board",
        labelValue="yes",
        folder="Shop: EKS",
        folderAnnotation="example.com/folder",
        annotations={"example.com/owner": "me"},
    )
    for one in made:
        assert one["metadata"]["labels"]["example.com/board"] == "yes"
        assert "grafana_dashboard" not in one["metadata"]["labels"]
        assert one["metadata"]["annotations"] == {"example.com/folder": "Shop: EKS", "example.com/owner": "me"}
    assert all("annotations" not in one["metadata"] for one in maps(helm, enabled=True, folder=""))


def test_names_of_two_releases_differ(helm: Helm) -> None:
    """Names of dashboards of two releases differ, also if they are cut to the maximum length."""
    names = [one["metadata"]["name"] for tail in "ab" for one in maps(helm, release="p" * 15 + tail, enabled=True)]
    assert len(set(names)) == len(names) == 2 * len(UIDS)
    assert max(map(len, names)) <= 253


@pytest.mark.parametrize("uid", UIDS)
def test_dashboards_fit_any_grafana(uid: str) -> None:
    """A dashboard refers to no particular data source, its panel IDs are unique, and no panels overlap."""
    board = json.loads((FILES / f"{uid}.json").read_text(encoding="utf-8"))
    assert (board["uid"], "id" in board, "version" in board) == (uid, False, False)
    assert board["templating"]["list"][0]["name"] == "datasource"
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] in ("${datasource}", "${cloudwatch}"), panel["title"]
            assert panel["targets"], panel["title"]
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    identifiers = [panel["id"] for panel in board["panels"]]
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize(
    ("dashboards", "says"),
    [
        ({"label": "grafana dashboard"}, "dashboards/label"),
        ({"labelValue": 1}, "dashboards/labelValue"),
        ({"folders": "EKS"}, "folders"),
    ],
    ids=["label", "number", "misspelt"],
)
def test_invalid_values_are_rejected(helm: Helm, dashboards: dict[str, Any], says: str) -> None:
    """The schema rejects invalid labels and misspelled values."""
    with pytest.raises(HelmError, match=says.replace("/", "[./]")):
        maps(helm, **{"enabled": True, **dashboards})


def test_defaults_match_the_sidecar() -> None:
    """The defaults match the sidecar of Grafana's chart."""
    values = load_yaml((CHART / "values.yaml").read_text(encoding="utf-8"))["dashboards"]
    assert (values["label"], values["labelValue"], values["enabled"]) == ("grafana_dashboard", "1", False)
