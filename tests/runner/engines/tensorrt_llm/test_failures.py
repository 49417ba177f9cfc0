"""Known failures: output of the stand-ins leads to the right cause and remedy."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path

import pytest

from runner.engines.diagnosis import Diagnosis
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES, hang_reason
from tests import standins
from tests.runner.ranks import support

FAULTS = "TRTLLM_STANDIN_FAULTS"
HANDLER = "TypeError: BaseException.with_traceback() takes exactly one argument (0 given)"


def diagnose(output: str, exit_code: int | None = 1) -> tuple[str, str]:
    diagnosis = Diagnosis(known_failures=KNOWN_FAILURES)
    for line in output.split("\n"):
        diagnosis.feed(line)
    return diagnosis.cause(exit_code)


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("AssertionError: Engine dtype (float16) != Runtime dtype (bfloat16)", "another dtype"),
        ("AssertionError: Engine world size (2) != Runtime world size (1)", "every rank sees only itself"),
        ("Engine world size (2 * 1) != Runtime world size (1)", "every rank sees only itself"),
        ("AssertionError: Engine world size (1) != Runtime world size (2)", "another number of ranks"),
        (
            "[TensorRT-LLM][ERROR] Assertion failed: MPI size 1 != TP size 2 * PP size 1",
            "another number of ranks",
        ),
        ("Assertion failed: mpiSize == tp * pp", "another number of ranks"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/e/rank1.engine'", "one of the ranks"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/e/config.json'", "no config.json"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'nvidia-smi'", "nvidia-smi"),
        ("NotImplementedError: Python runtime only support 1 or 2 optimization profiles, set", "profiles"),
        ("Exception: --gpu_weights_percent only accepts values between 0.0 and 1.0.", "outside 0 to 1"),
        ("AssertionError: Engine built without weight streaming. Cannot set gpu_weights_percent", "weights"),
        ("Given beam width is different from the one used in setup(),rerun the setup", "more than one beam"),
        ("ZeroDivisionError: float division by zero", "divided by zero"),
        ("trtllm-build: error: unrecognized arguments: --tp 8", "does not have"),
        ("benchmark.py: error: argument --dtype: invalid choice: 'fp16'", "refused its arguments"),
        ("convert_checkpoint.py: error: ambiguous option: --use could match", "refused its arguments"),
        ("PMI2_Init failed to initialize.  Return code: 14", "MPI could not start"),
        (
            "bash: line 1: 12345 Killed                  trtllm-build --checkpoint_dir x",
            "machine's own memory",
        ),
        ("Killed", "machine's own memory"),
        ("mpirun noticed that process rank 0 exited on signal 9 (Killed).", "machine's own memory"),
        ("Requested amount of GPU memory (24793579520 bytes) could not be allocated.", "GPU ran out"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.", "GPU ran out"),
        ("mpirun has detected an attempt to run as root.", "as root"),
        ("AttributeError: 'NoneType' object has no attribute 'lower'", "neither a checkpoint nor a model"),
        ("ModuleNotFoundError: No module named 'tensorrt_llm'", "no tensorrt_llm"),
        ("*** Process received signal ***\nSignal: Bus error (7)", "a rank crashed: Bus error"),
        # --- of the model, the plug-ins and the versions
        ("OSError: You are trying to access a gated repo.", "requires permission"),
        ("requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https", "permission"),
        ("OSError: x/y is not a local folder and is not a valid model identifier listed", "no such model"),
        ("OSError: We couldn't connect to 'https://huggingface.co' to load this file", "not reached"),
        ("OSError: Error no file named model.safetensors, or x, found in directory /m", "no weights"),
        ("SafetensorError: Error while deserializing header: HeaderTooLarge", "damaged or not complete"),
        ("ValueError: model type `x` but Transformers does not recognize this architecture.", "transformers"),
        ("ValueError: num_attention_heads (28) must be divisible by tp_size (8)", "split over this many"),
        ("[TRT] [E] (Cannot find plugin: GPTAttention, version: 1, namespace:tensorrt_llm.)", "plug-ins"),
        (
            "[TRT] [E] 6: The engine plan file is not compatible with this version of TensorRT, expecting"
            " library version 10.7.0.23 got 10.6.0.26, please rebuild.",
            "another version of TensorRT",
        ),
        ("RuntimeError: FP8 is not supported on this device", "8.9 or later"),
        ("[TensorRT-LLM][ERROR] Prompt length (2000) exceeds maximum input length (1024).", "longer than"),
        ("python3: can't open file '/code/examples/qwen/convert_checkpoint.py': [Errno 2]", "source tree"),
        # --- of the machine, for every engine
        ("[TRT] [E] 1: [allocate::20] Error Code 1: Cuda Runtime (out of memory)", "GPU ran out"),
        (
            "[TensorRT-LLM][ERROR] CUDA runtime error in ::cudaMallocAsync(ptr, n, s): out of memory",
            "GPU ran out",
        ),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 11040).", "too old"),
        ("CUDA driver version is insufficient for CUDA runtime version", "driver is too old"),
        ("Failed to initialize NVML: Driver/library version mismatch", "kernel still has the old one"),
        ("RuntimeError: No CUDA GPUs are available", "sees no NVIDIA GPU"),
        ("ImportError: libcuda.so.1: cannot open shared object file: No such file", "sees no NVIDIA GPU"),
        ("ImportError: libnvinfer.so.10: cannot open shared object file: No such file", "shared library"),
        ("ImportError: libmpi.so.40: cannot open shared object file: No such file", "library of MPI"),
        ("ImportError: /x/y.so: undefined symbol: _ZN3c10", "another version of a library"),
        ('Error response from daemon: could not select device driver "" with [[gpu]].', "docker cannot"),
        ("RuntimeError: CUDA error: invalid device ordinal", "no GPU of its own"),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", "compiled"),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", "a kernel failed"),
        ("RuntimeError: CUDA error: uncorrectable ECC error encountered", "cannot be corrected"),
        ("[host:1] *** An error occurred in MPI_Init_thread", "MPI could not start"),
        ("bash: line 1: mpirun: command not found", "not on its PATH"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'trtllm-build'", "not on its PATH"),
        ("OSError: [Errno 30] Read-only file system: '/w'", "read-only"),
        ("PermissionError: [Errno 13] Permission denied: '/w'", "another user"),
    ],
    ids=itertools.count(),
)
def test_texts(line: str, cause: str) -> None:
    found, remedy = diagnose(line)
    assert cause in found
    assert remedy


def test_of_chained_tracebacks_the_first_is_the_cause() -> None:
    output = (
        "Traceback (most recent call last):\n"
        '  File "benchmark.py", line 270, in main\n'
        "RuntimeError: something new\n"
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "benchmark.py", line 290, in main\n'
        f"{HANDLER}\n"
    )
    assert diagnose(output)[0] == "a rank raised RuntimeError: something new"


def test_the_failing_handler_is_never_the_cause() -> None:
    output = f"Traceback (most recent call last):\n{HANDLER}\n"
    assert "with_traceback" not in diagnose(output)[0].partition("last line")[0]


def test_a_skipped_configuration_is_not_the_cause() -> None:
    skipped = (
        "[TRT-LLM] [E] Exception CUDA out of memory. caught while allocating memory; skipping (8, 1, 2, 1)"
    )
    later = "Traceback (most recent call last):\nRuntimeError: Executing TRT engine failed step=0!"
    assert diagnose(f"{skipped}\n{later}")[0].startswith("the engine failed while it generated")


def test_failures_of_the_engine_precede_general_ones() -> None:
    assert diagnose("RuntimeError: NCCL error: No space left on device")[0].startswith("NCCL failed")


def test_hang() -> None:
    assert "waits forever" in str(hang_reason(HANDLER, 1))
    assert hang_reason(HANDLER, 2) is None, "ranks under mpirun have no memory monitor"
    assert hang_reason("RuntimeError: Executing TRT engine failed step=0!", 1) is None


def stage(name: str, tmp_path: Path, faults: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one stage of the stand-ins with its usual arguments, as a single process."""
    model, checkpoint, engine = (tmp_path / part for part in ("model", "checkpoint", "engine"))
    if not engine.exists():
        standins.make_model(model)
        standins.make_engine(engine)
    convert = standins.CHECKOUT / "examples" / "qwen" / "convert_checkpoint.py"
    commands = {
        "convert": [str(convert), "--model_dir", str(model), "--output_dir", str(checkpoint)],
        "build": [str(standins.ROOT / "bin" / "trtllm-build"), "--checkpoint_dir", str(checkpoint)],
        "smoke": [
            str(standins.CHECKOUT / "examples" / "run.py"),
            *("--engine_dir", str(engine), "--max_output_len", "8"),
        ],
        "benchmark": [
            str(standins.BENCHMARK),
            *("--engine_dir", str(engine), "--input_output_len", "8,4", "--duration", "0", "--num_runs", "2"),
        ],
    }
    output = ["--output_dir", str(tmp_path / "built")] if name == "build" else []
    return support.python(
        *commands[name], *output, *words, cwd=tmp_path, **standins.environment(), **{FAULTS: faults}
    )


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("convert=moe", "experts are not spread"),
        ("convert=conversion-failed", "the conversion of the checkpoint failed"),
        ("build=architecture", "cannot build this model's architecture"),
        ("build=no-gpu", "sees no GPU"),
        ("build=gpu-oom", "a GPU ran out of memory"),
        ("build=build-failed", "TensorRT could not build the engine"),
        ("build=killed", "killed from outside"),
        ("smoke=mpi-size", "another number of ranks"),
        ("smoke=gpu", "built for another kind of GPU"),
        ("smoke=trt-version", "another version of TensorRT"),
        ("smoke=deserialize", "cannot be loaded"),
        ("smoke=old-format", "holds a checkpoint"),
        ("smoke=pmi2", "MPI could not start"),
        ("smoke=spawn", "could not start further processes"),
        ("smoke=no-module", "has no tensorrt_llm"),
        ("smoke=executing", "failed while it generated"),
        ("smoke=silent", "exit code 1"),
        ("benchmark=tensor-names", "another version of TensorRT-LLM"),
        ("smoke=nccl", "NCCL failed between the GPUs"),
        ("smoke=shm", "NCCL got no shared memory"),
        ("smoke=oom", "a GPU ran out of memory"),
    ],
)
def test_faults_of_the_stand_ins(tmp_path: Path, fault: str, cause: str) -> None:
    name = fault.partition("=")[0]
    if name == "build":
        assert stage("convert", tmp_path, "").returncode == 0
    done = stage(name, tmp_path, fault)
    assert done.returncode != 0
    assert cause in diagnose(done.stdout + done.stderr, done.returncode)[0]


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("--dtype", "bfloat16"), "another dtype"),
        (("--gpu_weights_percent", "0.5"), "keeps all weights on the GPU"),
        (("--gpu_weights_percent", "50"), "outside 0 to 1"),
        (("--num_runs", "0"), "divided by zero"),
        (("--engine_dir", "/nowhere"), "no config.json"),
        (("--tp", "2"), "does not have"),
    ],
)
def test_requests_that_do_not_fit(tmp_path: Path, words: tuple[str, ...], cause: str) -> None:
    done = stage("benchmark", tmp_path, "", *words)
    assert done.returncode != 0
    assert cause in diagnose(done.stdout + done.stderr, done.returncode)[0]


@support.needs_mpi
@pytest.mark.mpi
def test_mpi4py_of_another_mpi_gives_worlds_of_one(tmp_path: Path) -> None:
    engine = standins.make_engine(tmp_path / "engine", ranks=2)
    words = [str(standins.BENCHMARK), "--engine_dir", str(engine)]
    done = support.mpirun(2, *words, **standins.environment(), TRTLLM_STANDIN_MPI="broken")
    assert done.returncode != 0
    assert "every rank sees only itself" in diagnose(done.stdout + done.stderr)[0]
