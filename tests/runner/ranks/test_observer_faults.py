"""The observer when something goes wrong: in upstream, in itself, or with the script."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.engines.tensorrt_llm.failures import hang_reason
from runner.ranks import observer
from tests import standins
from tests.runner.ranks.observed import OBSERVER, SMALL, fold, run, without_numbers
from tests.runner.ranks.support import needs_mpi
from tests.support.runs import wait_for

FAULTS = "TRTLLM_STANDIN_FAULTS"


def test_one_file_of_the_standard_library_for_the_oldest_python() -> None:
    tree = ast.parse(OBSERVER.read_text(), feature_version=(3, 10))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


# --- failures of upstream -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--dtype", "bfloat16"), ("--batch_size", "two"), ("--no_such_option",)])
def test_failures_look_as_in_a_plain_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    plain = run(tmp_path, words, observed=False).process
    observed = run(tmp_path, words)
    assert plain.returncode != 0
    assert (observed.process.returncode, observed.process.stderr) == (plain.returncode, plain.stderr)
    assert observed.process.stdout == plain.stdout
    assert [record["kind"] for record in observed.ranks[0]] == ["hello"]


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize(("call", "timed"), [(1, 0), (5, 2)])
def test_an_exception_in_the_loop(tmp_path: Path, call: int, timed: int) -> None:
    observed = run(tmp_path, SMALL, ranks=2, env={FAULTS: f"benchmark=executing@{call}"})
    said = observed.process.stdout + observed.process.stderr
    assert observed.process.returncode != 0
    assert said.index("RuntimeError: Executing TRT engine failed step=0!") < said.index("TypeError: BaseExc")
    assert "observer.py" not in said
    for rank in (0, 1):
        assert len(observed.latencies(rank=rank)) == timed
        assert not observed.of_kind("bye", rank)
        assert not observed.of_kind("notice", rank)


def test_a_single_rank_hangs_after_an_exception(tmp_path: Path) -> None:
    engine = standins.make_engine(tmp_path / "engine")
    log = tmp_path / "log"
    gate = tmp_path / "gate"
    faults = {FAULTS: "benchmark=executing@3", "TRTLLM_STANDIN_FAULT_GATE": str(gate)}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(OBSERVER), str(standins.BENCHMARK), "--engine_dir", str(engine), *SMALL],
            env=os.environ | standins.environment() | faults,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        # A memory monitor that is still starting would end with its parent: wait until it is up.
        wait_for(lambda: log.read_text().count("version: 0.16.0") == 2, "the banner of the memory monitor")
        gate.touch()
        wait_for(
            lambda: any(hang_reason(line, 1) for line in log.read_text().splitlines()), "the failed handler"
        )
        wait_for(lambda: _waits_for_a_child(process.pid), "Python to wait for the memory monitor at exit")
        assert process.poll() is None, log.read_text()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _waits_for_a_child(pid: int) -> bool:
    """Whether a process sleeps in the system call `wait4`; where the kernel hides the call, in any."""
    asleep = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    return asleep and Path(f"/proc/{pid}/wchan").read_text() in ("do_wait", "0")


def test_a_rank_dies_with_its_launcher(tmp_path: Path) -> None:
    engine = standins.make_engine(tmp_path / "engine")
    command = [sys.executable, str(OBSERVER), str(standins.BENCHMARK), "--engine_dir", str(engine), *SMALL]
    launcher = (
        "import subprocess, sys, time\n"
        f"print(subprocess.Popen({command!r}, stdout=subprocess.DEVNULL).pid, flush=True)\n"
        "time.sleep(3600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", launcher],
        env=os.environ
        | standins.environment()
        | {FAULTS: "benchmark=mpi-hang", "TRTBENCH_RECORDS": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    rank = int(parent.stdout.readline())
    wait_for((tmp_path / "0.jsonl").exists, "the rank's first record")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for(lambda: not _alive(rank), "the end of the rank")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- failures of ours ---------------------------------------------------------------------------------------


def driver(tmp_path: Path, code: str) -> Path:
    """A program that starts the observer after `code` has changed it."""
    path = tmp_path / "driver.py"
    path.write_text(
        "import sys, importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('observer', {str(OBSERVER)!r})\n"
        "observer = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(observer)\n"
        "def broken(self, *args):\n"
        "    raise RuntimeError('a defect of ours')\n"
        f"{code}\n"
        "if __name__ == '__main__':\n"
        "    observer.main()\n"
    )
    return path


@pytest.mark.parametrize("method", ["_wait_for_main", "_attach", "_begin", "_warmed_up", "_iteration"])
def test_observer_error_costs_only_the_observation(tmp_path: Path, method: str) -> None:
    words = (*SMALL, "--batch_size", "2;4")
    plain = run(tmp_path, words, observed=False).process
    observed = run(tmp_path, words, driver=driver(tmp_path, f"observer.Observer.{method} = broken"))
    assert observed.process.returncode == 0
    assert without_numbers(observed.process.stdout) == without_numbers(plain.stdout)
    assert observed.process.stderr == ""
    assert len(observed.results) == 2
    notices = observed.of_kind("notice")
    assert notices[0]["text"].startswith("iterations are no longer observed, the printed result is not")
    assert "a defect of ours" in notices[0]["text"]
    assert not observed.latencies()
    state = fold(observed, tmp_path)
    assert state.ranks[0].complete
    assert [notice.text for notice in state.notices] == [notices[0]["text"]]
    assert [configuration.result for configuration in state.configurations] == observed.results


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    code = (
        "write = observer.os.write\n"
        "def full(fd, data):\n"
        "    if b'timed' in data:\n"
        "        raise OSError(28, 'No space left on device')\n"
        "    return write(fd, data)\n"
        "observer.os.write = full"
    )
    observed = run(tmp_path, SMALL, driver=driver(tmp_path, code))
    assert observed.results
    assert observed.ranks[0][-1]["count"] == len(observed.ranks[0]) - 1 + 5


WATCH = """
import atexit
inside = False
seen = {True: 0, False: 0}
regions = 0
def watch(frame, event, argument):
    global inside, regions
    code = frame.f_code
    if event == "return" and code.co_name == "record" and frame.f_back.f_code.co_name == "main":
        inside = not inside
        regions += inside
    elif event == "call" and code.co_filename == observer.__file__:
        seen[inside] += 1
def tell():
    sys.setprofile(None)
    print("regions", regions, "ours inside", seen[True], "outside", seen[False] > 0)
atexit.register(tell)
sys.setprofile(watch)
"""


def test_no_observer_code_runs_in_the_timed_region(tmp_path: Path) -> None:
    words = (*SMALL, "--batch_size", "2;4", "--dump_profile")
    observed = run(tmp_path, words, driver=driver(tmp_path, WATCH))
    assert "regions 20 ours inside 0 outside True" in observed.process.stdout
    assert len(observed.latencies(0)) == len(observed.latencies(1)) == 5


# --- other scripts ------------------------------------------------------------------------------------------


def test_another_script_of_that_name_runs_plainly(tmp_path: Path) -> None:
    script = tmp_path / "kv_cache_offload" / "benchmark.py"
    script.parent.mkdir()
    script.write_text("import sys\ndef main():\n    print('offloading')\n    sys.exit(3)\nmain()\n")
    observed = run(tmp_path, (), script=script)
    assert (observed.process.returncode, observed.process.stdout) == (3, "offloading\n")
    assert [record["kind"] for record in observed.ranks[0]] == ["hello", "notice"]
    assert observed.ranks[0][1]["text"] == (
        "iterations of benchmark.py cannot be observed (it has no main() and parse_arguments());"
        " only the printed result is shown"
    )


@pytest.mark.parametrize(("code", "kinds"), [("0", ["hello", "notice", "bye"]), ("1", ["hello", "notice"])])
def test_exit_of_a_script(tmp_path: Path, code: str, kinds: list[str]) -> None:
    script = tmp_path / "other.py"
    script.write_text(f"raise SystemExit({code})\n")
    observed = run(tmp_path, (), script=script)
    assert observed.process.returncode == int(code)
    assert [record["kind"] for record in observed.ranks[0]] == kinds


def test_a_script_with_another_loop() -> None:
    assert observer.why_not_observable(standins.BENCHMARK.read_bytes()) == ""
    source = b"def parse_arguments(): ...\ndef main(args):\n    config = latencies = start = 0\n    x.run()\n"
    assert observer.why_not_observable(source) == (
        "its main() has no elapsed_time, empty_cache, prepare_inputs, benchmarker, iter_idx"
    )
    assert observer.why_not_observable(b"def main(:") == "it cannot be parsed"


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4"}, (3, 4)),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, (1, 2)),
        ({"SLURM_PROCID": "5", "SLURM_STEP_NUM_TASKS": "8"}, (5, 8)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "x", "OMPI_COMM_WORLD_SIZE": "4"}, (0, 1)),
    ],
)
def test_who_a_rank_is(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], expected: tuple[int, int]
) -> None:
    for name in list(os.environ):
        if name.startswith(("OMPI_", "PMI_", "SLURM_")):
            monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert observer.rank_and_world() == expected


def test_a_notice_fits_a_record_whatever_it_says(tmp_path: Path) -> None:
    (tmp_path / "0.jsonl").mkdir()
    read, write = os.pipe()
    saved = os.dup(1)
    os.dup2(write, 1)
    try:
        observer.Records(0, str(tmp_path)).notice('"\\\n\x00é' * 500)
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(write)
    line = os.read(read, 65536)
    os.close(read)
    assert line.startswith(b"\x1e{")
    assert len(line) <= 1000


def test_usage(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(OBSERVER)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: observer.py BENCHMARK_PY")
