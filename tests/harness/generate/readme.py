"""Generates the Markdown pages of each chart, such as README.md, with helm-docs from values.yaml and `*.md.gotmpl`."""

import subprocess
from pathlib import Path

from harness import tools
from harness.errors import HarnessError
from harness.generate import files

CHARTS = Path(__file__).parents[3] / "charts"


def write(*, check: bool = False, charts: Path = CHARTS) -> list[Path]:
    """Write the page of each template `*.md.gotmpl` in a chart's folder, such as README.md of README.md.gotmpl.

    Args:
        check: do not write files.
        charts: the folder of the charts.

    Returns:
        The files that changed or, with ``check``, would change.

    Raises:
        HarnessError: helm-docs rejects a chart.
    """
    templates = sorted(charts.glob("*/*.md.gotmpl"))
    return files.write({template.with_suffix(""): _render(template) for template in templates}, check=check)


def _render(template: Path) -> str:
    command = [str(tools.path("helm-docs")), "--dry-run", "--log-level", "warning", "--sort-values-order", "file"]
    command += ["--chart-search-root", str(template.parent), "--template-files", template.name]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        raise HarnessError(f"helm-docs cannot render {template.parent.name}/{template.name}: {done.stderr.strip()}")
    # A dry run prints one newline more than it would write.
    return done.stdout.rstrip("\n") + "\n"
