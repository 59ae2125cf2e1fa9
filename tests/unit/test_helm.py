"""The helm wrapper: what it renders, what it remembers, and how it refuses."""

import json
import multiprocessing
import os
import stat
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import HarnessError
from harness.render import supported
from harness.render.helm import Helm, HelmError

both_helms = pytest.mark.parametrize("helm", supported.HELM, indirect=True, ids=lambda major: f"helm-{major}")


@pytest.fixture
def counting(helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helm:
    """Helm 4 with an empty cache, behind a script that writes down each of its runs; see ``runs``."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    script = tmp_path / "helm"
    script.write_text(f'#!/bin/sh\necho run >> {tmp_path}/runs\nexec {helm.binary} "$@"\n', encoding="utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return Helm(script)


def runs(tmp_path: Path) -> int:
    log = tmp_path / "runs"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def environment(manifests: Any) -> dict[str, str]:
    [app] = manifests.containers("app")
    return {entry["name"]: entry["value"] for entry in app["env"]}


@both_helms
def test_every_object_is_rendered(helm: Helm, tiny: Path) -> None:
    """Objects of all templates arrive, hooks included, under the release's name and namespace."""
    rendered = helm.render(tiny, release="web", namespace="prd")
    assert rendered.names() == {
        ("Deployment", "web-tiny"),
        ("Service", "web-tiny"),
        ("CronJob", "web-tiny"),
        ("Pod", "web-greet"),
    }
    assert {item["metadata"].get("namespace") for item in rendered.select(component="app")} == {"prd"}


@both_helms
def test_values_win_over_files_and_later_files_over_earlier(helm: Helm, tiny: Path, tmp_path: Path) -> None:
    """Values files apply in their order, and values given directly apply last."""
    for name, values in {
        "a.yaml": {"replicas": 2, "greeting": "a", "image": "a:1"},
        "b.yaml": {"greeting": "b"},
    }.items():
        (tmp_path / name).write_text(yaml.safe_dump(values), encoding="utf-8")
    rendered = helm.render(tiny, value_files=[tmp_path / "a.yaml", tmp_path / "b.yaml"], values={"replicas": 3})
    assert rendered.one("Deployment")["spec"]["replicas"] == 3
    assert environment(rendered)["GREETING"] == "b"
    assert rendered.containers("app")[0]["image"] == "a:1"


@both_helms
def test_templates_see_the_cluster_that_was_asked_for(helm: Helm, tiny: Path) -> None:
    """Kubernetes version, API versions and upgrade reach the templates, and are none of each other's business."""
    seen = environment(
        helm.render(tiny, kube_version="1.34.5", api_versions=["example.com/v1/Policy"], is_upgrade=True)
    )
    assert (seen["KUBERNETES"], seen["POLICIES"], seen["UPGRADE"]) == ("v1.34.5", "true", "true")
    seen = environment(helm.render(tiny, kube_version="1.37.0"))
    assert (seen["KUBERNETES"], seen["POLICIES"], seen["UPGRADE"]) == ("v1.37.0", "false", "false")


@both_helms
@pytest.mark.parametrize(
    "text", ['"', "'", "a: b", "{{ x }}", "0123", "no", "\t", "ä\n", "${VAR}", "🦤", "\x7f\x85\u2028\ufeff"], ids=ascii
)
def test_values_arrive_as_they_are(helm: Helm, tiny: Path, text: str) -> None:
    """No string is changed on the way to the templates."""
    assert environment(helm.render(tiny, values={"greeting": text}))["GREETING"] == text


@both_helms
def test_rejection_of_a_chart_is_its_own_sentence(helm: Helm, tiny: Path) -> None:
    """A failing template raises, with the chart's message whole."""
    with pytest.raises(HelmError, match="two sidecars have one name; write") as refused:
        helm.render(tiny, values={"refuse": "two sidecars have one name; write\n  sidecar: x"})
    assert "\n  sidecar: x" in refused.value.stderr
    assert isinstance(refused.value, HarnessError)


@both_helms
def test_rejection_by_schema_names_the_key(helm: Helm, tiny: Path) -> None:
    """A key that is not in the schema is rejected with its name."""
    with pytest.raises(HelmError, match="additional properties 'replica' not allowed"):
        helm.render(tiny, values={"replica": 3})


def test_missing_chart_is_one_sentence(helm: Helm, tmp_path: Path) -> None:
    """A folder that is not there is named, without a traceback of Helm's."""
    with pytest.raises(HarnessError, match=r"there is no chart in .*nowhere; pass a folder"):
        helm.render(tmp_path / "nowhere")


def test_unknown_major_version_is_rejected() -> None:
    """Only the supported major versions can be asked for."""
    with pytest.raises(HarnessError, match="Helm 2 is not supported; use one of 3, 4"):
        Helm(major=2)


def test_same_question_runs_helm_once(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """A repeated render starts no process, in a new Helm of the same program neither."""
    first = counting.render(tiny, values={"replicas": 2})
    second = Helm(counting.binary).render(tiny, values={"replicas": 2})
    assert first == second
    assert runs(tmp_path) == 1


def test_rejections_are_remembered_too(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """Exit status and standard error of a failure come from the cache like a success."""
    first, second = (counting.template(tiny, values={"refuse": "no"}) for _ in range(2))
    assert first == second
    assert first.exit_code != 0 and "no" in first.stderr
    assert runs(tmp_path) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"release": "other"},
        {"namespace": "other"},
        {"values": {"replicas": 2}},
        {"kube_version": "1.35.0"},
        {"api_versions": ["example.com/v1"]},
        {"is_upgrade": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_each_part_of_the_question_counts(counting: Helm, tiny: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """A render that differs in one argument is another render."""
    counting.render(tiny)
    counting.render(tiny, **options)
    assert runs(tmp_path) == 2


@pytest.mark.parametrize("name", ["values.yaml", "templates/service.yaml", "templates/_new.tpl"])
def test_changed_chart_is_rendered_again(counting: Helm, tiny: Path, tmp_path: Path, name: str) -> None:
    """A change or an addition anywhere in the chart makes the old answer unfit."""
    counting.render(tiny)
    with (tiny / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    counting.render(tiny)
    assert runs(tmp_path) == 2


def test_order_of_values_does_not_count(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """The same values in another order are the same render."""
    counting.render(tiny, values={"replicas": 2, "image": "x"})
    counting.render(tiny, values={"image": "x", "replicas": 2})
    assert runs(tmp_path) == 1


def test_changed_values_file_is_read_again(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """A values file counts by its content, not by its name."""
    file = tmp_path / "values.yaml"
    for replicas in (2, 3, 2):
        file.write_text(f"replicas: {replicas}\n", encoding="utf-8")
        assert counting.render(tiny, value_files=[file]).one("Deployment")["spec"]["replicas"] == replicas
    assert runs(tmp_path) == 2


def test_another_program_is_asked_again(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """Another build of Helm gets its own answers."""
    counting.render(tiny)
    with counting.binary.open("a", encoding="utf-8") as file:
        file.write("# another build\n")
    counting.render(tiny)
    assert runs(tmp_path) == 2


def test_cache_can_be_left_out(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """With ``cache=False`` each render is a process, and nothing is written."""
    uncached = Helm(counting.binary, cache=False)
    assert uncached.render(tiny) == uncached.render(tiny)
    assert runs(tmp_path) == 2
    assert not (tmp_path / "cache" / "renders").exists()


def test_changing_a_render_changes_no_other(helm: Helm, tiny: Path) -> None:
    """Each caller gets objects of its own."""
    helm.render(tiny).one("Deployment")["spec"]["replicas"] = 99
    assert helm.render(tiny).one("Deployment")["spec"]["replicas"] == 1


def _render_into_shared_cache(binary: Path, tiny: Path) -> int:
    return len(Helm(binary).render(tiny))


def test_processes_may_share_the_cache(counting: Helm, tiny: Path, tmp_path: Path) -> None:
    """Many processes that ask at once all get the whole answer, and leave no unfinished file."""
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = pool.map(_render_into_shared_cache, [counting.binary] * 12, [tiny] * 12)
        assert list(counts) == [4] * 12
    files = [path for path in (tmp_path / "cache" / "renders").rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".json"]
    assert set(json.loads(files[0].read_text(encoding="utf-8"))) == {"exit_code", "stdout", "stderr"}


def test_users_own_helm_and_cluster_do_not_show(helm: Helm, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HELM_NAMESPACE, KUBECONFIG and their like have no say in a render."""
    before = helm.render(tiny)
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    monkeypatch.setenv("KUBECONFIG", os.devnull + "/nowhere")
    assert Helm(helm.binary, cache=False).render(tiny) == before


def test_notes_are_what_an_install_would_show(helm: Helm, tiny: Path) -> None:
    """NOTES.txt is rendered with release and values, without a cluster."""
    assert helm.notes(tiny, release="web", values={"greeting": "good day"}).strip() == "web says good day."


@both_helms
def test_lint_raises_what_it_finds(helm: Helm, tiny: Path) -> None:
    """A valid chart passes; a template that does not parse is reported with its file."""
    assert "0 chart(s) failed" in helm.lint(tiny)
    (tiny / "templates" / "broken.yaml").write_text("{{ if }}", encoding="utf-8")
    with pytest.raises(HelmError, match=r"templates/broken\.yaml"):
        helm.lint(tiny)


@both_helms
def test_package_holds_the_chart(helm: Helm, tiny: Path, tmp_path: Path) -> None:
    """The archive has the version that was asked for and the chart's files."""
    archive = helm.package(tiny, tmp_path, version="2.0.0")
    assert archive == tmp_path / "tiny-2.0.0.tgz"
    with tarfile.open(archive) as packed:
        assert {"tiny/Chart.yaml", "tiny/values.yaml", "tiny/values.schema.json"} <= set(packed.getnames())


@both_helms
def test_install_without_a_cluster_is_rejected(helm: Helm, tiny: Path, tmp_path: Path) -> None:
    """An unreachable cluster is Helm's own sentence, and nothing hangs."""
    with pytest.raises(HelmError, match=r"`helm install` failed: .*(unreachable|nowhere)"):
        helm.install("web", tiny, kubeconfig=tmp_path / "nowhere", timeout=5)
