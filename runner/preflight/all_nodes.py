"""The checks on all nodes of a run that uses several machines."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from runner.engines import container
from runner.engines.check import Check
from runner.engines.mpi import default_python, find_mpirun
from runner.engines.registry import find_engine
from runner.engines.slurm.programs import ask
from runner.engines.slurm.srun import is_inside_job
from runner.plan.node_launch import NodeLaunch
from runner.plan.plan import RUN_DIR, Plan
from runner.plan.redaction import is_secret
from runner.preflight.node_answer import NodeQuestions
from runner.preflight.node_checks import Expected, compare_nodes
from runner.preflight.node_collector import LIMIT_S, ask_nodes
from runner.schema.base import Profile
from runner.state.cuda_devices import VISIBLE
from runner.util import paths
from runner.util.errors import UserError

_DECISIVE = (
    *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "VIRTUAL_ENV"),
    *("CUDA_VISIBLE_DEVICES", "NCCL_SOCKET_IFNAME"),
)
"""variables of a profile that decide what is found; the others may hold secrets and are not sent"""


def check_nodes(
    profile: Profile,
    plan: Plan,
    run_dir: Path | None = None,
    *,
    limit_s: float = LIMIT_S,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> list[Check]:
    """Start one short process on each node of a plan, compare what they find, and return the checks.

    It takes a few seconds.

    Args:
        profile: the profile of the plan.
        plan: the plan.
        run_dir: the run directory; None: the run does not exist yet.
        limit_s: seconds after which nodes that did not answer are named.
        is_cancelled: asked a few times a second; True ends the wait.

    Returns:
        list[Check]: empty for a run on one machine.
    """
    launch = plan.nodes
    if launch is None or launch.nodes < 2:
        return []
    if plan.job is not None and plan.job.mode == "sbatch" and not is_inside_job():
        return [Check("nodes", "pass", f"the job checks its {launch.nodes} nodes before its first stage")]
    if launch.launcher == "slurm" and not launch.hosts:
        launch = msgspec.structs.replace(launch, hosts=_hosts_of_job())
    built = [stage.output for stage in plan.stages if stage.output and not stage.skip]
    built = [folder for folder in dict.fromkeys(built) if not folder.startswith(str(RUN_DIR))]
    runs = str(run_dir or paths.runs_dir())
    inside = find_engine(profile.engine).preflight.container(profile)
    with _tokens([runs, *([] if inside is not None and inside.exec else built)]) as tokens:
        written = dict(tokens.values())
        questions = _questions(profile, plan, launch, written)
        report = ask_nodes(launch, questions, limit_s=limit_s, is_cancelled=is_cancelled)
    expected = Expected(
        gpus=find_engine(profile.engine).preflight.uses_gpus(profile),
        run_token=tokens[runs][0] if runs in tokens else "",
        build_tokens={folder: path for folder, (path, _) in tokens.items() if folder != runs},
    )
    return compare_nodes(report, expected)


def runs_in_image(profile: Profile) -> bool:
    """Check whether Slurm starts the stages in an image, whose programs are not visible from outside."""
    return profile.launch.slurm is not None and profile.launch.slurm.container is not None


def _questions(profile: Profile, plan: Plan, launch: NodeLaunch, tokens: dict[str, str]) -> NodeQuestions:
    engine = find_engine(profile.engine).preflight
    inside, asked = engine.container(profile), engine.questions(profile)
    env = {name: value for name, value in profile.launch.env.items() if name in _DECISIVE}
    env = {name: value for name, value in env.items() if not is_secret(name, value)}
    python = profile.launch.python or ("python3" if inside else default_python())
    outside, seen_outside = default_python() if inside else python, container.env_outside(inside, env)
    if runs_in_image(profile):
        return NodeQuestions(probe=[], env=env, gpus=engine.uses_gpus(profile), tokens=tokens)
    kept = [stage.output for stage in plan.stages if stage.output and stage.skip]
    return NodeQuestions(
        probe=container.argv_inside(inside, [python], env),
        env={name: value for name, value in env.items() if name == VISIBLE or name in seen_outside},
        mpirun=None if launch.launcher == "slurm" else _mpirun(profile, outside),
        gpus=engine.uses_gpus(profile),
        paths=asked.paths,
        # The files in a container are not visible where the questions are answered.
        folders=[] if inside is not None else list(dict.fromkeys([*asked.weights, *kept])),
        disks=asked.disks,
        tokens=tokens,
    )


def _hosts_of_job() -> list[str]:
    """Return the nodes of the job that this process is part of; empty: Slurm does not say."""
    return ask(["scontrol", "show", "hostnames"]).output.split()


def _mpirun(profile: Profile, python: str) -> str | None:
    wanted = find_engine(profile.engine).preflight.mpirun
    if wanted is None:
        return None
    try:
        return find_mpirun(wanted(profile), python, profile.launch.env).path
    except UserError:
        return None


@contextlib.contextmanager
def _tokens(folders: Iterable[str]) -> Iterator[dict[str, tuple[str, str]]]:
    """Write a small file where each folder is or would be; yield folder -> path and content of it."""
    found: dict[str, tuple[str, str]] = {}
    try:
        for folder in folders:
            name, content = f".trtbench-{secrets.token_hex(4)}", secrets.token_hex(8)
            path = _existing(Path(folder)) / name
            with contextlib.suppress(OSError), open(path, "x", encoding="ascii") as file:
                found[folder] = str(path), content
                file.write(content)
        yield found
    finally:
        for written, _ in found.values():
            with contextlib.suppress(OSError):
                os.unlink(written)


def _existing(folder: Path) -> Path:
    """Return the deepest folder of a path that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder
