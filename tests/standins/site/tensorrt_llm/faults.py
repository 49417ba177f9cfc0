"""Faults on request: TRTLLM_STANDIN_FAULTS="<stage>=<fault>[@<call>] ...". README.md lists them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

VARIABLE = "TRTLLM_STANDIN_FAULTS"
GATE_VARIABLE = "TRTLLM_STANDIN_FAULT_GATE"
_STAGES = {
    "convert_checkpoint.py": "convert",
    "quantize.py": "quantize",
    "trtllm-build": "build",
    "run.py": "smoke",
    "benchmark.py": "benchmark",
}


@dataclass(frozen=True)
class Fault:
    where: str
    """`import`, `load` (of a model, checkpoint or engine), `work` (converting, building, a call of run())"""
    happen: Callable[[], object]


def say_and_raise(error: Exception, *lines: str) -> Callable[[], NoReturn]:
    def happen() -> NoReturn:
        for line in lines:
            print(line, flush=True)
        raise error

    return happen


def say_and_exit(code: int, *lines: str) -> Callable[[], NoReturn]:
    def happen() -> NoReturn:
        for line in lines:
            print(line, flush=True)
        sys.stdout.flush()
        os._exit(code)

    return happen


def die(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def hang() -> None:
    while True:
        time.sleep(3600)


def out_of_memory() -> NoReturn:
    import torch

    raise torch.cuda.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 23.65 GiB of which"
        " 3.11 GiB is free."
    )


_TRT = "[12/24/2024-10:11:12] [TRT] [E]"
_SERIALIZATION = (
    "IRuntime::deserializeCudaEngine: Error Code 1: Serialization (Serialization assertion stdVersionRead =="
    " serializationVersion failed.Version tag does not match. Note: Current Version: 239, Serialized Engine"
    " Version: 237)"
)
_NAMES = "Tensor names in engine are not the same as expected, to use this GenerationSession"
_SEGMENT = "/dev/shm/nccl-Kv1Xb0 (size 9637888)"

FAULTS = {
    # anywhere
    "mpi-hang": Fault("import", hang),
    "pmi2": Fault("import", say_and_exit(1, "PMI2_Init failed to initialize.  Return code: 14")),
    "spawn": Fault("import", say_and_raise(RuntimeError("MPI_ERR_SPAWN: could not spawn processes"))),
    "no-module": Fault("import", say_and_raise(ModuleNotFoundError("No module named 'tensorrt_llm'"))),
    "silent": Fault("load", say_and_exit(1)),
    "killed": Fault("work", die(signal.SIGKILL)),
    "bus-error": Fault("work", die(signal.SIGBUS)),
    "segfault": Fault("work", die(signal.SIGSEGV)),
    "oom": Fault("work", out_of_memory),
    "hang": Fault("work", hang),
    # engine and machine do not fit
    "mpi-size": Fault(
        "load",
        say_and_raise(
            RuntimeError("Assertion failed: MPI size 1 != TP size 2 * PP size 1"),
            "[TensorRT-LLM][ERROR] Assertion failed: MPI size 1 != TP size 2 * PP size 1",
        ),
    ),
    "gpu": Fault(
        "load",
        say_and_raise(
            AssertionError(),
            f"{_TRT} IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is"
            " generated on an incompatible device, expecting compute 9.0 got compute 8.9, please rebuild.)",
        ),
    ),
    "trt-version": Fault("load", say_and_raise(AssertionError(), f"{_TRT} {_SERIALIZATION}")),
    "deserialize": Fault("load", say_and_raise(RuntimeError("Failed to deserialize cuda engine."))),
    "old-format": Fault("load", say_and_raise(KeyError("builder_config"))),
    "other-model": Fault(
        "load",
        lambda: print(
            "[TensorRT-LLM][WARNING] Using an engine plan file across different models of devices is not"
            " recommended and is likely to affect performance or even cause errors.",
            flush=True,
        ),
    ),
    "tensor-names": Fault("load", say_and_raise(RuntimeError(_NAMES))),
    # running
    "executing": Fault("work", say_and_raise(RuntimeError("Executing TRT engine failed step=0!"))),
    "shm": Fault(
        "work",
        say_and_raise(
            RuntimeError("NCCL error: unhandled system error"),
            "host:1:1 [0] misc/shmutils.cc:72 NCCL WARN Error while creating shared memory segment"
            f" {_SEGMENT}",
        ),
    ),
    "nccl": Fault("work", say_and_raise(RuntimeError("NCCL error: unhandled cuda error"))),
    # quantising
    "no-modelopt": Fault(
        "load",
        say_and_raise(
            ModuleNotFoundError("No module named 'modelopt'"),
            "[TRT-LLM] [E] Failed to import modelopt, pls check the Modelopt installation.",
        ),
    ),
    "meta": Fault("work", say_and_raise(NotImplementedError("Cannot copy out of meta tensor; no data!"))),
    # converting and building
    "moe": Fault("load", say_and_raise(ValueError("moe_tp_size * moe_ep_size must equal to tp_size"))),
    "conversion-failed": Fault(
        "work",
        say_and_raise(RuntimeError("Checkpoint conversion failed, please check error log.")),
    ),
    "architecture": Fault("load", say_and_raise(RuntimeError("Unsupported model architecture: X"))),
    "no-gpu": Fault("load", say_and_raise(ValueError("max_workers must be greater than 0"))),
    "gpu-oom": Fault(
        "work",
        say_and_raise(
            RuntimeError("Engine building failed, please check error log."),
            f"{_TRT} Error Code 2: OutOfMemory (Requested size was 24793579520 bytes.)",
            f"{_TRT} Requested amount of GPU memory (24793579520 bytes) could not be allocated.",
        ),
    ),
    "build-failed": Fault(
        "work", say_and_raise(RuntimeError("Engine building failed, please check error log."))
    ),
}

_calls: dict[str, int] = {}


def stage() -> str:
    return _STAGES.get(os.path.basename(sys.argv[0]), "")


def strike(where: str) -> None:
    """Trigger the fault that is requested for this place of this stage, if any."""
    _calls[where] = _calls.get(where, 0) + 1
    for wanted in os.environ.get(VARIABLE, "").split():
        name_of_stage, _, spec = wanted.partition("=")
        name, _, call = spec.partition("@")
        fault = FAULTS[name]
        if name_of_stage == stage() and fault.where == where and _calls[where] == int(call or 1):
            _wait_at_gate()
            fault.happen()


def _wait_at_gate() -> None:
    gate = os.environ.get(GATE_VARIABLE)
    while gate is not None and not os.path.exists(gate):
        time.sleep(0.01)
