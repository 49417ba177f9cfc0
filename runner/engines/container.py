"""Running stages in a container, with docker or podman: argument lists, and looking at files inside.

Killing `docker exec` or `docker run` leaves the processes inside alive, so every process carries the run's
tag in its environment and is killed from within (`sweep_argv`); a container of our own is removed.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.engines.build_cache import HOST, Host, Place
from runner.plan.plan import Plan
from runner.schema.base import Container
from runner.state import cuda_devices
from runner.util import processes

PASSED_ON = (processes.TAG, "TRTBENCH_RECORDS", "SPT_NOENV", cuda_devices.ORDER)
"""Set by the supervisor for each stage; `-e NAME` without a value hands over what is set outside."""
TIMEOUT_S = 10.0

_SWEEP = """\
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
_COPY = """\
{tool} exec -i {name} sh -c 'cat > "$1.$$" && mv "$1.$$" "$1"' sh {inside} < {outside} || exit 125
exec "$@"
"""


@dataclass(frozen=True)
class Wrapped:
    """A stage's command as it is started outside of the container."""

    argv: list[str]
    container: str
    """for `sweep_argv` and `place_of`: tool, `exec` or `run`, name of the container"""


def wrap(
    container: Container,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    workdir: str,
    name: str,
    mounts: Sequence[str] = (),
    bring: tuple[str, str] | None = None,
) -> Wrapped:
    """A command as one that runs it inside.

    Args:
        container: which container, and how it is started.
        argv: the command, with paths as they are inside.
        env: variables of the command.
        workdir: where it runs, unless the container says otherwise.
        name: name for a container that is started.
        mounts: folders of this machine that a started container sees at the same path.
        bring: a file of this machine that a running container gets first, and its path inside.
    """
    variables = [word for variable in PASSED_ON for word in ("-e", variable)]
    variables += [word for variable, value in env.items() for word in ("-e", f"{variable}={value}")]
    where = ["--workdir", container.workdir or workdir]
    if container.exec is not None:
        words = [container.tool, "exec", *variables, *where, container.exec, *argv]
        if bring is not None:
            words = ["sh", "-c", _copy_script(container.tool, container.exec, *bring), "sh", *words]
        return Wrapped(words, f"{container.tool} exec {container.exec}")
    volumes = [word for volume in container.volumes for word in ("--volume", volume)]
    volumes += [word for mount in mounts for word in ("--volume", f"{mount}:{mount}")]
    image = container.run or ""
    words = [container.tool, "run", "--rm", "--name", name, *container.options, *volumes, *variables]
    return Wrapped([*words, *where, image, *argv], f"{container.tool} run {name}")


def _copy_script(tool: str, name: str, outside: str, inside: str) -> str:
    words = {"tool": tool, "name": name, "outside": outside, "inside": inside}
    return _COPY.format(**{key: shlex.quote(word) for key, word in words.items()})


def container_name(run: str, stage: str) -> str:
    """A name for the container of a stage: docker takes letters, digits, dot, dash and underscore."""
    return re.sub(r"[^A-Za-z0-9_.-]", "", f"trtbench-{run}-{stage}")


def path_inside(path: Path) -> str:
    """Where a file of ours is put in a running container: named by its contents, so versions do not mix."""
    digest = hashlib.blake2s(path.read_bytes(), digest_size=4).hexdigest()
    return f"/tmp/trtbench-{path.stem}-{digest}{path.suffix}"


def sweep_argv(container: str, run: str) -> list[str]:
    """The command that kills what a run left inside a container (`Stage.container`)."""
    tool, how, name = container.split(" ", 2)
    if how == "run":
        return [tool, "rm", "--force", name]
    return [tool, "exec", name, "sh", "-c", _SWEEP, "sh", f"{processes.TAG}={run}"]


def sweep(plan: Plan, run: str) -> None:
    """Kill what a run left inside the containers of its stages; does nothing where there are none."""
    for container in {stage.container for stage in plan.stages if stage.container}:
        answer_of(sweep_argv(container, run))


def place_of(container: str) -> Place:
    """The file system that the stages of a container write to (`Stage.container`; empty: this machine).

    A container that we start has the folders of outputs mounted from this machine.
    """
    if not container:
        return HOST
    tool, how, name = container.split(" ", 2)
    return HOST if how == "run" else Inside(tool, name)


def place_for(container: Container | None, work: str) -> Place:
    """The file system that the paths of a profile mean; `work` is mounted at the same path."""
    if container is None:
        return HOST
    if container.exec is not None:
        return Inside(container.tool, container.exec)
    volumes = [volume.split(":") for volume in container.volumes]
    return Mounted(tuple([(parts[1], parts[0]) for parts in volumes] + [(work, work)]))


def words_inside(container: Container | None, argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """A short command as one that runs where the stages do, with their variables and options."""
    assignments = [f"{name}={value}" for name, value in env.items()]
    if container is None:
        return ["env", *assignments, *argv] if env else list(argv)
    variables = [word for assignment in assignments for word in ("-e", assignment)]
    if container.exec is not None:
        return [container.tool, "exec", *variables, container.exec, *argv]
    volumes = [word for volume in container.volumes for word in ("--volume", volume)]
    return [
        container.tool,
        "run",
        "--rm",
        *container.options,
        *volumes,
        *variables,
        container.run or "",
        *argv,
    ]


def answer_of(words: Sequence[str], *, content: bytes = b"", timeout: float = TIMEOUT_S) -> bytes | None:
    """Output of a short command; None when it fails, is not there, or takes too long."""
    try:
        answer = subprocess.run(words, input=content, capture_output=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None


@dataclass(frozen=True)
class Mounted(Host):
    """What a container that is yet to be started will see of this machine, by its paths."""

    folders: tuple[tuple[str, str], ...]
    """inside, outside"""

    def read(self, path: str) -> bytes | None:
        outside = self._outside(path)
        return None if outside is None else super().read(outside)

    def files(self, directory: str) -> list[tuple[str, int, int]] | None:
        outside = self._outside(directory)
        return None if outside is None else super().files(outside)

    def _outside(self, path: str) -> str | None:
        """The path on this machine; the deepest mount wins, and what is not mounted is in the image."""
        for inside, outside in sorted(self.folders, key=lambda folder: -len(folder[0])):
            if path == inside or path.startswith(f"{inside.rstrip('/')}/"):
                return outside.rstrip("/") + path[len(inside.rstrip("/")) :]
        return None


@dataclass(frozen=True)
class Inside:
    """The file system of a running container, through its own shell."""

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
        self._insist('cat > "$1.$$" && mv "$1.$$" "$1"', path, content)

    def make(self, directory: str) -> None:
        self._insist('mkdir -p "$1"', directory)

    def remove(self, directory: str) -> None:
        self._insist('rm -rf "$1"', directory)

    def _shell(self, script: str, path: str, content: bytes = b"") -> bytes | None:
        words = [self.tool, "exec", "-i", self.name, "sh", "-c", script, "sh", path]
        return answer_of(words, content=content)

    def _insist(self, script: str, path: str, content: bytes = b"") -> None:
        if self._shell(script, path, content) is None:
            raise OSError(f"{path}: cannot be changed in the container {self.name}")
