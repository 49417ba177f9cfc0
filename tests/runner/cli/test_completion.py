"""Completions of commands, options, profiles and runs; and the scripts in real shells."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from argcomplete.finders import CompletionFinder

from runner.cli.completion import COMPLETERS, complete
from runner.cli.main import build_parser, main
from runner.history import labels, trash
from runner.sweep import directory
from tests.support.histories import ended
from tests.support.paths import ROOT
from tests.support.runs import record, single
from tests.support.sweeps import sweep_of

WORD_BREAKS = " \t\n\"'><=;|&(:"
"""COMP_WORDBREAKS of bash"""


@pytest.fixture(autouse=True)
def tab_in_bash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that argcomplete's script sets in bash."""
    for name, value in {
        "": "1",
        "_SHELL": "bash",
        "_SUPPRESS_SPACE": "1",
        "_COMP_WORDBREAKS": WORD_BREAKS,
    }.items():
        monkeypatch.setenv(f"_ARGCOMPLETE{name}", value)
    for name in ("COMP_LINE", "COMP_POINT"):
        monkeypatch.setenv(name, "")
    # argcomplete would take file descriptor 9, which is pytest's.
    monkeypatch.setattr(CompletionFinder, "_init_debug_stream", lambda _: None)


def after(line: str) -> list[str]:
    """Completions at the end of a line; a space at the end starts a new word."""
    os.environ["COMP_LINE"] = f"trtbench-tui {line}"
    os.environ["COMP_POINT"] = str(len(os.environ["COMP_LINE"]))
    output = io.StringIO()
    complete(build_parser(), output, exit_process=lambda _: None)
    return output.getvalue().split("\v") if output.getvalue() else []


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
    assert after("show two") == [r"two\ words"]
    assert after('show "two') == ["two words"], "bash adds the quotation mark"
    sweep = directory.create_sweep(sweep_of()).name
    assert after(f"attach {sweep[:9]}") == after(f"sweeps stop {sweep[:9]}") == [sweep]
    trash.delete([first])
    assert after("trash restore ") == ["last", first.name]


HOSTILE = ("$(touch BAD)", "`touch BAD`", "a;touch BAD", "a|touch", "*", "~root", "a\\b", "q'", "=ls", "#x")


def test_words_that_a_shell_would_execute_are_not_offered(home: Path) -> None:
    run_dir = ended("aaaa")
    for name in HOSTILE:
        labels.rename(run_dir.name, name)
        assert after("show ") == ["last", run_dir.name, "aaaa"]
        (run_dir.parent / f"20260101T000000Z_{name}_0001").mkdir()
    (run_dir.parent / "20260101T000000Z_a\x1b]0;t\x07_0001").mkdir()
    (run_dir.parent / "20260101T000000Z_p_0001\n").mkdir()
    labels.rename(run_dir.name, "-x")
    assert after("show ") == ["last", run_dir.name, "aaaa"], "it would be an option"
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
            "URI", "NAME", "NEW_NAME", "HOSTS", "TAG", "BOUND", "TIME", "+TAG|-TAG", "N[,N...]"}  # fmt: skip

    def metavars(parser: argparse.ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from metavars(below)
            elif action.nargs != 0 and action.choices is None and action.metavar is not None:
                yield str(action.metavar)

    assert set(metavars(build_parser())) - free == set(COMPLETERS)


def test_fields_of_the_first_profile_for_set() -> None:
    assert after("run quickstart --set benchmark.num") == ["benchmark.num_runs="]
    assert after("run quickstart --set=benchmark.num") == ["benchmark.num_runs="], "bash splits at ="
    assert after("ab quickstart quickstart-long --set benchmark.num") == ["benchmark.num_runs="]
    assert after("run no-such-profile --set b") == []
    assert after("run --set b") == []


@pytest.mark.parametrize("line", ["import x", "run ./x", "run quickstart --speed ", "nonsense and more"])
def test_no_completions_where_the_shell_completes_files(line: str) -> None:
    assert after(line) == []


def test_files_for_shells_that_leave_them_to_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ARGCOMPLETE_SHELL", "zsh")
    monkeypatch.chdir(tmp_path)
    for name in ("x $(id).yaml", "x\x1b[31m"):
        Path(name).touch()
    assert after("import x") == after("run x") == [r"x\ \$\(id\).yaml:"], "quoted, without control characters"


SHELLS = {
    # The effect of Tab without a terminal: set the line, then call the function.
    "bash": """
eval "$(trtbench-tui completion bash)"
COMP_LINE='trtbench-tui run quickstart-l' COMP_POINT=29
_python_argcomplete trtbench-tui
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { :; }
_describe() { print -l -- "${(@P)2}"; }
eval "$(trtbench-tui completion zsh)"
words=(trtbench-tui run quickstart-l) BUFFER='trtbench-tui run quickstart-l' CURSOR=29
_python_argcomplete
""",
    "fish": """
trtbench-tui completion fish | source
complete -C 'trtbench-tui run quickstart-l'
""",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_in_a_real_shell(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    monkeypatch.delenv("_ARGCOMPLETE")
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
    assert done.stdout.split() == ["quickstart-long:" if shell == "zsh" else "quickstart-long"], done.stderr


def test_script_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_ARGCOMPLETE")
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("#compdef trtbench-tui\n"), "so it can also be a file in fpath"
