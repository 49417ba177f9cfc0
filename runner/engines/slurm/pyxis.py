"""Options of srun that pyxis, a plugin of Slurm, adds: the container in which the tasks of a stage start."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from functools import cache

from runner.plan.plan import RUN_DIR
from runner.schema.slurm import SlurmContainer
from runner.util.errors import UserError

IMAGE_OPTION, ENV_OPTION = "--container-image", "--container-env"
_HELP_S = 10.0
_UNFIT = re.compile(r"[\s,:\"'\\$`]")
"""pyxis divides mounts at commas and colons and quotes them for a shell; enroot divides at spaces"""


def container_argv(
    container: SlurmContainer, workdir: str, folders: Iterable[str], variables: Iterable[str]
) -> list[str]:
    """Return the options that start the tasks of an `srun` in a container.

    Args:
        container: the section of the profile.
        workdir: working directory of the tasks, at the same path as outside.
        folders: mounted at the same path.
        variables: names of those that have to keep their values where the image sets them, too. Older
            versions of pyxis cannot do that.

    Raises:
        UserError: a folder has a character that pyxis cannot mount.
    """
    own = list(dict.fromkeys(folders))
    for folder in own:
        if found := _UNFIT.search(folder.removeprefix(str(RUN_DIR))):
            raise UserError(
                f"launch.slurm.container: pyxis cannot mount {folder}, because its path has {found[0]!r}",
                hint="keep runs (TRTBENCH_HOME) and paths.work in folders without spaces, commas, colons,"
                " quotes, $ and backslashes",
            )
    # The last mount wins: a folder of the profile may contain ours and be read-only.
    mounts = [*container.mounts, *(f"{folder}:{folder}" for folder in own)]
    kept = list(variables)
    return [
        f"{IMAGE_OPTION}={container.image}",
        f"--container-mounts={','.join(mounts)}",
        f"--container-workdir={workdir}",
        *([f"{ENV_OPTION}={','.join(kept)}"] if kept and ENV_OPTION in srun_help() else []),
    ]


def with_first_on_path(folder: str) -> list[str]:
    """Return the words before a command that put a folder before those of the image on PATH."""
    return ["sh", "-c", 'PATH=$0:$PATH; exec "$@"', folder] if folder else []


@cache
def srun_help() -> str:
    """Return the help of srun, which lists the options of plugins; empty: there is no srun here."""
    try:
        answer = subprocess.run(
            ["srun", "--help"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_HELP_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace")
