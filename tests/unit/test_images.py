"""Images that are assembled here: tagged as asked, small, and the same bytes every time."""

import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.stand_ins import RECIPES
from harness import images
from harness.errors import HarnessError
from harness.images import assemble

BUSYBOX = "public.ecr.aws/docker/library/busybox:1.37"
FLUENT_BIT = "public.ecr.aws/aws-observability/aws-for-fluent-bit:3.4.0"
KUBE_STATE_METRICS = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.19.0"
needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")


@needs_apt
def test_image_has_exactly_the_name_asked_for() -> None:
    """The archive's only tag is the chart's name, its programs lie in the layer, and its files are nobody's."""
    with tarfile.open(images.archive(BUSYBOX)) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert [entry["RepoTags"] for entry in json.load(manifest)] == [[BUSYBOX]]
        with tarfile.open(fileobj=archive.extractfile("layer.tar")) as layer:
            assert {"bin/busybox", "bin/sh", "tmp", "etc/passwd"} <= set(layer.getnames())
            assert {entry.uid for entry in layer} == {0}
            assert layer.getmember("tmp").mode & 0o7777 == 0o1777


@needs_apt
@pytest.mark.slow
def test_image_is_assembled_once_and_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call takes the cached archive; an empty cache gives the same bytes again."""
    first = images.archive(BUSYBOX)
    assert images.archive(BUSYBOX) == first
    packages = assemble._download(("busybox-static",))
    monkeypatch.setattr(assemble, "_download", lambda names: packages)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    again = images.archive(BUSYBOX)
    assert again != first
    assert subprocess.run(["cmp", first, again]).returncode == 0


def test_unknown_image_is_rejected_by_name() -> None:
    """An image that nothing here can stand in for is named, with what to do."""
    with pytest.raises(HarnessError, match=r"^image example.com/app:1 cannot be assembled: .*CLUSTER=existing"):
        images.archive("example.com/app:1")


def test_fluent_bit_image_needs_a_fluent_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a Fluent Bit of this machine its image says which program is missing, and is not faked."""
    monkeypatch.setenv("FLUENT_BIT", "/nowhere/fluent-bit")
    assert images.missing_for(FLUENT_BIT) == "fluent-bit"
    with pytest.raises(HarnessError, match=r"put `fluent-bit` on PATH or its path into \$FLUENT_BIT"):
        images.archive(FLUENT_BIT)


def test_legacy_fluent_bit_is_told_by_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Fluent Bit on PATH is 1.9.10 only if it says so; one that is named is taken as it is."""
    program = tmp_path / "fluent-bit"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("FLUENT_BIT_LEGACY", raising=False)
    for version, found in (("5.1.1", None), ("1.9.10", program)):
        program.write_text(f"#!/bin/sh\necho Fluent Bit v{version}\n", encoding="utf-8")
        program.chmod(0o755)
        assert images.fluent_bit_legacy() == found
    monkeypatch.setenv("FLUENT_BIT_LEGACY", "/nowhere/fluent-bit")
    assert images.fluent_bit_legacy() is None


def test_other_images_miss_nothing() -> None:
    """Images of Debian packages ask for no program of this machine."""
    assert images.missing_for(BUSYBOX) is None


@pytest.mark.parametrize("real", [True, False], ids=["program", "stand-in"])
def test_stand_in_runs_only_where_the_program_is_missing(
    real: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image of kube-state-metrics has the real program where there is one; else it says that it has not."""
    program = tmp_path / "kube-state-metrics"
    program.write_text("the real one", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("KUBE_STATE_METRICS", str(program if real else tmp_path / "absent"))
    [recipe] = [one for one in RECIPES if re.fullmatch(one.pattern, KUBE_STATE_METRICS)]
    root = tmp_path / "root"
    root.mkdir()
    recipe.fill(root)
    assert ((root / "kube-state-metrics").read_text(encoding="utf-8") == "the real one") == real
    assert (root / "kube_state_metrics.py").exists() != real
    assert recipe.stand_in() == (
        ""
        if real
        else "kube-state-metrics is neither on PATH nor in $KUBE_STATE_METRICS; "
        "tests/cluster/stand_ins/kube_state.py ran instead"
    )


@needs_apt
def test_stand_in_of_an_image_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for an image notes what it runs instead of the real program, an image of the cache too."""
    monkeypatch.setattr(assemble, "STAND_INS", set())
    monkeypatch.setattr(assemble, "_RECIPES", [replace(assemble._recipe(BUSYBOX), stand_in=lambda: "not it")])
    for _ in range(2):
        images.archive(BUSYBOX)
    assert list(assemble.STAND_INS) == ["not it"]
