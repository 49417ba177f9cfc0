"""Run the stages of a plan in a container with docker or podman, and read and write files inside it.

Killing `docker exec` or `docker run` leaves the processes inside alive. Therefore every process has the tag
of the run in its environment and is killed from inside (`kill_argv`). A container that a stage started is
removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.engines import rank_container
from runner.engines.build_cache import HOST, FileSystem, HostFileSystem
from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.plan.plan import Plan
from runner.plan.redaction import is_secret
from runner.schema.base import Container
from runner.state import cuda_devices
from runner.util import processes

RANK_CONTAINER = Path(rank_container.__file__).resolve()
PASSED_VARIABLES = (processes.TAG, "TRTBENCH_RECORDS", "SPT_NOENV", cuda_devices.ORDER)
"""Variables that the supervisor sets for each stage; `-e NAME` without a value passes the value on."""
TIMEOUT_S = 10.0
_MARK = "trtbench-answer-follows"
"""Printed before the output of a short command, as entrypoints of images and wrappers print banners."""
_ANSWER = f'printf "\\n%s\\n" {_MARK}; exec "$@"'
_OF_THE_TOOL = re.compile(
    r"PATH|HOME|USER|SHELL|TMPDIR|(?:LD|DOCKER|CONTAINERS?|PODMAN|BUILDKIT|XDG|SSL)_\w+|\w+_PROXY"
    rf"|{cuda_devices.VISIBLE}",
    re.IGNORECASE,
)
"""Variables that docker, podman and the supervisor read themselves."""

_KILL = """\
killed=0; empty=0
while [ $empty -lt 2 ]; do
  empty=$((empty + 1))
  for pid in /proc/[0-9]*; do
    pid=${pid#/proc/}
    tr '\\0' '\\n' < "/proc/$pid/environ" 2>/dev/null | grep -qxF "$1" || continue
    kill -KILL "$pid" 2>/dev/null && killed=$((killed + 1)) && empty=0
  done
done
echo $killed
"""
_REMOVE_RANKS = """\
found=$("$1" ps --all --quiet --filter "label=$2") && [ -z "$found" ] || "$1" rm --force $found
"""
_COPY = """\
{tool} exec -i {name} sh -c 'cat > "$1.$$" && mv "$1.$$" "$1"' sh {inside} < {outside} || exit 125
exec "$@"
"""


@dataclass(frozen=True)
class WrappedCommand:
    """A command as it is started outside of the container."""

    argv: list[str]
    container: ContainerRef
    env: dict[str, str]
    """variables that the command passes on by name, so that their values are not in the list of processes"""


def _is_passed_by_name(name: str, value: str) -> bool:
    """Check whether a variable can be set for the container tool, which then passes it on."""
    return is_secret(name, value) or not (name in PASSED_VARIABLES or _OF_THE_TOOL.fullmatch(name))


def _variable_options(env: Mapping[str, str]) -> list[str]:
    words: list[str] = []
    for name, value in env.items():
        words += ["-e", name if _is_passed_by_name(name, value) else f"{name}={value}"]
    return words


def env_outside(container: Container | None, env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set for the command of `argv_inside`."""
    if container is None:
        return dict(env)
    return {name: value for name, value in env.items() if _is_passed_by_name(name, value)}


def wrap_command(
    container: Container,
    argv: Sequence[str],
    *,
    launcher: Sequence[str] = (),
    exported: Sequence[str] = (),
    env: Mapping[str, str],
    workdir: str,
    name: str,
    mounts: Sequence[str] = (),
    copy_in: tuple[str, str] | None = None,
) -> WrappedCommand:
    """Return the command that runs another command in a container.

    Args:
        container: the container, and how it is started.
        argv: the command, with paths as they are inside.
        launcher: mpirun and its arguments, which starts a container for each rank; empty: there is one.
        exported: names of further variables of the command, with their values as they are outside.
        env: variables of the command.
        workdir: working directory, unless the container has one of its own.
        name: name of a container that is started; those of ranks have their number after it.
        mounts: folders of this machine that a started container sees at the same path.
        copy_in: a file of this machine that is copied into a running container first, and its path inside.
    """
    passed = [*PASSED_VARIABLES, *exported]
    if launcher:
        passed.remove(processes.TAG)  # `rank_container.py` adds it
    variables = [word for variable in passed for word in ("-e", variable)] + _variable_options(env)
    where = ["--workdir", container.workdir or workdir]
    if container.exec is not None:
        command = [container.tool, "exec", *variables, *where, container.exec, *argv]
        if copy_in is not None:
            script = _copy_script(container.tool, container.exec, *copy_in)
            command = ["sh", "-c", script, "sh", *command]
        ref = ContainerRef(container.tool, ContainerMode.EXEC, container.exec)
        return WrappedCommand(command, ref, env_outside(container, env))
    options = [*container.options, *_volumes(container, mounts), *variables, *where, container.run or ""]
    if launcher:
        command = [*launcher, sys.executable, str(RANK_CONTAINER), name, container.tool, "run", "--rm"]
        ref = ContainerRef(container.tool, ContainerMode.RANKS, name)
    else:
        command = [container.tool, "run", "--rm", "--name", name]
        ref = ContainerRef(container.tool, ContainerMode.RUN, name)
    return WrappedCommand([*command, *options, *argv], ref, env_outside(container, env))


def _volumes(container: Container, mounts: Sequence[str]) -> list[str]:
    volumes = [*container.volumes, *(f"{mount}:{mount}" for mount in mounts)]
    return [word for volume in volumes for word in ("--volume", volume)]


def _copy_script(tool: str, name: str, outside: str, inside: str) -> str:
    values = {"tool": tool, "name": name, "outside": outside, "inside": inside}
    return _COPY.format(**{key: shlex.quote(value) for key, value in values.items()})


def container_name(run: str, stage: str) -> str:
    """Return a name for the container of a stage; docker allows letters, digits, dot, dash, underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", f"trtbench-{run}-{stage}")


def path_inside(path: Path) -> str:
    """Return where one of our files is copied to in a running container.

    The name has a hash of the contents, so that versions do not mix.
    """
    digest = hashlib.blake2s(path.read_bytes(), digest_size=4).hexdigest()
    return f"/tmp/trtbench-{path.stem}-{digest}{path.suffix}"


def kill_argv(container: ContainerRef, run: str) -> list[str]:
    """Return the command that kills the processes of a run in a container."""
    if container.mode is ContainerMode.RUN:
        return [container.tool, "rm", "--force", container.name]
    if container.mode is ContainerMode.RANKS:
        label = f"{rank_container.STAGE_LABEL}={container.name}"
        return ["sh", "-c", _REMOVE_RANKS, "sh", container.tool, label]
    return [container.tool, "exec", container.name, "sh", "-c", _KILL, "sh", f"{processes.TAG}={run}"]


def kill_processes(plan: Plan, run: str) -> None:
    """Kill the processes of a run in the containers of its stages; do nothing without containers."""
    for container in {stage.container_ref for stage in plan.stages}:
        if container is not None:
            output_of(kill_argv(container, run))


def remove_late(plan: Plan) -> None:
    """Remove containers of ranks on this machine that were being created while others were removed.

    On other machines the guard of each container does it, which is not killed there with the run.
    """
    for container in {stage.container_ref for stage in plan.stages}:
        if container is not None and container.mode is ContainerMode.RANKS:
            output_of(kill_argv(container, ""))


def file_system_of(container: ContainerRef | None) -> FileSystem:
    """Return the file system that a stage writes to; None: the stage runs on this machine.

    A container that a stage starts has the folders of outputs mounted from this machine.
    """
    if container is None or container.mode is not ContainerMode.EXEC:
        return HOST
    return ContainerFileSystem(container.tool, container.name)


def file_system_for(container: Container | None, work: str) -> FileSystem:
    """Return the file system that the paths of a profile refer to; `work` is mounted at the same path."""
    if container is None:
        return HOST
    if container.exec is not None:
        return ContainerFileSystem(container.tool, container.exec)
    volumes = [volume.split(":") for volume in container.volumes]
    return MountedFileSystem(tuple([(parts[1], parts[0]) for parts in volumes] + [(work, work)]))


def argv_inside(container: Container | None, argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return the command that runs a short command where the stages run, for `output_of`.

    It needs the variables of `env_outside`.
    """
    if container is None:
        return list(argv)
    variables, marked = _variable_options(env), ["sh", "-c", _ANSWER, "sh", *argv]
    if container.exec is not None:
        return [container.tool, "exec", *variables, container.exec, *marked]
    volumes = [word for volume in container.volumes for word in ("--volume", volume)]
    options = [*container.options, *volumes, *variables]
    return [container.tool, "run", "--rm", *options, container.run or "", *marked]


def output_of(
    argv: Sequence[str],
    *,
    content: bytes = b"",
    timeout: float = TIMEOUT_S,
    env: Mapping[str, str] | None = None,
) -> bytes | None:
    """Return the output of a short command; None when it does not exist, fails, or exceeds the timeout.

    In a container, the output begins after the mark of `argv_inside`.

    Args:
        argv: the command.
        content: its standard input.
        timeout: seconds.
        env: variables that are added to its environment.
    """
    try:
        answer = subprocess.run(
            argv,
            input=content,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **env} if env else None,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    _, marked, rest = answer.stdout.partition(f"\n{_MARK}\n".encode())
    return (rest if marked else answer.stdout) if answer.returncode == 0 else None


@dataclass(frozen=True)
class MountedFileSystem(HostFileSystem):
    """The files of this machine that a container sees once it is started, by the paths inside it."""

    folders: tuple[tuple[str, str], ...]
    """path inside, path outside"""

    def read(self, path: str) -> bytes | None:
        outside = self._outside(path)
        return None if outside is None else super().read(outside)

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        outside = self._outside(directory)
        return None if outside is None else super().files(outside)

    def _outside(self, path: str) -> str | None:
        """Return the path on this machine (the deepest mount wins); None for a path that is not mounted."""
        for inside, outside in sorted(self.folders, key=lambda folder: -len(folder[0])):
            if path == inside or path.startswith(f"{inside.rstrip('/')}/"):
                return outside.rstrip("/") + path[len(inside.rstrip("/")) :]
        return None


@dataclass(frozen=True)
class ContainerFileSystem:
    """The file system of a running container, accessed through its shell."""

    tool: str
    name: str

    def read(self, path: str) -> bytes | None:
        return self._shell('cat "$1"', path)

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        listing = self._shell(
            'cd "$1" || exit 1; for name in * .[!.]*; do'
            ' [ -e "$name" ] && stat -L -c "%s %Y %n" -- "$name"; done; true',
            directory,
        )
        if listing is None:
            return None
        lines = [line.split(" ", 2) for line in listing.decode(errors="replace").splitlines()]
        return sorted((name, int(size), int(changed)) for size, changed, name in lines)

    def write(self, path: str, content: bytes) -> None:
        self._shell_or_raise('cat > "$1.$$" && mv "$1.$$" "$1"', path, content)

    def make(self, directory: str) -> None:
        self._shell_or_raise('mkdir -p "$1"', directory)

    def remove(self, directory: str) -> None:
        self._shell_or_raise('rm -rf "$1"', directory)

    def _shell(self, script: str, path: str, content: bytes = b"") -> bytes | None:
        marked = ["sh", "-c", _ANSWER, "sh"]
        argv = [self.tool, "exec", "-i", self.name, *marked, "sh", "-c", script, "sh", path]
        return output_of(argv, content=content)

    def _shell_or_raise(self, script: str, path: str, content: bytes = b"") -> None:
        if self._shell(script, path, content) is None:
            raise OSError(f"{path}: cannot be changed in the container {self.name}")
