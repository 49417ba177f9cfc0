"""Tab: commands, options, profiles and runs, from the same parser that reads them; in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.cli import _parser, main
from runner.completion import completions
from tests.runs import record, single

ROOT = Path(__file__).parent.parent.parent


def after(line: str) -> list[str]:
    """What may stand in place of the last word; a space at the end begins a new one."""
    return completions(_parser(), line.split(" "))


def test_commands_and_options() -> None:
    assert {"run", "ls", "attach", "profiles", "serve"} <= set(after(""))
    assert after("att") == ["attach"]
    assert after("--th") == ["--theme"]
    assert "--no-gpu" in after("run quickstart --")
    assert after("--theme h") == ["high-contrast"]
    assert after("profiles val") == ["validate"]
    assert after("--theme light run --any") == ["--anyway"]


def test_profiles() -> None:
    assert after("run quick") == ["quickstart", "quickstart-long", "quickstart-sweep"]
    assert after("run --anyway quickstart-l") == ["quickstart-long"]
    assert after("profiles validate quickstart quickstart-l") == ["quickstart-long"], "it takes several"
    assert after("run quickstart qui") == []


def test_runs(tmp_path: Path, home: Path) -> None:
    assert after("attach ") == []
    run = "20260101T000000Z_program_7f3a"
    record(home / "state" / "runs" / run, single("ok"), [])
    assert after("attach ") == ["last", run, "7f3a"]
    assert after("show 7") == ["7f3a"]
    assert after("replay --speed 10 2026") == [run]


def test_fields_for_set() -> None:
    assert after("run quickstart --set benchmark.num") == ["benchmark.num_runs="]
    assert after("run no-such-profile --set b") == []


@pytest.mark.parametrize("line", ["import x", "run quickstart --speed ", "nonsense and more"])
def test_where_nothing_is_known_the_shell_completes_files(line: str) -> None:
    assert after(line) == []


SHELLS = {
    # What Tab does, without a terminal: the words so far, then the function.
    "bash": """
eval "$(trtbench-tui completion bash)"
COMP_WORDS=(trtbench-tui run quickstart-l) COMP_CWORD=2
_trtbench_tui
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { :; }
compadd() { print -l -- "${(@P)2}"; }
eval "$(trtbench-tui completion zsh)"
words=(trtbench-tui run quickstart-l) CURRENT=3
_trtbench_tui
""",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_in_a_real_shell(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    command = tmp_path / "trtbench-tui"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m runner.cli "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        [program, "-c", SHELLS[shell]],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["quickstart-long"], done.stderr


def test_the_scripts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert "complete -o default -F _trtbench_tui trtbench-tui" in capsys.readouterr().out
