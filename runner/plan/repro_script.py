"""The stages of a plan as shell commands to paste, and `repro.sh`, the script of all of them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from runner.plan.container_ref import ContainerMode, ContainerRef
from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.plan.redaction import WITHHELD

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def as_shell(stage: Stage, *, for_display: bool = False) -> str:
    """Return the stage as a shell command to paste: folders that it needs, environment, then arguments.

    Args:
        stage: the stage; its words may come from an archive of another user.
        for_display: the plan has no run directory yet, so `RUN_DIR` remains a variable of the shell.
    """
    quoted = _with_variable if for_display else shlex.quote
    words = [_assignment(name, value, quoted) for name, value in stage.env.items()]
    if not all(map(_VARIABLE.fullmatch, stage.env)):
        words = ["env", *words]  # a shell takes other names for commands
    if stage.folders:
        made = map(quoted, [*_inside(stage.container_ref), "mkdir", "-p", *stage.folders])
        words = [*made, "&&", *words]
    for before, word in zip(["", *stage.argv], stage.argv, strict=False):
        words.append(_argument(before, word, quoted))
    return " ".join(words)


def files_read(plan: Plan, stage: Stage) -> list[tuple[str, str]]:
    """Return path and content of each file of the plan that is named in the command of a stage."""
    files = ((f"{stage.cwd}/{name}", content) for name, content in plan.files.items())
    return [(path, content) for path, content in files if any(path in word for word in stage.argv)]


def file_as_shell(path: str, content: str, *, for_display: bool = False) -> str:
    """Return a shell command that writes a file of a plan."""
    end = "END"
    while end in content.splitlines():
        end += "_"
    quoted = _with_variable if for_display else shlex.quote
    return f"cat > {quoted(path)} <<'{end}'\n{content.removesuffix(chr(10))}\n{end}"


def as_comment(text: str) -> str:
    """Return a text as a comment of a shell script; every line of it becomes one."""
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines() or [""])


def _assignment(name: str, value: str, quoted: Callable[[str], str]) -> str:
    if not _VARIABLE.fullmatch(name):
        return quoted(f"{name}={value}")
    return f"{name}={_required(name) if value == WITHHELD else quoted(value)}"


def _required(name: str) -> str:
    """Return a word that ends the shell with a message unless the variable is set."""
    return f'"${{{name}?set it, its value is withheld here}}"'


def _argument(before: str, word: str, quoted: Callable[[str], str]) -> str:
    """Quote a word of a command; the withheld value of an option `--api-key` is the variable API_KEY."""
    option, equals, value = word.rpartition("=") if word.endswith(f"={WITHHELD}") else (before, "", word)
    name = option.lstrip("-").replace("-", "_").upper()
    if value == WITHHELD and option.startswith("-") and _VARIABLE.fullmatch(name):
        return f"{quoted(option)}={_required(name)}" if equals else _required(name)
    return quoted(word)


def _with_variable(word: str) -> str:
    """Quote a word of a plan for display, except for the placeholder of the run directory."""
    variable = str(RUN_DIR)
    if word != variable and not word.startswith(f"{variable}/"):
        return shlex.quote(word)
    rest = word.removeprefix(variable)
    is_plain = not rest or shlex.quote(rest) == rest
    return word if is_plain else f'"{variable}"{shlex.quote(rest)}'


def _inside(container: ContainerRef | None) -> list[str]:
    """Return the argv prefix that runs a command in a running container; empty for any other stage."""
    if container is None or container.mode is not ContainerMode.EXEC:
        return []
    return [container.tool, "exec", container.name]


def repro_script(plan: Plan) -> str:
    """Return `repro.sh`: the stages as plain shell commands that do not need this program."""
    lines = [
        "#!/bin/sh",
        as_comment(f"{plan.profile} ({plan.engine}): the commands of this run, to repeat it by hand."),
        "# Run it from anywhere; it stops at the first command that fails.",
        *(["# Run it in a job of Slurm with the nodes of the run (job.sh)."] if plan.job is not None else []),
        "set -eu",
        "# GPUs are numbered as they sit in the machine, as they were in the run.",
        "export CUDA_DEVICE_ORDER=PCI_BUS_ID",
    ]
    written: set[str] = set()
    for number, stage in enumerate(plan.stages):
        title = f"{number}: {stage.name}"
        if stage.skip:
            lines += ["", as_comment(f"{title}, not run: {stage.skip}"), as_comment(as_shell(stage))]
        else:
            files = [file for file in files_read(plan, stage) if file[0] not in written]
            written |= {path for path, _ in files}
            lines += ["", as_comment(title), f"cd {shlex.quote(stage.cwd)}"]
            lines += [*(file_as_shell(*file) for file in files), as_shell(stage)]
    return "\n".join(lines) + "\n"
