"""Runs as jobs of a real Slurm whose stages pyxis starts in containers of enroot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.report.files import read_state
from tests.support.cluster import Slurm, product
from tests.support.cluster.pyxis import container, containers, make_image, plugin, pyxis_missing
from tests.support.runs import wait_for, wait_until_ended

pytestmark = pytest.mark.skipif(bool(pyxis_missing()), reason=pyxis_missing())


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[Slurm]:
    found = plugin()
    assert found is not None
    with Slurm(tmp_path, environment=product.environment(), plugins=[found]) as slurm:
        yield slurm


def submit(slurm: Slurm, mode: str, image: Path) -> Path:
    """Start a run with a light rank in a container on each of two nodes, on the login host.

    The folder of the test is mounted read-only; the run directory below it can be written to.
    """
    script = Path(product.light_python(slurm.folder, mode))
    # The image sets this variable too; the value of the profile has to arrive.
    script.write_text(
        script.read_text().replace("\n", '\necho "SHOWN=$SHOWN" "$(head -1 /etc/environment)"\n', 1)
    )
    options = f"mpi: pmi2, {container(image, [slurm.folder])}"
    profile = product.with_slurm(options, python=str(script))
    return product.start(slurm.login, profile.replace("OMP_NUM", "SHOWN: profile, OMP_NUM"), slurm.folder)


def clean(slurm: Slurm) -> bool:
    return slurm.jobs() == [] and not any(containers(slurm.cluster[name]) for name in slurm.node_names)


def test_ranks_run_in_containers_on_two_nodes(slurm: Slurm, tmp_path: Path) -> None:
    run_dir = submit(slurm, "plain", make_image(tmp_path, "SHOWN=image\n"))
    state = wait_until_ended(run_dir)
    assert (state.status, state.failure) == ("finished", None)
    assert {rank.hello.host for rank in state.ranks.values() if rank.hello is not None} == {"node1", "node2"}
    assert "SHOWN=profile SHOWN=image" in (run_dir / "0-benchmark.log").read_text().splitlines()
    product.wait_until_clean(slurm.cluster)
    wait_for(lambda: clean(slurm), "nodes without containers")


@pytest.mark.slow
def test_a_stop_leaves_no_container(slurm: Slurm, tmp_path: Path) -> None:
    run_dir = submit(slurm, "endless", make_image(tmp_path, ""))
    wait_for(lambda: len(read_state(run_dir).ranks) == 2, "both ranks", pause=0.2)
    slurm.login.run("trtbench-tui", "stop", run_dir.name)
    assert wait_until_ended(run_dir).status == "stopped"
    product.wait_until_clean(slurm.cluster)
    wait_for(lambda: clean(slurm), "nodes without containers")
