"""The commands of each implementation of MPI, and how processes are started on every node."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from runner.engines.mpi import LAUNCHERS, MpirunProgram, RankLaunch, find_mpirun, has_ranks, launch_env
from runner.plan.plan import Stage
from runner.schema.base import Mpirun
from runner.supervision.stage_process import is_mpirun
from runner.util import processes
from runner.util.errors import UserError
from tests.support.runs import wait_for

HERE = os.uname().nodename.partition(".")[0]
OPEN_4, OPEN_5 = MpirunProgram("mpirun", "openmpi", "4.1.6"), MpirunProgram("mpirun", "openmpi", "5.0.11")
MPICH, INTEL = MpirunProgram("mpirun", "mpich", "4.0.2"), MpirunProgram("mpirun", "intel", "2021.13")
OWN = "-x TRTBENCH_RUN -x TRTBENCH_RECORDS -x SPT_NOENV -x CUDA_DEVICE_ORDER"
SSH = ["-p", "2222"]


def section(**options: object) -> Mpirun:
    return Mpirun(hosts=[f"{HERE}:2", "b:2"], ssh_args=SSH, **options)  # type: ignore[arg-type]


def command(mpirun: MpirunProgram, options: Mpirun, *, as_called: bool = False) -> str:
    """The words of a launch of 4 ranks with a variable in `launch.env`; this machine is named `a`."""
    launch = RankLaunch(mpirun, options, 4, {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMP_NUM_THREADS": "2"})
    return (
        shlex.join(launch.argv(as_called=as_called)).replace(f"{HERE}:2,", "a:2,").replace(f"{HERE},", "a,")
    )


@pytest.mark.parametrize(
    ("mpirun", "options", "expected"),
    [
        pytest.param(
            OPEN_5, section(export=["FOO"], args=["--display", "map"]),
            "mpirun -n 4 --bind-to none --host a:2,b:2 --prtemca plm_ssh_args '-p 2222'"
            f" {OWN} -x OMP_NUM_THREADS -x FOO --display map",
            id="Open MPI 5",
        ),
        pytest.param(
            OPEN_4, section(map_by="ppr:2:node", rank_by="slot", bind_to="numa"),
            "mpirun -n 4 --host a:2,b:2 --map-by ppr:2:node --rank-by slot --bind-to numa"
            f" --mca plm_rsh_args '-p 2222' {OWN} -x OMP_NUM_THREADS",
            id="Open MPI 4",
        ),
        pytest.param(MPICH, section(bind_to="core", map_by="socket"),
                     "mpirun -n 4 -hosts a:2,b:2 -bind-to core -map-by socket", id="MPICH"),
        pytest.param(MPICH, section(map_by="node"), "mpirun -n 4 -hosts a:2,b:2 -ppn 1", id="MPICH in turn"),
        pytest.param(INTEL, section(), "mpirun -n 4 -hosts a,b -ppn 2 -bootstrap-exec-args '-p 2222'",
                     id="Intel MPI"),
        pytest.param(OPEN_5, Mpirun(), "mpirun -n 4 --oversubscribe --bind-to none", id="this machine"),
    ],
)  # fmt: skip
def test_ranks_are_started_on_the_hosts(mpirun: MpirunProgram, options: Mpirun, expected: str) -> None:
    assert command(mpirun, options) == expected


def test_as_a_user_calls_it_there_is_no_binding() -> None:
    assert command(OPEN_5, Mpirun(), as_called=True) == "mpirun -n 4"
    assert command(OPEN_5, Mpirun(bind_to="core"), as_called=True) == "mpirun -n 4 --bind-to core"


def test_mpich_takes_the_arguments_of_ssh_from_a_variable() -> None:
    assert launch_env(MPICH, section()) == {"HYDRA_LAUNCHER_EXTRA_ARGS": "-p 2222"}


@pytest.mark.parametrize(
    ("mpirun", "options", "problem"),
    [
        (MPICH, section(rank_by="node"), "launch.mpirun.rank_by: mpirun is of MPICH"),
        (INTEL, Mpirun(hosts=[f"{HERE}:3", "b:1"]), "Intel MPI takes one number of ranks for all hosts"),
        (MpirunProgram("mpirun", "unknown", ""), section(), "launch.mpirun.hosts: mpirun is not of Open MPI"),
    ],
)
def test_what_an_mpirun_cannot_do_is_refused(mpirun: MpirunProgram, options: Mpirun, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        command(mpirun, options)


@pytest.mark.parametrize(
    ("mpirun", "expected"),
    [
        (OPEN_5, "--host b --bind-to none --prtemca plm_ssh_args '-p 2222' -x A --mca btl tcp,self"),
        (MPICH, "-hosts b --mca btl tcp,self"),
    ],
    ids=["Open MPI", "MPICH"],
)  # fmt: skip
def test_every_node_gets_one_process(mpirun: MpirunProgram, expected: str) -> None:
    args = ["--display", "map", "--mca", "btl", "tcp,self"]
    found = RankLaunch(mpirun, section(args=args), 4, {"A": "1"}).node_launch([["cpu"], ["cpu"]])
    assert found is not None
    here, there = json.loads(found.argv[-1])
    assert here == []
    assert shlex.join(there) == f"mpirun -n 1 {expected}"
    assert (found.hosts, found.ranks_per_node, found.nodes) == ([HERE, "b"], [2, 2], 2)
    assert RankLaunch(mpirun, Mpirun(), 4, {}).node_launch([["cpu"]]) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("mpirun (Open MPI) 5.0.11\n", ("openmpi", "5.0.11", 5)),
        ("orterun (OpenRTE) 4.1.4\n", ("openmpi", "4.1.4", 4)),
        ("HYDRA build details:\n    Version:          4.0.2\n", ("mpich", "4.0.2", 4)),
        ("Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 1\n", ("intel", "2021.10", 2021)),
        ("something else\n", ("unknown", "", 0)),
    ],
    ids=["Open MPI 5", "Open MPI 4", "MPICH", "Intel MPI", "unknown"],
)
def test_the_implementation_is_told_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, expected: tuple[str, str, int]
) -> None:
    program = tmp_path / "mpirun"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}END\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    found = find_mpirun("./mpirun", "python3")
    assert (found.flavour, found.version, found.major) == expected
    assert found.path == str(program), "stages and agents start in other folders"


def test_a_script_of_intel_mpi_gives_way_to_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("I_MPI_ROOT", raising=False)
    (tmp_path / "bin").mkdir()
    for name in ("mpirun", "mpiexec.hydra", "hydra_bstrap_proxy"):
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\necho 'Intel(R) MPI Library for Linux* OS, Version 2021.18.1'\n")
        program.chmod(0o755)
    script = str(tmp_path / "bin" / "mpirun")
    found = find_mpirun(script, "python3")
    assert (Path(found.path).name, found.flavour) == ("mpiexec.hydra", "intel")
    # Only the script reads the variables of an installation.
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "vars.sh").touch()
    assert find_mpirun(script, "python3").path == script
    assert find_mpirun(script, "python3", {"I_MPI_ROOT": "/opt/impi"}).path == found.path


def test_a_launcher_under_its_name_of_debian_is_one() -> None:
    """Or a run never ends whose rank leaves a process that keeps the output of the launcher open."""
    stage = Stage(name="benchmark", argv=["/usr/bin/mpirun.openmpi", "-n", "2", "program"], cwd="/")
    assert is_mpirun(stage)
    assert all(len(name) < 16 for name in LAUNCHERS)


@pytest.mark.parametrize(("name", "is_rank"), [("ssh", False), ("program", True)], ids=["ssh", "rank"])
def test_ssh_of_a_launcher_is_no_rank(tmp_path: Path, name: str, is_rank: bool) -> None:
    shutil.copy("/bin/sleep", tmp_path / name)
    argv = ["sh", "-c", f"{tmp_path}/{name} 600 & wait"]
    with subprocess.Popen(argv, start_new_session=True) as launcher:

        def names() -> list[str | None]:
            return [processes.name(pid) for pid, _ in processes.children(launcher.pid)]

        wait_for(lambda: names() == [name], "its child")
        assert has_ranks(launcher.pid) is is_rank
        os.killpg(launcher.pid, signal.SIGKILL)
