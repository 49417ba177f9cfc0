"""Run one rank of mpirun in a container, and leave no container when it ends, however it ends.

    python rank_container.py NAME TOOL run [OPTIONS ...] IMAGE PROGRAM [ARGUMENTS ...]

mpirun starts this program once for each rank, on the host of the rank; it starts docker or podman (TOOL). The
container has the network, process ids and shared memory of the host, the user of this process, and the
variables by which ranks find their launcher: Open MPI and MPICH need that. Its name is NAME-RANK.

A client of docker or podman that is killed leaves its container, and a launcher kills this program without
notice. So a second process, which belongs neither to the launcher's processes nor to those of the run, waits
for the end of this one and then removes the container. One file, standard library only, Python 3.10 or later.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

STAGE_LABEL, RANK_LABEL = "trtbench.stage", "trtbench.rank"
"""Labels of containers: all of a stage, and that of one rank"""
TAG = "TRTBENCH_RUN"
"""Variable that marks processes of a run; that of `runner.util.processes`"""
NOT_FOUND = 127
"""The exit code of a command that does not exist, as in a shell"""
_RANK = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PMI_ID")
_OF_LAUNCHER = ("OMPI_", "PMIX_", "PRTE_", "PMI_", "MPI_LOCAL")
"""How the variables begin by which a rank finds its launcher and knows its place"""
_OF_INSTALLATION = ("_PREFIX", "_LIBDIR_LOC")
"""How the variables end that say where MPI is installed; in an image it may be elsewhere"""
_FOLDERS = ("PMIX_SERVER_TMPDIR", "PRTE_MCA_prte_tmpdir_base", "OMPI_MCA_orte_tmpdir_base")
"""Variables with folders that the launcher shares with its ranks"""
_SHARED_MEMORY = PurePosixPath("/dev/shm")
_HOST = ("--network=host", "--pid=host", "--ipc=host")
_GUARD = "--guard"
_PR_SET_PDEATHSIG = 1
_PAUSE_S = 1.0
_LOOKS = 3
"""How often in a row no container must be found after a kill: a client may have asked for one just before"""
_GUARD_S = 60.0
"""How long the guard tries to remove a container."""


def client_argv(
    name: str, command: Sequence[str], env: Mapping[str, str], user: tuple[int, int]
) -> list[str]:
    """Return the command of the client for the rank that the variables `env` are of.

    Args:
        name: of the containers of the stage.
        command: `docker run ...` or `podman run ...`.
        env: the variables of the rank outside of the container.
        user: ids of user and group.
    """
    tool, verb, *rest = command
    rank = rank_name(name, env)
    named = ["--name", rank, "--label", f"{STAGE_LABEL}={name}", "--label", f"{RANK_LABEL}={rank}"]
    return [tool, verb, *named, *_HOST, *_user(tool, user), *_variables(env), *_mounts(env), *rest]


def rank_name(name: str, env: Mapping[str, str]) -> str:
    """Return the name of the container of a rank; without a launcher, there is one rank, 0."""
    return f"{name}-{next((env[variable] for variable in _RANK if variable in env), '0')}"


def _user(tool: str, user: tuple[int, int]) -> list[str]:
    """Return the options by which the rank is the same user inside as outside."""
    if user[0] == 0:
        return []
    # podman of another user than root makes that user root inside.
    return ["--userns=keep-id"] if os.path.basename(tool) == "podman" else [f"--user={user[0]}:{user[1]}"]


def _variables(env: Mapping[str, str]) -> list[str]:
    """Return the options that pass on the variables of the launcher, without their values."""
    names = [
        name for name in sorted(env) if name.startswith(_OF_LAUNCHER) and not name.endswith(_OF_INSTALLATION)
    ]
    words = [word for name in names for word in ("--env", name)]
    if "PMI_ID" in env and "PMI_RANK" not in env:  # MPICH with -pmi-port
        words += ["--env", f"PMI_RANK={env['PMI_ID']}"]
    # With its value: the client itself, and what it leaves for the end of the container, are not marked.
    return words + (["--env", f"{TAG}={env[TAG]}"] if TAG in env else [])


def _mounts(env: Mapping[str, str]) -> list[str]:
    """Return the options that mount the folders of the launcher; the container sees shared memory anyway."""
    folders = dict.fromkeys(env[name] for name in _FOLDERS if os.path.isdir(env.get(name, "")))
    seen = [folder for folder in folders if _SHARED_MEMORY not in PurePosixPath(folder).parents]
    return [word for folder in seen for word in ("--volume", f"{folder}:{folder}")]


def unmarked(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables without the mark of the run."""
    return {name: value for name, value in env.items() if name != TAG}


class Guard:
    """The process that removes the container of a rank when this process has ended."""

    def __init__(self, tool: str, rank: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, _GUARD, tool, rank],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=unmarked(os.environ),
            cwd="/",
            start_new_session=True,
        )
        self._process.wait()  # it continues as a process that is no child of this one

    def finish(self) -> None:
        """Have it check that no container is left, and wait for that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError), self._process.stdin as pipe:
            pipe.write(b".")
        self._process.stdout.read()


def guard(tool: str, rank: str) -> None:
    """Wait in the background for the end of a rank, and remove its container."""
    if os.fork():
        os._exit(0)
    looks = 1 if os.read(0, 1) else _LOOKS
    absent, until = 0, time.monotonic() + _GUARD_S
    while absent < looks and time.monotonic() < until:
        found = _containers(tool, rank)
        if found:
            for words in (["kill"], ["rm", "--force"]):
                subprocess.run([tool, *words, *found], stdout=subprocess.DEVNULL, check=False)
        absent = absent + 1 if found == [] else 0
        if absent < looks:
            time.sleep(_PAUSE_S)


def _containers(tool: str, rank: str) -> list[str] | None:
    """Return the ids of the container of a rank, running or not; None: the tool does not answer."""
    argv = [tool, "ps", "--all", "--quiet", "--filter", f"label={RANK_LABEL}={rank}"]
    answer = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
    return None if answer.returncode else answer.stdout.split()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(words: Sequence[str]) -> int:
    """Run the client to its end; return the exit code of the rank."""
    if words[:1] == [_GUARD]:
        guard(*words[1:])
        return 0
    name, *command = words
    argv = client_argv(name, command, os.environ, (os.geteuid(), os.getegid()))
    watching = Guard(argv[0], rank_name(name, os.environ))
    try:
        client = subprocess.Popen(argv, env=unmarked(os.environ), preexec_fn=_end_with_parent)
    except OSError as error:
        print(f"{argv[0]} cannot be started on {socket.gethostname()}: {error.strerror}", file=sys.stderr)
        return NOT_FOUND
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: client.send_signal(number))
    code = client.wait()
    watching.finish()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
