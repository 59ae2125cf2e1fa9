"""The image of the CloudWatch agent, assembled from programs of this machine because its module cannot be built."""

import shutil
from pathlib import Path

from harness.images import Recipe, machine_program

_AGENT = "amazon-cloudwatch-agent"
_FOLDER = "opt/aws/amazon-cloudwatch-agent"
# Helper programs of the agent's build: one translates the configuration, the other starts both.
_BESIDE = ("config-translator", "start-amazon-cloudwatch-agent")


def _fill(root: Path) -> None:
    program = machine_program(_AGENT)
    assert program is not None, "archive() asked before"
    folder = root / _FOLDER / "bin"
    folder.mkdir(parents=True)
    for name in (_AGENT, *_BESIDE):
        shutil.copy2(program.parent / name, folder / name)


RECIPES = (
    Recipe(
        r".+/cloudwatch-agent/cloudwatch-agent:.+",
        _fill,
        packages=("libc6",),
        config={"Entrypoint": [f"/{_FOLDER}/bin/{_BESIDE[1]}"], "Env": ["RUN_IN_CONTAINER=True"]},
        needs=_AGENT,
    ),
)
