"""Images of the trace agents, from programs of this machine because neither module builds."""

import shutil
from pathlib import Path

from harness.images import Recipe, machine_program

# The loader of dynamically linked programs.
_LIBC = ("libc6",)


def _fill_daemon(root: Path) -> None:
    _copy("xray", root / "xray")


def _fill_collector(root: Path) -> None:
    _copy("aws-otel-collector", root / "awscollector")


def _copy(name: str, target: Path) -> None:
    program = machine_program(name)
    assert program is not None, "archive() asked before"
    shutil.copy2(program, target)


RECIPES = (
    Recipe(
        r".+/xray/aws-xray-daemon:.+",
        _fill_daemon,
        packages=_LIBC,
        config={"Entrypoint": ["/xray", "-t", "0.0.0.0:2000", "-b", "0.0.0.0:2000"], "User": "10001"},
        needs="xray",
    ),
    Recipe(
        r".+/aws-observability/aws-otel-collector:.+",
        _fill_collector,
        packages=_LIBC,
        config={
            "Entrypoint": ["/awscollector"],
            "Cmd": ["--config=/etc/otel-config.yaml"],
            "Env": ["RUN_IN_CONTAINER=True"],
            "User": "4317",
        },
        needs="aws-otel-collector",
    ),
)
