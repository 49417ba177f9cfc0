"""A plan as shell commands to paste, and as the script that repeats a run."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.cli.main import main
from runner.engines.mpi import MpirunProgram
from runner.engines.registry import make_plan
from runner.engines.torch import plan as torch
from runner.plan.plan import Plan, Stage
from runner.plan.repro_script import as_shell, repro_script
from runner.profile import store as profile_store
from runner.profile.set_fields import with_changes

AWKWARD = ["a b", "it's", '"', "$HOME", "`id`", "", "*", "a\nb", "模型", "$RUN/a b", "$RUNX", "-n", "\\"]


def test_awkward_words_reach_the_program_as_they_are(tmp_path: Path) -> None:
    stage = Stage(
        name="benchmark",
        argv=["/usr/bin/printf", r"%s\0", "x", *[word for word in AWKWARD if word != "$RUN/a b"]],
        cwd=str(tmp_path),
        env={"VALUE": "a 'b' $c"},
    )
    shell = subprocess.run(["sh", "-c", as_shell(stage)], capture_output=True, check=True, text=True)
    assert shell.stdout.split("\0")[1:-1] == stage.argv[3:]


def test_the_run_directory_stays_a_variable() -> None:
    argv = ["cat", "$RUN/model", "$RUN", "$RUNX", "$RUN/a b", "$RUN/$(id)", "$RUN;id"]
    stage = Stage(name="benchmark", argv=argv, cwd="$RUN")
    shown = "cat $RUN/model $RUN '$RUNX' \"$RUN\"'/a b' \"$RUN\"'/$(id)' '$RUN;id'"
    assert as_shell(stage, for_display=True) == shown
    assert shlex.split(as_shell(stage)) == argv, "a run has its directory in the plan: nothing is a variable"


ODD_WORDS = ["$RUN", "$RUN/x", "-n", "\ntouch BAD\n"]
words = st.text(st.sampled_from("ab \n\r\t'\"$`;&|#()\\-=/é\u2028")) | st.sampled_from(ODD_WORDS)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(words, min_size=1, max_size=4), words, words)
def test_no_word_of_a_plan_is_executed(tmp_path: Path, argv: list[str], name: str, reason: str) -> None:
    """The stage that runs gets its words as they are; nothing of the other stage is executed."""
    here = tmp_path / "here"
    here.mkdir(exist_ok=True)
    runs = Stage(name="benchmark", argv=["printf", r"%s\0", *argv], cwd=str(here), env={"V": reason})
    skipped = Stage(name="build", argv=argv, cwd=reason, env={name: reason}, skip=f"cached: {reason}")
    plan = Plan(engine=reason, profile=name, summary="", stages=[skipped, runs])
    script = repro_script(plan).encode()
    done = subprocess.run(["sh"], input=script, capture_output=True, check=True, cwd=here)
    assert done.stdout.decode().split("\0")[:-1] == argv
    assert done.stderr == b""
    assert list(here.iterdir()) == []


def test_shown_profile_has_only_comments_of_other_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = "s\ntouch BAD"
    skipped = Stage(name="build", argv=["x", bad], cwd="/", skip=f"given: {bad}")
    shown = Plan(engine="torch", profile="p", summary=bad, stages=[skipped], notes=[bad])
    monkeypatch.setattr("runner.cli.profile_commands.make_plan", lambda profile: shown)
    assert main(["profiles", "show", "quickstart"]) == 0
    _, _, commands = capsys.readouterr().out.partition("\n\n# s\n")
    assert commands
    assert all(line.startswith("#") for line in commands.splitlines())


def test_names_that_are_no_variables_are_passed_by_env() -> None:
    stage = Stage(name="benchmark", argv=["true"], cwd="/", env={"x;id": "1", "OK": "2"})
    assert as_shell(stage) == "env 'x;id=1' OK=2 true"


def test_the_script_to_repeat_a_run_is_a_shell_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickstart = profile_store.find("quickstart").load()
    profile = with_changes(
        quickstart, ['launch.env.GREETING=it\'s "me" $HOME', "launch.mpirun.args=['--tag', \"a 'b'\"]"]
    )
    monkeypatch.setattr(torch, "find_mpirun", lambda *_: MpirunProgram("/usr/bin/mpirun", "openmpi", "5"))
    run_dir = tmp_path / "a run's folder"
    run_dir.mkdir()
    script = repro_script(make_plan(profile, run_dir))
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    assert f"\ncd {shlex.quote(str(run_dir))}\n" in script
    assert script.startswith("#!/bin/sh\n# quickstart (torch):")
    assert "$RUN" not in script
