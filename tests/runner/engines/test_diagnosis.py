"""The first cause of a failure in the output of a program."""

from __future__ import annotations

import pytest

from runner.engines.diagnosis import SAME_MOMENT, Diagnosis, describe_exit
from tests.support.slurm import recorded


def cause_of(output: str, exit_code: int | None = 1) -> str:
    diagnosis = Diagnosis()
    for line in output.splitlines():
        diagnosis.feed(line)
    return diagnosis.cause(exit_code)[0]


CHAINED = """\
Traceback (most recent call last):
  File "benchmark.py", line 1, in main
    run()
RuntimeError: Executing TRT engine failed step=0!

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "benchmark.py", line 2, in main
TypeError: BaseException.with_traceback() takes exactly one argument (0 given)
"""


def test_the_first_of_chained_exceptions_is_the_cause() -> None:
    assert cause_of(CHAINED) == "a rank raised RuntimeError: Executing TRT engine failed step=0!"


def raised(text: str) -> str:
    return f'Traceback (most recent call last):\n  File "x.py", line 4, in f\n{text}\n'


def test_an_exception_after_other_output_is_named_too() -> None:
    """The program has survived the first one, or other ranks failed of it much later."""
    first, last = raised("ImportError: no kernels"), raised("ValueError: x") + raised("OSError: y")
    went_on = "step\n" * (SAME_MOMENT + 1)
    assert cause_of(first + last) == "a rank raised ImportError: no kernels"
    both = "a rank raised ImportError: no kernels, and after other output ValueError: x"
    assert cause_of(first + went_on + last) == both
    assert cause_of(first + went_on + raised("KeyError: z") + went_on + last) == both
    assert cause_of(first + went_on + first) == "a rank raised ImportError: no kernels"
    memory = raised("RuntimeError: CUDA out of memory")
    known = "a GPU ran out of memory (RuntimeError: CUDA out of memory)"
    assert cause_of(first + went_on + memory) == known
    assert cause_of(first + memory) == "a GPU ran out of memory (ImportError: no kernels)"


def test_an_exception_that_python_ignores_is_no_cause() -> None:
    ignored = "Exception ignored in: <function Engine.__del__ at 0x7f>\n" + raised("TypeError: x")
    assert cause_of(ignored + raised("ValueError: y")) == "a rank raised ValueError: y"


def test_an_exception_of_a_rank_of_pytorch_is_the_cause() -> None:
    """As PyTorch prints it after `init_process_group`."""
    lines = ["Traceback (most recent call last):", '  File "x.py", line 4, in f', "ValueError: boom"]
    output = "\n".join(f"[rank3]: {line}" for line in lines)
    assert cause_of(output) == "a rank raised ValueError: boom"


@pytest.mark.parametrize(
    ("output", "who"),
    [
        (
            "prterun noticed that process rank 0 with PID 9 on node n exited on\n"
            "signal 11 (Segmentation fault).",
            "rank 0 (pid 9)",
        ),
        (
            "mpirun noticed that process rank 1 with PID 0 on node n exited on"
            " signal 11 (Segmentation fault).",
            "rank 1",
        ),
        (
            "=   RANK 1 PID 56 RUNNING AT node2\n=   KILLED BY SIGNAL: 11 (Segmentation fault)",
            "rank 1 (pid 56)",
        ),
        (
            "[host:00009] *** Process received signal ***\n[host:00009] Signal: Segmentation fault (11)",
            "a rank (pid 9)",
        ),
    ],
)
def test_a_crash_names_rank_pid_and_signal(output: str, who: str) -> None:
    assert cause_of(output, 139) == f"{who} crashed: Segmentation fault"


def test_rank_and_pid_of_a_crash_complete_each_other() -> None:
    ranks = {0: 8, 1: 9}
    by_pid = Diagnosis(crashed_pid=9)
    by_pid.name_crashed_rank(ranks)
    by_rank = Diagnosis(crashed_rank=1)
    by_rank.name_crashed_rank(ranks)
    assert by_pid.crashed == by_rank.crashed == "rank 1 (pid 9)"


@pytest.mark.parametrize(("exit_code", "crash"), [(-11, "Segmentation fault"), (134, "Aborted")])
def test_a_crash_without_message_is_named_by_its_exit_code(exit_code: int, crash: str) -> None:
    assert cause_of("Loading\n", exit_code) == f"the program crashed: {crash}"


@pytest.mark.parametrize(
    "line",
    [
        "[01/01/2026-10:00:00] [TRT-LLM] [E] Assertion failed: d > 0",
        "[TensorRT-LLM][ERROR] Assertion failed: d > 0",
        "  what():  [TensorRT-LLM][ERROR] Assertion failed: d > 0",
        "  what():  Assertion failed: d > 0",
        "[10:00:00] [TRT] [E] Assertion failed: d > 0",
    ],
)
def test_the_first_logged_error_is_preferred_to_the_last_line(line: str) -> None:
    output = f"[TRT-LLM] [I] Loading\n{line}\n[TRT-LLM] [E] later\n[TRT-LLM] [I] Executor shutdown.\n"
    said = "its first error: Assertion failed: d > 0"
    assert cause_of(output, -6) == f"the program crashed: Aborted; {said}"
    assert cause_of(output, 1) == f"the program ended with exit code 1; {said}"


def test_a_full_disk_is_known() -> None:
    assert cause_of("OSError: [Errno 28] No space left on device") == "a disk is full"


READ_ONLY = "[Errno 30] Read-only file system: '/cache'"


def test_a_text_after_which_the_program_went_on_is_no_cause() -> None:
    later = "step\n" * SAME_MOMENT
    assert cause_of(READ_ONLY) == "a folder is on a read-only file system"
    assert cause_of(f"{READ_ONLY}\nOSError: No space left on device") == "a disk is full"
    assert cause_of(f"{READ_ONLY}\n{later}Traceback (most recent call last):\nValueError: x") == (
        "a rank raised ValueError: x"
    )
    raised = f"Traceback (most recent call last):\nOSError: {READ_ONLY}\n"
    assert cause_of(f"{raised}{later}Aborted").startswith("a folder is on a read-only file system (OSError")


@pytest.mark.parametrize("level", ["[TRT] [W]", "cache.py:3: UserWarning:", "WARNING -"])
def test_a_warning_is_no_cause(level: str) -> None:
    assert cause_of(f"{level} {READ_ONLY}\nCUDA out of memory") == "a GPU ran out of memory"


def test_missing_packages_are_reported_with_the_exception() -> None:
    output = (
        "Traceback (most recent call last):\n  File \"x\"\nModuleNotFoundError: No module named 'torch'\n"
    )
    assert cause_of(output) == (
        "the interpreter of the ranks has no torch or no mpi4py"
        " (ModuleNotFoundError: No module named 'torch')"
    )


@pytest.mark.parametrize(
    "raised",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 112.00 MiB. GPU 0 has a total"
        " capacity of 139.80 GiB of which 31.12 MiB is free. Including non-PyTorch memory, this process"
        " has 139.76 GiB memory in use. Of the allocated memory 138.9 GiB is allocated by PyTorch",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 112.00 MiB (GPU 0; 139.80 GiB"
        " total capacity; 138.50 GiB already allocated; 31.12 MiB free; 138.9 GiB reserved in total by"
        " PyTorch) If reserved memory is >> allocated memory try max_split_size_mb.",
    ],
)
def test_gpu_out_of_memory_is_shortened_to_its_numbers(raised: str) -> None:
    assert cause_of(f"Traceback (most recent call last):\n{raised}\n") == (
        "a GPU ran out of memory (GPU 0: tried to allocate 112.00 MiB, 31.12 MiB of 139.80 GiB were free)"
    )


def test_a_gpu_out_of_memory_in_other_words_keeps_them() -> None:
    output = "Traceback (most recent call last):\nRuntimeError: CUDA out of memory somewhere\n"
    assert cause_of(output) == "a GPU ran out of memory (RuntimeError: CUDA out of memory somewhere)"


def test_killed_from_outside_suggests_host_memory() -> None:
    diagnosis = Diagnosis()
    cause, remedy = diagnosis.cause(-9)
    assert cause == "the program was killed from outside (signal 9)"
    assert "out of memory" in remedy


def test_without_a_better_word_the_last_line_speaks() -> None:
    output = "\x1b[31mbad thing\x1b[0m\n----------------\n\n"
    assert cause_of(output, 3) == "the program ended with exit code 3; its last line: bad thing"
    assert cause_of("", 3) == "the program ended with exit code 3; it printed nothing"


def test_last_words_of_srun_are_not_the_cause() -> None:
    srun = (
        "srun: error: n2: task 1: Exited with exit code 1\n"
        "slurmstepd-n1: error: *** STEP 62.0 ON n1 CANCELLED AT 2026-11-29T19:00:51 ***\n"
        "srun: Force Terminated StepId=62.0\n"
    )
    last = "the program ended with exit code 143; its last line: "
    assert cause_of(f"no topology found\n{srun}", 143) == f"{last}no topology found"
    assert cause_of(srun.splitlines()[0], 143) == f"{last}srun: error: n2: task 1: Exited with exit code 1"
    killed = "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=12.0. Some of your processes may"
    assert cause_of(f"{killed}\n{srun}", 137).startswith("a node killed ranks that used more memory")


def test_exit_codes_in_words() -> None:
    assert describe_exit(2) == "exit code 2"
    assert describe_exit(-11) == "signal 11 (SIGSEGV)"
    assert describe_exit(None) == "no exit code"


@pytest.mark.parametrize(
    "first",
    [
        "ORTE has lost communication with a remote daemon.",
        "An PRTE daemon has unexpectedly failed after launch and before",
        "ORTE was unable to reliably start one or more daemons.",
        "A daemon failed to report back after being spawned. This could",
    ],
)
def test_a_lost_daemon_of_mpirun_is_the_cause(first: str) -> None:
    output = (
        f"-----\n{first}\n  Remote daemon: [[5,0],1] on node node2\nand\ntherefore will terminate the job."
    )
    assert cause_of(output, 205) == "mpirun has no connection to its daemon on another host"


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        (
            "pyxis-no-image",
            "a node cannot use the image of launch.slurm.container"
            " (No such file or directory: /shared/none.sqsh)",
        ),
        (
            "pyxis-no-squashfs",
            "a node cannot use the image of launch.slurm.container (Invalid image format: /shared/junk.sqsh)",
        ),
        (
            "pyxis-no-folder",
            "a folder cannot be mounted into the container (failed to mount: /does/not/exist at"
            " /home/u/.local/share/enroot/pyxis_15.1/data: No such file or directory)",
        ),
        (
            "pyxis-no-program",
            "a node or its container does not have the program of the stage"
            " (/opt/nothing/python: No such file or directory)",
        ),
    ],
)
def test_what_pyxis_says_is_the_cause(output: str, cause: str) -> None:
    """As Slurm 22.05 with pyxis and enroot printed it on two nodes."""
    assert cause_of(recorded(output)) == cause


def test_a_registry_that_refuses_an_image_is_the_cause() -> None:
    said = "slurmstepd: error: pyxis: "
    url = "https://registry-1.docker.io/v2/x/y/manifests/1"
    output = f"{said}failed to import docker image\n{said}printing enroot log file:\n"
    assert cause_of(output) == "pyxis could not import the image from its registry"
    output += f"{said}    [INFO] Fetching image manifest\n"
    output += f"{said}    [ERROR] URL {url} returned error code: 401 Unauthorized\n"
    assert cause_of(output) == (
        "the registry does not give the image of launch.slurm.container"
        f" (URL {url} returned error code: 401 Unauthorized)"
    )
