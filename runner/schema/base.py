"""Base classes of the profiles of all engines, and the sections that they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from runner.schema.section import PositiveInt as PositiveInt
from runner.schema.section import Problem as Problem
from runner.schema.section import Section as Section
from runner.schema.slurm import Slurm

if TYPE_CHECKING:
    from runner.schema.axes import SweepSection

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
"""The last part refuses a final newline, which `$` alone lets pass in Python."""
VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"


class Mpirun(Section, frozen=True):
    """How ranks are started: on this machine, or on several hosts."""

    path: Annotated[
        str | None, Meta(description="the mpirun to use; null: the one on PATH, else the bundled one")
    ] = None
    hosts: Annotated[
        list[str],
        Meta(description="hosts to start ranks on, NAME or NAME:SLOTS, this one too; empty: this one only"),
    ] = msgspec.field(default_factory=list)
    hostfile: Annotated[
        str | None, Meta(description="file with the hosts, as Open MPI or MPICH read it; in place of hosts")
    ] = None
    slots: Annotated[
        PositiveInt | None,
        Meta(description="most ranks on a host that states no slots; null: all ranks spread evenly"),
    ] = None
    map_by: Annotated[
        str | None,
        Meta(description="slot (fill host after host), node (in turn), ppr:N:node, or as mpirun knows it"),
    ] = None
    rank_by: Annotated[str | None, Meta(description="order of the ranks' numbers; Open MPI only")] = None
    bind_to: Annotated[
        str | None, Meta(description="what a rank is bound to: none, core, numa, ...; null: the default")
    ] = None
    export: Annotated[
        list[str],
        Meta(description="variables of this shell that ranks on other hosts get too; launch.env is included"),
    ] = msgspec.field(default_factory=list)
    ssh_args: Annotated[
        list[str], Meta(description="arguments of the ssh that mpirun starts, like [-p, 2222]")
    ] = msgspec.field(default_factory=list)
    args: Annotated[list[str], Meta(description="further arguments for mpirun, before the program")] = (
        msgspec.field(default_factory=list)
    )


class AnyLaunch(Protocol):
    """The fields that the section `launch` of every profile has."""

    @property
    def python(self) -> str | None: ...

    @property
    def env(self) -> dict[str, str]: ...

    @property
    def time_limit(self) -> int: ...

    @property
    def slurm(self) -> Slurm | None: ...


TimeLimit = Annotated[
    int,
    Meta(
        ge=0,
        le=10**8,
        description="most seconds for all stages together, after the wait for a device; 0: no limit",
        extra={"unit": "s"},
    ),
]


SlurmSection = Annotated[
    Slurm | None, Meta(description="run in a job of the workload manager Slurm; null: on this machine")
]


class Launch(Section, frozen=True):
    """The environment of the measured processes."""

    python: Annotated[
        str | None,
        Meta(description="interpreter of the measured processes; null: the one trtbench-tui runs in"),
    ] = None
    mpirun: Mpirun = msgspec.field(default_factory=Mpirun)
    env: Annotated[dict[str, str], Meta(description="environment variables of the measured processes")] = (
        msgspec.field(default_factory=dict)
    )
    time_limit: TimeLimit = 0
    slurm: SlurmSection = None


DOCKER_OPTIONS = ("--ipc=host", "--ulimit", "memlock=-1", "--ulimit", "stack=67108864", "--gpus=all")


class Container(Section, frozen=True):
    """A container that the stages run in: a running one (exec), or one started for every stage (run)."""

    exec: Annotated[str | None, Meta(description="name of a running container to run the stages in")] = None
    run: Annotated[str | None, Meta(description="image to start a container from, for every stage")] = None
    tool: Annotated[Literal["docker", "podman"], Meta(description="program that manages containers")] = (
        "docker"
    )
    options: Annotated[
        list[str],
        Meta(
            description="options of `docker run`; with podman the GPUs are --device nvidia.com/gpu=all",
        ),
    ] = msgspec.field(default_factory=lambda: list(DOCKER_OPTIONS))
    volumes: Annotated[
        list[str],
        Meta(description="folders to mount, HOST:CONTAINER; the run's and paths.work are mounted anyway"),
    ] = msgspec.field(default_factory=list)
    workdir: Annotated[
        str | None,
        Meta(description="working directory inside; null: the run directory (exec: paths.tensorrt_llm)"),
    ] = None


class Benchmark(Section, frozen=True):
    """What is measured. As in benchmark.py, the timed loop runs until num_runs and duration are reached."""

    batch_size: Annotated[
        list[PositiveInt], Meta(min_length=1, description="batch sizes; every one with every length pair")
    ] = msgspec.field(default_factory=lambda: [8])
    input_output_len: Annotated[
        list[tuple[PositiveInt, PositiveInt]],
        Meta(min_length=1, description="pairs of input and output length in tokens"),
    ] = msgspec.field(default_factory=lambda: [(128, 20)])
    num_runs: Annotated[
        int, Meta(ge=0, description="at least this many timed iterations a configuration")
    ] = 10
    duration: Annotated[
        int,
        Meta(
            ge=0,
            description="at least this many seconds a configuration; 0: exactly num_runs",
            extra={"unit": "s"},
        ),
    ] = 60
    warm_up: Annotated[int, Meta(ge=0, description="iterations before timing starts, a configuration")] = 2


class Profile(Section, frozen=True, kw_only=True, tag_field="engine"):
    """Base of the profiles of all engines; the key `engine` tells them apart.

    An engine's struct is a subclass with a `tag`, which is the name of the engine. It defines all fields
    itself, as their order is the order in the form. Every profile has the fields named here.
    """

    if TYPE_CHECKING:
        name: str
        description: str
        sweep: SweepSection | None

        @property
        def launch(self) -> AnyLaunch: ...

    @property
    def engine(self) -> str:
        """The name of the engine, as `engine:` in the file."""
        return str(self.__struct_config__.tag)


def loop_problems(num_runs: int, duration: int) -> list[Problem]:
    """Return a problem if both minima of the timed loop are 0."""
    if num_runs or duration:
        return []
    return [
        Problem(
            "benchmark.num_runs",
            "num_runs and duration are both 0, so nothing would be timed; set one of them",
        )
    ]


def env_problems(names: Iterable[str]) -> list[Problem]:
    """Return a problem for each name in `launch.env` that is not a valid variable name."""
    return [
        Problem(f"launch.env.{name}", "not a variable name; allowed: letters, digits and underscores")
        for name in names
        if not re.fullmatch(VARIABLE_PATTERN, name)
    ]


HOST_PATTERN = r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<slots>[1-9][0-9]{0,5}))?"
"""A host and, optionally, its slots"""


def mpirun_problems(mpirun: Mpirun, slurm: Slurm | None) -> Iterator[Problem]:
    """Yield the broken rules of `launch.mpirun`, also together with `launch.slurm`."""
    if slurm is not None and (mpirun.hosts or mpirun.hostfile is not None):
        yield Problem(
            "launch.mpirun", "with launch.slurm, Slurm gives the nodes: leave out hosts and hostfile"
        )
    if mpirun.hosts and mpirun.hostfile is not None:
        yield Problem("launch.mpirun", "give hosts or hostfile, not both")
    for index, host in enumerate(mpirun.hosts):
        if not re.fullmatch(HOST_PATTERN, host):
            text = f"{host!r} is not a host; allowed: NAME or NAME:SLOTS, like node1:8"
            yield Problem(f"launch.mpirun.hosts[{index}]", text + host_advice(host))
    for index, name in enumerate(mpirun.export):
        if not re.fullmatch(VARIABLE_PATTERN, name):
            text = f"{name!r} is not a variable name; values are set in launch.env"
            yield Problem(f"launch.mpirun.export[{index}]", text)
    for index, word in enumerate(mpirun.ssh_args):
        if not word or any(letter.isspace() for letter in word):
            text = f"{word!r} cannot be passed on: mpirun splits arguments of ssh at spaces"
            yield Problem(f"launch.mpirun.ssh_args[{index}]", f"{text}; put it in ~/.ssh/config")


def host_advice(text: str) -> str:
    """Return how to write what is not a host by itself; empty: there is no advice."""
    if "@" in text:
        return "; the user is set by ssh_args [-l, USER], or in ~/.ssh/config"
    if "[" in text and "]" in text:
        return "; write each host by itself"
    return ""
