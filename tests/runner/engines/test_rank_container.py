"""One container for each rank of mpirun: its options, and that it ends with the rank; a script is podman."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engines.container import RANK_CONTAINER, kill_argv
from runner.engines.rank_container import NOT_FOUND, client_argv
from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.util import processes
from tests.support.runs import wait_for

OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_LIBDIR_LOC": "/usr/lib",
    "OPAL_PREFIX": "/usr",
    "PMIX_PREFIX": "/usr",
    "PMIX_SERVER_URI2": "prterun-a-1@0.0;tcp4://127.0.0.1:53135",
    "TRTBENCH_RUN": "r1",
}
MPICH = {"PMI_ID": "1", "PMI_PORT": "a:38845", "HYDI_CONTROL_FD": "7"}
_PODMAN = """\
#!/bin/sh
# Containers are files that are named by their label.
case "$1" in
run) case "$*" in *"{label}=n-0"*) echo id > {box};; esac; shift; exec sleep 1000 ;;
ps) cat {box} 2>/dev/null; exit 0 ;;
kill) ;;
rm) rm -f {box} ;;
esac
"""


@pytest.mark.parametrize(
    ("tool", "env", "user", "expected"),
    [
        (
            "podman",
            OPEN_MPI,
            (0, 0),
            "--name n-3 --label trtbench.stage=n --label trtbench.rank=n-3 "
            "--network=host --pid=host --ipc=host"
            " --env OMPI_COMM_WORLD_RANK --env PMIX_SERVER_URI2 --env TRTBENCH_RUN=r1",
        ),
        (
            "/usr/bin/podman",
            MPICH,
            (1000, 100),
            "--name n-1 --label trtbench.stage=n --label trtbench.rank=n-1 "
            "--network=host --pid=host --ipc=host --userns=keep-id --env PMI_ID --env PMI_PORT"
            " --env PMI_RANK=1",
        ),
        (
            "docker",
            MPICH,
            (1000, 100),
            "--name n-1 --label trtbench.stage=n --label trtbench.rank=n-1 "
            "--network=host --pid=host --ipc=host --user=1000:100 --env PMI_ID --env PMI_PORT"
            " --env PMI_RANK=1",
        ),
    ],
    ids=["Open MPI", "MPICH without root", "docker"],
)
def test_options_of_the_container_of_a_rank(
    tool: str, env: dict[str, str], user: tuple[int, int], expected: str
) -> None:
    words = client_argv("n", [tool, "run", "--rm", "image", "x"], env, user)
    assert words == [tool, "run", *expected.split(), "--rm", "image", "x"]


def test_folders_of_the_launcher_are_mounted(tmp_path: Path) -> None:
    env = {"PMIX_SERVER_TMPDIR": str(tmp_path), "PRTE_MCA_prte_tmpdir_base": "/dev/shm/none"}
    words = client_argv("n", ["podman", "run", "image"], env, (0, 0))
    assert words[-3:] == ["--volume", f"{tmp_path}:{tmp_path}", "image"]


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that is the container, if there is one."""
    program, box = tmp_path / "bin" / "podman", tmp_path / "box"
    program.parent.mkdir()
    program.write_text(_PODMAN.format(box=box, label="trtbench.rank"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return box


@pytest.mark.parametrize("victim", ["it", "the client"])
def test_a_rank_that_is_killed_leaves_no_container(podman: Path, victim: str) -> None:
    argv = [sys.executable, str(RANK_CONTAINER), "n", "podman", "run", "image"]
    tag = str(podman)  # a test that runs at the same time has its own
    with subprocess.Popen(argv, env={**os.environ, processes.TAG: tag}) as running:
        try:
            wait_for(podman.exists, "the container")
            client = next(pid for pid, _ in processes.children(running.pid) if processes.name(pid) == "sleep")
            marked = {pid for pid, _ in processes.find_tagged(tag)}
        except BaseException:
            running.kill()
            raise
        os.kill(running.pid if victim == "it" else client, 9)
    assert marked == {running.pid}
    assert running.returncode == (-9 if victim == "it" else 128 + 9)
    wait_for(lambda: not podman.exists(), "the end of the container")
    assert processes.start_time(client) is None


def test_all_containers_of_a_stage_are_removed(podman: Path) -> None:
    podman.write_text("id\n")
    argv = kill_argv(ContainerRef("podman", ContainerMode.RANKS, "n"), "r")
    subprocess.run(argv, check=True)
    assert not podman.exists()


def test_a_missing_podman_is_named_with_its_host() -> None:
    argv = [sys.executable, str(RANK_CONTAINER), "n", "/no/podman", "run", "image"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == NOT_FOUND
    assert (
        done.stderr == f"/no/podman cannot be started on {os.uname().nodename}: No such file or directory\n"
    )
