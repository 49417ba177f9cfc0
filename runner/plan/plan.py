"""A plan: what a profile means in commands. Pure; making one starts and changes nothing."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

import msgspec

from runner.plan.redaction import WITHHELD

RUN_DIR = Path("$RUN")
"""Stands for the run directory in a plan that is only shown."""


NOT_KNOWN = -1
"""The concurrency of a benchmark that was measured elsewhere, when nothing says what it was."""


class Configuration(msgspec.Struct, frozen=True):
    """One configuration that the benchmark is asked to measure, in the order of measuring."""

    batch_size: int
    """0: requests are batched in flight, so it has a number of `requests` instead"""
    input_len: int
    output_len: int
    gpu_weights_percent: float = 1.0
    requests: int = 0
    """how many requests are measured together; 0: batches of fixed size are"""
    concurrency: int = 0
    """how many of them are in flight at most; 0: no limit, `NOT_KNOWN` of what was measured elsewhere"""


ConfigurationValues = tuple[int, int, int, float, int, int]
"""The fields of a configuration in their order, as the index of runs and the JSON of a comparison have it."""


def configuration_of(shape: object) -> Configuration:
    """The configuration that an event or a report speaks of: whatever has its fields."""
    fields = Configuration.__struct_fields__
    return Configuration(**{name: getattr(shape, name) for name in fields if hasattr(shape, name)})


StageName = Literal["dataset", "convert", "build", "smoke", "benchmark"]


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One command of a run."""

    name: StageName
    argv: list[str]
    cwd: str
    env: dict[str, str] = {}
    """what this stage adds to the environment it is started in"""
    ranks: int = 1
    reports: bool = False
    """the ranks report themselves with `hello` ... `bye`, so their records decide about success"""
    skip: str = ""
    """why the stage is not run: `cached: ...`, `given: ...`, `not asked for`; empty: it runs"""
    output: str = ""
    """the directory that the stage makes, as the place it runs in names it; empty: none that is kept"""
    again: str = ""
    """why what an earlier run made cannot be reused: `max_batch_size 8 -> 16`; empty: there is none"""
    identity: dict[str, str] = {}
    """what makes the output what it is; `runner.engines.build_cache` recognises it by this"""
    container: str = ""
    """the container the stage runs in, for `runner.engines.container`; empty: none"""
    folders: list[str] = []
    """folders that must be there before it starts, as the place it runs in names them"""
    files: dict[str, str] = {}
    """files that its program writes and that are read afterwards: what it is -> path where it runs"""
    measures: int | None = None
    """index of the one configuration that it measures; None: its program says what it measures"""
    shutdown_s: int = 0
    """seconds that it may take to end after it has measured; 0: no limit"""


class Membership(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The place of a run in a sweep; in `plan.json`, `report.json` and every row of the list of runs.

    How to group: runs with equal `sweep` and `cell` are repeats of one cell. They ran the same profile (a run
    of them may have measured only some of its configurations), so their numbers are samples of the same
    thing. Runs of one sweep with different cells differ in `values` and nothing else. `repeat` numbers the
    repeats of a cell; runs with equal `repeat` were measured in the same pass over the cells, so when two
    profiles alternate (A B A B) they make a pair.
    """

    sweep: str
    """id of the sweep, the name of its directory"""
    cell: int
    """number of the cell in the sweep, from 0"""
    repeat: int = 0
    """which repeat of the cell, from 0"""
    values: tuple[tuple[str, str], ...] = ()
    """what makes the cell: path in the profile and value; `profile` and its name where profiles alternate"""


class DecodeReads(msgspec.Struct, frozen=True, kw_only=True):
    """What one rank reads from its GPU's memory in one decode step, as far as the model's shape tells."""

    weight_bytes: int
    """all weights but an embedding that is not the output head, too: of it a step reads a few rows"""
    kv_bytes_per_token: int
    """keys and values of one token of one sequence, in all layers"""
    window: int | None = None
    """most tokens of a sequence that attention looks back at; None: all of them"""


class Hook(msgspec.Struct, frozen=True):
    """A command that is started when the run has ended."""

    argv: list[str]
    timeout: int = 300
    """seconds until it is ended"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of a run, the files they need in the run directory, and what they occupy."""

    engine: str
    profile: str
    summary: str
    """model and shape in a few words"""
    stages: list[Stage]
    files: dict[str, str] = {}
    """path in the run directory -> content"""
    configurations: list[Configuration] = []
    devices: list[str] = []
    """what only one run at a time may use"""
    notes: list[str] = []
    """what is worth knowing before starting"""
    decode_reads: DecodeReads | str = "the plan of this run does not say what a decode step reads"
    """a string: why it is not known"""
    on_end: Hook | None = None
    gpu_hz: float = 2.0
    """how often GPUs are read a second; 0: not at all"""
    sweep: Membership | None = None
    """the sweep that the run belongs to; None: a run of its own"""


def as_shell(stage: Stage) -> str:
    """The stage as a shell command that can be pasted: the folders it needs, environment, then arguments."""
    assignments = [f"{name}={_value(name, value)}" for name, value in stage.env.items()]
    made = (
        [*_inside(stage.container), "mkdir", "-p", *map(_quoted, stage.folders), "&&"]
        if stage.folders
        else []
    )
    return " ".join([*made, *assignments, *(_quoted(word) for word in stage.argv)])


def _value(name: str, value: str) -> str:
    return f'"${{{name}?set it, its value is withheld here}}"' if value == WITHHELD else _quoted(value)


def _quoted(word: str) -> str:
    # A plan for display names the run directory "$RUN"; that must stay a variable for the shell.
    named = word == str(RUN_DIR) or word.startswith(f"{RUN_DIR}/")
    return word if named and shlex.quote(word[1:]) == word[1:] else shlex.quote(word)


def _inside(container: str) -> list[str]:
    """Words that run a command where a stage's folders are: only a running container has its own."""
    words = container.split(" ", 2)
    return [words[0], "exec", words[2]] if words[1:2] == ["exec"] else []


def repro_script(plan: Plan) -> str:
    """`repro.sh`: the stages as plain shell commands for anyone, without this program."""
    lines = [
        "#!/bin/sh",
        f"# {plan.profile} ({plan.engine}): the commands of this run, to repeat it by hand.",
        "# Run it from anywhere; it stops at the first command that fails.",
        "set -eu",
        "# GPUs are numbered as they sit in the machine, as they were in the run.",
        "export CUDA_DEVICE_ORDER=PCI_BUS_ID",
    ]
    for number, stage in enumerate(plan.stages):
        title = f"# {number}: {stage.name}"
        if stage.skip:
            lines += ["", f"{title}, not run: {stage.skip}", f"# {as_shell(stage)}"]
        else:
            lines += ["", title, f"cd {shlex.quote(stage.cwd)}", as_shell(stage)]
    return "\n".join(lines) + "\n"
