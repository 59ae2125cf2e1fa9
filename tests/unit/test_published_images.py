"""Listed images beside a real registry: platforms, newer tags, digests."""

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import tools
from harness.backends import ports
from harness.cli.main import main
from harness.errors import HarnessError
from harness.images import published

CHART = """apiVersion: v2
name: shop
version: 1.0.0
annotations:
  artifacthub.io/images: |
    - name: app
      image: {image}
      platforms: [{platforms}]
"""


def crane(*arguments: str | Path) -> str:
    return subprocess.run([tools.path("crane"), *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """Host of an empty registry."""
    port = ports.free_port()
    command = [tools.path("crane"), "registry", "serve", "--address", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert "serving on port" in server.stderr.readline()
        yield f"localhost:{port}"
        server.terminate()


@pytest.fixture(scope="module")
def app(registry: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image for two platforms, under two tags."""
    layer = tmp_path_factory.mktemp("layer") / "layer.tar"
    tarfile.open(layer, "w").close()
    image = f"{registry}/shop/app"
    for platform in ("linux/amd64", "linux/arm64"):
        one = f"{image}:{platform.replace('/', '-')}"
        crane("append", "--oci-empty-base", "--new_layer", layer, "--new_tag", one)
        crane("mutate", "--set-platform", platform, one, "--tag", one)
    for tag in ("v1.9.0", "v1.10.0", "v1.10.0-slim", "latest"):
        crane("index", "append", "-m", f"{image}:linux-amd64", "-m", f"{image}:linux-arm64", "-t", f"{image}:{tag}")
    return image


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the only chart below the working directory."""
    folder = tmp_path / "charts" / "shop"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return folder


def written(chart: Path, image: str, *platforms: str) -> Path:
    (chart / "Chart.yaml").write_text(CHART.format(image=image, platforms=", ".join(platforms)), encoding="utf-8")
    registry, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    values = f"web:\n  image: {{registry: '{registry}', repository: {repository}, tag: {tag}, digest: ''}}\n"
    (chart / "values.yaml").write_text(values, encoding="utf-8")
    return chart


def test_platforms_and_newer_tags_are_printed(app: str, chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The line of an image has its platforms, and the newest tag of the same kind."""
    written(chart, f"{app}:v1.9.0", "linux/amd64", "linux/arm64")
    assert main(["images"]) == 0
    assert capsys.readouterr().out == f"shop                 {app}:v1.9.0: linux/amd64, linux/arm64; newer: v1.10.0\n"


def test_missing_platform_is_a_fault(app: str, chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A platform that Chart.yaml lists, and the registry does not have, is named; exit status 1."""
    written(chart, f"{app}:v1.10.0", "linux/amd64", "windows/amd64")
    assert main(["images"]) == 1
    assert f"shop: {app}:v1.10.0 has no windows/amd64, which Chart.yaml lists\n" in capsys.readouterr().out


@pytest.mark.parametrize("image", ["shop/none:v1", "shop/app:v0"], ids=["repository", "tag"])
def test_image_that_cannot_be_checked_is_named(
    image: str, registry: str, app: str, chart: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An image without an answer is no success: it is listed, with the registry's words; exit status 2."""
    written(chart, f"{registry}/{image}", "linux/amd64")
    assert main(["images"]) == 2
    assert f"not checked: {registry}/{image}: " in capsys.readouterr().out


def test_pins_are_values(app: str, chart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--pin` prints the digest of the image for all platforms, as values."""
    written(chart, f"{app}:v1.10.0", "linux/amd64")
    assert main(["images", "--pin"]) == 0
    assert f"web:\n  image:\n    digest: {crane('digest', f'{app}:v1.10.0')}\n" in capsys.readouterr().out


def test_image_of_one_platform_has_it(app: str) -> None:
    """A manifest without an index names its platform in its configuration."""
    assert published.published(f"{app}:linux-arm64").platforms == {"linux/arm64"}


@pytest.mark.parametrize(
    ("platform", "name", "there", "found"),
    [
        ("linux/arm64", "app", {"linux/arm64/v8"}, True),
        ("linux/arm64", "app", {"linux/arm/v7"}, False),
        ("windows/amd64", "app-2022", {"windows/amd64 10.0.20348.4171"}, True),
        ("windows/amd64", "app-2025", {"windows/amd64 10.0.20348.4171"}, False),
    ],
)
def test_build_of_windows_is_part_of_the_platform(platform: str, name: str, there: set[str], found: bool) -> None:
    """An image for nodes of one Windows build does not run on another."""
    image = published.Listed("shop", name, "app:1", (platform,))
    assert published.faults(image, published.Published("", frozenset(there), ())) == (
        [] if found else [f"shop: app:1 has no {platform}, which Chart.yaml lists"]
    )


@pytest.mark.parametrize(
    ("tag", "tags", "newer"),
    [
        ("v1.9.0", ["v1.8.0", "v1.9.0", "v1.10.0", "v2.0.0", "v2.0.0-rc.1", "latest"], ["v1.10.0", "v2.0.0"]),
        ("2.32.3-ltsc2019", ["2.32.4", "2.32.4-ltsc2019", "2.32.4-ltsc2022"], ["2.32.4-ltsc2019"]),
        ("windows-2022-5.1.1", ["windows-2022-5.1.2", "windows-2025-5.1.2", "5.1.2"], ["windows-2022-5.1.2"]),
        ("1.300070.0b1586", ["1.300070.1b1601", "1.300071.0b1700-arm64"], ["1.300070.1b1601"]),
        ("latest", ["latest", "v1.0.0"], []),
    ],
)
def test_newer_tags_are_of_the_same_kind(tag: str, tags: list[str], newer: list[str]) -> None:
    """Only numbers differ, and numbers are compared as such."""
    assert published.newer(tag, tags) == newer


def test_registry_that_does_not_answer_is_one_sentence() -> None:
    """The error names the image and the reason."""
    port = ports.free_port()
    with pytest.raises(HarnessError, match=rf"^localhost:{port}/app:1: .*refused$"):
        published.published(f"localhost:{port}/app:1")
