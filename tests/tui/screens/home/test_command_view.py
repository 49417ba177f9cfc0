"""Commands on lines that a shell still reads as the same command."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from tui.framework.rows import row_text
from tui.screens.home.command_view import (
    PreflightFinding,
    RunCommands,
    ShellCommand,
    draw_commands,
    wrap_shell,
)
from tui.text import width_of

LONG = (
    "A=1 /usr/bin/mpirun -n 2 --oversubscribe --bind-to none python3 bench.py --batch_size '1;4' --text 'a b'"
    " --last 1"
)


def words(lines: list[str]) -> list[str]:
    """What a shell makes of the lines."""
    return shlex.split("\n".join(lines).replace("\\\n", ""))


def test_a_short_command_is_one_line() -> None:
    assert wrap_shell("mpirun -n 2 true", 40) == ["mpirun -n 2 true"]


def test_an_option_stays_beside_its_value() -> None:
    assert wrap_shell(LONG, 44) == [
        "A=1 /usr/bin/mpirun -n 2 --oversubscribe \\",
        "    --bind-to none python3 bench.py \\",
        "    --batch_size '1;4' --text 'a b' \\",
        "    --last 1",
    ]


@given(st.integers(28, 120))
def test_the_shell_reads_the_same_words(width: int) -> None:
    lines = wrap_shell(LONG, width)
    assert words(lines) == shlex.split(LONG)
    assert all(width_of(line) <= width for line in lines)


def test_a_word_longer_than_the_pane_loses_nothing() -> None:
    lines = wrap_shell("run " + "x" * 50, 20)
    assert all(width_of(line) <= 20 for line in lines)
    assert "".join(lines).count("x") == 50


def test_notes_come_first_and_an_error_comes_alone() -> None:
    command = ShellCommand("benchmark: 2 ranks, in /run", "mpirun true")
    drawn = [row_text(row) for row in draw_commands(RunCommands((command,), ("slow",)), 60, 9)]
    assert drawn == ["note: slow", "# benchmark: 2 ranks, in /run", "mpirun true"]
    drawn = [
        row_text(row) for row in draw_commands(RunCommands(error="no mpirun", hint="install one"), 60, 9)
    ]
    assert drawn == ["no mpirun", "install one"]
    assert [row_text(row) for row in draw_commands(RunCommands(waiting="making the plan"), 60, 9)] == [
        "making the plan"
    ]


def test_verdicts_come_first_each_with_its_fix() -> None:
    verdict = PreflightFinding(True, "mpirun", "there is none on PATH", "apt-get install openmpi-bin")
    commands = RunCommands((ShellCommand("benchmark", "true"),), notes=("slow",), findings=(verdict,))
    assert [row_text(row) for row in draw_commands(commands, 80, 10)] == [
        "✖ mpirun: there is none on PATH   fix: apt-get install openmpi-bin",
        "note: slow",
        "# benchmark",
        "true",
    ]
    narrow = [row_text(row) for row in draw_commands(commands, 40, 10)]
    assert narrow[:2] == ["✖ mpirun: there is none on PATH", "  fix: apt-get install openmpi-bin"]


def test_verdicts_stay_when_there_is_no_plan() -> None:
    commands = RunCommands(
        error="no plan", hint="do this", findings=(PreflightFinding(False, "shm", "small"),)
    )
    assert [row_text(row) for row in draw_commands(commands, 40, 10)] == [
        "no plan",
        "do this",
        "! shm: small",
    ]


def test_why_a_stage_is_not_run_or_run_again() -> None:
    stages = (
        ShellCommand("convert: not run, cached: /x", ""),
        ShellCommand("build", "true", again="tp 1 -> 2"),
    )
    assert [row_text(row) for row in draw_commands(RunCommands(stages), 40, 10)] == [
        "# convert: not run, cached: /x",
        "# build",
        "# made again: tp 1 -> 2",
        "true",
    ]
