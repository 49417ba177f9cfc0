"""The section `launch.slurm` of a profile: ranks in a job of the workload manager Slurm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runner.schema.section import PositiveInt, Problem, Section

SlurmMode = Literal["sbatch", "srun", "allocation"]
SlurmMpi = Literal["pmix", "pmi2"]
_TIME = re.compile(r"\d+(:[0-5]?\d){0,2}|\d+-\d+(:[0-5]?\d){0,2}")
_NAME = re.compile(r"[^\s\"'\\]+")
_MOUNT = re.compile(r"(?:/{0}*|tmpfs|umount):/{0}*(?::{0}+)?".format(r"[^\s,:\"'\\$`]"))
"""pyxis divides mounts at commas and colons and quotes them for a shell, and enroot divides at spaces"""
_FILE = re.compile(r"(?!/).*\.(?:sqsh|squashfs)")
"""A file that pyxis would take for an image in a registry, because the path is not absolute"""


class SlurmContainer(Section, frozen=True):
    """A container that pyxis starts the ranks in."""

    image: Annotated[
        str, Meta(description="image for srun --container-image: /DIR/FILE.sqsh, or registry#image:tag")
    ]
    mounts: Annotated[
        list[str],
        Meta(description="folders to mount, HOST:CONTAINER; the run's and this program's are mounted anyway"),
    ] = msgspec.field(default_factory=list)


class Slurm(Section, frozen=True):
    """The job of a run: what it asks of Slurm, and how ranks are started in it."""

    mode: Annotated[
        SlurmMode,
        Meta(
            description="sbatch: submit a job; srun: let srun wait for nodes; allocation: use the job of this"
            " shell. Inside a job, it is used in every mode"
        ),
    ] = "sbatch"
    partition: Annotated[str | None, Meta(description="partition; null: the default one")] = None
    account: Annotated[str | None, Meta(description="account to charge; null: your default one")] = None
    nodes: Annotated[PositiveInt, Meta(description="number of nodes; the ranks are spread over them")] = 1
    gpus_per_node: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="GPUs of each node; null: one for each rank; 0: do not ask for any"),
    ] = None
    ntasks_per_node: Annotated[
        PositiveInt | None, Meta(description="ranks on each node; null: the same number on all")
    ] = None
    mpi: Annotated[SlurmMpi, Meta(description="pmix (Open MPI) or pmi2 (MPICH), for srun --mpi")] = "pmix"
    time: Annotated[
        str | None,
        Meta(description="time limit of the job in quotes: '30' minutes, '1:30:00' or '1-12'; null: default"),
    ] = None
    container: Annotated[
        SlurmContainer | None, Meta(description="run the stages in a container with pyxis; null: no")
    ] = None
    extra: Annotated[
        list[str],
        Meta(description="further options of sbatch (mode srun: of srun), each in one word: --exclusive"),
    ] = msgspec.field(default_factory=list)


def slurm_problems(slurm: Slurm | None, ranks: int, container: object = None) -> Iterator[Problem]:
    """Yield what Slurm would reject at once, or after hours in its queue.

    Args:
        slurm: the section; None: the profile has none.
        ranks: number of ranks of the profile.
        container: the section `launch.container`; None: there is none.
    """
    if slurm is None:
        return
    if container is not None:
        text = "cannot be combined with launch.slurm; under Slurm the image is launch.slurm.container.image"
        yield Problem("launch.container", text)
    for name in ("partition", "account"):
        value = getattr(slurm, name)
        if value is not None and not _NAME.fullmatch(value):
            yield Problem(f"launch.slurm.{name}", "not a name of Slurm; allowed: one word, without quotes")
    if slurm.time is not None and not _TIME.fullmatch(slurm.time):
        allowed = "minutes like '30', hours like '1:30:00', or days like '1-12' or '1-12:00:00'"
        yield Problem("launch.slurm.time", f"{slurm.time!r} is not a time of Slurm; allowed: {allowed}")
    for index, option in enumerate(slurm.extra):
        if not option.startswith("-") or option.splitlines() != [option]:
            text = "not an option in one word; allowed: --name or --name=value"
            yield Problem(f"launch.slurm.extra[{index}]", text)
    for index, mount in enumerate(slurm.container.mounts if slurm.container is not None else ()):
        if not _MOUNT.fullmatch(mount):
            text = (
                "not a mount of pyxis; allowed: /HOST:/CONTAINER or /HOST:/CONTAINER:FLAG+FLAG,"
                " without spaces, commas, quotes, $ and backslashes"
            )
            yield Problem(f"launch.slurm.container.mounts[{index}]", text)
    if slurm.container is not None and _FILE.fullmatch(slurm.container.image):
        text = (
            f"a file needs an absolute path, or it is looked for in a registry: /DIR/{slurm.container.image}"
        )
        yield Problem("launch.slurm.container.image", text)
    yield from _layout_problems(slurm, ranks)


def _layout_problems(slurm: Slurm, ranks: int) -> Iterator[Problem]:
    per_node = slurm.ntasks_per_node
    if per_node is None:
        if ranks % slurm.nodes:
            text = f"{ranks} ranks cannot be spread evenly over {slurm.nodes} nodes; change nodes or parallel"
            yield Problem("launch.slurm.nodes", text)
    elif per_node * slurm.nodes != ranks:
        text = f"{slurm.nodes} nodes with {per_node} ranks each do not make the {ranks} ranks of parallel"
        yield Problem("launch.slurm.ntasks_per_node", text)
