"""The command line as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner import events as ev
from runner import preflight
from runner.cli import profile_commands
from runner.cli.main import main
from runner.cli.narration import RunNarrator
from runner.cli.places import ResultPlace
from runner.engines.check import Check
from runner.plan.plan import Plan, Stage
from runner.run import layout
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.paths import DATA, ROOT
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended


def test_help_imports_no_heavy_module() -> None:
    """Slow modules, and modules that only ranks need, are not imported at start."""
    program = (
        "import sys\nfrom tui.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = ('torch', 'scipy', 'mpi4py', 'pynvml', 'textual', 'msgspec', 'yaml', 'argcomplete')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_show_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)

    assert main(["show", "last"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "program · torch · a test program"
    assert any(line.split()[:4] == ["latency,", "mean,", "ms", "11.00"] for line in lines)
    assert "  ! p99 says little: 30 iterations" in lines


def test_unencodable_characters_become_question_marks() -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    output = subprocess.run(
        [sys.executable, "-m", "tui.main", "show", str(run_dir)],
        env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"},
        capture_output=True,
        check=True,
    )
    assert output.stderr == b""
    assert output.stdout.decode("iso-8859-1").splitlines()[0] == "program · torch · a test program"
    assert b"??????????" in output.stdout  # the rule below the column titles


def test_show_as_json_prints_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    wait_until_ended(start(single("ok")))
    main(["show", "last", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert (report["kind"], report["status"]) == ("report", "finished")


def test_attach_to_an_ended_run_opens_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    opened: list[object] = []

    def open_app(place: object) -> int:
        opened.append(place)
        return 0

    monkeypatch.setattr("runner.cli.dashboard.has_terminal", lambda: True)
    monkeypatch.setattr("runner.cli.dashboard.open_app", open_app)
    monkeypatch.setattr("gc.disable", lambda: None)
    assert main(["attach", "last"]) == 0
    assert opened == [ResultPlace(run_dir)]


def test_attach_without_terminal_prints_progress_and_table(capsys: pytest.CaptureFixture[str]) -> None:
    start(single("short"))
    assert main(["attach", "last"]) == 0
    captured = capsys.readouterr()
    assert "stage benchmark" in captured.err
    assert "latency, mean, ms" in captured.out
    assert main(["attach", "last", "-q"]) == 0
    assert capsys.readouterr() == (captured.out, "")


def test_progress_has_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.cli.narration.QUIET_S", -1.0)
    state = RunState()
    for event in recorded_runs.under_way().events:
        state.apply(event)
    RunNarrator().on_tick(state, state.last_t)
    said = capsys.readouterr().err
    assert "iteration 7/10, mean latency 6 424 ms, about 0:19 left of this configuration\n" in said


def test_result_is_printed_with_configuration_and_event_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = {
        "batch_size": "4",
        "input_length": "32",
        "output_length": "16",
        "latency(ms)": "12.5",
        "tokens_per_sec": "5120",
    }
    state = RunState()
    events: list[ev.AnyEvent] = [
        ev.RunStarted(t=0, run="r", schema=1, wall=0.0, host="h", boot_id="b", pid=1, cores=2, version="1"),
        ev.Result(t=7_000_000_000, stage=0, values=result),
        ev.RunEnded(t=60_000_000_000, status="finished", wall=60.0),
    ]
    for event in events:
        state.apply(event)
    RunNarrator().on_events(state, events)
    output = capsys.readouterr().err.splitlines()
    assert output[1:] == [
        "    0:07    batch 4, 32 in, 16 out: latency 12.5 ms, 5120 tokens/s (reported by the engine)",
        "    1:00  finished",
    ]


def test_late_result_is_printed_before_the_next_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = {"batch_size": "4", "input_length": "32", "output_length": "16", "latency(ms)": "12.5"}
    state = RunState()
    events: list[ev.AnyEvent] = [
        ev.RunStarted(t=0, run="r", schema=1, wall=0.0, host="h", boot_id="b", pid=1, cores=2, version="1"),
        ev.ConfigurationStarted(
            t=7_000_000_000, stage=0, index=1, batch_size=8, input_len=32, output_len=16, num_runs=5,
            duration=0.0, warm_up=1,
        ),
        ev.Result(t=7_100_000_000, stage=0, values=result),
    ]  # fmt: skip
    for event in events:
        state.apply(event)
    narrator = RunNarrator()
    narrator.on_events(state, events[:2])
    narrator.on_tick(state, 7_050_000_000)
    narrator.on_events(state, events[2:])
    narrator.on_tick(state, 9_000_000_000)
    output = [line.split(maxsplit=1)[1] for line in capsys.readouterr().err.splitlines()]
    assert output[1].startswith("batch 4, 32 in, 16 out: latency 12.5 ms")
    assert output[2:] == ["batch 8, 32 in, 16 out"]


def test_attach_as_json_prints_every_event(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    assert main(["attach", "last", "--json"]) == 0
    *events, report = capfdbinary.readouterr().out.splitlines(keepends=True)
    assert b"".join(events) == (run_dir / layout.EVENTS).read_bytes()
    assert json.loads(report)["kind"] == "report"


@pytest.mark.parametrize(("mode", "code"), [("ok", 0), ("raise", 1), ("silent", 1)])
def test_exit_code_depends_on_the_final_status(mode: str, code: int) -> None:
    start(single(mode))
    assert main(["attach", "last"]) == code


def test_stop_waits_until_the_run_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    assert main(["stop", "--all"]) == 0
    assert state_of(run_dir).status == "stopped"
    assert main(["stop", "--all"]) == 0
    assert "nothing is running" in capsys.readouterr().err
    assert main(["attach", "last"]) == 3
    assert main(["stop", "last"]) == 0
    assert "has already ended" in capsys.readouterr().err


def test_ls_lists_runs_or_reports_an_empty_history(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ls"])
    assert "no runs yet" in capsys.readouterr().out
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    main(["ls"])
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["STATE", "PROFILE", "STARTED", "TOOK", "TOKENS/S", "LATENCY", "WARNINGS"]
    assert row.split()[:3] == [run_dir.name[-4:], "finished", "program"]
    main(["ls", "-q"])
    assert capsys.readouterr().out == f"{run_dir.name}\n"
    main(["ls", "--json"])
    assert json.loads(capsys.readouterr().out)["run"] == run_dir.name


def test_replay_prints_the_table_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = DATA / "h200-torch-2gpu"
    main(["show", str(recorded)])
    shown = capsys.readouterr().out
    began = time.monotonic()
    assert main(["replay", str(recorded), "--speed", "1000"]) == 0
    assert time.monotonic() - began < 50, "the run took 102 s"
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "1e-300", "1e5"])
def test_invalid_speed_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["replay", "last", "--speed", speed])
    assert exit_.value.code == 2
    assert "is not a speed; allowed: a number from 0.01 to 10000" in capsys.readouterr().err


def test_bad_input_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quikstart"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "trtbench-tui: there is no profile 'quikstart' (did you mean quickstart?)",
        "`trtbench-tui profiles list` shows all profiles",
    ]
    assert main(["run", "quickstart", "--set", "parallel.tp=3"]) == 2
    assert "tp 3 does not fit 8 query heads" in capsys.readouterr().err
    assert main(["attach", "nope"]) == 2
    assert main([]) == 2, "the dashboard needs a terminal"


def test_missing_mpirun_is_reported_before_a_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    python = tmp_path / "python"
    assert main(["run", "quickstart", "--set", f"launch.python={python}"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        "trtbench-tui: there is no mpirun: none on PATH and none next to the interpreter"
        ", which does not exist either"
    )
    assert layout.list_runs() == []


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_failing_preflight_check_starts_no_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = Check("torch", "fail", "not installed in /usr/bin/python3", "pip install torch")
    monkeypatch.setattr(preflight, "check", lambda _: [bad])
    assert main(["run", "quickstart", "--headless"]) == 2
    error = capsys.readouterr().err
    assert "FAIL  torch  not installed in /usr/bin/python3" in error
    assert "fix: pip install torch" in error
    assert "use --force to start it" in error
    assert layout.list_runs() == []


def test_ctrl_c_does_not_stop_the_run() -> None:
    run_dir = start(single("slow"))
    watcher = subprocess.Popen(
        [sys.executable, "-m", "tui.main", "attach", str(run_dir), "--headless"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert watcher.stderr is not None
    assert "run" in watcher.stderr.readline()
    watcher.send_signal(2)
    assert "the run continues" in watcher.stderr.read()
    assert watcher.wait() == 130
    assert state_of(run_dir).running
    main(["stop", "last"])


def test_closed_pipe_is_not_an_error() -> None:
    wait_until_ended(start(single("ok")))
    command = f"{sys.executable} -m tui.main attach last --json | head -1"
    answer = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    assert json.loads(answer.stdout)["kind"] == "run_started"
    assert answer.stderr == ""


class TestProfiles:
    def test_list_and_validate_and_schema(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["profiles", "list"]) == 0
        assert "quickstart-long" in capsys.readouterr().out
        assert main(["profiles", "validate"]) == 0
        capsys.readouterr()
        assert main(["profiles", "schema"]) == 0
        assert "$defs" in json.loads(capsys.readouterr().out)

    def test_list_is_aligned(self, capsys: pytest.CaptureFixture[str]) -> None:
        main(["profiles", "list"])
        lines = capsys.readouterr().out.splitlines()
        assert len({line.index("  built in  ") for line in lines if "  built in  " in line}) == 1
        assert not [line for line in lines if "  built in  " not in line]

    def test_copy_creates_a_user_profile(self, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        assert main(["profiles", "copy", "quickstart", "mine"]) == 0
        assert capsys.readouterr().out.strip() == str(home / "config/trtbench/profiles/mine.yaml")
        assert main(["profiles", "validate", "mine"]) == 0
        assert main(["profiles", "copy", "quickstart", "mine"]) == 2, "a profile is never overwritten"

    def test_validate_names_file_line_and_field(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "broken.yaml"
        path.write_text("name: broken\nengine: torch\nmodel:\n  dtyp: float32\n")
        assert main(["profiles", "validate", str(path)]) == 2
        assert f"{path}:4: model.dtyp: unknown key" in capsys.readouterr().err


def test_profiles_show_marks_skipped_and_repeated_stages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [
        Stage(name="convert", argv=["python3", "convert.py"], cwd="/", skip="cached: /data/checkpoint"),
        Stage(name="build", argv=["trtllm-build"], cwd="/", again="max_batch_size 8 -> 16"),
        Stage(name="benchmark", argv=["true"], cwd="/"),
    ]
    plan = Plan(engine="trtllm", profile="p", summary="a model", stages=stages)
    monkeypatch.setattr(profile_commands, "make_plan", lambda profile: plan)
    assert main(["profiles", "show", "quickstart"]) == 0
    assert capsys.readouterr().out.splitlines()[-5:] == [
        "# convert: not run, cached: /data/checkpoint",
        "# python3 convert.py",
        "# build: made again, max_batch_size 8 -> 16",
        "trtllm-build",
        "true",
    ]


@pytest.mark.parametrize("name", ["x" * 300, "tag:" + "x" * 300, "no/such", "~nobody/run"])
def test_unknown_name_is_one_sentence(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["show", name], ["compare", name, name]):
        assert main(words) == 2
        assert len(capsys.readouterr().err.splitlines()) <= 2
