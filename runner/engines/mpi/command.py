"""The commands that start ranks and node agents, in the options of each implementation of MPI.

| | Open MPI 4 | Open MPI 5 | MPICH | Intel MPI |
|---|---|---|---|---|
| hosts | `--host a:2,b:2` | the same | `-hosts a:2,b:2` | `-hosts a,b -ppn 2` |
| variables for remote ranks | `-x NAME` | the same | all are passed | all are passed |
| arguments of ssh | `--mca plm_rsh_args` | `--prtemca plm_ssh_args` | HYDRA_LAUNCHER_EXTRA_ARGS | \
`-bootstrap-exec-args` |
| in turn, N a node | `--map-by node`, `ppr:N:node` | the same | `-ppn 1`, `-ppn N` | the same |
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner.engines.mpi.hosts import Node
from runner.engines.mpi.placement import per_node
from runner.engines.mpi.program import ROOT_ENV, MpirunProgram
from runner.plan.node_launch import NodeLaunch
from runner.schema.base import Mpirun
from runner.state import cuda_devices
from runner.util import processes
from runner.util.errors import UserError

FAN_OUT = Path(__file__).resolve().with_name("fan_out.py")
SUPERVISOR_VARIABLES = (processes.TAG, "TRTBENCH_RECORDS", "SPT_NOENV", cuda_devices.ORDER)
"""Variables that the supervisor sets for every stage. Those of `scratch_env` are Open MPI's own settings,
which it passes on by itself."""
_SSH_VARIABLE = "HYDRA_LAUNCHER_EXTRA_ARGS"
_CONNECTION = {
    **dict.fromkeys(("--mca", "-mca", "--gmca", "-gmca", "--prtemca", "--pmixmca", "--gpmixmca"), 2),
    **dict.fromkeys(("--prefix", "-prefix", "--launch-agent", "-launch-agent", "--tune", "-tune"), 1),
    **dict.fromkeys(("-iface", "-launcher", "-launcher-exec", "-bootstrap", "-bootstrap-exec"), 1),
    **dict.fromkeys(("--noprefix", "--allow-run-as-root"), 0),
}
"""Options that say how mpirun reaches other hosts -> the number of their values; an agent needs them too."""


def mpirun_argv(
    mpirun: MpirunProgram,
    ranks: int,
    section: Mpirun | None = None,
    nodes: Sequence[Node] = (),
    variables: Iterable[str] = (),
    *,
    as_called: bool = False,
) -> list[str]:
    """Return `mpirun` and its arguments, up to the program.

    Args:
        mpirun: the program.
        ranks: number of ranks.
        section: `launch.mpirun` of the profile; None: nothing is set there.
        nodes: the hosts; empty: this machine.
        variables: names of the variables that ranks on other hosts need, see `remote_variables`.
        as_called: only what the profile states, and so the default binding of mpirun.

    Raises:
        UserError: this implementation cannot do what the profile asks for.
    """
    section = section or Mpirun()
    argv = [mpirun.path, "-n", str(ranks)]
    if mpirun.flavour == "openmpi" and not as_called:
        # Open MPI rejects more ranks than cores, which is allowed here (a note states the cost). On several
        # hosts the slots are stated. Its default binding pins all threads of a rank to one core.
        argv += [] if nodes else ["--oversubscribe"]
        argv += [] if section.bind_to else ["--bind-to", "none"]
    if mpirun.flavour in ("mpich", "intel"):
        argv += _hydra_options(mpirun, section, nodes)
    elif mpirun.flavour == "openmpi":
        argv += _open_options(section, nodes)
    else:
        _reject_unknown(mpirun, section, nodes)
    if nodes:
        argv += _reaching(mpirun, section, variables)
    return argv + section.args


def container_options(mpirun: MpirunProgram, ranks: int) -> list[str]:
    """Return the options with which each of some ranks can be in a container of its own.

    Raises:
        UserError: this implementation cannot do that.
    """
    if mpirun.flavour == "mpich":
        # Else ranks inherit a connection, and containers inherit none. So they do not get their number.
        return ["-pmi-port", "-genv", "PMI_SIZE", str(ranks)]
    if mpirun.flavour == "intel":
        raise UserError(
            f"launch.container: {mpirun.path} is of Intel MPI, whose ranks inherit their connection to it,"
            " and a container inherits none",
            hint="set launch.mpirun.path to an mpirun of Open MPI or MPICH, or remove the hosts",
        )
    return []


def launch_env(mpirun: MpirunProgram, section: Mpirun | None = None) -> dict[str, str]:
    """Return the variables of mpirun: those that let root start ranks, and the arguments of ssh.

    They are part of the command, so that it can be repeated by hand.
    """
    if mpirun.flavour == "openmpi" and os.geteuid() == 0:
        return dict(ROOT_ENV)
    if mpirun.flavour == "mpich" and section is not None and section.ssh_args:
        return {_SSH_VARIABLE: " ".join(section.ssh_args)}
    return {}


def remote_variables(section: Mpirun, env: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that ranks on other hosts get as those on this one do.

    Args:
        section: `launch.mpirun`, with further names.
        env: the variables of the stage.
    """
    of_mpirun = (*ROOT_ENV, _SSH_VARIABLE)
    names = [*SUPERVISOR_VARIABLES, *(name for name in env if name not in of_mpirun), *section.export]
    return list(dict.fromkeys(names))


def node_launch(
    mpirun: MpirunProgram,
    section: Mpirun,
    nodes: Sequence[Node],
    ranks_per_node: Sequence[int],
    devices: Sequence[Sequence[str]],
    env: Mapping[str, str],
) -> NodeLaunch | None:
    """Return how a process is started on every node; None without nodes.

    Neither `--stdin all` of Open MPI (4.1 and 5: the processes next to mpirun get nothing) nor MPICH (it has
    no such option) hands standard input to all processes. So the agent of this machine is started directly,
    each of the others by an mpirun of its own, and `fan_out.py` connects them.

    Args:
        mpirun: the program.
        section: `launch.mpirun` of the profile.
        nodes: the hosts, this machine first.
        ranks_per_node: number of ranks on each; empty: only mpirun knows.
        devices: what the ranks of each node use.
        env: the variables of the stages.
    """
    if not nodes:
        return None
    variables = [name for name in remote_variables(section, env) if name not in SUPERVISOR_VARIABLES]
    commands: list[list[str]] = [[]]
    for node in nodes[1:]:
        hosts = ["--host", node.host, "--bind-to", "none"]
        if mpirun.flavour != "openmpi":
            hosts = ["-hosts", node.host]
        connection = [*_reaching(mpirun, section, variables), *_connection_args(section.args)]
        commands.append([mpirun.path, "-n", "1", *hosts, *connection])
    return NodeLaunch(
        launcher="openmpi" if mpirun.flavour == "openmpi" else "mpich",
        argv=[sys.executable, str(FAN_OUT), json.dumps(commands)],
        env=dict(env),
        python=sys.executable,
        nodes=len(nodes),
        hosts=[node.host for node in nodes],
        ranks_per_node=list(ranks_per_node),
        devices=[list(names) for names in devices],
    )


def _open_options(section: Mpirun, nodes: Sequence[Node]) -> list[str]:
    words = ["--host", ",".join(f"{node.host}:{node.slots}" for node in nodes)] if nodes else []
    for option, value in (
        ("--map-by", section.map_by),
        ("--rank-by", section.rank_by),
        ("--bind-to", section.bind_to),
    ):
        words += [option, value] if value else []
    return words


def _hydra_options(mpirun: MpirunProgram, section: Mpirun, nodes: Sequence[Node]) -> list[str]:
    if section.rank_by:
        name = "MPICH" if mpirun.flavour == "mpich" else "Intel MPI"
        raise UserError(
            f"launch.mpirun.rank_by: {mpirun.path} is of {name}, which numbers ranks as map_by places them",
            hint="remove rank_by, or use map_by: node for ranks in turn",
        )
    words, map_by = [], section.map_by
    each = 1 if map_by == "node" else per_node(map_by)
    if nodes:
        if mpirun.flavour == "intel":
            words += ["-hosts", ",".join(node.host for node in nodes)]
            each = each or _same_slots(nodes)
        else:
            words += ["-hosts", ",".join(f"{node.host}:{node.slots}" for node in nodes)]
        words += ["-ppn", str(each)] if each else []
    words += ["-bind-to", section.bind_to] if section.bind_to else []
    if map_by and map_by != "slot" and not each:
        words += ["-map-by", map_by]
    return words


def _same_slots(nodes: Sequence[Node]) -> int:
    if len({node.slots for node in nodes}) > 1:
        raise UserError(
            "launch.mpirun.hosts: Intel MPI takes one number of ranks for all hosts, and their slots differ:"
            f" {', '.join(f'{node.host}:{node.slots}' for node in nodes)}",
            hint="give all hosts the same slots",
        )
    return nodes[0].slots


def _reject_unknown(mpirun: MpirunProgram, section: Mpirun, nodes: Sequence[Node]) -> None:
    asked = [name for name in ("map_by", "rank_by", "bind_to") if getattr(section, name)]
    asked += ["hosts"] if nodes else []
    if asked:
        raise UserError(
            f"launch.mpirun.{asked[-1]}: {mpirun.path} is not of Open MPI, MPICH or Intel MPI, so its options"
            " are not known",
            hint="name another program in launch.mpirun.path",
        )


def _reaching(mpirun: MpirunProgram, section: Mpirun, variables: Iterable[str]) -> list[str]:
    """Return what mpirun needs on the way to other hosts: arguments of ssh and names of variables."""
    words = []
    if section.ssh_args and mpirun.flavour != "mpich":  # MPICH reads them from a variable
        joined = " ".join(section.ssh_args)
        if mpirun.flavour == "intel":
            words += ["-bootstrap-exec-args", joined]
        else:
            words += ["--prtemca", "plm_ssh_args"] if mpirun.major >= 5 else ["--mca", "plm_rsh_args"]
            words.append(joined)
    if mpirun.flavour == "openmpi":
        words += [word for name in variables for word in ("-x", name)]
    return words


def _connection_args(args: Sequence[str]) -> list[str]:
    """Return those of further arguments that say how other hosts are reached."""
    kept: list[str] = []
    rest = iter(args)
    for word in rest:
        if word in _CONNECTION:
            kept += [word, *(next(rest, "") for _ in range(_CONNECTION[word]))]
    return kept
