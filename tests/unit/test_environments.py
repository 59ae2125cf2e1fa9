"""The page of environments: where its words come from, and what it rejects."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.generate.environments import page, proofs

PARTS = {"logs": "node logs", "traces": "traces"}
TESTS = """import pytest

pytestmark = [pytest.mark.slow, pytest.mark.environment("ipv4", "logs")]


@pytest.mark.slow
@pytest.mark.environment("windows", "logs", "traces")
def test_a() -> None: ...


@pytest.mark.environment("arm64")
def test_b() -> None: ...
"""


def data(**cells: Any) -> dict[str, Any]:
    return {"parts": PARTS, "environments": {"ipv4": {"title": "IPv4 cluster", "text": "Usual.", **cells}}}


def test_marks_of_functions_and_files_are_found(tmp_path: Path) -> None:
    """A mark at the top of a file stands for all of its tests, one without parts for all parts."""
    (tmp_path / "tests" / "a").mkdir(parents=True)
    (tmp_path / "tests" / "a" / "test_a.py").write_text(TESTS, encoding="utf-8")
    assert proofs(tmp_path / "tests") == {
        ("ipv4", "logs"): ["tests/a/test_a.py"],
        ("windows", "logs"): ["tests/a/test_a.py::test_a"],
        ("windows", "traces"): ["tests/a/test_a.py::test_a"],
        ("arm64", "all"): ["tests/a/test_a.py::test_b"],
    }


def test_cell_has_a_test_a_source_or_a_reason() -> None:
    """A test counts more than a source; each environment lists the explanations below the table."""
    proven = {("ipv4", "logs"): ["tests/a/test_a.py::test_a"]}
    text = page(data(read={"logs": "a source"}, impossible={"traces": "No X. Use Y."}), proven)
    assert "| [IPv4 cluster](#ipv4-cluster) | tested | impossible |" in text
    assert "- node logs: [a/test_a.py::test_a](../tests/a/test_a.py)\n- traces: impossible. No X. Use Y." in text
    assert "| read | read |" in page(data(read={"others": "a source"}), {})
    assert "| tested | tested |" in page(data(), {("ipv4", "all"): ["tests/a/test_a.py::test_a"]})


def test_same_tests_prove_an_environment_with_an_option() -> None:
    """With `option`, the tests of the IPv4 cluster count, and the page shows how to run them."""
    proven = {("ipv4", part): ["tests/a/test_a.py"] for part in PARTS}
    given = data()
    given["environments"]["ipv6"] = {"title": "IPv6 cluster", "text": "Other.", "option": "--ip-family ipv6"}
    text = page(given, proven)
    assert "| [IPv6 cluster](#ipv6-cluster) | tested | tested |" in text
    assert "Other. The tests of an IPv4 cluster pass with `--ip-family ipv6`." in text


@pytest.mark.parametrize(
    ("cells", "proven", "message"),
    [
        pytest.param({"read": {"logs": "x"}}, {}, "nothing shows whether traces works in ipv4", id="empty cell"),
        pytest.param({"read": {"others": "x", "log": "x"}}, {}, r"unknown environment or part: \[\('ipv4', 'log'\)",
                     id="misspelled part"),
        pytest.param({"read": {"others": "x"}}, {("ipv5", "logs"): ["tests/x.py"]}, r"\('ipv5', 'logs'\)",
                     id="misspelled mark"),
    ],
)  # fmt: skip
def test_page_without_gaps(cells: dict[str, Any], proven: dict[tuple[str, str], list[str]], message: str) -> None:
    """A cell without a proof or a reason is rejected, and so are unknown names."""
    with pytest.raises(HarnessError, match=message):
        page(data(**cells), proven)
