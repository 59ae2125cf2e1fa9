"""Generates each chart's README with helm-docs, from values.yaml and README.md.gotmpl."""

import subprocess
from pathlib import Path

from harness import tools
from harness.errors import HarnessError

CHARTS = Path(__file__).parents[3] / "charts"


def write(*, check: bool = False, charts: Path = CHARTS) -> list[Path]:
    """Write the README of each chart with a README.md.gotmpl.

    Args:
        check: do not write files.
        charts: the folder of the charts.

    Returns:
        The files that changed or, with ``check``, would change.

    Raises:
        HarnessError: helm-docs rejects a chart.
    """
    changed = []
    for template in sorted(charts.glob("*/README.md.gotmpl")):
        readme = template.with_name("README.md")
        text = _render(template)
        if not readme.exists() or readme.read_text(encoding="utf-8") != text:
            changed.append(readme)
            if not check:
                readme.write_text(text, encoding="utf-8")
    return changed


def _render(template: Path) -> str:
    command = [str(tools.path("helm-docs")), "--dry-run", "--log-level", "warning", "--sort-values-order", "file"]
    command += ["--chart-search-root", str(template.parent), "--template-files", template.name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        raise HarnessError(f"helm-docs cannot write the README of {template.parent.name}: {done.stderr.strip()}")
    # A dry run prints one newline more than it would write.
    return done.stdout.rstrip("\n") + "\n"
