"""Completions of commands, options, profiles and runs; and the scripts in real shells."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.cli.completion import COMPLETERS, complete_words
from runner.cli.main import build_parser, main
from runner.history import labels, trash
from runner.sweep import directory
from tests.support.histories import ended
from tests.support.paths import ROOT
from tests.support.runs import record, single
from tests.support.sweeps import sweep_of


def after(line: str) -> list[str]:
    """Completions of the last word; a space at the end starts a new word."""
    return complete_words(build_parser(), line.split(" "))


def test_commands_and_options() -> None:
    assert {"run", "ls", "attach", "profiles", "serve"} <= set(after(""))
    assert after("att") == ["attach"]
    assert after("--th") == ["--theme"]
    assert "--no-gpu" in after("run quickstart --")
    assert after("--theme h") == ["high-contrast"]
    assert after("profiles val") == ["validate"]
    assert after("--theme light run --fo") == ["--force"]
    assert after("run --any") == [], "the old spelling of --force is hidden"


def test_profiles() -> None:
    assert after("run quick") == ["quickstart", "quickstart-long", "quickstart-sweep"]
    assert after("run --force quickstart-l") == ["quickstart-long"]
    assert after("profiles validate quickstart quickstart-l") == ["quickstart-long"], "it takes several"
    assert after("run quickstart qui") == []


def test_runs(tmp_path: Path, home: Path) -> None:
    assert after("attach ") == []
    run = "20260101T000000Z_program_7f3a"
    record(home / "state" / "runs" / run, single("ok"), [])
    assert after("attach ") == ["last", run, "7f3a"]
    assert after("show 7") == ["7f3a"]
    assert after("replay --speed 10 2026") == [run]


def test_lists_of_runs_names_and_sweeps() -> None:
    first, second = ended("aaaa", ago=20), ended("bbbb", ago=10)
    labels.rename(first.name, "before")
    labels.rename(second.name, "two words")
    assert after("compare aaaa bbbb,be") == ["bbbb,before"]
    assert after("export aaaa,b") == ["aaaa,bbbb", "aaaa,before"]
    assert after("show two") == [], "a shell would split it into two words"
    sweep = directory.create_sweep(sweep_of()).name
    assert after(f"attach {sweep[:9]}") == after(f"sweeps stop {sweep[:9]}") == [sweep]
    trash.delete([first])
    assert after("trash restore ") == ["last", first.name]


HOSTILE = ("$(touch BAD)", "`touch BAD`", "a;touch BAD", "x y", "*", "~root", "a\\b", "q'")


def test_words_that_a_shell_would_execute_are_not_offered(home: Path) -> None:
    run_dir = ended("aaaa")
    for name in HOSTILE:
        labels.rename(run_dir.name, name)
        assert after("show ") == ["last", run_dir.name, "aaaa"]
        (run_dir.parent / f"20260101T000000Z_{name.replace('/', '')}_0001").mkdir()
    (run_dir.parent / "20260101T000000Z_a\x1b]0;t\x07_0001").mkdir()
    (run_dir.parent / "20260101T000000Z_p_0001\n").mkdir()
    assert after("show ") == ["last", run_dir.name, "aaaa"]
    labels.rename(run_dir.name, "vorher-α")
    assert after("show v") == ["vorher-α"], "letters of any language are plain words"


def test_sort_keys_metrics_axes_and_help() -> None:
    assert after("ls --sort tok") == ["tokens"]
    assert after("metrics tokens_per_sec_per_r") == ["tokens_per_sec_per_rank"]
    assert "latency_ms.p95" in after("compare a b --metric latency_ms.")
    assert after("sweep quickstart --axis parallel.t") == ["parallel.tp="]
    assert "attach" in after("help att")


def test_every_completable_metavar_has_a_completer() -> None:
    """Every metavar that is not free text can be completed, also in new commands."""
    free = {"N", "HZ", "EXPR", "COMMAND", "FILE", "FILE.prom", "FILE.prom|:PORT", "TERMS", "PERCENT", "TEXT",
            "URI", "NAME", "NEW_NAME", "+TAG|-TAG", "N[,N...]", "WORD"}  # fmt: skip

    def metavars(parser: argparse.ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from metavars(below)
            elif action.nargs != 0 and action.choices is None and action.metavar is not None:
                yield str(action.metavar)

    assert set(metavars(build_parser())) - free == set(COMPLETERS)


def test_fields_for_set() -> None:
    assert after("run quickstart --set benchmark.num") == ["benchmark.num_runs="]
    assert after("run no-such-profile --set b") == []


@pytest.mark.parametrize("line", ["import x", "run quickstart --speed ", "nonsense and more"])
def test_no_completions_where_the_shell_completes_files(line: str) -> None:
    assert after(line) == []


SHELLS = {
    # The effect of Tab without a terminal: set the words, then call the function.
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
    "fish": """
trtbench-tui completion fish | source
complete -C 'trtbench-tui run quickstart-l'
""",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_in_a_real_shell(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    command = tmp_path / "trtbench-tui"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tui.main "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        [program, "-c", SHELLS[shell]],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["quickstart-long"], done.stderr


def test_script_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert "complete -o default -F _trtbench_tui trtbench-tui" in capsys.readouterr().out
