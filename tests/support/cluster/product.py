"""Runs of the product on hosts of the test bed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.engines.mpi import ROOT_ENV
from runner.util import paths
from tests.support.cluster.hosts import Cluster, Host, HostProcess
from tests.support.runs import PROGRAM, wait_for

OF_RUNS = ("TRTBENCH_HOME", "XDG_CONFIG_HOME")
"""variables that say where runs and profiles are"""

_PROFILE = """\
name: several-hosts
engine: torch
model:
  shape: {{hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 8,
          num_key_value_heads: 8, vocab_size: 256}}
  dtype: float32
parallel: {{tp: {ranks}}}
benchmark: {{batch_size: [1], input_output_len: [[8, 4]], num_runs: {iterations}, duration: 0, warm_up: 1}}
launch:
  python: {python}
  env: {{OMP_NUM_THREADS: "1"}}
  {launch}
"""
_LIGHT = """\
#!/bin/sh
case "$1" in
*/torch_benchmark.py) exec {python} {program} {mode} ;;
*) exec {python} "$@" ;;
esac
"""


def environment() -> dict[str, str]:
    """Return the variables that hosts need to work in the folders of this test."""
    of_runs = {name: os.environ[name] for name in OF_RUNS}
    # Every machine has device locks of its own; the default folder is below /tmp, which hosts share.
    return {**ROOT_ENV, **of_runs, "TRTBENCH_LOCKS": "/run/lock/trtbench"}


def light_python(folder: Path, mode: str) -> str:
    """Return an interpreter that runs `programs/ranks.py` in a mode in place of the torch engine's program.

    These ranks compute nothing and start at once; a machine with two cores can have many of them.
    """
    path = folder / f"python-{mode}"
    path.write_text(_LIGHT.format(python=sys.executable, program=PROGRAM, mode=mode))
    path.chmod(0o755)
    return str(path)


def on_one_host(*, ranks: int = 2, python: str = sys.executable) -> str:
    """Return a profile of the torch engine for the host that it is started on."""
    return _PROFILE.format(ranks=ranks, iterations=5, python=python, launch="")


def with_mpirun(
    hosts: Sequence[str], *, ranks_per_host: int = 1, iterations: int = 5, python: str = sys.executable
) -> str:
    """Return a profile of the torch engine whose ranks mpirun starts on several hosts."""
    listed = ", ".join(f"{name}:{ranks_per_host}" for name in hosts)
    return _PROFILE.format(
        ranks=len(hosts) * ranks_per_host,
        iterations=iterations,
        python=python,
        launch=f"mpirun: {{hosts: [{listed}]}}",
    )


def with_slurm(
    options: str = "", *, nodes: int = 2, iterations: int = 5, python: str = sys.executable
) -> str:
    """Return a profile with a rank on each node of a job; `options` are further fields of `launch.slurm`."""
    launch = f"slurm: {{nodes: {nodes}, gpus_per_node: 0, {options}}}"
    return _PROFILE.format(ranks=nodes, iterations=iterations, python=python, launch=launch)


def start(host: Host, text: str, folder: Path) -> Path:
    """Start a run of a profile on a host and return its directory."""
    path = folder / "several-hosts.yaml"
    path.write_text(text)
    # On a busy machine a host may answer the checks too late; the run shows whether it works.
    printed = host.run("trtbench-tui", "run", str(path), "--detach", "--force")
    return paths.runs_dir() / printed.split()[-1]


def wait_until_clean(cluster: Cluster, spared: Sequence[str] = ()) -> None:
    """Wait until no host has a process of a run; programs with a name of `spared` may be left."""

    def left() -> list[HostProcess]:
        return [one for found in cluster.left().values() for one in found if one.name not in spared]

    try:
        wait_for(lambda: not left(), "hosts without processes of the run")
    except AssertionError as error:
        raise AssertionError(f"{error}: {left()}") from None
