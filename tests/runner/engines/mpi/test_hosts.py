"""Hosts of a profile, which ranks they get, and the errors for those that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.engines.mpi.hosts import Node, find_nodes
from runner.engines.mpi.placement import ranks_here, ranks_of_nodes
from runner.schema.base import Mpirun, mpirun_problems
from runner.schema.slurm import Slurm
from runner.util.errors import UserError

HERE = os.uname().nodename.partition(".")[0]


def hostfile(tmp_path: Path, text: str) -> Mpirun:
    path = tmp_path / "hosts"
    path.write_text(text)
    return Mpirun(hostfile=str(path))


@pytest.mark.parametrize(
    ("hosts", "slots", "expected"),
    [
        ([HERE, "b"], None, [4, 4]),
        ([HERE, "b", "c"], None, [3, 3, 3]),
        ([f"{HERE}:6", "b"], None, [6, 2]),
        ([HERE, "b:2"], 5, [5, 2]),
        ([HERE, "b", "b", HERE, "b"], None, [2, 3]),
    ],
)
def test_hosts_without_slots_share_the_ranks(
    hosts: list[str], slots: int | None, expected: list[int]
) -> None:
    assert [node.slots for node in find_nodes(Mpirun(hosts=hosts, slots=slots), 8)] == expected


def test_this_machine_is_the_first_node() -> None:
    assert find_nodes(Mpirun(hosts=["b:1", f"{HERE}:2"]), 3) == [Node(HERE, 2), Node("b", 1)]
    assert find_nodes(Mpirun(hosts=["b:1", "127.0.0.1:2"]), 3)[0] == Node("127.0.0.1", 2)


@pytest.mark.parametrize("section", [Mpirun(), Mpirun(hosts=["localhost:4"]), Mpirun(hosts=[HERE])])
def test_this_machine_alone_is_a_run_of_one_machine(section: Mpirun) -> None:
    assert find_nodes(section, 4) == []
    assert ranks_here(section, 4) == 4


def test_a_run_starts_on_one_of_its_hosts() -> None:
    with pytest.raises(UserError, match=r"launch\.mpirun\.hosts: this machine .* is not one of 192\.0\.2\.1"):
        find_nodes(Mpirun(hosts=["192.0.2.1:4"]), 4)


def test_host_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    text = f"# a comment\n{HERE} slots=3  max_slots = 4\nb:2  # MPICH\n\nc max-slots=5\nd cpu=1\n"
    nodes = find_nodes(hostfile(tmp_path, text), 8)
    assert nodes == [Node(HERE, 3), Node("b", 2), Node("c", 5), Node("d", 1)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a\nb slot=2\n", "hosts:2: 'slot=2' is not understood"),
        ("root@a\n", "hosts:1: 'root@a' is not a host; the user is set by ssh_args"),
        ("a\n\nb:0\n", "hosts:3: 'b:0' is not a host"),
        ("a slots=4 max_slots=2\n", "hosts:1: 4 slots, but max_slots is 2"),
        ("# nothing\n", "hosts names no host"),
    ],
)
def test_a_bad_host_file_is_named_by_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        find_nodes(hostfile(tmp_path, text), 2)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("slots", "options", "ranks", "expected"),
    [
        ([4, 4], {}, 6, [[0, 1, 2, 3], [4, 5]]),
        ([3, 3], {"map_by": "node"}, 5, [[0, 2, 4], [1, 3]]),
        ([3, 3], {"map_by": "node", "rank_by": "slot"}, 5, [[0, 1, 2], [3, 4]]),
        ([2, 2], {"rank_by": "node"}, 4, [[0, 2], [1, 3]]),
        ([4, 4], {"map_by": "ppr:2:node"}, 3, [[0, 1], [2]]),
        ([4, 4], {"map_by": "numa"}, 6, []),
        ([1, 1], {"args": ["--oversubscribe"]}, 6, []),
    ],
)
def test_ranks_are_placed_as_mpirun_does(
    slots: list[int], options: dict[str, object], ranks: int, expected: list[list[int]]
) -> None:
    nodes = [Node(name, number) for name, number in zip("ab", slots, strict=True)]
    assert ranks_of_nodes(Mpirun(**options), nodes, ranks) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("map_by", "ranks", "problem"),
    [
        (None, 6, "6 ranks do not fit on the hosts, which have 5 slots: a:4, b:1"),
        ("node", 4, "node puts 2 ranks on b, which has 1 slot"),
        ("ppr:2:node", 5, "ppr:2:node starts at most 4 ranks on 2 hosts, and 5 are needed"),
    ],
)
def test_more_ranks_than_slots_are_refused(map_by: str | None, ranks: int, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        ranks_of_nodes(Mpirun(map_by=map_by), [Node("a", 4), Node("b", 1)], ranks)


def test_what_a_profile_says_of_hosts_is_checked() -> None:
    section = Mpirun(
        hosts=["a:8", "node[1-4]"], hostfile="/hosts", export=["A=1"], ssh_args=["-p 2222"], slots=1
    )
    problems = {problem.path: problem.message for problem in mpirun_problems(section, None)}
    assert problems == {
        "launch.mpirun": "give hosts or hostfile, not both",
        "launch.mpirun.hosts[1]": "'node[1-4]' is not a host; allowed: NAME or NAME:SLOTS, like node1:8;"
        " write each host by itself",
        "launch.mpirun.export[0]": "'A=1' is not a variable name; values are set in launch.env",
        "launch.mpirun.ssh_args[0]": "'-p 2222' cannot be passed on: mpirun splits arguments of ssh at"
        " spaces; put it in ~/.ssh/config",
    }
    [problem] = mpirun_problems(Mpirun(hosts=["a"]), Slurm())
    assert problem.message == "with launch.slurm, Slurm gives the nodes: leave out hosts and hostfile"
